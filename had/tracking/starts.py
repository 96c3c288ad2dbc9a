"""Tracking from jittered first boxes: how much a track depends on the box that it begins with.

The spatial robustness evaluation (SRE) of the OTB benchmark (Wu, Lim, Yang, CVPR 2013; PAMI 2015): every sequence is
tracked again from boxes that are a little wrong, by default the annotated one shifted by 10 % of its size to the sides
and corners, or scaled by 0.8, 0.9, 1.1 and 1.2 around its centre. Nothing is drawn at random: all trackers begin with
the same boxes, which are not rounded.

`had.tracking.run` tracks a split from one start; `track_starts` from all of them, a folder each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from had.errors import ConfigError
from had.files import atomic_file, read_json
from had.options.experiment import Experiment
from had.tracking.run import track_split


def track_starts(experiment: Experiment, *, output: Path, **call: Any) -> None:
    """Track a split from every start of ``tracking.starts``.

    Args:
        experiment: the whole configuration.
        output: gets a folder a start, each as `had.tracking.run.track_split` leaves it (without response maps and
            one-shot table), and ``summary.json`` last.
        call: the other arguments of `track_split`.

    Raises:
        ConfigError: the configuration asks for no starts, or the run cannot be started elsewhere.
        DataError, CheckpointError: as `track_split`.
    """
    options = experiment.tracking.starts
    if options is None:
        raise ConfigError("jittered starts", "`tracking.starts: null`", "set it, e.g. to {} for the 12 starts of OTB")
    if call["run"] == "ground_truth":
        raise ConfigError("a row that tracks", "'ground_truth'", "it knows all boxes whatever it begins with")
    summaries = {}
    for start in options.starts:
        track_split(experiment, output=output / start.name, start=start, **call)
        summaries[start.name] = read_json(output / start.name / "summary.json")
    with atomic_file(output / "summary.json") as path:
        path.write_text(json.dumps(summaries, indent=2) + "\n")
