"""Speed against accuracy: frames a second of single-sequence tracking over SR."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather, read_profile
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.rows import Row, rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EQUAL = 0.05
"""Speeds of networks of one size that differ by less than this share are one speed: the clock's noise."""


class _Network(NamedTuple):
    row: Row
    fps: float
    parameters: float


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One marker a network with its 95 % interval of SR; networks of one size and speed side by side on a grey band.

    Raises:
        DataError: the networks were not profiled.
    """
    from matplotlib.lines import Line2D

    table = gather(experiment, benchmark)
    board = scoreboard(table[table["metric"] == "SR"], experiment.evaluation)
    measured = read_profile(experiment, benchmark)
    networks = [
        _Network(row, *measured.loc[row.run].loc[list(row.seeds), ["fps", "parameters"]].mean())
        for row in rows_of(experiment)
        if row.trained
    ]
    most = max(network.fps for network in networks)
    rows = sorted((network.row for network in networks), key=lambda row: -board.point(row.run, "SR"))
    labels = [scored(row, board.point(row.run, "SR")) for row in rows]
    drawn = style.figure(style.COLUMN, 2.6 + height_of_legend(labels, style.COLUMN))
    axes = drawn.subplots()
    places: dict[str, float] = {}
    for group in groups(networks):
        speed = float(np.mean([network.fps for network in group]))
        half = 0.013 * most * (len(group) - 1)
        places |= {n.row.run: x for n, x in zip(group, np.linspace(-half, half, len(group)) + speed, strict=True)}
        if len(group) > 1:
            axes.axvspan(speed - half - 0.02 * most, speed + half + 0.02 * most, color="#EFEFEF", zorder=0, linewidth=0)
    for line, (size, speeds) in enumerate(_sizes(networks).items()):  # a line each: speeds may be close
        axes.annotate(
            size, (np.mean(speeds), 0.015 + 0.055 * line), xycoords=("data", "axes fraction"), ha="center",
            va="bottom", fontsize=style.LEAST_TYPE,
        )  # fmt: skip
    for row in rows:
        score = board.point(row.run, "SR")
        low, high = board.interval(row.run, "SR")
        axes.errorbar(
            places[row.run], score, yerr=style.reach(score, low, high), linestyle="none", markersize=5,
            markeredgecolor="white", markeredgewidth=0.5, **style.marker(row.look),
        )[2][0].set(alpha=0.5, linewidth=0.9, zorder=1)  # fmt: skip
    axes.set(xlabel="Frames a second (grey: one speed, side by side)", ylabel="SR with 95 % interval")
    axes.set_title(f"{layout_of(benchmark).title} [SR]; {style.resampled(experiment.evaluation)}")
    axes.margins(x=0.1, y=0.2)
    axes.set_xlim(left=0)
    handles = [Line2D([], [], linestyle="", markersize=5, **style.marker(row.look)) for row in rows]
    legend_below(drawn, handles, labels)
    return drawn


def _sizes(networks: list[_Network]) -> dict[str, list[float]]:
    """Millions of parameters in words -> speeds of the networks that have so many."""
    found: dict[str, list[float]] = {}
    for network in networks:
        found.setdefault(f"{network.parameters / 1e6:.1f} M", []).append(network.fps)
    return found


def groups(networks: list[_Network]) -> list[list[_Network]]:
    """Networks of the same size whose speeds follow one another within `EQUAL`, each group in the order given."""
    found: list[list[_Network]] = []
    for network in sorted(networks, key=lambda one: (one.parameters, one.fps)):
        last = found[-1][-1] if found else None
        if last and last.parameters == network.parameters and network.fps <= last.fps * (1 + EQUAL):
            found[-1].append(network)
        else:
            found.append([network])
    return [[network for network in networks if network in group] for group in found]
