"""Speed against accuracy: frames a second of single-sequence tracking over SR."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import style
from had.evaluation.benchmark import folder_of, gather, rows_of
from had.evaluation.scoreboard import scoreboard
from had.options import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One marker a network with its 95 % interval of SR.

    Raises:
        DataError: a network was not profiled.
    """
    table = gather(experiment, benchmark)
    board = scoreboard(table[table["metric"] == "SR"], experiment.evaluation)
    rows = [(index, row) for index, row in enumerate(rows_of(experiment)) if row.kind in ("student", "teacher")]
    rows.sort(key=lambda entry: -board.point(entry[1].run, "SR"))
    drawn = style.figure(style.PAGE * 0.72, 2.4)
    axes = drawn.subplots()
    for index, row in rows:
        profiles = []
        for seed in row.seeds:
            path = folder_of(experiment, "metrics", benchmark, row.run, seed) / "profile.json"
            if not path.is_file():
                raise DataError("the speed of every network", f"no file {path}", "profile that run first")
            profiles.append(json.loads(path.read_text(encoding="utf-8")))
        fps, parameters = (float(np.mean([one[key] for one in profiles])) for key in ("fps", "parameters"))
        score = board.point(row.run, "SR")
        low, high = board.interval(row.run, "SR")
        axes.errorbar(
            fps, score, yerr=[[score - low], [high - score]], linestyle="none", markersize=6, capsize=2,
            elinewidth=0.8, label=f"{row.title} [{score:.3f}, {parameters / 1e6:.1f} M]", **style.marker(index),
        )  # fmt: skip
    axes.set(xlabel="Frames a second", ylabel="SR with 95 % interval", title=layout_of(benchmark).title)
    axes.margins(x=0.1, y=0.15)
    axes.set_xlim(left=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return drawn
