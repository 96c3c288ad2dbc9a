"""What a network costs: parameters, multiply-accumulates, frames a second, memory.

FPS is measured as a user meets it: batch 1, from the frame's events (or image, or voxels) over the crop
to the box, on synthetic frames of a stated number of random events, so that it depends on no data set.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from had.data.frames import EVENT_DTYPE, Frame
from had.data.layouts import layout_of
from had.device import choose_device, prepare_machine
from had.files import atomic_file
from had.models.network import TrackingNetwork
from had.models.weights import load_network
from had.options import CropOptions, Experiment
from had.tracking.run import crops_of
from had.tracking.tracker import Tracker

EVENTS_A_FRAME = 10_000
WARM_UP_FRAMES = 5


def profile(checkpoint: Path, experiment: Experiment, benchmark: str, output: Path) -> None:
    """Measure a checkpoint and write ``profile.json``.

    Args:
        checkpoint: ``model.safetensors``.
        experiment: device, crops and number of timed frames.
        benchmark: gives the sensor's size.
        output: the JSON file: parameters, macs, fps, milliseconds (median), peak_memory_mb, device, threads,
            events_per_frame.

    Raises:
        CheckpointError: as `had.models.weights.load_network`.
        ConfigError: the configuration has no such benchmark.
    """
    simulation = experiment.source(benchmark).simulation
    prepare_machine()
    device = choose_device(experiment.device)
    network, _ = load_network(checkpoint, device=device)
    size = (simulation.width, simulation.height) if simulation else layout_of(benchmark).sensor
    tracker = Tracker(network, crops_of(experiment.crops, network), experiment.tracking, device)
    seconds = time_frames(tracker, size, experiment.tracking.profile_frames)
    peak = torch.cuda.max_memory_allocated() / 2**20 if device != "cpu" else None
    numbers = {
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "macs": count_macs(network, experiment.crops),
        "fps": 1 / statistics.fmean(seconds),
        "milliseconds": 1000 * statistics.median(seconds),
        "peak_memory_mb": peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "device": device,
        "threads": torch.get_num_threads(),
        "events_per_frame": EVENTS_A_FRAME,
    }
    with atomic_file(output) as path:
        path.write_text(json.dumps(numbers, indent=2) + "\n")


def count_macs(network: TrackingNetwork, crops: CropOptions) -> int:
    """Multiply-accumulates of one forward pass at batch 1: matrix products, convolutions and attention."""
    device = next(network.parameters()).device
    counted = crops_of(crops, network)

    def crop(stream: str, size: int, voxels: int) -> torch.Tensor:
        shape = (1, voxels, 19) if stream == "voxel" else (1, 3, size, size)
        return torch.zeros(shape, dtype=torch.float32 if stream == "voxel" else torch.uint8, device=device)

    template = {name: crop(name, counted.template_size, counted.template_voxels) for name in network.streams}
    search = {name: crop(name, counted.search_size, counted.search_voxels) for name in network.streams}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(template, search)
    return counter.get_total_flops() // 2


def time_frames(tracker: Tracker, size: tuple[int, int], count: int) -> list[float]:
    """Seconds of ``count`` single tracking steps, after some that do not count."""
    frames = [synthetic_frame(size, np.random.default_rng(seed)) for seed in range(4)]
    width, height = size
    tracker.initialize(frames[0], np.array([0.4 * width, 0.4 * height, 0.2 * width, 0.2 * height]))
    seconds = []
    for index in range(WARM_UP_FRAMES + count):
        begin = time.perf_counter()
        tracker.track(frames[index % len(frames)])
        seconds.append(time.perf_counter() - begin)
    return seconds[WARM_UP_FRAMES:]


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
