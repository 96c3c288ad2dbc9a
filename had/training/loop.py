"""Training in one screen: build, then loop; each epoch ends with a validation and a saved state.

Enters: prepared sequences and the options of one run. Leaves, in the output folder: `model.safetensors`
(network and provenance), `history.csv` (a row an epoch) and `summary.json` (cost and result), and while it
runs `last.pt`, from which a killed job goes on to the same weights, bit for bit.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch

from had.data.one_shot import one_shot_ious
from had.device import prepare_machine
from had.errors import ConfigError
from had.experiment import TrackedRun, open_run
from had.files import atomic_file, make_folder, read_json
from had.models.weights import save_network
from had.options.experiment import Experiment
from had.progress import progress
from had.structures import Sample
from had.training.build import Training, build_training
from had.training.checkpoint import load_state, save_state
from had.training.lessons import crops_of, to_device
from had.training.loading import SIGNALS, load_batches

log = logging.getLogger(__name__)
NO_LOSSES = ("epoch", "step", "seconds", "val_iou")
"""Columns of the history beside losses and learning rate."""


def train(
    experiment: Experiment,
    *,
    benchmark: str,
    run: str,
    seed: int,
    data: Path,
    output: Path,
    teacher: Path | None = None,
    lessons: Path | None = None,
    tracks: Path | None = None,
) -> None:
    """Train one run on one benchmark with one seed; go on where a killed job stopped; nothing, if it is done.

    Args:
        experiment: the whole configuration.
        benchmark, run, seed: what is trained.
        data: folder of the prepared splits.
        output: folder of the results.
        teacher: the teacher's ``model.safetensors``, for runs that are distilled.
        lessons: what it says about this run's crops, kept by `had.training.lessons.write_lessons`; None asks it at
            every step.
        tracks: its tracks of the training split, for runs that are distilled without labels.

    Raises:
        DataError, CheckpointError: as `build_training` and `load_state`.
        ConfigError: the loss is no longer finite.
    """
    prepare_machine()
    job = build_training(
        experiment,
        benchmark=benchmark,
        run=run,
        seed=seed,
        data=data,
        teacher=teacher,
        lessons=lessons,
        tracks=tracks,
    )
    if _finished(output, job.digest):
        log.info("%s: already done in %s", job.name, output)
        return
    make_folder(output)
    state = load_state(output / "last.pt", digest=job.digest)
    if state is not None:
        job.restore(state)
        log.info("%s: goes on after step %d", job.name, job.progress["step"])
    recorded = open_run(experiment, benchmark=benchmark, run=run, seed=seed, stage="train")
    with recorded as record, _requests() as stop:
        record_curves(job, record)
        for epoch in range(job.progress["epoch"], job.options.training.epochs):
            run_epoch(job, epoch, stop, output / "last.pt")
            finish_epoch(job, epoch, stop, output / "last.pt")
            save_state(output / "last.pt", job.state())
            record_curves(job, record)
        export(job, output)


def run_epoch(job: Training, epoch: int, stop: Stop, last: Path) -> None:
    """The epoch's remaining steps; on a request to stop, the state is saved and the process ends."""
    job.clips.set_epoch(epoch)
    job.network.train()
    job.objective.train()
    done = job.progress
    batches = job.batches()[done["batch"] :]
    drawn = load_batches(job.clips, batches, workers=job.options.training.workers)
    epochs = job.options.training.epochs
    label = f"{job.name} from epoch {epoch + 1} of {epochs}"
    remaining = len(batches) + (epochs - epoch - 1) * job.steps_per_epoch  # time left is the whole run's
    begin = time.monotonic()
    samples = progress(drawn, label=label, total=remaining, unit="steps")
    for batch, sample in zip(batches, samples, strict=True):
        parts = run_step(job, to_device(sample, job.device), epoch, batch)
        for name, value in parts.items():
            done["sums"][name] = done["sums"].get(name, 0.0) + value
        done["batch"] += 1
        done["step"] += 1
        if stop.number is not None:
            done["seconds"] += time.monotonic() - begin
            _save_and_end(job, stop.number, last)
    done["seconds"] += time.monotonic() - begin


def run_step(job: Training, sample: Sample, epoch: int, batch: list[int]) -> dict[str, float]:
    """One optimizer step on a batch of clips; the loss parts as numbers."""
    lesson = job.teacher.lesson(sample, epoch, batch) if job.teacher is not None else None
    student = job.network(*crops_of(sample), need_attention=job.objective.needs_attention)
    behind = job.progress["step"] / (job.options.training.epochs * job.steps_per_epoch)
    total, parts = job.objective(student, sample, lesson, progress=behind)
    if not math.isfinite(total.item()):
        got = f"{total.item()} at step {job.progress['step'] + 1} of {job.name}"
        raise ConfigError("a finite loss", got, "lower training.learning_rate or distillation.weights and start again")
    job.optimizer.zero_grad(set_to_none=True)
    total.backward()
    for module in (job.network, job.objective):  # apart, so that the GRUs' gradient does not scale the student's
        if weights := list(module.parameters()):
            torch.nn.utils.clip_grad_norm_(weights, job.options.training.clip_norm)
    job.optimizer.step()
    job.schedule.step()
    return {"total": total.item()} | {name: value.item() for name, value in parts.items()}


def finish_epoch(job: Training, epoch: int, stop: Stop, last: Path) -> None:
    """Validate, add a row to the history, and begin the next epoch; a request to stop does not wait for the former."""
    begin = time.monotonic()
    try:
        with stop.at_once():
            val_iou = validate(job)
    except Stopped as request:
        _save_and_end(job, request.number, last)
    done = job.progress
    done["seconds"] += time.monotonic() - begin
    losses = {name: value / job.steps_per_epoch for name, value in done["sums"].items()}
    rate = job.schedule.get_last_lr()[1]  # the head's
    row = {"epoch": epoch + 1, "step": done["step"], "seconds": done["seconds"], "lr": rate, **losses}
    done["history"].append({**row, "val_iou": val_iou})
    done.update(epoch=epoch + 1, batch=0, sums={})
    log.info("%s: epoch %d, loss %.4f, validation one-shot IoU %.4f", job.name, epoch + 1, losses["total"], val_iou)


def _save_and_end(job: Training, number: int, last: Path) -> NoReturn:
    save_state(last, job.state())
    log.info("%s: stopped after step %d, state saved in %s", job.name, job.progress["step"], last)
    raise SystemExit(128 + number)  # as a shell says it


def record_curves(job: Training, record: TrackedRun) -> None:
    """Record the epochs of the history that MLflow does not have: the last one, and those that it missed."""
    for row in job.progress["history"]:
        losses = {f"train/{name}": value for name, value in row.items() if name not in NO_LOSSES}
        val_iou = {"val/iou": row["val_iou"]} if math.isfinite(row["val_iou"]) else {}
        if not record.log(losses | val_iou, row["step"]):
            return


def validate(job: Training) -> float:
    """Mean IoU of the fixed validation crops; NaN where the layout has no validation split."""
    if job.validation is None:
        return math.nan
    job.network.eval()
    size = job.options.training.batch_size * job.options.crops.clip_frames
    rows = one_shot_ious(
        job.network, job.validation, batch_size=size, device=job.device, label=f"{job.name}, validation"
    )
    return sum(value for _, _, value in rows) / len(rows)


def export(job: Training, output: Path) -> None:
    """The finished run's files; `summary.json` is written last and says so, then the state goes."""
    history = job.progress["history"]
    val_iou = history[-1]["val_iou"]
    save_network(output / "model.safetensors", job.network.eval(), job.provenance)
    with atomic_file(output / "history.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, history[-1].keys())
        writer.writeheader()
        writer.writerows(history)
    summary = {
        "seconds": job.progress["seconds"],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "steps": job.progress["step"],
        "samples": job.options.training.epochs * len(job.clips),
        "val_iou": val_iou if math.isfinite(val_iou) else None,
        "parameters": sum(weight.numel() for weight in job.network.parameters()),
        "digest": job.digest,
    }
    with atomic_file(output / "summary.json") as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")
    (output / "last.pt").unlink(missing_ok=True)


def _finished(output: Path, digest: str) -> bool:
    others = (output / "model.safetensors", output / "history.csv")
    return read_json(output / "summary.json").get("digest") == digest and all(path.is_file() for path in others)


class Stopped(BaseException):
    """Raised where a request to end the job came; nothing but the loop catches it."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@dataclass
class Stop:
    """A request to end the job.

    Attributes:
        number: of the signal that came; None: none did.
    """

    number: int | None = None
    _interrupts: bool = False

    def hear(self, number: int, frame: object) -> None:
        """Remember the signal; a second Ctrl-C ends the process at once, as without a handler."""
        if number == self.number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
        if self._interrupts:
            self._interrupts = False
            raise Stopped(number)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A block, without effects, that a request interrupts by `Stopped`."""
        self._interrupts = True
        try:
            if self.number is not None:
                raise Stopped(self.number)
            yield
        finally:
            self._interrupts = False


@contextmanager
def _requests() -> Iterator[Stop]:
    """What schedulers (SIGTERM) and terminals (SIGINT) ask for; only a main thread can hear it."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    former = {number: signal.signal(number, stop.hear) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
