"""What the networks of a benchmark cost: parameters, multiply-accumulates, milliseconds a frame.

Time is measured as a user meets it: batch 1, from the frame's events (or image, or voxels) over the crop
to the box, on synthetic frames of a stated number of random events, so that it depends on no data set. On
the processor one thread works. The networks take turns, some frames each, so that whatever disturbs the
machine meanwhile disturbs all alike, and the median is what counts.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from had.data.frames import EVENT_DTYPE, Frame
from had.data.layouts import layout_of
from had.device import choose_device, prepare_machine
from had.files import atomic_file
from had.models.network import crops_for
from had.models.operations import forward_operations
from had.models.weights import load_network
from had.options.experiment import Experiment
from had.progress import progress
from had.tracking.tracker import Tracker

EVENTS_A_FRAME = 10_000
TURN_FRAMES = 5
"""Frames that a network is timed on before the next one's turn; a further one, before them, does not count."""


def profile(experiment: Experiment, benchmark: str, output: Path) -> None:
    """Measure all trained runs and seeds of a benchmark and write ``profile.csv``.

    Args:
        experiment: runs and seeds, whose weights are in ``results/checkpoints``; device, crops, timed frames.
        benchmark: its name; gives the sensor's size.
        output: the CSV file, a row a run and seed: run, seed, parameters, macs, milliseconds (median of a
            frame), fps (1000 / milliseconds), frames (timed), device, threads, events_per_frame.

    Raises:
        CheckpointError: as `had.models.weights.load_network`.
        ConfigError: the configuration has no such benchmark.
    """
    simulation = experiment.source(benchmark).simulation
    _prepare_one_thread()
    device = choose_device(experiment.device)
    size = (simulation.width, simulation.height) if simulation else layout_of(benchmark).sensor
    names = [(run, seed) for run in experiment.runs for seed in experiment.seeds_of(run)]
    trackers = []
    for run, seed in names:
        folder = experiment.results / "checkpoints" / benchmark / run / f"seed{seed}"
        network, _ = load_network(folder / "model.safetensors", device=device)
        crops = crops_for(network, experiment.resolve(run).crops)
        trackers.append(Tracker(network, crops, experiment.tracking, device))
    times = time_frames(trackers, size, experiment.tracking.profile_frames, label=f"profile {benchmark}")
    rows = []
    for (run, seed), tracker, seconds in zip(names, trackers, times, strict=True):
        milliseconds = 1000 * statistics.median(seconds)
        rows.append(
            {
                "run": run,
                "seed": seed,
                "parameters": sum(weight.numel() for weight in tracker.network.parameters()),
                "macs": forward_operations(tracker.network, tracker.crops) // 2,
                "milliseconds": round(milliseconds, 4),
                "fps": round(1000 / milliseconds, 2),
                "frames": len(seconds),
                "device": device,
                "threads": torch.get_num_threads(),
                "events_per_frame": EVENTS_A_FRAME,
            }
        )
    with atomic_file(output) as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _prepare_one_thread() -> None:
    """As for any job, but a single thread: its speed does not depend on what other cores are busy with."""
    import cv2

    prepare_machine()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def time_frames(trackers: Sequence[Tracker], size: tuple[int, int], count: int, label: str) -> list[list[float]]:
    """Seconds of ``count`` single tracking steps of each of N trackers, which take turns of `TURN_FRAMES`.

    Before every step the box is put back to where it began, so that all cut the same crops, wherever
    their networks would go.

    Returns:
        N lists of ``count`` seconds.
    """
    frames = [synthetic_frame(size, np.random.default_rng(seed)) for seed in range(4)]
    width, height = size
    start = np.array([0.4 * width, 0.4 * height, 0.2 * width, 0.2 * height])
    for tracker in trackers:
        tracker.initialize(frames[0], start)
    seconds: list[list[float]] = [[] for _ in trackers]
    turns = range(0, count, TURN_FRAMES)
    for first in progress(turns, label=f"{label}, {len(trackers)} networks", unit="turns"):
        for tracker, taken in zip(trackers, seconds, strict=True):
            for index in range(first - 1, min(first + TURN_FRAMES, count)):
                tracker.boxes[:] = start
                begin = time.perf_counter()
                tracker.track(frames[index % len(frames)])
                if index >= first:
                    taken.append(time.perf_counter() - begin)
    return seconds


def synthetic_frame(size: tuple[int, int], rng: np.random.Generator) -> Frame:
    """A frame of uniformly random events, voxels and colours."""
    width, height = size
    events = np.zeros(EVENTS_A_FRAME, dtype=EVENT_DTYPE)
    events["x"], events["y"] = rng.integers(width, size=EVENTS_A_FRAME), rng.integers(height, size=EVENTS_A_FRAME)
    events["p"] = rng.choice(np.array([-1, 1]), size=EVENTS_A_FRAME)
    voxels = rng.choice(np.array([-1.0, 0.0, 1.0]), size=(EVENTS_A_FRAME // 4, 19)).astype(np.float32)
    voxels[:, :3] = rng.random((len(voxels), 3)) * (width, height, 1)
    rgb = rng.integers(256, size=(height, width, 3), dtype=np.uint8)
    return Frame(size=size, events=events, voxels=voxels, images={"rgb": rgb})
