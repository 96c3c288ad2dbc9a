"""Jobs -> digests of the options that they use, as far as these differ from the defaults (`had.options.neutral`).

An option that is added with a default, or that belongs to a term which is off, changes no digest, so that nothing is
made again for it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from had.options.experiment import Experiment, RunOptions
from had.options.neutral import decisive
from had.options.training import READ_BY


def digest(*parts: Any) -> str:
    """Twelve hexadecimal digits that change when any of ``parts`` (options by `decisive`, or plain values) does."""
    plain = json.dumps([decisive(part) for part in parts], sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def run_digest(experiment: Experiment, *, benchmark: str, run: str, seed: int) -> str:
    """`digest` of everything that decides what a run (or control) of one benchmark and seed becomes.

    Both MLflow's identity of a run and what makes the workflow train it again. Left out is what changes nothing:
    titles, loading processes, others' published curves, sizes of splits that are not read, options of distillation
    where there is none, and weights and options of terms that are off. Options of tracking decide where distillation on
    sequences without labels looks.
    """
    source = decisive(experiment.source(benchmark), without={"baselines"})
    trained = run in experiment.runs
    if source.get("simulation"):
        unread = ("test",) if trained else ("train", "val")
        source["simulation"] = {key: value for key, value in source["simulation"].items() if key not in unread}
    if not trained:
        return digest(benchmark, source, run, seed)
    if not experiment.resolve(run).needs_teacher:
        return digest(benchmark, source, seed, [_of_run(experiment.resolve(run))])
    pair = [_of_run(experiment.resolve(name)) for name in ("teacher", run)]
    tracking = [experiment.tracking.decisive] if experiment.resolve(run).reads_unlabelled else []
    return digest(benchmark, source, seed, experiment.teacher_seed(seed), pair, *tracking)


def _of_run(options: RunOptions) -> dict[str, Any]:
    """Those options that change a trained network."""
    plain = decisive(options, without={"title", "distillation"})
    plain["training"] = decisive(options.training, without={"workers"})
    if options.needs_teacher:
        off = {name for name, terms in READ_BY.items() if terms.isdisjoint(options.terms)}
        off |= set() if options.reads_unlabelled else {"unlabelled"}
        distillation = decisive(options.distillation, without={"weights", *off})
        weights = {term: getattr(options.distillation.weights, term) for term in options.terms}
        plain["distillation"] = {**distillation, "weights": weights}
    return plain
