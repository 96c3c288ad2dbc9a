"""Which sequences decide between two runs: their per-sequence differences, and the table of the extremes.

The pairs are those of ``evaluation.comparisons``, in every regime, else `had` with `student`. A sequence's SR is the
mean over the training seeds that both runs have; none is dropped. Of pairs that are wanted but could not be scored
there is nothing to show, which is said.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from had.data.layouts import layout_of
from had.errors import ConfigError
from had.evaluation.benchmark import gather, of_pair, read_attributes
from had.evaluation.provenance import provenance
from had.evaluation.rows import REFERENCE, Row, compared_pairs
from had.evaluation.table_formats import Column, Table
from had.options.experiment import Experiment

EXTREMES = 10
"""Best and worst sequences that are named."""
DIGITS = 12
"""Decimals of a difference; what is smaller is rounding."""


class Pair(NamedTuple):
    """Two runs on the same sequences.

    Attributes:
        first, second: the rows.
        sequences: indexed by name, sorted from the largest difference down: columns difference, first, second.
    """

    first: Row
    second: Row
    sequences: pd.DataFrame

    @property
    def title(self) -> str:
        """What is subtracted from what."""
        return f"{self.first.title} − {self.second.title}"

    def extremes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The best and the worst `EXTREMES` sequences, fewer where the two would overlap; the outermost first.

        A single sequence is the best one.
        """
        count = min(EXTREMES, len(self.sequences) // 2)
        return self.sequences[: max(count, 1)], self.sequences[len(self.sequences) - count :][::-1]


def pairs_of(experiment: Experiment, benchmark: str) -> list[Pair]:
    """The compared pairs; the one that pictures show in full (`had` with `student`, else the first) stands first.

    Raises:
        ConfigError: nothing to compare.
        DataError: scores are missing, or the two runs of a pair have no seed in common.
    """
    compared = compared_pairs(experiment)
    if not compared and experiment.left_out:
        return []
    if not compared:
        remedy = "name pairs in evaluation.comparisons, e.g. [[had, student]]"
        raise ConfigError("two runs to compare", "no comparisons, and not both `had` and `student`", remedy)
    scores = gather(experiment, benchmark)
    scores = scores[scores["metric"] == "SR"]
    compared.sort(key=lambda pair: (pair[1].run, pair[2].run) != ("had", REFERENCE))
    return [_pair(scores, first, second) for _, first, second in compared]


def _pair(scores: pd.DataFrame, first: Row, second: Row) -> Pair:
    means = of_pair(scores, first, second).groupby(["run", "sequence"], sort=False)["value"].mean()
    table = pd.DataFrame({"first": means[first.run], "second": means[second.run]})
    table.insert(0, "difference", (table["first"] - table["second"]).round(DIGITS) + 0.0)  # + 0.0: no -0.0
    return Pair(first, second, table.sort_values("difference", ascending=False, kind="stable"))


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``sequences``: the extremes of the first pair for readers, of all pairs in the CSV."""
    pairs, flags = pairs_of(experiment, benchmark), read_attributes(experiment, benchmark)
    if not pairs:
        return nothing_compared(experiment, f"Sequences on {layout_of(benchmark).title} that decide.")
    lines = [
        {
            "pair": pair.title,
            "end": end,
            "sequence": name,
            "difference": row["difference"],
            "first": row["first"],
            "second": row["second"],
            "attributes": " ".join(flags.columns[flags.loc[name]]),
            "film": _film(experiment, benchmark, str(name)),
            "first_run": pair.first.run,
            "second_run": pair.second.run,
        }
        for pair in pairs
        for end, extreme in zip(("best", "worst"), pair.extremes(), strict=True)
        for name, row in extreme.iterrows()
    ]
    data, first = pd.DataFrame(lines), pairs[0]
    shown = data[(data["first_run"] == first.first.run) & (data["second_run"] == first.second.run)].copy()
    shown["film"] = shown["film"].where(shown["film"] != "", None)
    columns = [
        Column("sequence", "Sequence"),
        Column("difference", "ΔSR", signed=True),
        Column("first", first.first.title),
        Column("second", first.second.title),
        Column("attributes", "Attributes"),
    ]
    if shown["film"].notna().any():
        columns.append(Column("film", "Film"))
    caption = (
        f"Sequences on {layout_of(benchmark).title} that decide between {first.first.title} and {first.second.title}."
    )
    ends = [int((shown["end"] == end).sum()) for end in ("best", "worst")]
    notes = [
        f"ΔSR: {first.title}, a sequence's SR being the mean over the training seeds that both have; the {ends[0]} "
        f"best and the {ends[1]} worst of {len(first.sequences)}, none dropped.",
        *([f"The other {len(pairs) - 1} pairs are in the CSV."] if len(pairs) > 1 else []),
        provenance(experiment, benchmark),
    ]
    printed = Table(caption, shown, columns, notes, groups=ends, ranked=[False] * len(shown), keys=2)
    return Table(caption=caption, data=data, columns=[], printed=printed)


def nothing_compared(experiment: Experiment, caption: str) -> Table:
    """A table without lines: of no pair both could be scored."""
    columns = [Column("pair", "Minuend − subtrahend")]
    note = f"Nothing to compare, because it could not be scored: {', '.join(sorted(experiment.left_out))}."
    return Table(caption, pd.DataFrame({"pair": ["–"]}), columns, [note], groups=[1], ranked=[False])


def _film(experiment: Experiment, benchmark: str, sequence: str) -> str:
    """Where a sequence's film is, under the results; empty where none was made."""
    film = Path("videos") / benchmark / f"{sequence}.webm"
    return film.as_posix() if (experiment.results / film).is_file() else ""
