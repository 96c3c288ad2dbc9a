"""The whole configuration of an experiment, and what one training run takes of it.

One field = a type, a default and one sentence. Sections are frozen and refuse unknown keys; options that contradict
each other are refused here, naming both. `had.config` reads them from YAML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from had.errors import ConfigError, excerpt, nearest
from had.options.analysis import ExplainOptions, unknown_names
from had.options.base import LARGEST_SEED, FilePath, Options, merged
from had.options.evaluation import EvaluationOptions, FigureOptions, PageOptions
from had.options.network import NetworkOptions, checked_architecture
from had.options.neutral import decisive
from had.options.recordings import BenchmarkOptions
from had.options.rows import Regime, Run
from had.options.tracking import TrackingOptions
from had.options.training import (
    RELEASED_TERMS,
    VOXEL_FOLD,
    CropOptions,
    DistillationOptions,
    LossOptions,
    RoleTraining,
    TrainingOptions,
)

ROW_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{,99}")
"""What runs and external trackers may be called: their names become folders."""
REPEATED = re.compile(r"(.+)\1{19}$")
"""What they may not be called: Snakemake takes such a wildcard for an endless recursion."""


class Experiment(Options):
    """Everything that one `snakemake` call depends on."""

    results: FilePath = Path("results")
    """Folder of everything that is made."""
    seeds: tuple[int, ...] = (0,)
    """Training seeds; each network is trained once a seed."""
    run_seeds: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """Seeds of single runs, in every regime, where they are not `seeds`. Fewer teachers are shared by all students."""
    runs: dict[str, Run]
    """Ablation rows, in the order in which tables print them; in YAML also a list of names in config/runs/."""
    regimes: dict[str, Regime] = Field(default_factory=dict)
    """Further circumstances for all students, for instance few labelled sequences; teachers are shared."""
    controls: tuple[Literal["static", "ground_truth", "mil"], ...] = ("static", "mil", "ground_truth")
    """Rows without learning."""
    external: dict[str, FilePath] = Field(default_factory=dict)
    """Other trackers' result folders as further rows: name -> folder with <benchmark>/<sequence>.txt."""
    published: FilePath | None = None
    """Published scores, shown in a block of their own; null: config/published.csv, where there is one."""
    benchmarks: dict[str, BenchmarkOptions] = Field(min_length=1)
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
    page: PageOptions = PageOptions()
    """The interactive page."""
    explain: ExplainOptions = ExplainOptions()
    """Crops on which teacher and students are compared."""
    keep_lessons: bool = False
    """Keep the frozen teacher's outputs for all runs of a seed, which saves each of them the teacher's work and costs
    disk space while they train: for small networks."""
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:[0-9]{1,3})?)$")
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    _left_out: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="after")
    def _contradictions(self):
        for seeds in (self.seeds, *self.run_seeds.values()):
            if not seeds or min(seeds) < 0 or max(seeds) > LARGEST_SEED or len(set(seeds)) < len(seeds):
                raise ValueError(f"seeds must be different whole numbers from 0 to 2^63 - 1, not {excerpt(str(seeds))}")
        if "" in self.regimes:
            raise ValueError("a regime without a name")
        named: dict[str, Iterable[str]] = {"run_seeds": self.run_seeds}
        named |= {f"regimes.{name}.runs": regime.runs or () for name, regime in self.regimes.items()}
        for where, names in named.items():
            for name in names:
                if name not in self.runs:
                    raise ValueError(f"{where} names {name!r}, which is no run: {nearest(name, self.runs)}")
        rows = [*self.runs, *self.controls, *self.external]
        for name, count in Counter(rows).items():
            if count > 1:
                raise ValueError(f"{name!r} names two rows among runs, controls and external trackers")
            if not ROW_NAME.fullmatch(name):
                raise ValueError(f"the row {excerpt(name)} is not made of 1 to 100 letters, digits, `_`, `-` and `.`")
            if name == "products":
                raise ValueError("the row 'products' has the name of the tables and figures in MLflow")
            if REPEATED.search(name):
                raise ValueError(f"the row {name!r} ends in 20 or more repetitions, which Snakemake refuses")
        titles = Counter(run.title for run in self.runs.values())
        if doubled := [title for title, count in titles.items() if count > 1]:
            raise ValueError(f"two runs have the title {excerpt(doubled[0])}: tables could not tell them apart")
        shown = {"figures.runs": self.figures.runs, "evaluation.comparisons": sum(self.evaluation.comparisons, ())}
        for where, names in shown.items():
            for name in names:
                if name not in rows:
                    raise ValueError(f"{where} names {name!r}, which is no row: {nearest(name, rows)}")
        for pair in self.evaluation.comparisons:
            if set(pair) <= set(self.runs) and not self.share_seeds(*pair):
                raise ValueError(f"evaluation.comparisons names {' and '.join(pair)}, which have no seed in common")
        roles = {name: run.role for name, run in self.runs.items()}
        if wrong := unknown_names(self.tracking.starts, self.explain, roles, self.controls, self.benchmarks):
            raise ValueError(wrong)
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

    @property
    def left_out(self) -> frozenset[str]:
        """External trackers that are no rows, because they could not be scored; nothing that a file can say."""
        return self._left_out

    def without(self, trackers: Iterable[str]) -> Experiment:
        """The same configuration with some external trackers `left_out`; all other rows keep their places and looks."""
        fewer = self.model_copy()
        fewer._left_out = self._left_out | frozenset(trackers)
        return fewer

    def seeds_of(self, run: str) -> tuple[int, ...]:
        """The training seeds of a run; those of a regime's row are its run's."""
        regime = self.runs[run].regime
        return self.run_seeds.get(run.removesuffix(f"_{regime}") if regime else run, self.seeds)

    def share_seeds(self, first: str, second: str) -> bool:
        """Whether two runs have a training seed in common."""
        return not set(self.seeds_of(first)).isdisjoint(self.seeds_of(second))

    def teacher_seed(self, seed: int) -> int:
        """The seed of the teacher that a student of ``seed`` learns from: its own, or, with fewer teachers, in turn."""
        seeds = self.seeds_of("teacher")
        return seed if seed in seeds else seeds[seed % len(seeds)]

    def resolve(self, run: str) -> RunOptions:
        """What the training run ``run`` needs, its overrides applied.

        Raises:
            ConfigError: no such run.
        """
        if run not in self.runs:
            raise ConfigError("a run of the configuration", repr(run), nearest(run, self.runs))
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
            remedy = nearest(benchmark, self.benchmarks)
            raise ConfigError("a benchmark of the configuration", repr(benchmark), remedy)
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
    def reads_unlabelled(self) -> bool:
        """Whether the run is distilled on sequences without labels, too."""
        return bool(self.terms) and self.distillation.unlabelled

    @property
    def clips_per_sample(self) -> int:
        """How many clips a sample adds to a batch: itself, and a companion without labels."""
        return 2 if self.reads_unlabelled else 1

    @property
    def frames_seen(self) -> int:
        """Search frames of the whole training."""
        samples = self.training.epochs * self.training.samples
        return samples * self.clips_per_sample * self.crops.clip_frames

    @property
    def needs_whole_teacher(self) -> bool:
        """Whether a term reads all that the teacher computes, which lessons that are kept do not hold."""
        return not set(RELEASED_TERMS).isdisjoint(self.terms)

    def check(self, streams: tuple[str, ...]) -> None:
        """Whether a network of this run can read these streams.

        Raises:
            ConfigError: a network that cannot be, a teacher with one stream, elimination in a network that teaches or
                is taught, numbers of voxels that cannot be folded into the grid, two sources of initial weights, or no
                sequences left without labels where they are wanted.
        """
        if self.training.initial_weights and self.distillation.teacher_initialization:
            got = f"training.initial_weights and distillation.teacher_initialization in run {self.run!r}"
            raise ConfigError("one source of initial weights", got, "remove one of them")
        if self.reads_unlabelled and self.training.sequences is None:
            got = f"distillation.unlabelled in run {self.run!r}, all of whose training sequences are labelled"
            raise ConfigError("training.sequences, the number of labelled ones", got, "set it, or remove the other")
        if self.role == "teacher" and len(streams) != 2:
            raise ConfigError("two streams for a teacher", f"{', '.join(streams)} in run {self.run!r}", "add the other")
        sides = {name: getattr(self.crops, name) for name in ("template_size", "search_size")}
        checked_architecture(streams=tuple(streams), **sides, **self.network.model_dump())
        if self.network.keep_ratio < 1 and (self.role == "teacher" or self.needs_teacher):
            got = f"{self.network.keep_ratio} in run {self.run!r}"
            expected = "network.keep_ratio 1 where tokens are distilled"
            raise ConfigError(expected, got, "eliminate in plain students only")
        if "voxel" in streams and self.network.voxel_embedding == "list":
            for part in ("template", "search"):
                wanted = (VOXEL_FOLD * (getattr(self.crops, f"{part}_size") // self.network.patch)) ** 2
                if (most := getattr(self.crops, f"{part}_voxels")) != wanted:
                    expected = f"crops.{part}_voxels {wanted} with network.voxel_embedding list (run {self.run!r})"
                    raise ConfigError(expected, str(most), f"correct it, or crops.{part}_size")

    @property
    def lessons(self) -> dict:
        """What decides which lessons a distilled run gets, beside seed, data and teacher."""
        training = {name: getattr(self.training, name) for name in ("sequences", "epochs", "samples", "batch_size")}
        found = {"crops": decisive(self.crops), "match_stream": self.distillation.match_stream, **training}
        return found | ({"unlabelled": True} if self.reads_unlabelled else {})
