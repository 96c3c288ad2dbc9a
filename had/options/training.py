"""Options of samples, training and distillation."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from had.options.base import FilePath, Options
from had.options.network import MOST_PIXELS

Term = Literal[
    "feature", "similarity", "response", "localization", "temporal", "spatial", "box_transport", "token_transport"
]
TERMS: tuple[str, ...] = get_args(Term)
"""Distillation terms in the order in which tables print them."""
ReleasedTerm = Literal[
    "released_feature",
    "released_similarity",
    "released_response",
    "released_temporal",
    "released_spatial",
    "wkd_features",
    "otkd_features",
    "otkd_boxes",
    "otkd_scores",
]
RELEASED_TERMS: tuple[str, ...] = get_args(ReleasedTerm)
"""Those of the released HAD code and of the two alternatives in it (`had.losses.released`, `wkd`, `otkd`)."""
AnyTerm = Literal[Term, ReleasedTerm]

VOXEL_FOLD = 4
"""Voxels along a side of the patch that becomes one token in the published embedding (`voxel_embedding: list`)."""


class CropOptions(Options):
    """Template and search crops, and how training draws them."""

    template_size: int = Field(64, gt=0, le=MOST_PIXELS)
    """Side of the template crop in pixels."""
    template_factor: float = Field(2.0, gt=1, le=16)
    """Side of the template window over the square root of the box's area."""
    search_size: int = Field(128, gt=0, le=MOST_PIXELS)
    """Side of the search crop in pixels."""
    search_factor: float = Field(4.0, gt=1, le=16)
    """Side of the search window over the square root of the box's area."""
    geometry: Literal["exact", "released"] = "exact"
    """Maps between pixels and crop that are each other's inverse, and padding with background; or cuts, maps and
    choice of voxels as in the released code, for published weights."""
    centre_jitter: float = Field(3.0, ge=0, le=20)
    """Strength of the search window's random shift."""
    scale_jitter: float = Field(0.25, ge=0, le=2)
    """Strength of the search window's random scale."""
    max_gap: int = Field(100, gt=0)
    """Largest distance between template and search frame, in frames."""
    clip_frames: int = Field(3, ge=1, le=1000)
    """Consecutive search frames of a sample (T)."""
    template_voxels: int = Field(512, gt=0, le=1_000_000)
    """Most voxels of a template crop."""
    search_voxels: int = Field(1024, gt=0, le=1_000_000)
    """Most voxels of a search crop."""
    flip: float = Field(0.5, ge=0, le=1)
    """Probability that a sample is mirrored left to right."""
    quarter_turn: float = Field(0.0, ge=0, le=1)
    """Probability that a sample is turned by 90, 180 or 270 degrees (published: 0; for scenes without an up)."""
    inversion: float = Field(0.0, ge=0, le=1)
    """Probability that bright and dark change places in a sample: ON and OFF events, and RGB levels (published: 0)."""
    colour_jitter: float = Field(0.3, ge=0, le=100)
    """Strength of random brightness and contrast of RGB crops."""
    grey: float = Field(0.05, ge=0, le=1)
    """Probability that a sample's RGB crops lose their colour."""


class TrainingOptions(Options):
    """How long and how fast a network learns."""

    initial_weights: FilePath | None = None
    """Start from a published checkpoint of this architecture (MAE, CEUTrack, HDETrack, HAD); null: from new weights."""
    sequences: int | None = Field(None, gt=0)
    """Labelled training sequences used (the first of the list); null: all."""
    epochs: int = Field(10, gt=0)
    """Epochs; validation and a checkpoint follow each."""
    samples: int = Field(800, gt=0)
    """Samples (clips) an epoch."""
    batch_size: int = Field(16, gt=0, le=100_000)
    """Samples (clips) a step."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of the head and of all that is not the backbone."""
    backbone_learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of the backbone."""
    alignment_learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate of what distillation learns beside the student, GRUs and projectors; null: the head's."""
    weight_decay: float = Field(1e-4, ge=0)
    """AdamW's weight decay."""
    clip_norm: float = Field(1.0, gt=0)
    """Largest gradient norm."""
    schedule: Literal["cosine", "step"] = "cosine"
    """Cosine to zero, or a tenth after `step_epoch`."""
    step_epoch: int = Field(40, gt=0)
    """Epoch after which schedule `step` divides the rate by ten."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises linearly."""
    validation_samples: int = Field(256, gt=0)
    """Fixed validation crops for the one-shot IoU after each epoch."""
    workers: int = Field(0, ge=0, le=256)
    """Data-loading processes; 0: in the training process."""


class RoleTraining(Options):
    """Training of the two roles."""

    teacher: TrainingOptions = TrainingOptions()
    """The two-stream teacher."""
    student: TrainingOptions = TrainingOptions()
    """Every one-stream student, distilled or not."""


class LossOptions(Options):
    """Weights of the task losses."""

    focal: float = Field(1.0, ge=0)
    """Weight of the penalty-reduced focal loss on the response map."""
    giou: float = Field(1.0, ge=0)
    """Weight of 1 - GIoU."""
    l1: float = Field(14.0, ge=0)
    """Weight of the mean absolute box error in search-crop widths."""
    box_cell: Literal["argmax", "target", "gaussian"] = "target"
    """Cells whose boxes are supervised: the response's maximum (published), the target's cell, or all cells
    weighted with the heat map."""
    heat_map_centre: Literal["round", "floor"] = "floor"
    """The heat map's peak: the nearest cell index (published), or the cell in which the target's centre lies."""
    heat_map_radius: int = Field(1, ge=0, le=1000)
    """Least radius of the heat map's Gaussian in cells (published: 0, a single cell for small targets)."""
    focal_form: Literal["logits", "released"] = "logits"
    """The focal loss from logits, a mean over the maps, or as released: from clamped responses, over positive cells."""
    clip_boxes: bool = False
    """Cut the true boxes to the crop, and count those whose centre lies outside, too (published)."""


class TermWeights(Options):
    """Weights of the distillation terms; a run's `terms` says which of them are on, and those weigh more than 0."""

    feature: float = Field(1.0, ge=0)
    """Tokens of the same role and place."""
    similarity: float = Field(1.0, ge=0)
    """Attention rows over the student's own tokens."""
    response: float = Field(1.0, ge=0)
    """Response distributions, KL with temperature."""
    localization: float = Field(1.0, ge=0)
    """Box distillation by place: size and offset at the target's cell."""
    temporal: float = Field(1.0, ge=0)
    """Temporal alignment (TA): GRU states over the clip."""
    spatial: float = Field(1.0, ge=0)
    """Spatial alignment (SA): Sinkhorn divergence of the response maps."""
    box_transport: float = Field(1.0, ge=0)
    """This project's box distillation: boxes of the cells that the responses' transport plan pairs."""
    token_transport: float = Field(1.0, ge=0)
    """Spatial alignment in its second form: Sinkhorn divergence of the search tokens."""
    released_feature: float = Field(1.0, ge=0)
    """As released: tokens, the student's repeated twice."""
    released_similarity: float = Field(10.0, ge=0)
    """As released: attention rows, the student's repeated twice."""
    released_response: float = Field(1.0, ge=0)
    """As released: focal loss of half the responses."""
    released_temporal: float = Field(10.0, ge=0)
    """As released: untrained GRUs over the tokens of one frame."""
    released_spatial: float = Field(3.0, ge=0)
    """As released: transport between two points."""
    wkd_features: float = Field(1.0, ge=0)
    """WKD: Gaussians fitted to the tokens."""
    otkd_features: float = Field(0.7, ge=0)
    """OTKD: pyramids of tokens."""
    otkd_boxes: float = Field(0.9, ge=0)
    """OTKD: correlation of the four box numbers."""
    otkd_scores: float = Field(0.9, ge=0)
    """OTKD: correlation of the responses."""


READ_BY: dict[str, frozenset[str]] = {
    "match_stream": frozenset({"feature", "similarity", "temporal", "token_transport"}),
    "feature_scale": frozenset({"feature"}),
    "temperature": frozenset({"response"}),
    "similarity_distance": frozenset({"similarity"}),
    "spatial_temperature": frozenset({"spatial", "box_transport"}),
    "epsilon": frozenset({"spatial", "box_transport"}),
    "token_epsilon": frozenset({"token_transport"}),
    "token_balance": frozenset({"token_transport"}),
    "sinkhorn_iterations": frozenset({"spatial", "box_transport", "token_transport"}),
    "sinkhorn_tolerance": frozenset({"spatial", "box_transport", "token_transport"}),
    "gru_dim": frozenset({"temporal"}),
}
"""Options of distillation that decide nothing unless one of these terms is on."""


class DistillationOptions(Options):
    """How the teacher is matched."""

    weights: TermWeights = TermWeights()
    """Weights of the terms that are on; choose them on validation data."""
    schedule: Literal["constant", "cosine"] = "constant"
    """All weights through a training: constant, or along half a cosine to zero, so that it ends on the task alone."""
    match_stream: Literal["same", "event", "image", "mean"] = "same"
    """Which of the teacher's streams the student's tokens are held against: the one that the student reads itself,
    the teacher's event or image stream (its last or first), or the mean of both."""
    feature_scale: Literal["channel", "token"] = "channel"
    """The unit of a token's difference: how much each channel varies from crop to crop, or the token as it is."""
    temperature: float = Field(2.0, gt=0)
    """Temperature of the response distributions (response term)."""
    similarity_distance: Literal["kl", "l2"] = "kl"
    """Distance of two attention rows."""
    spatial_temperature: float = Field(1.0, gt=0)
    """Temperature of the response distributions (spatial and box_transport terms)."""
    epsilon: float = Field(0.01, ge=1e-4)
    """Entropic regularisation in squared search-region widths, the unit of the ground cost."""
    token_epsilon: float = Field(0.05, gt=0)
    """Entropic regularisation of the token transport; unrelated tokens at one place cost 1."""
    token_balance: float = Field(4.0, ge=0)
    """Price of a search-region width, squared, in the token transport."""
    sinkhorn_iterations: int = Field(200, gt=0, le=1_000_000)
    """Most Sinkhorn iterations."""
    sinkhorn_tolerance: float = Field(1e-4, gt=0)
    """Marginal error at which Sinkhorn stops."""
    gru_dim: int = Field(64, gt=0, le=8192)
    """Width of the temporal state."""
    unlabelled: bool = False
    """Also distil on the training sequences behind `training.sequences`, without their labels: crops follow the
    teacher's track, one for every labelled crop of a batch."""
    teacher_initialization: bool = False
    """Start the student from the teacher's event-side weights."""
