"""The training objective: a weighted sum of named terms that a run switches on and off.

Enters: the student's prediction and features for B T search crops, the batched `Sample`, the teacher's `Lesson`.
Leaves: the total that is differentiated, and every term on its own, unweighted.

Task terms count every frame that has a label (a target that is not visible should give an empty map). Of the
distillation terms, `feature` and `similarity` compare what both networks see and count every frame; the others are
about the target and count the frames in which it is visible, since a teacher's map of an absent target is noise that
softmax blows up to a full distribution. Pseudo-labels call it visible in every frame of a track. Batch normalisation in
the head sees all crops.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from had.boxes import cell_boxes
from had.errors import ConfigError
from had.losses import hierarchical, localization
from had.losses.box_transport import box_transport
from had.losses.released_terms import ReleasedTerms
from had.losses.spatial import sinkhorn_divergence
from had.losses.temporal import TemporalAlignment, pooled
from had.losses.token_transport import token_transport
from had.options.experiment import RunOptions
from had.options.training import RELEASED_TERMS, TERMS
from had.structures import Features, Lesson, Prediction, Sample


class Objective(nn.Module):
    """Total loss of a run. Projectors and GRUs live here, so that the exported network does not have them.

    Args:
        options: the run's resolved configuration.
        student_dim: token width of the trained network.
        teacher_dim: token width of the teacher; None without a teacher.
        seed: of the projectors' and GRUs' initial weights; None draws from torch's global state.

    Raises:
        ConfigError: terms that need what the run does not have (a teacher, clips of several frames).
    """

    def __init__(
        self, options: RunOptions, *, student_dim: int, teacher_dim: int | None = None, seed: int | None = None
    ):
        super().__init__()
        self.losses, self.distillation = options.losses, options.distillation
        ordered = dict.fromkeys((*TERMS, *RELEASED_TERMS, *options.terms))
        self.terms = tuple(term for term in ordered if term in options.terms)
        self.run = options.run
        if self.terms and teacher_dim is None:
            got = f"terms {', '.join(self.terms)} without a teacher in run {options.run!r}"
            raise ConfigError(
                "a teacher for distillation terms", got, "train and give the teacher, or remove the terms"
            )
        if "temporal" in self.terms and options.crops.clip_frames < 2:
            got = f"crops.clip_frames {options.crops.clip_frames} with the term `temporal` in run {options.run!r}"
            raise ConfigError("clips of at least 2 frames", got, "raise clip_frames or remove the term")
        self.projector: nn.Module = nn.Identity()
        self.temporal: TemporalAlignment | None = None
        self.released: ReleasedTerms | None = None
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            projected = not {"feature", "token_transport"}.isdisjoint(self.terms)
            if teacher_dim is not None and projected and student_dim != teacher_dim:
                self.projector = nn.Linear(student_dim, teacher_dim)
            if teacher_dim is not None and "temporal" in self.terms:
                width = options.distillation.gru_dim
                self.temporal = TemporalAlignment(student_dim=student_dim, teacher_dim=teacher_dim, dim=width)
            if released := tuple(term for term in self.terms if term in RELEASED_TERMS):
                if student_dim != teacher_dim:
                    got = f"{student_dim} and {teacher_dim} with the term `{released[0]}` in run {options.run!r}"
                    raise ConfigError(
                        "tokens of one width in student and teacher", got, "remove network.dim or the term"
                    )
                self.released = ReleasedTerms(released, dim=student_dim)

    @property
    def needs_teacher(self) -> bool:
        """Whether the teacher has to be run at all."""
        return bool(self.terms)

    @property
    def needs_attention(self) -> bool:
        """Whether the networks have to be run with ``need_attention=True``."""
        return not {"similarity", "released_similarity"}.isdisjoint(self.terms)

    def forward(
        self,
        student: tuple[Prediction, Features],
        sample: Sample,
        lesson: Lesson | None = None,
        *,
        progress: float = 0.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Total and parts.

        Args:
            student: of B T search crops, clip by clip.
            sample: batched: boxes (B, T, 4), present (B, T), motion (B, T, 2).
            lesson: of the same crops; None where `needs_teacher` is false.
            progress: share of the training that is behind, in [0, 1), for `DistillationOptions.schedule`.

        Raises:
            ConfigError: a term that is on and was not computed, or cannot teach the student.

        Returns:
            The scalar to differentiate, and the unweighted terms and diagnostics by name, detached:
            `total`, `focal`, `giou`, `l1`, the terms that are on, and for TA `temporal_motion`,
            `temporal_variance`, `temporal_student_variance`; for WKD and OTKD what the released code reports without
            learning from it, `wkd_logits`, `otkd_channels`, `otkd_places`.
        """
        prediction, features = student
        target = localization.heat_target(
            sample.boxes.flatten(0, 1),
            sample.present.flatten(),
            (prediction.logits.shape[1], prediction.logits.shape[2]),
            centre=self.losses.heat_map_centre,
            radius=self.losses.heat_map_radius,
        )
        parts = self._task(prediction, sample, target)
        total = sum(getattr(self.losses, name) * value for name, value in parts.items())
        if self.terms:
            if lesson is None:
                raise ValueError(f"terms {self.terms} need the teacher's outputs")
            terms, diagnostics = self._distil(prediction, features, sample, target, lesson)
            self._check_computed(terms, learning=torch.is_grad_enabled() and prediction.logits.requires_grad)
            weighted = sum(getattr(self.distillation.weights, name) * value for name, value in terms.items())
            fade = 0.5 * (1 + math.cos(math.pi * progress)) if self.distillation.schedule == "cosine" else 1.0
            total = total + fade * weighted
            if "temporal_motion" in diagnostics:  # the teacher GRU's own lesson; no gradient reaches the student
                total = total + diagnostics["temporal_motion"]
            if "wkd_logits" in diagnostics:  # a constant, but in the released total
                total = total + diagnostics["wkd_logits"]
            parts |= terms | diagnostics
        return total, {"total": total.detach(), **{name: value.detach() for name, value in parts.items()}}

    def _check_computed(self, terms: dict[str, Tensor], *, learning: bool) -> None:
        """See that what was computed are the terms that are on, and that each of them has a gradient to the student."""
        if differing := sorted(terms.keys() ^ set(self.terms)):
            expected = f"a value of each term of run {self.run!r} in every step, and no others"
            got = f"{', '.join(self.terms)} in `terms` and {', '.join(terms) or 'none'} computed"
            raise ConfigError(expected, got, f"compute {differing[0]!r} in had/losses/objective.py, or remove it")
        for name, value in terms.items():
            if learning and not value.requires_grad:
                expected = f"a term {name!r} that depends on the student"
                raise ConfigError(
                    expected, "a constant without gradient", "correct its code, or remove it from `terms`"
                )

    def _task(self, prediction: Prediction, sample: Sample, target: localization.Target) -> dict[str, Tensor]:
        """Focal, GIoU and L1 losses over the frames that have a label."""
        labelled = sample.labelled[:, None].expand_as(sample.present).flatten()
        prediction = Prediction(*(values[labelled] for values in prediction))
        target = localization.Target(*(values[labelled] for values in target))
        present = sample.present.flatten()[labelled]
        overlap, distance = localization.box_losses(
            prediction,
            sample.boxes.flatten(0, 1)[labelled],
            target,
            cell=self.losses.box_cell,
            counted=present if self.losses.clip_boxes else None,
            clip=self.losses.clip_boxes,
        )
        if self.losses.focal_form == "released":
            focal = localization.released_focal_loss(prediction.response, target.heat)
        else:
            focal = localization.focal_loss(prediction.logits, target.heat)
        return {"focal": focal, "giou": overlap, "l1": distance}

    def _distil(
        self,
        prediction: Prediction,
        features: Features,
        sample: Sample,
        target: localization.Target,
        lesson: Lesson,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms that are on, and diagnostics (`temporal_motion` with its gradient)."""
        options, terms, diagnostics = self.distillation, {}, {}
        sinkhorn: dict[str, Any] = {"iterations": options.sinkhorn_iterations, "tolerance": options.sinkhorn_tolerance}
        stream = hierarchical.only_stream(features.layout)
        present = sample.present.flatten()
        logits, wanted_logits = prediction.logits, lesson.logits.detach()
        if "feature" in self.terms:
            own = self.projector(hierarchical.matched_tokens(features, stream))
            terms["feature"] = hierarchical.feature_loss(own, lesson.tokens, scale=options.feature_scale)
        if "similarity" in self.terms:
            assert lesson.attention is not None, "the lesson was taken with need_attention=True"
            own = hierarchical.matched_attention(features, stream)
            terms["similarity"] = hierarchical.similarity_loss(
                own, lesson.attention, distance=options.similarity_distance
            )
        if "response" in self.terms:
            terms["response"] = hierarchical.response_loss(
                logits[present], wanted_logits[present], temperature=options.temperature
            )
        if "localization" in self.terms:
            terms["localization"] = hierarchical.localization_distillation(prediction, lesson, target)
        if self.temporal is not None:
            clip = sample.present.shape  # B T
            x = features.layout.spans["x", stream]
            windows = sample.windows.flatten(0, 1)
            own = pooled(features.tokens[:, x], logits, prediction.size, prediction.offset, windows)
            of_search = slice(-logits[0].numel(), None)  # the tokens behind the template's
            wanted = pooled(lesson.tokens[:, of_search], wanted_logits, lesson.size, lesson.offset, windows)
            own, wanted = own.unflatten(0, clip), wanted.unflatten(0, clip)
            found = self.temporal(own, wanted, sample.motion, sample.present, cells=logits.shape[-1])
            terms["temporal"] = found.alignment
            diagnostics["temporal_motion"] = found.motion
            diagnostics["temporal_variance"] = found.teacher_variance
            diagnostics["temporal_student_variance"] = found.student_variance
        if "token_transport" in self.terms:
            cells = logits[0].numel()  # the search tokens are behind the template's
            cost = token_transport(
                self.projector(hierarchical.matched_tokens(features, stream))[present, -cells:],
                lesson.tokens[present, -cells:],
                logits[present],
                wanted_logits[present],
                epsilon=options.token_epsilon,
                balance=options.token_balance,
                **sinkhorn,
            )
            terms["token_transport"] = _mean(cost)
        if self.released is not None:
            if lesson.whole is None:
                raise ValueError("released terms need lessons with the teacher's whole output")
            terms |= self.released(prediction, features, lesson.whole)
            diagnostics |= self.released.diagnostics(features, lesson.whole)
        if "spatial" in self.terms:
            maps = self._log_masses(logits[present], wanted_logits[present])
            terms["spatial"] = _mean(sinkhorn_divergence(*maps, epsilon=options.epsilon, **sinkhorn))
        if "box_transport" in self.terms:
            maps = self._log_masses(logits[present].detach(), wanted_logits[present])
            own, wanted = (
                cell_boxes(source.size[present], source.offset[present]).flatten(1, 2)
                for source in (prediction, lesson)
            )
            terms["box_transport"] = _mean(box_transport(own, wanted, *maps, epsilon=options.epsilon, **sinkhorn))
        return terms, diagnostics

    def _log_masses(self, *logits: Tensor) -> list[Tensor]:
        """Response distributions as the spatial alignment sees them, (B, h, w) each."""
        temperature = self.distillation.spatial_temperature
        return [(maps.flatten(1) / temperature).log_softmax(dim=1).view_as(maps) for maps in logits]


def _mean(values: Tensor) -> Tensor:
    """Mean over the frames, zero without any."""
    return values.sum() / max(len(values), 1)
