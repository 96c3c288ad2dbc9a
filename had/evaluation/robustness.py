"""Robustness to the initial box: the scores from jittered starts beside those from the annotated one.

Enters: a row's tracks, a folder a start (`had.tracking.starts`). Leaves: ``starts.csv``, the scores of every start and
sequence, and the table ``robustness``: SR from the annotated box (OPE), its mean over the starts (SRE), and their
paired difference. Each start is scored as any track is. The official evaluators replace the first row by the ground
truth: the wrong first box itself is not held against a tracker, only what follows from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.errors import DataError, counted
from had.evaluation.benchmark import gather
from had.evaluation.metrics import SCORES, Curves, scores, sequence_curves
from had.evaluation.one_seed import comparable, one_seed_sentence
from had.evaluation.provenance import intervals
from had.evaluation.result_tables import read_table, write_table
from had.evaluation.rows import started_rows, starts_file, starts_of
from had.evaluation.scoreboard import Scoreboard, scoreboard
from had.evaluation.table_formats import Column, Table
from had.evaluation.track_files import read_boxes
from had.identity import digest
from had.options.analysis import DIRECTIONS, StartOptions
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from had.data.sequences import Annotation

PROTOCOLS = {"ope": "OPE", "sre": "SRE", "shifted": "shifted", "scaled": "scaled"}
"""How a row is started: as annotated, from all jittered boxes, from the shifted or the scaled ones alone."""


def score_starts(
    options: StartOptions, *, annotations: list[Annotation], tracks: Path, tracker: str, output: Path
) -> None:
    """Score one run's tracks from every start.

    Args:
        options: the starts.
        annotations: ground truth, one a sequence.
        tracks: folder with ``<start>/<sequence>.txt``.
        tracker: the name in the table's first column.
        output: the CSV file ``tracker,start,sequence,frames``, then `SCORES`; whole or not at all.

    Raises:
        DataError: a missing, short or broken track.
    """
    parts = []
    for start in options.starts:
        curves = [
            sequence_curves(read_boxes(tracks / start.name / f"{a.name}.txt", frames=len(a.boxes)), a.boxes, a.present)
            for a in annotations
        ]
        stacked = Curves(*(np.stack(one) for one in zip(*curves, strict=True)))
        named = {"tracker": tracker, "start": start.name, "sequence": [a.name for a in annotations]}
        parts.append(pd.DataFrame({**named, "frames": [len(a.boxes) for a in annotations], **scores(stacked)}))
    write_table(pd.concat(parts, ignore_index=True), output)


def gather_starts(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """The long table of `had.evaluation.benchmark.gather` of the started rows, with a column ``start``.

    ``start`` is empty for the annotated box.

    Raises:
        DataError: a run was not scored, from other starts, or on other sequences.
    """
    rows, names = started_rows(experiment), [start.name for start in starts_of(experiment).starts]
    ope = gather(experiment, benchmark)
    ope = ope[ope["run"].isin([row.run for row in rows]) & ope["metric"].isin(SCORES)].assign(start="")
    parts = [ope]
    for row in rows:
        for seed in row.seeds:
            path = starts_file(experiment, benchmark, row.run, seed)
            table = read_table(
                path, expected="the scores of every start", remedy="run `had robustness` for that run",
                text=("tracker", "start", "sequence"), numbers=SCORES, known=SCORES,
            )  # fmt: skip
            if table.duplicated(["start", "sequence"]).any():
                got = f"a start of a sequence more than once in {path}"
                raise DataError("the scores of every start", got, "run `had robustness` for that run")
            own = ope[(ope["run"] == row.run) & (ope["seed"] == seed)]
            if set(names) - set(table["start"]) or set(table["sequence"]) != set(own["sequence"]):
                got = f"other starts or sequences in {path}"
                raise DataError(f"{len(names)} starts of all sequences", got, "track and score that run's starts again")
            table = table[table["start"].isin(names)].assign(benchmark=benchmark, run=row.run, seed=seed)
            keys = ["benchmark", "run", "seed", "sequence", "start"]
            parts.append(table.melt(id_vars=keys, value_vars=list(SCORES), var_name="metric"))
    return pd.concat(parts, ignore_index=True)


def boards(experiment: Experiment, benchmark: str) -> dict[str, Scoreboard]:
    """Started row -> scoreboard whose runs are the protocols `PROTOCOLS` and the names of the starts.

    All are scored on the same resamples of the sequences, so that their differences are paired. Every start of every
    training seed counts alike.
    """
    table = gather_starts(experiment, benchmark)
    # A start is to the scoreboard what a training seed is: a column that the run's score is a mean over.
    table = table.assign(seed=table["seed"].astype(str) + "/" + table["start"])
    return {
        row.run: scoreboard(_by_protocol(table[table["run"] == row.run]), experiment.evaluation)
        for row in started_rows(experiment)
    }


def _by_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """One row's scores, once under each protocol and once under the name of each start."""
    jittered, shifted = table["start"] != "", table["start"].isin(list(DIRECTIONS))
    groups = {"ope": ~jittered, "sre": jittered, "shifted": shifted, "scaled": jittered & ~shifted}
    parts = [table[chosen].assign(run=protocol) for protocol, chosen in groups.items()]
    return pd.concat([*parts, table[jittered].assign(run=table["start"])])


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``robustness``: a row each, OPE beside SRE.

    Raises:
        ConfigError, DataError: as `gather_starts`.
    """
    rows, board = started_rows(experiment), boards(experiment, benchmark)
    starts = starts_of(experiment).starts
    protocols = [protocol for protocol in PROTOCOLS if protocol in board[rows[0].run].runs]
    lines = []
    for row in rows:
        own = board[row.run]
        line: dict = {"run": row.run, "title": row.title, "seeds": len(row.seeds), "starts": len(starts)}
        for name in ("SR", "PR", "NPR"):
            for protocol in protocols:
                line[f"{name}_{protocol}"] = own.point(protocol, name)
                line[f"{name}_{protocol}_low"], line[f"{name}_{protocol}_high"] = own.interval(protocol, name)
            value, low, high, _ = own.difference("sre", "ope", name)
            line |= {f"{name}_difference": value, f"{name}_difference_low": low, f"{name}_difference_high": high}
        lines.append(line | {f"SR_{start.name}": own.point(start.name, "SR") for start in starts})
    heads = {protocol: f"SR {head}" for protocol, head in PROTOCOLS.items()}
    moved = experiment.model_copy(update={"results": Path("results")})  # the place does not change a score
    trained, sequences = sum(row.trained for row in rows), board[rows[0].run].sequences
    tested = counted(sequences, "test sequence")
    return Table(
        caption=f"Robustness to the initial box on {layout_of(benchmark).title} ({tested}).",
        above=one_seed_sentence(rows),
        data=pd.DataFrame(lines),
        columns=[
            Column("title", "Tracker"),
            *(
                Column(f"SR_{protocol}", heads[protocol], interval=protocol in ("ope", "sre"), best=max)
                for protocol in protocols
            ),
            Column("SR_difference", "ΔSR", interval=True, signed=True),
            Column("PR_difference", "ΔPR", signed=True),
            Column("NPR_difference", "ΔNPR", signed=True),
        ],
        notes=[
            f"OPE: one pass from the annotated first box. SRE: mean over {len(starts)} passes from jittered ones "
            f"({_described(starts_of(experiment))}; Wu, Lim, Yang, CVPR 2013). Δ: SRE minus OPE, paired.",
            "Every pass is scored as the official toolkits score a track: the first row counts as the ground truth, in "
            "OPE and SRE alike, so that Δ is what the wrong start does to the frames behind it; sequences whose curve "
            "is all zero are dropped, pass by pass.",
            f"{intervals(sequences, experiment.evaluation)} Single starts, PR and NPR are in the CSV.",
            f"Configuration {digest(moved)}. {layout_of(benchmark).note}".strip(),
        ],
        groups=[trained, len(rows) - trained],
        ranked=comparable(rows),
    )


def _described(options: StartOptions) -> str:
    """The starts in words."""
    shifted = f"shifted by {100 * options.shift:g} % of the target's size in 8 directions" if options.shift else ""
    scaled = "scaled by " + ", ".join(f"{scale:g}" for scale in options.scales) if options.scales else ""
    return " or ".join(part for part in (shifted, scaled) if part)
