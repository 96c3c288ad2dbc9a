"""Speed against accuracy: frames a second of single-sequence tracking over SR."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather, read_profile
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.printed_numbers import telling_digits
from had.evaluation.rows import Row, rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY = "\n(grey: all that was measured of equal networks)"
"""What the axis says where there is a band."""


class _Network(NamedTuple):
    """A row with the size of its networks, and what was measured of each of its seeds."""

    row: Row
    parameters: float
    macs: float
    fps: tuple[float, ...]


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One marker a network with its 95 % interval of SR; networks that do the same work side by side on a grey band.

    They are drawn at the mean of their speeds, whose differences are noise; the band is what was measured of them.

    Raises:
        DataError: the networks were not profiled.
    """
    from matplotlib.lines import Line2D

    table = gather(experiment, benchmark)
    board = scoreboard(table[table["metric"] == "SR"], experiment.evaluation)
    measured = read_profile(experiment, benchmark)
    networks = []
    for row in rows_of(experiment):
        if row.trained:
            found = measured.loc[row.run].loc[list(row.seeds)]
            networks.append(_Network(row, found["parameters"].mean(), found["macs"].mean(), tuple(found["fps"])))
    most = max(fps for network in networks for fps in network.fps)
    rows = sorted((network.row for network in networks), key=lambda row: -board.point(row.run, "SR"))
    labels = [scored(row, board.point(row.run, "SR")) for row in rows]
    drawn = style.figure(style.COLUMN, 2.6 + height_of_legend(labels, style.COLUMN))
    axes = drawn.subplots()
    places: dict[str, float] = {}
    sizes: dict[str, list[float]] = {}
    several, digits = False, telling_digits([network.parameters / 1e6 for network in networks])
    for group in groups(networks):
        speeds = [fps for network in group for fps in network.fps]
        speed, half = float(np.mean(speeds)), 0.013 * most * (len(group) - 1)
        places |= {n.row.run: x for n, x in zip(group, np.linspace(-half, half, len(group)) + speed, strict=True)}
        sizes.setdefault(f"{group[0].parameters / 1e6:.{digits}f} M", []).append(speed)
        if len(speeds) > 1:
            several, beside = True, half + 0.02 * most
            ends = min(speed - beside, *speeds), max(speed + beside, *speeds)
            axes.axvspan(*ends, color="#EFEFEF", zorder=0, linewidth=0)
    for line, (size, middles) in enumerate(sizes.items()):  # a line each: speeds may be close
        axes.annotate(
            size, (np.mean(middles), 0.015 + 0.055 * line), xycoords=("data", "axes fraction"), ha="center",
            va="bottom", fontsize=style.LEAST_TYPE,
        )  # fmt: skip
    for row in rows:
        score = board.point(row.run, "SR")
        low, high = board.interval(row.run, "SR")
        axes.errorbar(
            places[row.run], score, yerr=style.reach(score, low, high), linestyle="none", markersize=5,
            markeredgecolor="white", markeredgewidth=0.5, **style.marker(row.look),
        )[2][0].set(alpha=0.5, linewidth=0.9, zorder=1)  # fmt: skip
    axes.set(
        xlabel=f"Frames a second{GREY if several else ''}",
        ylabel=f"SR{' with 95 % interval' if board.sequences > 1 else ''}",
    )
    made = style.resampled(experiment.evaluation) if board.sequences > 1 else style.NO_INTERVALS
    axes.set_title(f"{layout_of(benchmark).title} [SR]; {made}")
    axes.margins(x=0.1, y=0.2)
    axes.set_xlim(left=0)
    handles = [Line2D([], [], linestyle="", markersize=5, **style.marker(row.look)) for row in rows]
    legend_below(drawn, handles, labels)
    return drawn


def groups(networks: list[_Network]) -> list[list[_Network]]:
    """Networks of as many parameters and MACs: they do the same work. Each group in the order given."""
    found: dict[tuple[float, float], list[_Network]] = {}
    for network in networks:
        found.setdefault((network.parameters, network.macs), []).append(network)
    return list(found.values())
