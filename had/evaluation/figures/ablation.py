"""The ablation as a picture: SR of each sequence, mean with interval, paired difference to the student."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather
from had.evaluation.figures.labels import scored
from had.evaluation.rows import REFERENCE, Row, rows_of
from had.evaluation.scoreboard import scoreboard
from had.evaluation.ticks import Part, ticked, ticks
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """SR of every sequence (mean over seeds), mean with interval, difference to `REFERENCE`, parts that are on."""
    import seaborn

    rows = [row for row in rows_of(experiment) if row.trained]
    table = gather(experiment, benchmark)
    table = table[table["metric"] == "SR"]
    board = scoreboard(table, experiment.evaluation)
    rows.sort(key=lambda row: -board.point(row.run, "SR"))
    names = {row.run: scored(row, board.point(row.run, "SR")) for row in rows}
    points = table[table["run"].isin(list(names))].groupby(["run", "sequence"], as_index=False)["value"].mean()
    points["run"] = points["run"].map(names)

    drawn = style.figure(style.PAGE, 1.0 + 0.26 * len(rows))
    parts = ticked(experiment, rows)
    left, right, *marks = drawn.subplots(
        1, 2 + bool(parts), sharey=True, width_ratios=(1.5, 1, *([0.12 * len(parts)] if parts else []))
    )
    order = list(names.values())
    state = np.random.get_state()
    np.random.seed(0)  # seaborn jitters with numpy's global generator
    seaborn.stripplot(
        points, x="value", y="run", order=order, hue="run", palette=["#B0B0B0"] * len(order), hue_order=order,
        size=2.2, jitter=0.25, legend=False, ax=left, zorder=1,
    )  # fmt: skip
    np.random.set_state(state)
    for height, row in enumerate(rows):
        low, high = board.interval(row.run, "SR")
        _bar(left, board.point(row.run, "SR"), low, high, height, row.look)
        if row.run != row.reference and row.reference in board.runs:
            value, low, high, _ = board.difference(row.run, row.reference, "SR")
            _bar(right, value, low, high, height, row.look)
    left.set(xlabel="SR (grey: one sequence)", ylabel="", xlim=(0, 1))
    right.axvline(0, color="#7F7F7F", linewidth=0.8, zorder=0)
    right.set(xlabel=f"ΔSR to {REFERENCE}, paired")
    intervals = style.intervals(experiment.evaluation, board.sequences)
    drawn.suptitle(f"{layout_of(benchmark).title} [SR]; {intervals}", fontsize=8)
    left.grid(axis="y", visible=False)
    right.grid(axis="y", visible=False)
    right.tick_params(axis="y", left=False)
    left.tick_params(axis="y", left=False, labelsize=7)
    for axes in marks:
        _tick(axes, experiment, rows, parts)
    return drawn


def _tick(axes, experiment: Experiment, rows: list[Row], parts: dict[str, Part]) -> None:
    """A column a part of the method, with a tick on the lines of the rows that are trained with it."""
    for place, key in enumerate(parts):
        for height, row in enumerate(rows):
            if ticks(experiment, row)[key]:
                axes.text(place, height, "✓", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(parts)), [part.head for part in parts.values()], fontsize=style.LEAST_TYPE)
    axes.set_xlim(-0.5, len(parts) - 0.5)
    axes.grid(visible=False)
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)


def _bar(axes, value: float, low: float, high: float, height: int, look: int) -> None:
    error = style.reach(value, low, high)
    axes.errorbar(value, height, xerr=error, markersize=5, capsize=2.5, elinewidth=1.4, zorder=3, **style.marker(look))
