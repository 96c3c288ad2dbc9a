"""Warnings about suspicious scores: annotations or result files of another form than the call says."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from had.data.annotation_doubts import are_shares, doubt_presence
from had.data.annotation_layouts import AnnotationLayout
from had.data.sequences import Annotation
from had.errors import counted, listed
from had.evaluation.metrics import overlaps, valid

log = logging.getLogger(__name__)

SAME_BOX = 0.6
"""Overlap above which a track's first row is taken for the box that it was given, rounded or jittered."""


def doubt_annotations(layout: AnnotationLayout, annotations: Sequence[Annotation]) -> None:
    """Say where most frames count as absent, and which boxes look like shares of the picture."""
    present = sum(int(one.present.sum()) for one in annotations)
    if doubt := doubt_presence(layout, present, sum(len(one.present) for one in annotations)):
        log.warning("%s: %s: is --layout right? Some benchmarks write it the other way round", layout.title, doubt)
    if shares := [one.name for one in annotations if are_shares(one.boxes)]:
        text = "%s: all numbers of annotated boxes lie between 0 and 1 in %s: are they shares of the picture?"
        log.warning(text, layout.title, listed(shares))


def doubt_lengths(tracker: str, tracks: Sequence[np.ndarray], annotations: Sequence[Annotation]) -> None:
    """Say which tracks have more rows than their sequences have annotated frames."""
    longer = [
        f"{one.name} ({len(track)} rows for {len(one.boxes)} frames)"
        for track, one in zip(tracks, annotations, strict=True)
        if len(track) > len(one.boxes)
    ]
    if longer:
        log.warning("%s: more rows than frames, the last ones are not scored: %s", tracker, listed(longer))


def doubt_gaps(tracker: str, tracks: Sequence[np.ndarray], annotations: Sequence[Annotation]) -> None:
    """Say which tracks have no box in most of their rows: NaN, or a size that is not positive."""
    mostly = [one.name for track, one in zip(tracks, annotations, strict=True) if _mostly_gaps(track, one)]
    if mostly:
        told = (tracker, counted(len(mostly)), listed(mostly))
        log.warning("%s: %s without a box (NaN, or a size that is not positive) in most rows: %s", *told)


def _mostly_gaps(track: np.ndarray, truth: Annotation) -> bool:
    """Sizes count where the annotation has a box; nowhere where it has none to begin with, as in some of COESOT."""
    nan = np.isnan(track).any(axis=1)
    there = truth.present & valid(truth.boxes)
    none = (nan | (track[:, 2:] <= 0).any(axis=1))[there]
    return bool(2 * nan.sum() > len(nan) or (there[:1].any() and 2 * none.sum() > len(none)))


def doubt_boxes(tracker: str, tracks: Sequence[np.ndarray], annotations: Sequence[Annotation]) -> None:
    """Say where the first rows of most tracks are not the boxes that a tracker begins with."""
    begins = [
        (track[:1], one.boxes[:1]) for track, one in zip(tracks, annotations, strict=True) if one.present[:1].all()
    ]
    pairs = [
        (row, box) for row, box in begins if valid(box).all() and np.isfinite(row).all() and (row[:, 2:] > 0).all()
    ]
    if not pairs:
        return
    rows, boxes = (np.concatenate(part) for part in zip(*pairs, strict=True))
    elsewhere = int((overlaps(rows, boxes) < SAME_BOX).sum())
    if 2 * elsewhere > len(pairs):
        log.warning(
            "%s: in %d of %s the first row is not the annotated box: are the rows x, y, w, h in pixels, and of these"
            " sequences?",
            tracker,
            elsewhere,
            counted(len(pairs)),
        )
