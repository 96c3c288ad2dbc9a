"""``had plan``: what an experiment will cost, before it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from had import cli_options as options
from had.config import load
from had.errors import ConfigError
from had.files import atomic_file
from had.options.base import merge
from had.yaml_text import mapping, read_mapping

TERAFLOPS = 7.8
ASSUMPTION = (
    "assumed, not measured: 40 % of the 19.5 TFLOP/s that an NVIDIA A100 is stated to have in single precision, which"
    " training uses; --tflops takes what you measured"
)


def plan(
    configfile: Annotated[
        list[Path] | None, typer.Option(help="As of snakemake; repeated, a further one is laid over the first.")
    ] = None,
    config: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, laid over it; repeated.")] = None,
    measure: Annotated[bool, typer.Option(help="Time steps of the real networks on this machine.")] = True,
    tflops: Annotated[float | None, typer.Option(help="Operations of a graphics card a second, in 1e12.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write everything that is known here.")] = None,
) -> None:
    """Say what an experiment will cost: jobs, disk, and the time of its networks."""
    from had.plan import plan as make
    from had.plan.jobs import dry_run
    from had.plan.report import as_json as contents
    from had.plan.report import print_tables

    if tflops is not None and not 0 < tflops < float("inf"):
        raise ConfigError("--tflops above 0", str(tflops), "give what the card reaches, for instance 8")
    files = configfile or [options.DEFAULT]
    overrides: dict = {}
    for path in files[1:]:
        overrides = merge(overrides, read_mapping(path))
    for assignment in config or []:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ConfigError("--config KEY=VALUE", repr(assignment), "for instance --config 'seeds=[0,1]'")
        overrides = merge(overrides, mapping(f"{key}: {value}", f"--config {assignment}"))
    experiment = load(files[0], overrides)
    found = make(
        experiment,
        dry_run(files, config or []),
        teraflops=tflops or TERAFLOPS,
        assumption="as given" if tflops else ASSUMPTION,
        measure=measure,
    )
    print_tables(found)
    if as_json is not None:
        with atomic_file(as_json) as temporary:
            temporary.write_text(json.dumps(contents(found), indent=1) + "\n", encoding="utf-8")
