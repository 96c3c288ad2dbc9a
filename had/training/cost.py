"""What a training costs: floating-point operations, counted on the networks themselves, and seconds, measured.

Enters: an experiment's runs. Leaves: operations of one search frame (2 a multiply-accumulate, as torch counts them),
and the time of real steps on made-up crops: `had.training.loop.run_step` with its networks, losses and optimizer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor

from had.data.layouts import Layout, layout_of
from had.data.pairs import ClipDataset
from had.data.sequences import load_split
from had.device import choose_device
from had.losses.objective import Objective
from had.models.network import TrackingNetwork, build_network
from had.models.operations import VOXEL_COLUMNS, forward_operations
from had.options.experiment import Experiment, RunOptions
from had.options.training import CropOptions
from had.structures import Lesson, Sample
from had.training.build import Training
from had.training.lessons import LiveTeacher, Teacher
from had.training.loop import run_step
from had.training.optim import build_optimizer, build_schedule

ENOUGH_SECONDS = 2.0
"""A step is repeated until so much time is spent on it; a first, slower one counts only where it is alone."""


LOADED = 16
"""Samples whose drawing is timed."""


class NetworkCost(NamedTuple):
    """One network.

    Attributes:
        parameters: their number.
        forward: operations of one template and one search frame.
        cells: of its response map.
    """

    parameters: int
    forward: int
    cells: int

    @property
    def training(self) -> int:
        """The same with the backward pass, which does twice the work (a count of both differed by 0.1 %)."""
        return 3 * self.forward


def streams_of(layout: Layout, options: RunOptions) -> tuple[str, ...]:
    """What the network of a run reads on a benchmark."""
    return layout.teacher_streams if options.role == "teacher" else layout.student_streams


def network_cost(options: RunOptions, layout: Layout) -> NetworkCost:
    """Count one network of a run, without its memory: on tensors that have a shape only."""
    with torch.device("meta"):
        network = build_network(options, streams_of(layout, options))
    forward = forward_operations(network, options.crops)
    parameters = sum(weight.numel() for weight in network.parameters())
    height, width = network.layout.grid_x
    return NetworkCost(parameters, forward, height * width)


def made_up(crops: CropOptions, streams: tuple[str, ...], *, clips: int, frames: int) -> Sample:
    """A batch of random crops with a target in the middle, on torch's default device."""

    def crop(stream: str, side: int, voxels: int, *leading: int) -> Tensor:
        if stream == "voxel":
            return torch.rand(*leading, voxels, VOXEL_COLUMNS)
        return torch.randint(0, 256, (*leading, 3, side, side), dtype=torch.uint8)

    return Sample(
        template={name: crop(name, crops.template_size, crops.template_voxels, clips) for name in streams},
        search={name: crop(name, crops.search_size, crops.search_voxels, clips, frames) for name in streams},
        boxes=torch.tensor([0.5, 0.5, 0.25, 0.25]).expand(clips, frames, 4),
        present=torch.ones(clips, frames, dtype=torch.bool),
        motion=torch.zeros(clips, frames, 2),
        windows=torch.tensor([0.0, 0.0, 1.0]).expand(clips, frames, 3),
        labelled=torch.ones(clips, dtype=torch.bool),
    )


class Remembered:
    """Has the same lesson for every batch, as kept lessons cost next to nothing."""

    streams: tuple[str, ...] = ()

    def __init__(self, lesson: Lesson, dim: int):
        self.said, self.dim = lesson, dim

    def lesson(self, sample: Sample, epoch: int, batch: list[int]) -> Lesson:
        """As `had.training.lessons.Teacher.lesson`."""
        return self.said


class Timed(NamedTuple):
    """Attributes:
    seconds: the median.
    share: of the threads' time that the steps got, up to 1; small where other work was done beside, or on a card.
    """

    seconds: float
    share: float


def time_step(experiment: Experiment, benchmark: str, run: str, *, clips: int, kept: bool) -> Timed:
    """Time of one optimizer step of a run with new weights on the experiment's device.

    Args:
        clips: samples of the batch.
        kept: whether the run reads kept lessons instead of asking a teacher.
    """
    options, layout, device = experiment.resolve(run), layout_of(benchmark), choose_device(experiment.device)
    streams = streams_of(layout, options)
    every = tuple(dict.fromkeys((*streams, *layout.teacher_streams)))
    with torch.device(device), torch.random.fork_rng():
        torch.manual_seed(0)
        sample = made_up(options.crops, every, clips=clips, frames=options.crops.clip_frames)
        network = build_network(options, streams).train()
        teacher: Teacher | None = None
        if options.terms:
            guide = build_network(experiment.resolve("teacher"), layout.teacher_streams).eval().requires_grad_(False)
            teacher = _teacher(guide, options, streams)
        objective = Objective(options, student_dim=network.dim, teacher_dim=teacher.dim if teacher else None)
        if teacher is not None and kept:
            teacher = Remembered(teacher.lesson(sample, 0, []), teacher.dim)
        job = _job(options, device, network, teacher, objective)
        return _seconds(lambda: run_step(job, sample, 0, []), device)


def loading_seconds(experiment: Experiment, benchmark: str, run: str) -> float | None:
    """Time in which a run's process draws one sample; None where other processes do, or nothing is prepared yet."""
    options, layout = experiment.resolve(run), layout_of(benchmark)
    prepared = experiment.results / "data" / benchmark / "prepared"
    if options.training.workers or not (prepared / "train" / "index.json").is_file():
        return None
    streams = streams_of(layout, options)
    if options.terms and (not experiment.keep_lessons or options.needs_whole_teacher):
        streams = tuple(dict.fromkeys((*streams, *layout.teacher_streams)))
    sequences = load_split(prepared, "train", benchmark=benchmark)[: options.training.sequences]
    clips = ClipDataset(sequences, streams, options.crops, 0, LOADED + 1)
    taken = []
    for index in range(len(clips)):
        begin = time.perf_counter()
        clips[index]
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[1:])


def _teacher(guide: TrackingNetwork, options: RunOptions, streams: tuple[str, ...]) -> Teacher:
    return LiveTeacher(guide, streams, options.distillation.match_stream, whole=options.needs_whole_teacher)


def _job(
    options: RunOptions, device: str, network: TrackingNetwork, teacher: Teacher | None, objective: Objective
) -> Training:
    """What a step reads of a training; there are no recordings behind it."""
    optimizer = build_optimizer(network, objective, options.training)
    return Training(
        options=options,
        name=f"step of {options.run}",
        digest="",
        provenance={},
        device=device,
        clips=cast(ClipDataset, range(options.training.samples)),
        validation=None,
        network=network,
        teacher=teacher,
        objective=objective,
        optimizer=optimizer,
        schedule=build_schedule(optimizer, options.training, steps_per_epoch=1000),
        progress={"epoch": 0, "batch": 0, "step": 0, "seconds": 0.0, "sums": {}, "history": []},
    )


def _seconds(step: Callable[[], object], device: str) -> Timed:
    """Median time of a step (see `ENOUGH_SECONDS`)."""
    taken: list[float] = []
    wall, processor = time.perf_counter(), time.process_time()
    while sum(taken[1:] or taken) < ENOUGH_SECONDS:
        begin = time.perf_counter()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    share = (time.process_time() - processor) / (time.perf_counter() - wall) / torch.get_num_threads()
    return Timed(statistics.median(taken[1:] or taken), min(share, 1.0))
