"""What an experiment will cost, before it is run: jobs, disk, and the work of its networks.

Enters: a configuration. Leaves: a `Plan` of three parts (`had.plan.jobs`, `had.plan.space`, `had.plan.networks`), which
`had.plan.report` prints. Every number says where it is from: counted, measured, stated by a publisher, or assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from had.options.experiment import Experiment
from had.plan.jobs import Jobs
from had.plan.networks import Compute, compute
from had.plan.space import Space, disk


@dataclass(frozen=True)
class Plan:
    """The parts; see their modules.

    Attributes:
        jobs: what Snakemake would do now.
        disk: lines of disk space.
        compute: the networks' work, and what was measured.
        teraflops: operations that a graphics card is assumed to do in a second, in 1e12.
        assumption: why so many.
    """

    jobs: Jobs
    disk: list[Space]
    compute: Compute
    teraflops: float
    assumption: str


def plan(experiment: Experiment, jobs: Jobs, *, teraflops: float, assumption: str, measure: bool) -> Plan:
    """Put a plan together.

    Args:
        experiment: the configuration.
        jobs: what `had.plan.jobs.dry_run` said.
        teraflops, assumption: as in `Plan`.
        measure: whether steps of the real networks are timed on this machine.

    Raises:
        ConfigError, DataError: a broken data file, a device that is not there.
    """
    work = compute(experiment, measure=measure)
    return Plan(jobs, disk(experiment, work), work, teraflops, assumption)
