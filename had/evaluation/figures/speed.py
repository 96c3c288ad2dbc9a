"""Speed against accuracy: frames a second of single-sequence tracking over SR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather, read_profile
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One marker a network with its 95 % interval of SR.

    Raises:
        DataError: the networks were not profiled.
    """
    table = gather(experiment, benchmark)
    board = scoreboard(table[table["metric"] == "SR"], experiment.evaluation)
    measured = read_profile(experiment, benchmark)
    rows = sorted((row for row in rows_of(experiment) if row.trained), key=lambda row: -board.point(row.run, "SR"))
    drawn = style.figure(style.PAGE * 0.72, 2.4)
    axes = drawn.subplots()
    for row in rows:
        fps, parameters = measured.loc[row.run].loc[list(row.seeds), ["fps", "parameters"]].mean()
        score = board.point(row.run, "SR")
        low, high = board.interval(row.run, "SR")
        axes.errorbar(
            fps, score, yerr=[[score - low], [high - score]], linestyle="none", markersize=5.5, markeredgecolor="white",
            markeredgewidth=0.6, label=f"{row.title} [{score:.3f}, {parameters / 1e6:.1f} M]", **style.marker(row.look),
        )[2][0].set(alpha=0.4, linewidth=0.8, zorder=1)  # fmt: skip
    axes.set(xlabel="Frames a second", ylabel="SR with 95 % interval", title=layout_of(benchmark).title)
    axes.margins(x=0.1, y=0.15)
    axes.set_xlim(left=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return drawn
