"""Everything that one training run consists of, built from its options: data, networks, objective, optimizer."""

from __future__ import annotations

import functools
import logging
import platform
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import had
from had.data.layouts import layout_of
from had.data.one_shot import OneShotCrops
from had.data.pairs import ClipDataset
from had.data.sequences import check_arrays, load_split
from had.device import choose_device
from had.errors import CheckpointError
from had.experiment import git_commit
from had.files import file_digest
from had.identity import digest, run_digest
from had.losses.objective import Objective
from had.models.network import TrackingNetwork, build_network
from had.models.published import match, refuse_partial
from had.models.weights import load_published, read_published, start_from_teacher
from had.options.experiment import Experiment, RunOptions
from had.training.clips import clips_digests, training_clips
from had.training.lessons import LiveTeacher, StoredTeacher, Teacher, are_deleted, lessons_digest, load_teacher
from had.training.optim import build_optimizer, build_schedule

log = logging.getLogger(__name__)


@dataclass
class Training:
    """The parts of a run; `state` of them is what a stopped run leaves behind.

    Attributes:
        options: the resolved run.
        name: for progress and messages.
        digest: of configuration, data and teacher; a run goes on only under the same one.
        provenance: what `model.safetensors` says about its making.
        device: where the networks are.
        clips: the training samples.
        validation: fixed crops of the validation split, or None where the layout has none.
        network: the learner.
        teacher: who has the lessons, or None for runs without distillation terms.
        objective, optimizer, schedule: what is minimised, and how.
        progress: epoch and batch to do next, steps done, seconds spent, sums of this epoch's losses, history.
    """

    options: RunOptions
    name: str
    digest: str
    provenance: dict
    device: str
    clips: ClipDataset
    validation: OneShotCrops | None
    network: TrackingNetwork
    teacher: Teacher | None
    objective: Objective
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    progress: dict

    def batches(self) -> list[list[int]]:
        """Sample indices of the epoch's batches."""
        return self.clips.batches(self.options.training.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """The number of `batches`."""
        return steps_per_epoch(self.options)

    def state(self) -> dict:
        """The one dictionary from which the run goes on as if it had never stopped."""
        return {
            "digest": self.digest,
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if self.device != "cpu" else [],
            **self.progress,
        }

    def restore(self, state: dict) -> None:
        """The inverse of `state`.

        Raises:
            CheckpointError: a state of other parts, of another version of torch for instance.
        """
        try:
            for name in ("network", "objective", "optimizer", "schedule"):
                getattr(self, name).load_state_dict(state[name])
            torch.set_rng_state(state["random"])
            if state["random_cuda"]:
                torch.cuda.set_rng_state_all(state["random_cuda"])
            self.progress = {key: type(value)(state[key]) for key, value in self.progress.items()}
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
            got = f"one that does not fit: {(str(error) or type(error).__name__).splitlines()[0]}"
            raise CheckpointError(f"the state of {self.name}", got, "delete last.pt to start this run again") from None


def steps_per_epoch(options: RunOptions) -> int:
    """Optimizer steps of one epoch of a run."""
    return -(-options.training.samples // options.training.batch_size)


def build_training(
    experiment: Experiment,
    *,
    benchmark: str,
    run: str,
    seed: int,
    data: Path,
    teacher: Path | None,
    lessons: Path | None = None,
    tracks: Path | None = None,
) -> Training:
    """The parts of a run at its beginning; arguments as `had.training.loop.train`.

    Raises:
        DataError: no prepared training or validation split, no tracks where they are needed, or lessons of other crops
            or another teacher.
        CheckpointError: initial weights that do not fit, or a teacher that is needed and not given, or does not read
            the layout's teacher streams.
    """
    options, layout = experiment.resolve(run), layout_of(benchmark)
    device = choose_device(experiment.device)
    streams = layout.teacher_streams if options.role == "teacher" else layout.student_streams
    torch.manual_seed(seed)
    network = build_network(options, streams)
    if options.training.initial_weights is not None:
        for line in str(load_published(network, options.training.initial_weights)).splitlines():
            log.info("%s starts from: %s", run, line)
    guide = _guide(options, layout.teacher_streams, teacher, device)
    if guide is not None and options.distillation.teacher_initialization:
        start_from_teacher(network, guide)
    network.to(device)
    objective = Objective(options, student_dim=network.dim, teacher_dim=guide.dim if guide is not None else None)
    objective.to(device)
    distilled: Teacher | None = None
    kept = lessons if options.terms and not options.needs_whole_teacher else None
    if teacher is not None and kept is not None and not are_deleted(kept):
        wanted = lessons_digest(options, seed=seed, data=data, teacher=teacher, tracks=tracks)
        distilled = StoredTeacher(kept, wanted, device=device)
    elif guide is not None and options.terms:
        whole = options.needs_whole_teacher
        distilled = LiveTeacher(guide, streams, options.distillation.match_stream, whole=whole)
    seen = tuple(dict.fromkeys(streams + (distilled.streams if distilled else ())))
    training = options.training
    clips = training_clips(options, seen, benchmark=benchmark, seed=seed, data=data, teacher=teacher, tracks=tracks)
    optimizer = build_optimizer(network, objective, training)
    read = (data / "train" / "index.json", teacher if guide is not None else None, training.initial_weights)
    inputs = [*(file_digest(path) for path in read), *clips_digests(options, tracks)]
    fingerprint = digest(run_digest(experiment, benchmark=benchmark, run=run, seed=seed), *inputs)
    return Training(
        options=options,
        name=f"train {benchmark} {run} seed {seed}",
        digest=fingerprint,
        provenance=_provenance(options, benchmark, seed, streams, fingerprint, experiment.tracking.carried),
        device=device,
        clips=clips,
        validation=_validation(data, benchmark, streams, options) if "val" in layout.splits else None,
        network=network,
        teacher=distilled,
        objective=objective,
        optimizer=optimizer,
        schedule=build_schedule(optimizer, training, steps_per_epoch=steps_per_epoch(options)),
        progress={"epoch": 0, "batch": 0, "step": 0, "seconds": 0.0, "sums": {}, "history": []},
    )


def _guide(options: RunOptions, streams: tuple, path: Path | None, device: str) -> TrackingNetwork | None:
    """The frozen teacher of a run that needs one."""
    if not options.needs_teacher:
        return None
    if path is None:
        got = f"none for run {options.run!r}"
        raise CheckpointError(
            "a teacher checkpoint (--teacher)", got, "train the run `teacher` first and give its model"
        )
    return load_teacher(path, streams, device, options)


def _validation(data: Path, benchmark: str, streams: tuple, options: RunOptions) -> OneShotCrops:
    sequences = load_split(data, "val", benchmark=benchmark)
    check_arrays(sequences)
    count = -(-options.training.validation_samples // len(sequences))
    return OneShotCrops(sequences, streams, options.crops, count)


def _provenance(
    options: RunOptions, benchmark: str, seed: int, streams: tuple, fingerprint: str, tracking: dict
) -> dict:
    """Free of dates, so that the same training writes the same bytes."""
    return {
        "benchmark": benchmark,
        "run": options.run,
        "role": options.role,
        "seed": seed,
        "streams": list(streams),
        "digest": fingerprint,
        "options": options.model_dump(mode="json"),
        "tracking": tracking,
        "git_commit": git_commit(),
        "versions": {
            "had": had.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def check_initial_weights(experiment: Experiment, *, later: Collection[Path] = ()) -> None:
    """Every file that a training starts from is there and fits, on every benchmark; before anything is simulated.

    Args:
        later: files that a job will fetch first.

    Raises:
        CheckpointError: as `load_published`.
    """
    read = functools.cache(read_published)
    for run in experiment.runs:
        options = experiment.resolve(run)
        path = options.training.initial_weights
        if path is None or path in later:
            continue
        found = read(path)
        for benchmark in experiment.benchmarks:
            layout = layout_of(benchmark)
            streams = layout.teacher_streams if options.role == "teacher" else layout.student_streams
            with torch.device("meta"):
                network = build_network(options, streams)
            refuse_partial(network, found, match(network, found)[0])
