"""Published scores as a table, alone and as the block under the main table: their own, with their addresses.

Nothing in it is ranked, neither among itself nor with ours.
"""

from __future__ import annotations

import math

import pandas as pd

from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation.provenance import provenance
from had.evaluation.published import SCORES, Published, published_file, published_scores
from had.evaluation.table_formats import Column, Table
from had.options.experiment import Experiment


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``published``.

    Raises:
        DataError: no published scores of the benchmark, or a broken file.
    """
    made = published_block(experiment, benchmark)
    if made is None:
        got = f"none in {published_file(experiment) or 'any file'}"
        raise DataError(f"published scores on {layout_of(benchmark).title}", got, "write some, or set `published`")
    made.notes.append(provenance(experiment, benchmark))
    return made


def published_block(experiment: Experiment, benchmark: str, *, own: int | None = None) -> Table | None:
    """The published scores on a benchmark; None where there are none.

    ``own``: sequences behind our scores above; a note says where the published ones are means over another number.
    """
    lines = published_scores(experiment, benchmark)
    if not lines:
        return None
    numbers = {source: number for number, source in enumerate(dict.fromkeys(line.source for line in lines), start=1)}
    data = pd.DataFrame(
        [
            {"tracker": line.tracker, **line.scores, "source": line.source, "note": line.note}
            | {"reference": f"({numbers[line.source]})", "sequences": line.sequences}
            for line in lines
        ]
    )
    data["sequences"] = data["sequences"].astype("Int64")
    title = layout_of(benchmark).title
    notes = [
        "As published, not computed here and not ranked with ours; – is unknown to us. "
        + "; ".join(f"({number}) {source}" for source, number in numbers.items())
        + "."
    ]
    notes += _sequences(lines, own)
    if experiment.source(benchmark).simulation is not None:
        notes.append(f"Our scores are on simulated recordings, which are not the published test set of {title}.")
    return Table(
        caption=f"Published scores on {title}.",
        data=data,
        columns=[Column("tracker", "Tracker"), *(Column(name, name) for name in SCORES), Column("reference", "Source")],
        notes=notes,
        groups=[len(data)],
        ranked=[False] * len(data),
    )


def _sequences(lines: list[Published], own: int | None) -> list[str]:
    """Over how many sequences scores are means, where the published ones are not over as many as ours."""
    trackers: dict[int | None, list[str]] = {}
    for line in lines:
        if not all(math.isnan(score) for score in line.scores.values()):
            trackers.setdefault(line.sequences, []).append(line.tracker)
    if not trackers or set(trackers) == {own}:
        return []
    means: list[tuple[str, int | None]] = [("our own", own)] if own is not None else []
    if len(trackers) == 1:
        means += [("the published ones", count) for count in trackers]
    else:
        means += [(f"those of {', '.join(names)}", count) for count, names in trackers.items()]
    said = (f"{whose} over {count or 'an unknown number of'} sequences" for whose, count in means)
    return [
        f"Scores are means of different test sets: {', '.join(said)}."
        if own
        else f"Scores are means: {', '.join(said)}."
    ]
