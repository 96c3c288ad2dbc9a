"""What happens between teacher and students on single test crops, as arrays: the notebook `sequence` draws them.

Enters: a prepared test sequence, the frozen teacher and some students. Leaves: one ``<sequence>.npz`` (no pickles) with
the arrays that `KEYS` names; float32 where nothing else is said.

All networks see the same crops. The search window of a frame lies around the annotated box of the last frame before it
that shows the target, as that of a tracker without error does: what differs between two maps is the networks' doing,
not that of tracks that have drifted apart. The template is that of the tracker, from the first visible frame. Boxes are
decoded at the response's maximum, without the tracker's window and damping.

The transport plan and the terms are computed with the configuration's own `distillation` options for all students
alike, distilled or not: so a term says how far a student is from the teacher, whether or not it was trained with it.
What has weights that are not exported with a student is left out as NaN: `temporal` (its GRUs), and where student and
teacher differ in width `feature` and `token_transport` (the projector). `feature` is in the unit `token`, because the
unit `channel` is a property of a batch.

Axes: K frames, N networks (the teacher first), R = N - 1 students, h w response grid, L loss terms, F all frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from had.data.crops import AnyWindow, crop, from_window, to_window, window_around
from had.data.pairs import visible_frames
from had.errors import CheckpointError, DataError
from had.files import atomic_file
from had.losses.hierarchical import lesson, matched_streams
from had.losses.objective import Objective
from had.losses.spatial import sinkhorn_plan
from had.options.experiment import RunOptions
from had.options.training import TERMS, CropOptions
from had.structures import Sample

if TYPE_CHECKING:
    from had.data.sequences import Sequence
    from had.models.network import TrackingNetwork

KEYS = {
    "networks": "(N,) names: `teacher`, then the students' runs",
    "frames": "(K,) int64 frame numbers from 0 on",
    "template_frame": "() int64",
    "windows": "(K, 3) x, y, side of the search windows in pixels",
    "template/<stream>": "(H, W, 3) uint8 as the networks see it; voxels (V, 19)",
    "search/<stream>": "(K, H, W, 3) uint8 likewise; voxels (K, V, 19)",
    "truth": "(K, 4) xywh in pixels",
    "predicted": "(K, N, 4) xywh in pixels",
    "logits": "(K, N, h, w) response maps before the sigmoid",
    "responses": "(K, N, h, w) response maps in (0, 1)",
    "masses": "(K, N, h, w) response distributions, softmax(logits / spatial_temperature), sum 1",
    "plans": "(K, R, h w, h w) transport plan from the student's masses (rows) to the teacher's (columns), row-major",
    "moves": "(K, R, h w, 2) x, y in search-region widths: to where the plan takes a cell's mass on average, less the "
    "same of the student's plan to itself; 0 for a student that is the teacher",
    "epsilon": "() regularisation of the plans in squared search-region widths",
    "terms": "(L,) names of the losses: those of the task, then those of distillation",
    "weights": "(L,) their weights in the configuration",
    "losses": "(K, R, L) unweighted; NaN where a term cannot be computed from what is exported",
    "boxes": "(F, 4) the whole sequence's ground truth, xywh in pixels",
    "present": "(F,) bool, whether the target is visible",
}
"""The arrays of a file."""
TASK = ("focal", "giou", "l1")
OF_GRUS = {"temporal"}
"""Terms that cannot be computed from exported networks."""
OF_PROJECTORS = {"feature", "token_transport"}
"""Terms that need a projector where the widths differ."""
OF_ALL_TOKENS = {"feature", "similarity", "token_transport"}
"""Terms that need all search tokens, which a network with elimination does not have."""


class Student(NamedTuple):
    """One student.

    Attributes:
        options: of its run.
        network: in evaluation mode.
    """

    options: RunOptions
    network: TrackingNetwork


def shown_frames(sequence: Sequence, count: int) -> list[int]:
    """``count`` frames, evenly over those that show the target after the first one that does.

    Raises:
        DataError: fewer than two frames show the target.
    """
    visible = np.flatnonzero(visible_frames(sequence))
    if len(visible) < 2:
        got = f"{len(visible)} in sequence {sequence.name!r}"
        raise DataError("two frames that show the target", got, "explain another sequence (explain.names)")
    chosen = np.linspace(1, len(visible) - 1, min(count, len(visible) - 1))
    return [int(visible[int(k)]) for k in chosen]


def explain_sequence(
    sequence: Sequence,
    teacher: TrackingNetwork,
    students: list[Student],
    *,
    crops: CropOptions,
    frames: int,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """The arrays `KEYS` of one sequence.

    Args:
        sequence: with the streams of all networks.
        teacher: in evaluation mode.
        students: at least one, with the same options of losses and distillation.
        crops: of the networks.
        frames: K, at most.
        device: where the networks are.

    Raises:
        DataError: the target is hardly ever visible.
        CheckpointError: networks that do not see crops of the same sizes.
    """
    check_sizes(teacher, students)
    numbers = shown_frames(sequence, frames)
    visible = np.flatnonzero(visible_frames(sequence))
    first, before = int(visible[0]), [int(visible[visible < number][-1]) for number in numbers]
    networks = [teacher, *(student.network for student in students)]
    streams = tuple(dict.fromkeys(name for network in networks for name in network.streams))
    template_window = window_around(sequence.boxes[first], crops.template_factor, crops.template_size, crops.geometry)
    windows = [window_around(sequence.boxes[k], crops.search_factor, crops.search_size, crops.geometry) for k in before]
    template = {s: crop(sequence.frame(first), s, template_window, most_voxels=crops.template_voxels) for s in streams}
    found: list[dict[str, np.ndarray]] = []
    for number, window in zip(numbers, windows, strict=True):
        seen = {s: crop(sequence.frame(number), s, window, most_voxels=crops.search_voxels) for s in streams}
        sample = _sample(template, seen, to_window(sequence.boxes[number], window), device)
        found.append(_on_crop(sample, window, teacher, students) | {f"search/{s}": cut for s, cut in seen.items()})
    distillation = students[0].options.distillation
    weights = [getattr(students[0].options.losses, name) for name in TASK]
    return {
        "networks": np.array(["teacher", *(student.options.run for student in students)]),
        "frames": np.array(numbers),
        "template_frame": np.array(first),
        "windows": np.array([window[:3] for window in windows], np.float32),
        **{f"template/{stream}": cut for stream, cut in template.items()},
        **{name: np.stack([each[name] for each in found]) for name in found[0]},
        "truth": np.asarray(sequence.boxes)[numbers].astype(np.float32),
        "epsilon": np.array(distillation.epsilon, np.float32),
        "terms": np.array([*TASK, *TERMS]),
        "weights": np.array([*weights, *(getattr(distillation.weights, name) for name in TERMS)], np.float32),
        "boxes": np.asarray(sequence.boxes).astype(np.float32),
        "present": np.asarray(sequence.present, bool),
    }


def write_explanation(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """``<sequence>.npz``, whole or not at all."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def check_sizes(teacher: TrackingNetwork, students: list[Student]) -> None:
    """All networks see the same crops on the same grid.

    Raises:
        CheckpointError: otherwise.
    """
    for student in students:
        for name in ("template_size", "search_size", "patch"):
            own, wanted = (network.architecture[name] for network in (student.network, teacher))
            if own != wanted:
                expected = f"a student of {name} {wanted}, as its teacher has"
                raise CheckpointError(expected, f"{own} in run {student.options.run!r}", "leave it out of explain.runs")


def _sample(template: dict, search: dict, box: np.ndarray, device: str) -> Sample:
    """A batch of one crop; without motion, which only the temporal term reads."""

    def tensors(cuts: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
        made = {name: torch.from_numpy(np.ascontiguousarray(cut))[None].to(device) for name, cut in cuts.items()}
        return {name: cut if name == "voxel" else cut.permute(0, 3, 1, 2).contiguous() for name, cut in made.items()}

    return Sample(
        template=tensors(template),
        search=tensors(search),
        boxes=torch.tensor(box[None, None], dtype=torch.float32, device=device),
        present=torch.ones(1, 1, dtype=torch.bool, device=device),
        motion=torch.zeros(1, 1, 2, device=device),
        windows=torch.tensor([[[0.0, 0.0, 1.0]]], device=device),
        labelled=torch.ones(1, dtype=torch.bool, device=device),
    )


@torch.inference_mode()
def _on_crop(
    sample: Sample, window: AnyWindow, teacher: TrackingNetwork, students: list[Student]
) -> dict[str, np.ndarray]:
    """The arrays of one crop, without their axis K."""
    told, features = teacher(sample.template, sample.search, need_attention=True)
    predictions, losses = [told], []
    for options, network in students:
        found, own = network(sample.template, sample.search, need_attention=True)
        predictions.append(found)
        matched = matched_streams(teacher.streams, network.streams, options.distillation.match_stream)
        objective = _objective(options, network.dim, teacher.dim).to(found.logits.device)
        _, parts = objective((found, own), sample, lesson(told, features, matched))
        losses.append([float(parts.get(name, torch.tensor(torch.nan))) for name in (*TASK, *TERMS)])
    distillation = students[0].options.distillation
    logits = torch.cat([prediction.logits for prediction in predictions]).float()
    masses = (logits.flatten(1).double() / distillation.spatial_temperature).log_softmax(dim=1).view_as(logits)
    own_maps, wanted = masses[1:], masses[:1].expand_as(masses[1:])
    own_plans, plans = sinkhorn_plan(
        torch.cat([own_maps, own_maps]), torch.cat([own_maps, wanted]), epsilon=distillation.epsilon
    ).chunk(2)
    boxes = torch.cat([prediction.boxes for prediction in predictions]).double().cpu().numpy()
    return {
        "predicted": from_window(boxes, window).astype(np.float32),
        "logits": _array(logits),
        "responses": _array(torch.cat([prediction.response for prediction in predictions])),
        "masses": _array(masses.exp()),
        "plans": _array(plans),
        "moves": _array(_targets(plans, *logits.shape[1:]) - _targets(own_plans, *logits.shape[1:])),
        "losses": np.array(losses, np.float32),
    }


def _targets(plans: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Where each source cell's mass goes on average, (R, h w, h w) -> (R, h w, 2) x, y in search-region widths."""
    y, x = torch.meshgrid(torch.arange(h) / h, torch.arange(w) / w, indexing="ij")
    cells = torch.stack([x, y], dim=-1).reshape(h * w, 2).to(plans)
    return plans @ cells / plans.sum(dim=2, keepdim=True)


def _objective(options: RunOptions, student_dim: int, teacher_dim: int) -> Objective:
    """All terms that exported networks can be held to."""
    out = set(OF_GRUS)
    if student_dim != teacher_dim:
        out |= OF_PROJECTORS
    if options.network.keep_ratio < 1:
        out |= OF_ALL_TOKENS
    changes = {
        "terms": tuple(term for term in TERMS if term not in out),
        "distillation": options.distillation.model_copy(update={"feature_scale": "token"}),
    }
    return Objective(options.model_copy(update=changes), student_dim=student_dim, teacher_dim=teacher_dim, seed=0)


def _array(values: torch.Tensor) -> np.ndarray:
    return values.float().cpu().numpy()
