"""What the frozen teacher says about the training crops: asked at every step, or once for all runs of a seed.

All runs of a seed see the same crops, so the teacher's outputs for them can be kept (`write_lessons`) and read
by every run that learns from it (`StoredTeacher`): a distilled step then costs little more than a plain one. On the
same machine and device the weights come out the same, bit for bit: both ways the teacher's last block computes its
attention map, whether or not a run compares it, because the fused attention rounds differently. Lessons always hold
the map, so they do not depend on which runs there are. This takes disk space (at 80 tokens of width 128 and 4 heads
150 kB a crop), so arrays may be deleted at any time: who then learns asks the network at every step (`LiveTeacher`),
as is better for a large one anyway.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor

from had.checksums import file_checksum
from had.data.layouts import layout_of
from had.data.prepared_files import array_checksums, read_description, write_description
from had.device import choose_device, prepare_machine
from had.errors import CheckpointError, DataError
from had.files import atomic_folder, file_digest, room_in
from had.identity import digest
from had.losses.hierarchical import lesson, matched_streams
from had.models.network import TrackingNetwork, crops_for
from had.models.weights import load_network
from had.options.experiment import Experiment, RunOptions
from had.progress import progress
from had.structures import Lesson, Sample
from had.training.clips import clips_digests, training_clips
from had.training.loading import load_batches
from had.training.row_files import RowFile

log = logging.getLogger(__name__)
KEPT = tuple(name for name in Lesson._fields if name != "whole")
"""What of a lesson is kept on disk."""


class Teacher(Protocol):
    """Whoever has the lessons.

    Attributes:
        streams: what a sample must hold for it, beside the student's own.
        dim: width of a lesson's tokens.
    """

    @property
    def streams(self) -> tuple[str, ...]: ...

    @property
    def dim(self) -> int: ...

    def lesson(self, sample: Sample, epoch: int, batch: list[int]) -> Lesson:
        """About the B*T search crops of a batch: ``sample`` holds them, ``epoch`` and ``batch`` number them."""


class LiveTeacher:
    """Asks the network.

    Args:
        network: two-stream, frozen, in evaluation mode.
        student_streams: what the student reads.
        match: `DistillationOptions.match_stream`.
        whole: also hand over all that it computes, for the released terms.
    """

    def __init__(self, network: TrackingNetwork, student_streams: tuple[str, ...], match: str, *, whole: bool = False):
        self.whole = whole
        self.network, self.streams, self.dim = network, network.streams, network.dim
        self.matched = matched_streams(network.streams, student_streams, match)

    def lesson(self, sample: Sample, epoch: int, batch: list[int]) -> Lesson:
        """As `Teacher.lesson`; only the crops count."""
        with torch.no_grad():
            prediction, features = self.network(*crops_of(sample), need_attention=True)
            return lesson(prediction, features, self.matched, whole=self.whole)


class StoredTeacher:
    """Reads what `write_lessons` has kept.

    Args:
        folder: of the lessons.
        digest: what they must be of, `lessons_digest`.
        device: where they are wanted.

    Raises:
        DataError: no lessons there, those of other crops or another teacher, or others than were written.
    """

    streams: tuple[str, ...] = ()

    def __init__(self, folder: Path, digest: str, *, device: str):
        remedy = "write them with `had teach`, or train without --lessons"
        index = folder / "index.json"
        if not index.is_file():
            raise DataError("kept lessons", f"no file {index}", remedy)
        try:
            facts = _Facts.model_validate(read_description(index))
        except ValueError:
            raise _damaged(index, "damaged, or of an earlier version") from None
        if facts.digest != digest:
            raise DataError("lessons of this run's crops and teacher", f"others in {folder}", remedy)
        self.samples, self.device = facts.samples, device
        self.arrays = {name: _opened(folder / f"{name}.npy", *facts.arrays[name]) for name in KEPT}
        self.dim = self.arrays["tokens"].shape[-1]

    def lesson(self, sample: Sample, epoch: int, batch: list[int]) -> Lesson:
        """As `Teacher.lesson`; only the numbers count."""
        rows = [epoch * self.samples + index for index in batch]

        def kept(name: str) -> Tensor:
            return torch.from_numpy(self.arrays[name].read(rows)).flatten(0, 1).to(self.device)  # B T ... -> B*T ...

        logits, size, offset, tokens, attention = map(kept, KEPT)
        return Lesson(logits, size, offset, tokens, attention)


class _Facts(BaseModel):
    """What ``index.json`` says: whose lessons, rows an epoch, and each array's bytes and checksum."""

    digest: str
    samples: int = Field(gt=0, strict=True)
    arrays: dict[str, tuple[int, str]]

    @model_validator(mode="after")
    def _all_are_there(self):
        if self.arrays.keys() != set(KEPT):
            raise ValueError("other arrays")
        return self


def _opened(path: Path, size: int, checksum: str) -> RowFile:
    """A kept array whose bytes are those that were written."""
    try:
        found = path.stat().st_size
        if found != size:
            raise _damaged(path, f"{found} bytes of {size}")
        if file_checksum(path) != checksum:
            raise _damaged(path, "other bytes than were written")
        return RowFile.open(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, wrong: str) -> DataError:
    remedy = f"remove {path.parent} and write them again with `had teach`, or train without --lessons"
    return DataError("kept lessons as they were written", f"{path} ({wrong})", remedy)


def are_deleted(lessons: Path) -> bool:
    """Whether lessons were written there and one of their arrays is gone: their description alone is no lesson."""
    return (lessons / "index.json").is_file() and not all((lessons / f"{name}.npy").is_file() for name in KEPT)


def write_lessons(
    experiment: Experiment,
    *,
    benchmark: str,
    run: str,
    seed: int,
    data: Path,
    teacher: Path,
    output: Path,
    tracks: Path | None = None,
) -> None:
    """Ask the teacher about every crop that ``run`` will see with ``seed``, and keep the answers.

    Args:
        experiment: the whole configuration.
        benchmark, run, seed: whose crops; other runs with the same `lessons_digest` see the same.
        data: folder of the prepared splits.
        teacher: its ``model.safetensors``.
        output: folder of the lessons: an array each of logits, size, offset, tokens and attention, one row a clip,
            epoch after epoch, and ``index.json`` with their checksums.
        tracks: the teacher's tracks of the training split, for runs that are distilled without labels.

    Raises:
        DataError: no prepared training split, no tracks where they are needed, or a disk without enough space, which is
            taken before the second batch.
        CheckpointError: not this benchmark's teacher.
    """
    prepare_machine()
    options, device = experiment.resolve(run), choose_device(experiment.device)
    layout, training = layout_of(benchmark), options.training
    network = load_teacher(teacher, layout.teacher_streams, device, options)
    live = LiveTeacher(network, layout.student_streams, options.distillation.match_stream)
    clips = training_clips(
        options, network.streams, benchmark=benchmark, seed=seed, data=data, teacher=teacher, tracks=tracks
    )
    batches = clips.batches(training.batch_size)
    with atomic_folder(output) as folder:
        arrays: dict[str, RowFile] = {}
        for epoch in range(training.epochs):
            clips.set_epoch(epoch)
            drawn = load_batches(clips, batches, workers=training.workers)
            label = f"lessons {benchmark} seed {seed}, epoch {epoch + 1} of {training.epochs}"
            shown = progress(drawn, label=label, total=len(batches), unit="batches")
            for batch, sample in zip(batches, shown, strict=True):
                said = live.lesson(to_device(sample, device), epoch, batch)
                rows = [epoch * len(clips) + index for index in batch]
                for name in KEPT:
                    values = getattr(said, name).unflatten(0, (len(batch), -1)).cpu().numpy()  # B*T ... -> B T ...
                    with room_in(output):
                        if name not in arrays:
                            shape = (training.epochs * len(clips), *values.shape[1:])
                            arrays[name] = RowFile.create(folder / f"{name}.npy", shape, values.dtype)
                        arrays[name].write(rows, values)
        with room_in(output):
            for array in arrays.values():
                array.close()
            facts = {
                "digest": lessons_digest(options, seed=seed, data=data, teacher=teacher, tracks=tracks),
                "samples": len(clips),
                "arrays": array_checksums(folder),
            }
            write_description(folder / "index.json", facts)


def lessons_digest(options: RunOptions, *, seed: int, data: Path, teacher: Path, tracks: Path | None = None) -> str:
    """What a run's lessons depend on: which crops it sees, whom it asks about which stream, and what is kept."""
    files = [file_digest(data / "train" / "index.json"), file_digest(teacher)]
    return digest(options.lessons, KEPT, seed, *files, *clips_digests(options, tracks))


def load_teacher(path: Path, streams: tuple[str, ...], device: str, options: RunOptions) -> TrackingNetwork:
    """The frozen teacher of a run, in evaluation mode.

    Raises:
        CheckpointError: unreadable, of other streams, or of other crops than the run's.
    """
    network, _ = load_network(path, device=device)
    if network.streams != tuple(streams):
        got = f"{', '.join(network.streams)} in {path}"
        raise CheckpointError(f"a teacher of the streams {', '.join(streams)}", got, "give this benchmark's teacher")
    wanted_sizes = options.crops.model_dump() | {"patch": options.network.patch, "keep_ratio": 1.0}
    if options.needs_whole_teacher:
        wanted_sizes |= {"dim": options.network.dim, "heads": options.network.heads}
    sizes = crops_for(network, options.crops).model_dump() | network.architecture
    for name, wanted in wanted_sizes.items() if options.terms else ():
        if sizes[name] != wanted:
            got = f"{sizes[name]} in {path}"
            expected = f"a teacher of {name} {wanted}, as run {options.run!r} has"
            raise CheckpointError(expected, got, "correct one of them")
    return network.requires_grad_(False)


def crops_of(sample: Sample) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Template and search crops as networks take them: one template a search crop, clips flattened to B*T."""
    frames = sample.boxes.shape[1]
    template = {name: crop.repeat_interleave(frames, dim=0) for name, crop in sample.template.items()}
    return template, {name: crop.flatten(0, 1) for name, crop in sample.search.items()}


def to_device(sample: Sample, device: str) -> Sample:
    """The sample with all its tensors on ``device``."""

    def moved(value: Tensor | dict[str, Tensor]):
        if isinstance(value, dict):
            return {name: tensor.to(device) for name, tensor in value.items()}
        return value.to(device)

    return Sample(*(moved(value) for value in sample))
