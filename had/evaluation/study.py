"""What a study reports beyond the paper's tables: planned comparisons, and every single trained network.

``comparisons``: the pairs of ``evaluation.comparisons``, runs in every regime. ``runs``: one line a network, with its
scores, the digest of its configuration and the command that trains it.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.errors import ConfigError, counted
from had.evaluation import statistics
from had.evaluation.benchmark import gather, of_pair, training_summary
from had.evaluation.one_seed import LINES_OF_ONE_SEED
from had.evaluation.provenance import provenance
from had.evaluation.rows import Row, compared_pairs, folder_of, rows_of, shared_seeds
from had.evaluation.scoreboard import scoreboard
from had.evaluation.sequences import nothing_compared
from had.evaluation.table_formats import Column, Table
from had.identity import run_digest
from had.options.experiment import Experiment

COMPARED = ("SR", "PR", "NPR", "one_shot_iou")
PRINTED = {"SR": "ΔSR", "one_shot_iou": "ΔOne-shot"}


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``kind``: comparisons or runs.

    Raises:
        ConfigError: comparisons where none were planned.
        DataError: scores or training summaries are missing.
    """
    made = {"comparisons": _comparisons, "runs": _runs}[kind](experiment, benchmark)
    made.notes.append(provenance(experiment, benchmark))
    return made


def _comparisons(experiment: Experiment, benchmark: str) -> Table:
    if not experiment.evaluation.comparisons:
        raise ConfigError("pairs of runs in evaluation.comparisons", "none", "name them, e.g. [[had, student]]")
    scores, lines = gather(experiment, benchmark), []
    for regime, first, second in compared_pairs(experiment):
        lines.append(_compare(experiment, scores, first, second) | {"regime": regime})
    size = counted(scores["sequence"].nunique(), "test sequence")
    caption = f"Planned comparisons on {layout_of(benchmark).title} ({size})."
    if not lines:
        return nothing_compared(experiment, caption)
    groups = [sum(line["regime"] == regime for line in lines) for regime in ("", *experiment.regimes)]
    data = pd.DataFrame(lines).astype({"seeds": "Int64"})
    for name in COMPARED:
        data[f"{name}_p_holm"] = statistics.holm(data[f"{name}_p"].to_numpy())
    columns = [Column("pair", "Minuend − subtrahend"), Column("seeds", "Seeds", digits=0)]
    printed = {name: head for name, head in PRINTED.items() if data[name].notna().any()}
    tested = data["SR_p"].notna().sum()
    crossed = bool(data["SR_crossed_low"].notna().any())
    for name, head in printed.items():
        columns.append(Column(name, head, interval=True, signed=True))
        if tested:
            columns.append(Column(f"{name}_p_holm", f"p ({head})", least=0.001))
        if crossed:
            columns.append(Column(f"{name}_crossed", "and seeds", interval=True, signed=True))
            columns.append(Column(f"{name}_agreeing", "Seeds > 0"))
    return Table(
        caption=caption,
        above=LINES_OF_ONE_SEED if data["seeds"].eq(1).any() else "",
        data=data,
        columns=columns,
        notes=[_note(experiment, len(set(scores["sequence"])), tested, crossed)],
        groups=groups,
        ranked=[False] * len(data),
    )


def _note(experiment: Experiment, sequences: int, tested: int, crossed: bool) -> str:
    """What the columns are."""
    options = experiment.evaluation
    over = "over the sequences for these trained networks"
    if crossed:
        over += ", and (`and seeds`) over sequences and training seeds at once, for all sequences without dropping"
    said = ["Differences of means over the training seeds that both have, on the same test sequences."]
    if sequences > 1:
        said.append(
            f"Intervals: 95 % percentile bootstrap, {options.resamples} resamples, seed {options.seed}: {over}."
        )
    if tested:
        said.append(f"p: two-sided, over the sequences, Holm-corrected over the {tested} lines that have one.")
    if crossed:
        said.append("Seeds > 0: seeds whose own difference is positive.")
    said.append(
        "Rows that are not trained have no seeds and one score; Seeds: how many the difference is a mean over "
        "(–: neither row is trained)."
    )
    return " ".join(said)


def _compare(experiment: Experiment, scores: pd.DataFrame, first: Row, second: Row) -> dict:
    """All scores of one pair on the seeds that both have."""
    seeds, chosen = shared_seeds(first, second), of_pair(scores, first, second)
    board = scoreboard(chosen, experiment.evaluation)
    line: dict = {"pair": f"{first.title} − {second.title}", "first": first.run, "second": second.run}
    line["seeds"] = len(seeds) if first.trained or second.trained else pd.NA
    for name in COMPARED:
        value, low, high, p = board.difference(first.run, second.run, name)
        if len(seeds) == 1:
            p = math.nan
        line |= {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_p": p}
        line |= _over_seeds(experiment, chosen, (first, second), name)
    return line


def _over_seeds(experiment: Experiment, scores: pd.DataFrame, pair: tuple[Row, Row], name: str) -> dict:
    """How the difference varies with the training seed: its crossed interval, and the seeds that agree."""
    there = set(scores.loc[scores["metric"] == name, "run"])
    if not {row.run for row in pair} <= there or not any(row.trained for row in pair):
        missing = dict.fromkeys((f"{name}_crossed", f"{name}_crossed_low", f"{name}_crossed_high"), math.nan)
        return missing | {f"{name}_agreeing": None}
    wide = scores[scores["metric"] == name].pivot(index="sequence", columns=["run", "seed"], values="value")
    first, second = (wide[row.run].sort_index(axis=1).to_numpy() for row in pair)  # S K, or S 1 where it is not trained
    difference = first - second  # S K
    options = experiment.evaluation
    samples = statistics.crossed_means(difference, resamples=options.resamples, seed=options.seed)
    low, high = statistics.interval(samples, min((~np.isnan(difference).any(axis=1)).sum(), difference.shape[1]))
    positive = int((difference.mean(axis=0) > 0).sum())
    return {
        f"{name}_crossed": float(difference.mean()),
        f"{name}_crossed_low": float(low),
        f"{name}_crossed_high": float(high),
        f"{name}_agreeing": f"{positive}/{difference.shape[1]}",
    }


def _runs(experiment: Experiment, benchmark: str) -> Table:
    scores, lines = gather(experiment, benchmark), []
    for row in rows_of(experiment):
        for seed in row.seeds if row.trained else ():
            own = scores[(scores["run"] == row.run) & (scores["seed"] == seed)]
            board = scoreboard(own, experiment.evaluation.model_copy(update={"resamples": 1}))
            lines.append(
                {
                    "run": row.run,
                    "regime": row.regime,
                    "seed": seed,
                    **{name: board.point(row.run, name) for name in COMPARED},
                    **_training(experiment, benchmark, row.run, seed),
                    "digest": run_digest(experiment, benchmark=benchmark, run=row.run, seed=seed),
                    "command": _command(experiment, benchmark, row.run, seed),
                }
            )
    heads = {"run": "Run", "seed": "Seed", **{name: name for name in COMPARED}, "val_iou": "Validation IoU"}
    return Table(
        caption=f"Every trained network on {layout_of(benchmark).title}.",
        data=pd.DataFrame(lines),
        columns=[Column(key, head.replace("one_shot_iou", "One-shot")) for key, head in heads.items()]
        + [Column("digest", "Configuration")],
        notes=["Scores on the test split; Validation IoU: one-shot, at the training's end. Commands are in the CSV."],
        groups=[len(lines)],
        ranked=[False] * len(lines),
    )


def _command(experiment: Experiment, benchmark: str, run: str, seed: int) -> str:
    """What trains one network, where the recordings are prepared and its teacher has been trained and tracks."""
    results, folder = experiment.results, folder_of(experiment, "checkpoints", benchmark, run, seed)
    command = f"had train --config {results / 'config.yaml'} --benchmark {benchmark} --run {run} --seed {seed}"
    options = experiment.resolve(run)
    if options.needs_teacher:
        own = experiment.teacher_seed(seed)
        teacher = folder_of(experiment, "checkpoints", benchmark, "teacher", own)
        command += f" --teacher {teacher / 'model.safetensors'}"
        if options.reads_unlabelled:
            command += f" --tracks {results / 'pseudo_labels' / benchmark / f'seed{own}'}"
    return f"{command} --data {results / 'data' / benchmark / 'prepared'} --output {folder}"


def _training(experiment: Experiment, benchmark: str, run: str, seed: int) -> dict:
    """What the training itself said at its end."""
    summary = training_summary(experiment, benchmark, run, seed)
    return {"val_iou": summary["val_iou"], "train_seconds": summary["seconds"]}
