"""Every option of an experiment: one field = a type, a default and one sentence.

The sections are frozen and refuse unknown keys; options that contradict each other are refused here,
naming both. `had.config` reads them from YAML.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from had.errors import ConfigError, nearest

ROW_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""What runs and external trackers may be called: their names become folders."""
TERMS = ("feature", "similarity", "response", "localization", "temporal", "spatial")
"""Distillation terms in the order in which tables print them."""


class Options(BaseModel):
    """Base of every section: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


# --- recordings ---------------------------------------------------------------------------------


class EventCameraOptions(Options):
    """The simulated event sensor."""

    threshold_on: float = Field(0.25, gt=0)
    """Mean log-intensity rise that fires an ON event."""
    threshold_off: float = Field(0.25, gt=0)
    """Mean log-intensity fall that fires an OFF event."""
    threshold_spread: float = Field(0.03, ge=0)
    """Standard deviation of the thresholds over the pixels, in log intensity."""
    refractory_us: int = Field(500, ge=0)
    """Microseconds in which a pixel that fired cannot fire again."""
    noise_rate_hz: float = Field(0.1, ge=0)
    """Background-activity events a pixel and second in the dark."""
    leak_rate_hz: float = Field(0.05, ge=0)
    """ON events a pixel and second that leak currents cause."""
    cutoff_hz: float = Field(200.0, gt=0)
    """Bandwidth of a fully lit pixel's photoreceptor; it falls in proportion to the light."""


class RgbCameraOptions(Options):
    """The simulated frame camera."""

    exposure_us: int = Field(8000, gt=0)
    """Exposure time in normal light; low light triples it where the frame rate allows."""
    full_well: float = Field(10000.0, gt=0)
    """Electrons at which a pixel saturates: the upper end of the dynamic range and the shot noise."""
    read_noise: float = Field(20.0, ge=0)
    """Standard deviation of the read-out noise in electrons."""


class SplitSize(Options):
    """How much is simulated for one split."""

    sequences: int = Field(gt=0)
    """Number of sequences."""
    frames: int = Field(ge=8)
    """Annotated frames a sequence."""


class SimulationOptions(Options):
    """Recordings made here instead of downloaded ones."""

    seed: int = 0
    """Every scene, texture and noise follows from this number, the split's name and the sequence's index."""
    width: int = Field(346, ge=64)
    """Sensor width in pixels."""
    height: int = Field(260, ge=64)
    """Sensor height in pixels."""
    frame_rate: float = Field(25.0, gt=0)
    """Annotated frames a second."""
    renders_per_frame: int = Field(10, ge=10)
    """Scene renderings between two frames."""
    train: SplitSize = SplitSize(sequences=300, frames=24)
    """The training split."""
    val: SplitSize = SplitSize(sequences=24, frames=48)
    """The validation split."""
    test: SplitSize = SplitSize(sequences=48, frames=64)
    """The test split."""
    event_camera: EventCameraOptions = EventCameraOptions()
    """The event sensor."""
    rgb_camera: RgbCameraOptions = RgbCameraOptions()
    """The frame camera."""


class PreparationOptions(Options):
    """From raw recordings to what training reads."""

    slicing: Literal["layout", "frame", "exposure", "interval", "equal"] = "layout"
    """Which events belong to a frame: its read-out, its exposure, all until the next frame, an equal
    share of the recording, or what the layout publishes."""
    slices: int | None = Field(None, gt=1)
    """Slices of an equally sliced recording; null: what the sequence's slices.txt states, else as published (500)."""
    voxels: bool = True
    """Also store voxels, where the layout's teacher reads them."""


class BenchmarkOptions(Options):
    """Where one benchmark's recordings come from."""

    root: Path | None = None
    """A folder in the published layout; null: simulate."""
    simulation: SimulationOptions | None = None
    """What is simulated where there is no root."""
    preparation: PreparationOptions = PreparationOptions()
    """How recordings are prepared."""

    @model_validator(mode="after")
    def _one_source(self):
        if (self.root is None) == (self.simulation is None):
            raise ValueError("give either `root` (recordings on disk) or `simulation`, not both or neither")
        return self


# --- samples, networks, training ----------------------------------------------------------------


class CropOptions(Options):
    """Template and search crops, and how training draws them."""

    template_size: int = Field(64, gt=0)
    """Side of the template crop in pixels."""
    template_factor: float = Field(2.0, gt=1)
    """Side of the template window over the square root of the box's area."""
    search_size: int = Field(128, gt=0)
    """Side of the search crop in pixels."""
    search_factor: float = Field(4.0, gt=1)
    """Side of the search window over the square root of the box's area."""
    centre_jitter: float = Field(3.0, ge=0)
    """Strength of the search window's random shift."""
    scale_jitter: float = Field(0.25, ge=0)
    """Strength of the search window's random scale."""
    max_gap: int = Field(100, gt=0)
    """Largest distance between template and search frame, in frames."""
    clip_frames: int = Field(3, ge=1)
    """Consecutive search frames of a sample (T)."""
    clip_shift: float = Field(0.1, ge=0)
    """Jitter of the windows inside a clip relative to its first one, in box sizes."""
    template_voxels: int = Field(512, gt=0)
    """Most voxels of a template crop."""
    search_voxels: int = Field(1024, gt=0)
    """Most voxels of a search crop."""
    flip: float = Field(0.5, ge=0, le=1)
    """Probability that a sample is mirrored left to right."""
    quarter_turn: float = Field(0.0, ge=0, le=1)
    """Probability that a sample is turned by 90, 180 or 270 degrees (published: 0; for scenes without an up)."""
    inversion: float = Field(0.0, ge=0, le=1)
    """Probability that bright and dark change places in a sample: ON and OFF events, and RGB levels (published: 0)."""
    colour_jitter: float = Field(0.3, ge=0)
    """Strength of random brightness and contrast of RGB crops."""
    grey: float = Field(0.05, ge=0, le=1)
    """Probability that a sample's RGB crops lose their colour."""


class NetworkOptions(Options):
    """The one-stream or two-stream vision transformer and its head."""

    patch: int = Field(16, gt=0)
    """Side of a patch in pixels."""
    dim: int = Field(128, gt=0)
    """Token width D."""
    depth: int = Field(4, gt=0)
    """Transformer blocks."""
    heads: int = Field(4, gt=0)
    """Attention heads."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Hidden width of a block's MLP over D."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Stochastic depth of the last block; grows linearly from 0."""
    head_channels: int = Field(64, ge=8)
    """Channels of the head's first layer; they halve three times."""
    shared_patch_embedding: bool = False
    """One patch embedding for RGB and event images (published), or one each."""
    rgb_normalization: Literal["imagenet", "crop"] = "crop"
    """ImageNet's mean and deviation (published), or each crop's own, so that low light does not starve the network."""
    event_normalization: Literal["imagenet", "background"] = "background"
    """ImageNet's mean and deviation (published), or the white ground of an event image as zero."""

    @model_validator(mode="after")
    def _heads_divide(self):
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not divisible by heads {self.heads}")
        return self


class TrainingOptions(Options):
    """How long and how fast a network learns."""

    sequences: int | None = Field(None, gt=0)
    """Labelled training sequences used (the first of the list); null: all."""
    epochs: int = Field(10, gt=0)
    """Epochs; validation and a checkpoint follow each."""
    samples: int = Field(800, gt=0)
    """Samples (clips) an epoch."""
    batch_size: int = Field(16, gt=0)
    """Samples (clips) a step."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of the head and of all that is not the backbone."""
    backbone_learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of the backbone."""
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
    workers: int = Field(0, ge=0)
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
    heat_map_radius: int = Field(1, ge=0)
    """Least radius of the heat map's Gaussian in cells (published: 0, a single cell for small targets)."""


class TermWeights(Options):
    """Weights of the distillation terms; a run's `terms` says which of them are on."""

    feature: float = Field(1.0, ge=0)
    """Tokens of the same role and place."""
    similarity: float = Field(1.0, ge=0)
    """Attention rows over the student's own tokens."""
    response: float = Field(1.0, ge=0)
    """Response distributions, KL with temperature."""
    localization: float = Field(1.0, ge=0)
    """Size and offset at the target's cell."""
    temporal: float = Field(1.0, ge=0)
    """Temporal alignment (TA): GRU states over the clip."""
    spatial: float = Field(1.0, ge=0)
    """Spatial alignment (SA): Sinkhorn divergence of the response maps."""


class DistillationOptions(Options):
    """How the teacher is matched."""

    weights: TermWeights = TermWeights()
    """Weights of the terms that are on, chosen on validation data."""
    match_stream: Literal["same", "event", "image", "mean"] = "same"
    """Which of the teacher's streams the student's tokens are held against: the one that the student reads itself,
    the teacher's event or image stream (its last or first), or the mean of both."""
    temperature: float = Field(2.0, gt=0)
    """Temperature of the response distributions (response term)."""
    similarity_distance: Literal["kl", "l2"] = "kl"
    """Distance of two attention rows."""
    spatial_temperature: float = Field(1.0, gt=0)
    """Temperature of the response distributions (spatial term)."""
    epsilon: float = Field(0.01, gt=0)
    """Entropic regularisation in squared search-region widths, the unit of the ground cost."""
    sinkhorn_iterations: int = Field(200, gt=0)
    """Most Sinkhorn iterations."""
    sinkhorn_tolerance: float = Field(1e-4, gt=0)
    """Marginal error at which Sinkhorn stops."""
    gru_dim: int = Field(64, gt=0)
    """Width of the temporal state."""
    teacher_initialization: bool = False
    """Start the student from the teacher's event-side weights."""


class Run(Options):
    """One row of the ablation: what differs from the defaults (a file in config/runs/)."""

    title: str
    """The row's name in tables and figures."""
    role: Literal["teacher", "student"] = "student"
    """Two streams or one."""
    description: str = ""
    """One sentence for the report."""
    terms: tuple[Literal["feature", "similarity", "response", "localization", "temporal", "spatial"], ...] = ()
    """The distillation terms that are on."""
    network: dict[str, Any] = {}
    """Overrides of `network`."""
    training: dict[str, Any] = {}
    """Overrides of this role's `training`."""
    losses: dict[str, Any] = {}
    """Overrides of `losses`."""
    distillation: dict[str, Any] = {}
    """Overrides of `distillation`."""

    @model_validator(mode="after")
    def _teacher_is_not_taught(self):
        if self.role == "teacher" and self.terms:
            raise ValueError("a run of role `teacher` cannot have distillation `terms`")
        return self


# --- tracking, evaluation, the whole --------------------------------------------------------------


class TrackingOptions(Options):
    """How a trained network follows a target."""

    window_influence: float = Field(1.0, ge=0, le=1)
    """Weight of the Hann window on the response map: 1 multiplies fully (published), 0 not at all."""
    batch_sequences: int = Field(16, gt=0)
    """Sequences that are tracked in lockstep."""
    one_shot_crops: int = Field(8, ge=0)
    """Jittered test crops a sequence for the one-shot IoU."""
    profile_frames: int = Field(100, gt=0)
    """Frames timed for FPS."""


class EvaluationOptions(Options):
    """Statistics."""

    resamples: int = Field(10000, gt=0)
    """Bootstrap resamples of the sequences."""
    seed: int = 0
    """Seed of the bootstrap."""


class FigureOptions(Options):
    """What the qualitative figures show."""

    sequences: int = Field(3, gt=0)
    """Test sequences shown as strips, spread over the score."""
    runs: tuple[str, ...] = ()
    """Rows drawn in strips and films; empty: `student`, `had` and `teacher`, or all networks where there are none."""


class Experiment(Options):
    """Everything that one `snakemake` call depends on."""

    results: Path = Path("results")
    """Folder of everything that is made."""
    seeds: tuple[int, ...] = (0,)
    """Training seeds; each network is trained once a seed."""
    runs: dict[str, Run]
    """Ablation rows, in the order in which tables print them; in YAML also a list of names in config/runs/."""
    controls: tuple[Literal["static", "ground_truth", "mil"], ...] = ("static", "mil", "ground_truth")
    """Rows without learning."""
    external: dict[str, Path] = {}
    """Other trackers' result folders as further rows: name -> folder with <benchmark>/<sequence>.txt."""
    benchmarks: dict[str, BenchmarkOptions]
    """The benchmarks, by name."""
    crops: CropOptions = CropOptions()
    """Crops and their sampling."""
    network: NetworkOptions = NetworkOptions()
    """The network, teacher and student alike."""
    training: RoleTraining = RoleTraining()
    """Training."""
    losses: LossOptions = LossOptions()
    """Task losses."""
    distillation: DistillationOptions = DistillationOptions()
    """Distillation."""
    tracking: TrackingOptions = TrackingOptions()
    """Tracking."""
    evaluation: EvaluationOptions = EvaluationOptions()
    """Statistics."""
    figures: FigureOptions = FigureOptions()
    """Figures."""
    keep_lessons: bool = False
    """Keep the frozen teacher's outputs for all runs of a seed, which saves each of them the teacher's work and costs
    disk space while they train: for small networks."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""

    @model_validator(mode="after")
    def _contradictions(self):
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different whole numbers from 0 on, not {list(self.seeds)}")
        rows = [*self.runs, *self.controls, *self.external]
        for name in rows:
            if rows.count(name) > 1:
                raise ValueError(f"{name!r} names two rows among runs, controls and external trackers")
            if not ROW_NAME.fullmatch(name):
                raise ValueError(f"the row {name!r} is not made of letters, digits, `_`, `-` and `.`")
        for name in self.figures.runs:
            if name not in rows:
                raise ValueError(f"figures.runs names {name!r}, which is no row: {nearest(name, rows)}")
        for name, source in self.benchmarks.items():
            frames = source.simulation.train.frames if source.simulation else None
            if frames is not None and frames < self.crops.clip_frames:
                raise ValueError(f"crops.clip_frames {self.crops.clip_frames} with {frames} train frames in {name}")
        for name, run in self.runs.items():
            if "temporal" in run.terms and self.crops.clip_frames < 2:
                raise ValueError(f"run {name!r} asks for term `temporal`, but crops.clip_frames is 1")
            if (run.terms or run.distillation.get("teacher_initialization")) and "teacher" not in self.runs:
                raise ValueError(f"run {name!r} is distilled, but runs has no `teacher`")
        if "teacher" in self.runs and self.runs["teacher"].role != "teacher":
            raise ValueError("the run `teacher` must have role: teacher")
        return self

    def resolve(self, run: str) -> RunOptions:
        """What the training run ``run`` needs, its overrides applied.

        Raises:
            ConfigError: no such run.
        """
        if run not in self.runs:
            raise ConfigError(f"a run among {', '.join(self.runs)}", repr(run), nearest(run, self.runs))
        row = self.runs[run]
        return RunOptions(
            run=run,
            title=row.title,
            role=row.role,
            terms=row.terms,
            crops=self.crops,
            network=merged(self.network, row.network),
            training=merged(getattr(self.training, row.role), row.training),
            losses=merged(self.losses, row.losses),
            distillation=merged(self.distillation, row.distillation),
        )

    def source(self, benchmark: str) -> BenchmarkOptions:
        """Where the recordings of ``benchmark`` come from.

        Raises:
            ConfigError: the configuration has no such benchmark.
        """
        if benchmark not in self.benchmarks:
            known = nearest(benchmark, self.benchmarks) if self.benchmarks else "it has none: add one"
            raise ConfigError("a benchmark of the configuration", repr(benchmark), known)
        return self.benchmarks[benchmark]


class RunOptions(Options):
    """One training run, resolved: the only configuration that networks, losses and the loop see."""

    run: str
    title: str
    role: Literal["teacher", "student"]
    terms: tuple[str, ...]
    crops: CropOptions
    network: NetworkOptions
    training: TrainingOptions
    losses: LossOptions
    distillation: DistillationOptions

    @property
    def needs_teacher(self) -> bool:
        """Whether a trained teacher must be there: for its outputs or for its weights."""
        return bool(self.terms) or self.distillation.teacher_initialization

    @property
    def lessons(self) -> dict:
        """What decides which lessons a distilled run gets, beside seed, data and teacher."""
        training = {name: getattr(self.training, name) for name in ("sequences", "epochs", "samples", "batch_size")}
        return {"crops": self.crops.model_dump(), "match_stream": self.distillation.match_stream, **training}


def merge(base: dict, changes: dict) -> dict:
    """``base`` with ``changes`` laid over it, dictionary by dictionary; neither is altered."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def merged(options: Options, changes: dict) -> Any:
    """``options`` with the nested ``changes`` applied and checked."""
    return type(options).model_validate(merge(options.model_dump(), changes))
