"""A split becomes tracks: one box file and one time file a sequence, in the format of every public toolkit.

Enters: prepared sequences and a checkpoint, or the name of a control. Leaves, in the output folder:
`<sequence>.txt` (x, y, w, h a frame, tab-separated), `<sequence>_time.txt` (seconds a frame),
`responses.npz`, `one_shot.csv`, and `summary.json` last; from a jittered start, and of a training split, the tracks
alone. A stopped job skips the sequences it finished.
"""

from __future__ import annotations

import json
import logging
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from had.data.layouts import layout_of
from had.data.pairs import visible_frames
from had.data.sequences import Sequence, load_split
from had.device import choose_device, prepare_machine
from had.errors import CheckpointError, DataError
from had.files import atomic_file, file_digest, make_folder, read_json
from had.identity import digest, run_digest
from had.models.network import crops_for
from had.models.weights import load_network
from had.options.analysis import Start
from had.options.experiment import Experiment
from had.options.neutral import decisive
from had.progress import progress
from had.tracking.carried import warn_of_others
from had.tracking.controls import build_control
from had.tracking.one_shot import write_one_shot
from had.tracking.started_sequence import StartedSequence
from had.tracking.tracker import Tracker

log = logging.getLogger(__name__)
CONTROLS = ("static", "mil", "ground_truth")
PARTS = "parts"
"""Folder of the finished sequences' response maps while the job runs."""


@dataclass
class Track:
    """One sequence's result.

    Attributes:
        boxes: (F, 4) float64 ``xywh`` in pixels; zeros before the target's first visible frame.
        seconds: (F,) float64, time spent on each frame; in lockstep, its share.
        responses: (F, h, w) float16 response maps, zero up to the first tracked frame.
        windows: (F, 3) float64 x, y, side of the search windows in pixels, zero likewise.
    """

    boxes: np.ndarray
    seconds: np.ndarray
    responses: np.ndarray
    windows: np.ndarray

    @classmethod
    def empty(cls, frames: int, grid: tuple[int, int] = (0, 0)) -> Track:
        """All zeros; a control has a grid without cells."""
        responses = np.zeros((frames, *grid), dtype=np.float16)
        return cls(np.zeros((frames, 4)), np.zeros(frames), responses, np.zeros((frames, 3)))


def track_split(
    experiment: Experiment,
    *,
    benchmark: str,
    run: str,
    data: Path,
    split: str,
    output: Path,
    seed: int = 0,
    checkpoint: Path | None = None,
    device: str | None = None,
    start: Start | None = None,
) -> None:
    """Track every sequence of a split that is not tracked yet.

    Args:
        experiment: the whole configuration.
        benchmark, run, seed: what tracks; a run, or ``static``, ``mil``, ``ground_truth``.
        data: folder of the prepared splits.
        split: which of them.
        output: folder of the results.
        checkpoint: the run's ``model.safetensors``; controls need none.
        device: instead of the configuration's.
        start: the first boxes; None: the annotated ones.

    Raises:
        DataError: the split is not prepared or another benchmark's, or a sequence never shows its target.
        CheckpointError: a run without checkpoint, or a checkpoint of other streams.
    """
    prepare_machine()
    device = choose_device(device or experiment.device)
    sequences = load_split(data, split, benchmark=benchmark)
    identity = run_digest(experiment, benchmark=benchmark, run=run, seed=seed)
    network, crops = None, experiment.crops
    if run not in CONTROLS:
        network, crops = _network(experiment, benchmark, run, checkpoint, device)
    inputs = (file_digest(data / split / "index.json"), file_digest(checkpoint if network is not None else None))
    alone = start is not None or split == "train"  # nobody scores them
    tracking = decisive(experiment.tracking, without=("starts",))
    identity = digest(identity, tracking, split, *inputs, *([] if start is None else [start]))
    origin = {"benchmark": benchmark, "split": split, "run": run, "checkpoint": inputs[1], "digest": identity}
    more = [] if alone else ["one_shot.csv"]
    if maps := network is not None and not alone:
        more.append("responses.npz")
    if _finished(output, sequences, identity, more):
        log.info("%s: already done in %s", output.name, output)
        return
    make_folder(output)
    _discard_foreign(output, sequences, identity)
    todo: list = [sequence for sequence in sequences if not _done(output, sequence)]
    label = f"track {benchmark} {split} {run} seed {seed}"
    if start is not None:
        todo, label = [StartedSequence(sequence, start) for sequence in todo], f"{label}, start {start.name}"
    if network is None:
        stream = layout_of(benchmark).student_streams[0]
        for sequence in progress(todo, label=label, unit="sequences"):
            write_track(output, sequence.name, follow_control(run, sequence, stream))
    else:
        tracker = Tracker(network, crops, experiment.tracking, device)
        # Sequences of similar length together: the batch stays full until they end.
        todo = sorted(todo, key=len)
        size = experiment.tracking.batch_sequences
        groups = [todo[first : first + size] for first in range(0, len(todo), size)]
        for group in groups:
            for sequence, track in zip(group, follow(tracker, group, label), strict=True):
                write_track(output, sequence.name, track, maps=maps)
    if not alone:
        write_one_shot(
            output / "one_shot.csv",
            network,
            sequences,
            crops,
            count=experiment.tracking.one_shot_crops,
            batch_size=experiment.tracking.batch_sequences,
            device=device,
            label=f"{label}, one-shot",
        )
    _finish(output, sequences, origin)


def follow(tracker: Tracker, sequences: list[Sequence], label: str) -> list[Track]:
    """Track sequences in lockstep, each from its first visible frame."""
    firsts = [first_visible(sequence) for sequence in sequences]
    lengths = [len(sequence) for sequence in sequences]
    grid = tracker.network.layout.grid_x
    tracks = [Track.empty(frames, grid) for frames in lengths]
    begin = time.perf_counter()
    starts = np.array([sequence.boxes[first] for sequence, first in zip(sequences, firsts, strict=True)])
    tracker.initialize([s.frame(first) for s, first in zip(sequences, firsts, strict=True)], starts)
    share = (time.perf_counter() - begin) / len(sequences)
    for track, first, box in zip(tracks, firsts, starts, strict=True):
        track.boxes[first], track.seconds[first] = box, share
    steps = max(n - first for n, first in zip(lengths, firsts, strict=True))
    for step in progress(range(1, steps), label=f"{label}, {len(sequences)} sequences", unit="frames each"):
        begin = time.perf_counter()
        alive = [k for k in range(len(sequences)) if firsts[k] + step < lengths[k]]
        frames = [sequences[k].frame(firsts[k] + step) if k in alive else None for k in range(len(sequences))]
        boxes = tracker.track(frames)
        share = (time.perf_counter() - begin) / len(alive)
        for k in alive:
            at, track = firsts[k] + step, tracks[k]
            track.boxes[at], track.seconds[at] = boxes[k], share
            track.responses[at], track.windows[at] = tracker.responses[k], tracker.windows[k]
    return tracks


def follow_control(name: str, sequence: Sequence, stream: str) -> Track:
    """Track one sequence with a control, from its first visible frame."""
    first = first_visible(sequence)
    track = Track.empty(len(sequence))
    control = build_control(name, stream=stream, boxes=sequence.boxes[first:])
    for index in range(first, len(sequence)):
        begin = time.perf_counter()
        frame = sequence.frame(index)
        if index == first:
            control.initialize(frame, sequence.boxes[first])
            track.boxes[index] = sequence.boxes[first]
        else:
            track.boxes[index] = control.track(frame)
        track.seconds[index] = time.perf_counter() - begin
    return track


def first_visible(sequence: Sequence) -> int:
    """The frame with which tracking begins.

    Raises:
        DataError: the target is never visible.
    """
    visible = np.flatnonzero(visible_frames(sequence))
    if not len(visible):
        got = f"none in sequence {sequence.name!r}"
        raise DataError("a frame that shows the target", got, "leave the sequence out or check its presence flags")
    return int(visible[0])


def write_track(output: Path, name: str, track: Track, *, maps: bool = True) -> None:
    """Write one sequence's files, response ``maps`` among them; its box file last, which says that it is done."""
    if maps and track.responses.size:
        with atomic_file(output / PARTS / f"{name}.npz") as path:
            np.savez(path, responses=track.responses, windows=track.windows)
    with atomic_file(output / f"{name}_time.txt") as path:
        np.savetxt(path, track.seconds, fmt="%.6f")
    with atomic_file(output / f"{name}.txt") as path:
        np.savetxt(path, track.boxes, fmt="%.4f", delimiter="\t")


def _network(experiment: Experiment, benchmark: str, run: str, checkpoint: Path | None, device: str):
    options, layout = experiment.resolve(run), layout_of(benchmark)
    if checkpoint is None:
        raise CheckpointError(f"a checkpoint of run {run!r}", "none", "give --checkpoint model.safetensors")
    network, provenance = load_network(checkpoint, device=device)
    streams = layout.teacher_streams if options.role == "teacher" else layout.student_streams
    if network.streams != tuple(streams):
        got = f"{', '.join(network.streams)} in {checkpoint}"
        raise CheckpointError(f"a network of the streams {', '.join(streams)}", got, "give this run's checkpoint")
    warn_of_others(provenance, checkpoint, experiment.tracking, options.crops)
    return network, crops_for(network, options.crops)


def _done(output: Path, sequence: Sequence) -> bool:
    path = output / f"{sequence.name}.txt"
    return path.is_file() and len(path.read_text().splitlines()) == len(sequence)


def _finished(output: Path, sequences: list[Sequence], identity: str, more: list[str]) -> bool:
    """Whether all files of the split are there, ``more`` than its tracks among them."""
    products = [*(output / name for name in more), *(path for s in sequences for path in _tracks(output, s))]
    return read_json(output / "summary.json").get("digest") == identity and all(path.is_file() for path in products)


def _tracks(output: Path, sequence: Sequence) -> tuple[Path, Path]:
    return output / f"{sequence.name}.txt", output / f"{sequence.name}_time.txt"


def _discard_foreign(output: Path, sequences: list[Sequence], identity: str) -> None:
    """Remove what another configuration or checkpoint left of these sequences, and nothing else."""
    parts, stamp = output / PARTS, output / PARTS / "digest.txt"
    if not stamp.is_file() or stamp.read_text() != identity:
        ours = [output / "responses.npz", output / "summary.json", stamp]
        ours += [path for s in sequences for path in (*_tracks(output, s), parts / f"{s.name}.npz")]
        ours += parts.glob("*.npz") if stamp.is_file() else ()
        old = [path for path in dict.fromkeys(ours) if path.is_file()]
        if old:
            log.info("%s: %d files of another configuration or checkpoint removed", output, len(old))
        for path in old:
            path.unlink()
    with atomic_file(stamp) as path:
        path.write_text(identity)


def _finish(output: Path, sequences: list[Sequence], origin: dict) -> None:
    """Join the response maps, write the summary, remove the parts."""
    parts = {sequence.name: output / PARTS / f"{sequence.name}.npz" for sequence in sequences}
    if all(path.is_file() for path in parts.values()):
        with (
            atomic_file(output / "responses.npz") as joined,
            zipfile.ZipFile(joined, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, path in parts.items():  # numpy.savez has arguments of its own that a sequence may be called like
                with np.load(path) as part:
                    for key, array in ((name, part["responses"]), (f"{name}/windows", part["windows"])):
                        with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                            np.lib.format.write_array(file, array, allow_pickle=False)
    seconds = sum(float(np.loadtxt(output / f"{s.name}_time.txt", ndmin=1).sum()) for s in sequences)
    frames = sum(len(sequence) for sequence in sequences)
    summary = {
        "sequences": len(sequences),
        "frames": frames,
        "seconds": seconds,
        "throughput": frames / seconds if seconds else None,  # frames a second, sequences in lockstep
        **origin,
    }
    with atomic_file(output / "summary.json") as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")
    for path in (*parts.values(), output / PARTS / "digest.txt"):
        path.unlink(missing_ok=True)
    if not any((output / PARTS).iterdir()):
        (output / PARTS).rmdir()
