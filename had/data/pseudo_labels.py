"""Sequences without labels, for training: what a tracker found in them stands for the boxes.

A teacher needs no label to teach, but crops need to know where to look. Enters: prepared training sequences and the
tracks that `had.tracking.run` has written of them, each begun with the box of its first visible frame, the one label
that is used. Leaves: the same sequences with those tracks as annotation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from had.box_text import quick_boxes
from had.data.sequences import Sequence
from had.errors import DataError
from had.files import file_digest, read_json
from had.identity import digest

REMEDY = "track the training split with the teacher (`had track --split train`)"


def pseudo_labelled(sequences: list[Sequence], tracks: Path) -> list[Sequence]:
    """Sequences with their tracks as boxes; the target counts as not present before a track begins.

    Args:
        sequences: of one prepared split.
        tracks: folder of their tracks, as `had.tracking.run.track_split` leaves it.

    Raises:
        DataError: a track is missing, broken or of another length.
    """
    found = []
    for sequence in sequences:
        path = tracks / f"{sequence.name}.txt"
        boxes = quick_boxes(path.read_bytes()) if path.is_file() else None
        if boxes is None or len(boxes) != len(sequence) or not np.isfinite(boxes).all():
            got = f"{'another or a broken file' if path.is_file() else 'no file'} {path}"
            raise DataError(f"a track of {len(sequence)} boxes", got, REMEDY)
        begun = np.asarray((boxes[:, 2:] > 0).all(axis=1))
        found.append(sequence.annotated(boxes, begun))
    return found


def check_tracks(tracks: Path, *, benchmark: str, teacher: Path) -> None:
    """Whether tracks are finished, and a teacher's of a benchmark's training split.

    Raises:
        DataError: otherwise.
    """
    wanted = {"benchmark": benchmark, "split": "train", "checkpoint": file_digest(teacher)}
    facts = read_json(tracks / "summary.json")
    got = {name: facts.get(name) for name in wanted}
    if got != wanted:
        words = ", ".join(f"{name} {value}" for name, value in got.items()) if facts else "none that are finished"
        expected = f"tracks of {benchmark}'s training split by {teacher}"
        raise DataError(expected, f"{words} in {tracks}", REMEDY)


def tracks_digest(tracks: Path) -> str:
    """The contents of all box files."""
    return digest([(path.name, file_digest(path)) for path in sorted(tracks.glob("*.txt")) if not _is_time(path)])


def _is_time(path: Path) -> bool:
    """Whether it holds the times of another track: a sequence itself may be called ``..._time``."""
    return path.stem.endswith("_time") and path.with_stem(path.stem.removesuffix("_time")).is_file()
