"""Tracks and annotations -> scores: what `had evaluate` does, for result files made by anybody.

Enter: a folder of annotations in a published form, folders of result files, stored curves of published trackers.
Leave: the four files of `had.evaluation.score_files`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np

from had.data.annotation_folders import AnnotationFolder, check_scorable, find_annotations
from had.data.annotation_layouts import AnnotationLayout
from had.data.sequences import Annotation, read_list
from had.errors import ConfigError, DataError, HadError, counted
from had.evaluation.baselines import Baselines, read_baselines
from had.evaluation.doubts import doubt_annotations, doubt_boxes, doubt_gaps, doubt_lengths
from had.evaluation.metrics import stacked_curves
from had.evaluation.result_tables import read_table
from had.evaluation.score_files import FILES, UNKNOWN, Scored, without_scores, write_scores
from had.evaluation.track_files import of_frames, read_boxes
from had.evaluation.trackers import Tracker, find_trackers, refuse_doubled
from had.files import atomic_file, check_file
from had.terminal import printable

log = logging.getLogger(__name__)


def evaluate(
    *,
    layout: AnnotationLayout,
    output: Path,
    annotations: Path | None = None,
    tracks: Sequence[Path] = (),
    names: Sequence[str] = (),
    listed: Path | None = None,
    curves: Sequence[Path] = (),
    baselines: Path | None = None,
    refused: Path | None = None,
) -> None:
    """Score trackers and write their tables and curves.

    A tracker that cannot be scored hides none of the others: they are written, then the error is raised, or written
    down for who looks at it later.

    Args:
        layout: whose annotations they are.
        output: folder for the four files.
        annotations: folder of annotations; for stored curves it is read for attributes only.
        tracks: folders of result files, see `find_trackers`.
        names: of the trackers in them.
        listed: file with the names of exactly those sequences that count; None: all that are annotated and tracked.
        curves: files of stored curves, scored beside the tracks.
        baselines: file of the stored curves that the breakout capability is held against.
        refused: file that gets a line for each tracker that cannot be scored, instead of an error; such a tracker has
            no sequences in the tables. Empty where all are scored.

    Raises:
        ConfigError: nothing to score, tracks without annotations, or names that do not fit.
        DataError: broken annotations or lists, a folder where a file is to be, or (without ``refused``) trackers that
            could not be scored.
    """
    if not tracks and not curves:
        raise ConfigError("--tracks with result files, or --curves", "neither", "say what is to be scored")
    if names and not tracks:
        remedy = "leave --tracker out: stored curves have names"
        raise ConfigError("--tracker beside --tracks", f"{names[0]!r} with --curves alone", remedy)
    if tracks and annotations is None:
        raise ConfigError("--annotations beside --tracks", "none", "give the folder of the benchmark's annotations")
    for path in (*(output / name for name in FILES), *([refused] if refused else [])):
        check_file(path)  # before any work, and before other files are written
    truth = find_annotations(layout, annotations) if annotations else AnnotationFolder(layout, {}, {})
    wanted = read_list(listed) if listed else None
    boc = read_baselines(baselines) if baselines else None
    stored = [read_baselines(path) for path in curves]
    trackers: list[Tracker] = []
    if tracks and annotations:
        check_scorable(truth, annotations)
        _refuse_unannotated(wanted, truth, listed)
        beside = (annotations, annotations.parent)
        apart = [annotations, *(place / name for place in beside for name in ("gt_rect", "absent", "att"))]
        trackers = find_trackers(tracks, names, known=truth.files, apart=apart)
    refuse_doubled([tracker.name for tracker in trackers] + [name for one in stored for name in one.trackers])
    _refuse_no_text([name for tracker in trackers for name in (tracker.name, *tracker.sequences)])
    _refuse_no_text([name for one in stored for name in (*one.trackers, *one.sequences)])

    read = cache(truth.read)  # each annotation once, and only those that are scored
    jobs: list[tuple[str, Callable[[], Scored]]] = []
    used: dict[str, Annotation] = {}
    for tracker in trackers:
        truths = [read(name) for name in wanted or _in_both(tracker, truth)]  # errors here are no tracker's fault
        used |= {one.name: one for one in truths}
        jobs.append((tracker.name, partial(score_tracks, tracker.name, tracker.folder, truths)))
    doubt_annotations(truth.layout, list(used.values()))
    for one in stored:
        jobs += [(name, partial(_score_stored, name, one, wanted, truth)) for name in one.trackers]
    done: list[Scored] = []
    broken: dict[str, HadError] = {}
    for name, job in jobs:
        try:
            done.append(job())
        except HadError as error:
            broken[name] = error
    if refused is not None:
        lines = [f"{name} is not scored on {layout.title}: {error}" for name, error in broken.items()]
        with atomic_file(refused) as path:
            path.write_text("".join(f"{printable(line)}\n" for line in lines), encoding="utf-8")
        for line in lines:
            log.error("%s", line)
        write_scores([*done, *map(without_scores, broken)], layout=layout, output=output, baselines=boc)
        return
    if done:
        write_scores(done, layout=layout, output=output, baselines=boc)
    if broken:
        raise _summed_up(broken, done, output)


def _refuse_no_text(names: Sequence[str]) -> None:
    """See that the names of files and folders can be written into a table."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            got = f"{name!r}, whose bytes are no UTF-8"
            raise DataError("names of trackers and sequences that are text", got, "rename that file") from None
        if not name.strip():
            remedy = "name it with --tracker, or rename it where it is stored"
            raise DataError("names of trackers and sequences", f"{name!r}, which is blank", remedy)


def _refuse_unannotated(wanted: list[str] | None, truth: AnnotationFolder, listed: Path | None) -> None:
    missing = [name for name in wanted or () if name not in truth.files]
    if missing:
        got = f"none of {len(missing)}: {', '.join(missing)}"
        raise DataError(f"annotations of {counted(len(wanted or ()))} of {listed}", got, "complete --annotations")


def _in_both(tracker: Tracker, truth: AnnotationFolder) -> list[str]:
    """The sequences that are annotated and tracked; those on one side only are named in the log."""
    tracked = set(tracker.sequences)
    for problem, ones in (
        ("without a track, not scored", [name for name in truth.files if name not in tracked]),
        ("without an annotation, not scored", [name for name in tracker.sequences if name not in truth.files]),
    ):
        if ones:
            log.warning("%s: %s %s: %s", tracker.name, counted(len(ones)), problem, ", ".join(ones))
    return [name for name in truth.files if name in tracked]


def score_tracks(tracker: str, folder: Path, annotations: Sequence[Annotation]) -> Scored:
    """Score one tracker's result files.

    Args:
        tracker: its name.
        folder: with ``<sequence>.txt`` and, where the tracker has some, the IoUs of single search crops:
            ``one_shot.csv`` with columns ``sequence`` and ``iou``, a row a crop.
        annotations: ground truth, one a sequence.

    Raises:
        DataError: no annotations, a sequence twice, a missing, short or broken track, or a one-shot table that does
            not cover the sequences.
    """
    names = [annotation.name for annotation in annotations]
    if not names or len(set(names)) != len(names):
        got = f"{len(names)} that are annotated and tracked"
        raise DataError("sequences to score, each once", got, f"compare the names of the annotations and in {folder}")
    boxes = [annotation.boxes for annotation in annotations]
    files = [folder / f"{name}.txt" for name in names]
    whole = [read_boxes(file) for file in files]
    tracks = [of_frames(*one) for one in zip(whole, map(len, boxes), files, strict=True)]
    doubt_gaps(tracker, tracks, annotations)
    doubt_lengths(tracker, whole, annotations)
    doubt_boxes(tracker, tracks, annotations)
    return Scored(
        tracker=tracker,
        sequences=tuple(names),
        frames=np.array([len(truth) for truth in boxes]),
        curves=stacked_curves(tracks, boxes, [annotation.present for annotation in annotations]),
        attributes=[annotation.attributes for annotation in annotations],
        one_shot=_one_shot(folder / "one_shot.csv", names),
    )


def _score_stored(tracker: str, stored: Baselines, wanted: list[str] | None, truth: AnnotationFolder) -> Scored:
    sequences = tuple(wanted) if wanted else stored.sequences
    return Scored(
        tracker=tracker,
        sequences=sequences,
        frames=np.full(len(sequences), UNKNOWN),
        curves=stored.on(sequences).of(tracker),
        attributes=[truth.attributes.get(name, {}) for name in sequences],
        one_shot=np.full(len(sequences), np.nan),
    )


def _one_shot(path: Path, names: list[str]) -> np.ndarray:
    """Mean IoU of each sequence's single crops, in the order of ``names``; NaN without a table or rows."""
    if not path.is_file():
        return np.full(len(names), np.nan)
    expected, again = "a table with columns sequence and iou", "track the split again"
    table = read_table(path, expected=expected, remedy=again, text=("sequence",), numbers=("iou",), optional=True)
    means = table.groupby("sequence")["iou"].mean()
    if means.empty:
        return np.full(len(names), np.nan)
    missing = set(names) - set(means.index)
    if missing:
        got = f"{path} without {sorted(missing)[0]}"
        raise DataError(f"one-shot IoUs of {counted(len(names))}", got, again)
    return means[names].to_numpy()


def _summed_up(broken: dict[str, HadError], done: Sequence[Scored], output: Path) -> DataError:
    """One sentence for the trackers that could not be scored."""
    if len(broken) > 1:
        for name, error in broken.items():
            log.error("%s is not scored: %s", name, error)
    name, error = next(iter(broken.items()))
    others = f", nor {', '.join(list(broken)[1:])} (see above)" if len(broken) > 1 else ""
    rest = f"; the scores of {counted(len(done), 'other')} are in {output}" if done else "; nothing was written"
    return DataError(error.expected, f"{error.got} (tracker {name!r} is not scored{others}{rest})", error.remedy)
