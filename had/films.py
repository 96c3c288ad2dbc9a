"""Tracks -> films that a person can watch: a real recording with its boxes, a test sequence with all runs.

Stands on the floor of the command line: it joins tracking and evaluation, and nobody but `had.cli` imports it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from had.data.recordings import TimeUnit
from had.errors import ConfigError, nearest
from had.evaluation.style import colour
from had.evaluation.video import Drawn, check_suffix, write_video
from had.options.experiment import Experiment
from had.options.tracking import TrackingOptions

PUBLISHED_FRAME_RATE = 25.0
"""Frames a second of published images without a recording, whose times are not known."""


def follow_recording(
    recording: Path,
    box: np.ndarray,
    checkpoint: Path,
    *,
    start_us: int | None,
    stop_us: int | None,
    time_unit: TimeUnit | None,
    size: tuple[int, int] | None,
    window_us: int,
    boxes: Path | None,
    film: Path | None,
    tracking: TrackingOptions | None,
    device: str,
) -> None:
    """`had.tracking.recording.track_recording` to its end, with a film of it where ``film`` names one.

    Raises:
        ConfigError: a film of no known suffix.
    """
    from had.tracking.recording import track_recording

    if film is not None:
        check_suffix(film)
    steps = track_recording(
        recording=recording,
        box=box,
        checkpoint=checkpoint,
        start_us=start_us,
        stop_us=stop_us,
        time_unit=time_unit,
        size=size,
        window_us=window_us,
        boxes=boxes,
        options=tracking,
        device=device,
    )
    found = [step.box for step in steps]
    if film is not None:
        track = np.array(found)
        film_recording(
            film,
            recording=recording,
            boxes=track,
            start_us=start_us or 0,
            window_us=window_us,
            time_unit=time_unit,
            size=size,
        )


def film_recording(
    path: Path,
    *,
    recording: Path,
    boxes: np.ndarray,
    start_us: int,
    window_us: int,
    time_unit: TimeUnit | None = None,
    size: tuple[int, int] | None = None,
) -> None:
    """Draw the boxes of `had.tracking.recording.track_recording` on the recording, read a second time.

    Args:
        path: ``.webm``; event images, with the camera's images beside them where the recording has some.
        recording: the raw file.
        boxes: (F, 4) ``xywh``, one a window.
        start_us: begin of the first window, after the recording's first event.
        window_us: length of a window; the film runs at the recording's own speed.
        time_unit, size: as `had.data.recordings.open_recording`.
    """
    from had.data.recordings import open_recording
    from had.tracking.recording import frames_of

    source = open_recording(recording, size=size, time_unit=time_unit)
    camera = next(iter(source.frames()), None) is not None
    tracks = [Drawn("on events", boxes, colour(1))]
    if camera:
        tracks.append(
            Drawn("the same box on the camera's frame", boxes + np.array([source.size[0], 0, 0, 0]), colour(1))
        )
    windows = frames_of(
        source,
        window_us=window_us,
        start_us=start_us,
        stop_us=start_us + len(boxes) * window_us,
        camera=camera,
    )
    streams = ("event_image", "rgb") if camera else ("event_image",)
    pictures = (np.concatenate([frame.image(stream) for stream in streams], axis=1) for _, frame in windows)
    write_video(path, frames=pictures, tracks=tracks, frame_rate=1e6 / window_us)


def film_sequence(path: Path, *, experiment: Experiment, benchmark: str, sequence: str, runs: list[str]) -> None:
    """Draw the tracks of some runs, and the ground truth where the target is present, on a test sequence.

    Args:
        path: ``.webm``.
        sequence: its name; empty: the one in the middle of the ranking.
        runs: ids of rows; empty: those of ``figures.runs``.

    Raises:
        ConfigError: no such sequence or run.
        DataError: the sequences are not prepared, or not tracked.
    """
    from had.evaluation.figures import scenes
    from had.evaluation.refused import scored
    from had.evaluation.rows import rows_of

    experiment = scored(experiment, benchmark)
    known = {row.run: row for row in rows_of(experiment)}
    for run in runs:
        if run not in known:
            raise ConfigError("a row of the configuration", repr(run), nearest(run, known))
    shown = [known[run] for run in runs] or scenes.shown_rows(experiment)
    sequences = scenes.test_sequences(experiment, benchmark)
    if not sequence:
        scores = scenes.sequence_scores(experiment, benchmark)
        sequence = scenes.spread_sequences(scores, [row.run for row in shown], 1)[0]
    if sequence not in sequences:
        raise ConfigError(f"a test sequence of {benchmark}", repr(sequence), nearest(sequence, sequences))
    scene = sequences[sequence]
    tracks = [
        Drawn(row.title, scenes.track_of(experiment, benchmark, row, sequence, len(scene)), colour(row.look))
        for row in shown
    ]
    truth = np.where(scene.present[:, None], scene.boxes, np.nan)
    pictures = (scenes.picture(scene.frame(index)) for index in range(len(scene)))
    step_us = float(np.median(np.diff(scene.frame_times_us)))
    rate = 1e6 / step_us if step_us > 1 else PUBLISHED_FRAME_RATE
    write_video(path, frames=pictures, tracks=tracks, ground_truth=truth, frame_rate=rate)


def film_deciding(folder: Path, *, experiment: Experiment, benchmark: str) -> list[str]:
    """`film_sequence` of every sequence that the table `sequences` prints, as ``<folder>/<sequence>.webm``.

    Returns:
        The sequences' names, the best of the first pair of runs before the worst.

    Raises:
        ConfigError: no two runs to compare.
        DataError: as `film_sequence`, or scores are missing.
    """
    from had.evaluation.sequences import pairs_of

    pairs = pairs_of(experiment, benchmark)[:1]
    names = [str(name) for pair in pairs for extreme in pair.extremes() for name in extreme.index]
    for name in names:
        film_sequence(folder / f"{name}.webm", experiment=experiment, benchmark=benchmark, sequence=name, runs=[])
    return names
