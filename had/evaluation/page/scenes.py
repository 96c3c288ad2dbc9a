"""What happens on each sequence: overlaps over time, and some frames with everybody's boxes.

Ground truth comes from the prepared test split, else from the published folder; frames from the prepared split
alone. Without either the page has scores only. A track or a frame that cannot be read is logged and left out: the page
of the other rows and sequences is worth having, and `had evaluate` has refused broken tracks already.

Axes: S sequences, N rows, T moments, P frames with a picture.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from had.data.layouts import layout_of
from had.data.sequences import Annotation, Sequence, load_split, read_split
from had.errors import DataError
from had.evaluation import metrics
from had.evaluation.figures import scenes as figures
from had.evaluation.page import packing
from had.evaluation.rows import Row, rows_of, tracks_folder
from had.evaluation.track_files import read_boxes
from had.options.evaluation import PageOptions
from had.options.experiment import Experiment

log = logging.getLogger(__name__)


def scenes_of(experiment: Experiment, benchmark: str, names: list[str]) -> dict[str, Any]:
    """Overlaps and boxes of the evaluated sequences.

    Returns:
        ``size`` ((width, height), a sequence each), ``frames`` (numbers of frames), ``moments`` (frame numbers),
        ``overlaps`` (packed N, T), ``shown`` (frame numbers), ``absent`` (those of them without target), ``boxes``
        (packed N + 1, P, 4; the ground truth first): lists over S with None where the ground truth is not there.
    """
    rows, options = rows_of(experiment), experiment.page
    truth = _annotations(experiment, benchmark)
    found: dict[str, list] = {key: [] for key in ("size", "frames", "moments", "overlaps", "shown", "absent", "boxes")}
    for name in names:
        annotation, size = truth.get(name, (None, None))
        one = _scene(experiment, benchmark, rows, annotation, options) if annotation is not None else {}
        for key, values in found.items():
            values.append(size if key == "size" else one.get(key))
    return found


def _annotations(experiment: Experiment, benchmark: str) -> dict[str, tuple[Annotation, tuple[int, int]]]:
    """Name -> ground truth and sensor size; of what was prepared, else of the published folder, else nothing."""
    sequences = prepared(experiment, benchmark)
    if sequences:
        return {name: (sequence.annotation, sequence.size) for name, sequence in sequences.items()}
    layout = layout_of(benchmark)
    root = experiment.source(benchmark).root or experiment.results / "data" / benchmark / "raw"
    if not (Path(root) / layout.splits["test"] / layout.list_file).is_file():
        log.warning("%s: no ground truth in %s: the page has scores only", layout.title, root)
        return {}
    return {annotation.name: (annotation, layout.sensor) for annotation in read_split(layout, root, "test")}


def prepared(experiment: Experiment, benchmark: str) -> dict[str, Sequence]:
    """The prepared test sequences by name; none where the split was not prepared."""
    folder = experiment.results / "data" / benchmark / "prepared"
    if not (folder / "test" / "index.json").is_file():
        return {}
    return {sequence.name: sequence for sequence in load_split(folder, "test")}


def _scene(
    experiment: Experiment, benchmark: str, rows: list[Row], annotation: Annotation, options: PageOptions
) -> dict[str, Any]:
    """One sequence: the overlaps of all rows' first seeds at some moments, their boxes at fewer."""
    frames = len(annotation.boxes)
    moments = np.unique(np.linspace(0, frames - 1, min(options.moments, frames)).astype(int))
    shown = figures.shown_frames(frames, options.frames) if options.frames else []
    truth = np.where(annotation.present[:, None], annotation.boxes, np.nan)
    counted = annotation.present & metrics.valid(annotation.boxes)
    lines, boxes = [], [truth[shown]]
    for row in rows:
        folder = tracks_folder(experiment, benchmark, row.run, row.seeds[0])
        try:
            track = read_boxes(folder / f"{annotation.name}.txt", frames=frames)
        except DataError as error:
            log.warning("%s is left out of the page's frames: %s", row.title, error)
            track = np.full((frames, 4), np.nan)
        seen = np.isfinite(track).all(axis=1).any()
        track = metrics.repaired(track, annotation.boxes) if seen else track
        iou = metrics.overlaps(track, annotation.boxes)
        lines.append(np.where(counted, iou, np.nan)[moments])
        boxes.append(track[shown])
    return {
        "frames": frames,
        "moments": moments.tolist(),
        "overlaps": packing.overlaps(np.stack(lines)),
        "shown": shown,
        "absent": [number for number in shown if not annotation.present[number]],
        "boxes": packing.pixels(np.stack(boxes)),
    }


def pictures_of(experiment: Experiment, benchmark: str, names: list[str], budget: float) -> dict[str, list[str]]:
    """Frames of as many sequences as fit into a budget.

    Args:
        names: sequences, those that matter most first.
        budget: bytes of text that all frames together may take.

    Returns:
        Sequence -> its frames as ``data:`` addresses, at the numbers that `scenes_of` calls ``shown``.
    """
    options, sequences = experiment.page, prepared(experiment, benchmark)
    result: dict[str, list[str]] = {}
    for name in names if options.frames else ():
        if name not in sequences:
            continue
        try:
            made = _frames(sequences[name], options)
        except DataError as error:
            log.warning("%s has no frames in the page: %s", name, error)
            continue
        budget -= sum(map(len, made))
        if budget < 0:
            break
        result[name] = made
    return result


def _frames(sequence: Sequence, options: PageOptions) -> list[str]:
    numbers = figures.shown_frames(len(sequence), options.frames)
    images = (figures.picture(sequence.frame(number)) for number in numbers)
    return [packing.picture(image, options.width, options.quality) for image in images]


def in_order_of_spread(scores: np.ndarray, names: list[str]) -> list[str]:
    """All names, so ordered that any beginning of the list covers the whole range of scores.

    The ranking is visited at the centres of its halves, quarters, eighths, ... (van der Corput's sequence), the best
    and the worst first.

    Args:
        scores: (S,), one a name.
    """
    ranked = [names[i] for i in np.lexsort((names, -np.nan_to_num(scores)))]
    count = len(ranked)
    bits = max(1, (count - 1).bit_length())
    visited = [int(f"{i:0{bits}b}"[::-1], 2) * count >> bits for i in range(1 << bits)]
    return list(dict.fromkeys(ranked[i] for i in (0, count - 1, *visited)))
