"""Hierarchical distillation: features, attention similarity, responses, and the teacher's boxes.

Enters: the student's `Features` and `Prediction`, the teacher's `Lesson`, which `lesson` cuts out of a two-stream
network's. Leaves: one scalar a term, a mean over the batch.

The levels are those of HDETrack (Wang et al., CVPR 2024, arXiv 2309.14611, section 4.3). A student token is held
against the teacher's token of the same place and role; the teacher's attention is cut to what the student has,
so that its rows are distributions again; responses are distributions over the grid, so that only a student with
the teacher's map scores zero. Nothing here sends a gradient to the teacher.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from had.losses.localization import Target
from had.structures import Features, Lesson, Prediction, TokenLayout, Whole

LEAST_VARIANCE = 0.02
"""Added to the variance of a channel (0.25 on average), so that one that says nothing does not outweigh the others."""


def lesson(prediction: Prediction, features: Features, streams: list[str], *, whole: bool = False) -> Lesson:
    """What the teacher's outputs have to say to a student of one stream.

    Args:
        prediction, features: the teacher's.
        streams: of `matched_streams`; of several the mean is taken.
        whole: also hand over all of it, for the released terms.
    """
    uncut = Whole(prediction.response, prediction.boxes, features.tokens, features.attention) if whole else None
    attention = None
    if features.attention is not None:
        attention = _mean([matched_attention(features, stream) for stream in streams])
    tokens = _mean([matched_tokens(features, stream) for stream in streams])
    return Lesson(prediction.logits, prediction.size, prediction.offset, tokens, attention, uncut)


def matched_streams(teacher: tuple[str, ...], student: tuple[str, ...], match: str) -> list[str]:
    """The teacher's streams that the student is held against.

    Args:
        teacher: its first stream is the image, its last the event stream.
        student: its only stream is one of the teacher's.
        match: ``"same"`` (the stream that both read), ``"event"``, ``"image"`` or ``"mean"`` (both).
    """
    choices = {"same": student, "event": teacher[-1:], "image": teacher[:1], "mean": teacher}
    return list(choices[match])


def only_stream(student: TokenLayout) -> str:
    """The stream of a one-stream network."""
    (stream,) = (stream for role, stream in student.spans if role == "x")
    return stream


def matched_tokens(features: Features, stream: str) -> Tensor:
    """One stream's template and search tokens, (B, Nz + Nx, D), in the student's order."""
    spans = features.layout.spans
    return torch.cat([features.tokens[:, spans["z", stream]], features.tokens[:, spans["x", stream]]], dim=1)


def matched_attention(features: Features, stream: str) -> Tensor:
    """The attention among one stream's tokens, rows renormalised, (B, heads, Nz + Nx, Nz + Nx)."""
    spans = features.layout.spans
    z, x = spans["z", stream], spans["x", stream]
    assert features.attention is not None, "run the network with need_attention=True"
    rows = torch.cat([features.attention[:, :, z], features.attention[:, :, x]], dim=2)
    cut = torch.cat([rows[..., z], rows[..., x]], dim=3)
    return cut / cut.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(cut.dtype).tiny)


def feature_loss(student: Tensor, teacher: Tensor, *, scale: str = "channel") -> Tensor:
    """Mean squared difference of standardised tokens.

    Most of a token is the same in every crop: its mean over the crops holds three quarters of its square, in few
    channels. Divided by how much a channel varies from crop to crop, the difference counts what tells crops apart.

    Args:
        student: (B, N, D), already projected to the teacher's width.
        teacher: (B, N, D).
        scale: ``"channel"``, over the variance of the teacher's channels among the crops at one place: 0 for equal
            tokens, 1 for a student that knows the place alone; or ``"token"``, as they are: 2 for unrelated ones.
    """
    width = student.shape[-1:]
    wanted = F.layer_norm(teacher.detach(), width)
    squares = (F.layer_norm(student, width) - wanted).square()
    if scale == "token":
        return squares.mean()
    variance = wanted.var(dim=0, correction=0).mean(dim=0)  # D
    return (squares.mean(dim=(0, 1)) / (variance + LEAST_VARIANCE)).mean()


def similarity_loss(student: Tensor, teacher: Tensor, *, distance: str = "kl") -> Tensor:
    """Mean distance of attention rows.

    Args:
        student, teacher: (B, heads, N, N), rows sum to 1. With different numbers of heads their means are compared.
        distance: ``"kl"``, Kullback-Leibler from the teacher's row, or ``"l2"``, the Euclidean norm.
    """
    teacher = teacher.detach()
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(dim=1), teacher.mean(dim=1)
    if distance == "kl":
        tiny = torch.finfo(student.dtype).tiny
        logarithms = teacher.clamp(min=tiny).log() - student.clamp(min=tiny).log()
        return (teacher * logarithms).sum(dim=-1).mean()
    return torch.linalg.vector_norm(student - teacher, dim=-1).mean()


def response_loss(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the student's response distribution from the teacher's.

    Both are softmax(logits / temperature) over the grid; times temperature^2, which keeps the gradient's scale
    (Hinton et al., 2015). Zero iff the distributions are equal; a mean over the maps.

    Args:
        student, teacher: (B, h, w) logits.
        temperature: larger looks further down the teacher's map.
    """
    if len(student) == 0:
        return student.sum()
    log_student = F.log_softmax(student.flatten(1) / temperature, dim=1)
    log_teacher = F.log_softmax(teacher.detach().flatten(1) / temperature, dim=1)
    return temperature**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def localization_distillation(student: Prediction, teacher: Lesson, target: Target) -> Tensor:
    """Mean absolute difference of size and centre at the target's cell, in search-crop widths.

    Args:
        student, teacher: on the same grid.
        target: only frames with a target inside the grid count; zero when there is none.
    """
    rows = target.inside.nonzero(as_tuple=True)[0]
    if len(rows) == 0:
        return student.size.sum() * 0
    cells = target.cell[rows]
    scale = student.size.new_tensor([student.size.shape[-1], student.size.shape[-2]])
    size = _at(student.size, rows, cells) - _at(teacher.size, rows, cells).detach()
    centre = (_at(student.offset, rows, cells) - _at(teacher.offset, rows, cells).detach()) / scale
    return torch.cat([size, centre], dim=1).abs().mean()


def _at(maps: Tensor, rows: Tensor, cells: Tensor) -> Tensor:
    """The two channels of (B, 2, h, w) at one cell of each row, (rows, 2)."""
    return maps.flatten(2)[rows, :, cells]


def _mean(tensors: list[Tensor]) -> Tensor:
    """Mean of equally shaped tensors."""
    return tensors[0] if len(tensors) == 1 else torch.stack(tensors).mean(dim=0)
