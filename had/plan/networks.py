"""The work of an experiment's networks: operations counted on them, steps timed on this machine, both scaled up.

A training is `epochs x samples x clip_frames` search frames, forwards and backwards; a distilled one also asks the
teacher about each of them, unless lessons are kept, which are then made once. Validation, the one-shot crops and
tracking go forwards alone. The losses' own operations are not counted (their time is in the measured step), nor are
`profile` and `explain`, which look at a few hundred frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from had.data.layouts import layout_of
from had.options.experiment import Experiment, RunOptions
from had.plan.recordings import split_facts
from had.training.cost import NetworkCost, loading_seconds, network_cost, time_step

BATCH_FLOPS = {"cpu": 5e11, "cuda": 2e13}
"""Most operations of a step that is timed: of large networks a smaller batch is, and scaled."""
TIMED_FLOPS = {"cpu": 2e12, "cuda": 1e15}
"""Operations after which no further run is timed; the others are scaled from those that were."""


@dataclass(frozen=True)
class Step:
    """One optimizer step of a run at its full batch.

    Attributes:
        frames: search frames.
        flops: operations of the networks.
        seconds: on this machine, without the drawing of its samples; None: not measured.
        how: ``"measured"``, ``"measured on N of M clips"``, ``"scaled from RUN"`` or empty.
        loading: seconds in which the training process draws its samples; None: not known, or other processes do.
    """

    frames: int
    flops: int
    seconds: float | None = None
    how: str = ""
    loading: float | None = None


@dataclass(frozen=True)
class Work:
    """A stage of one run on one benchmark, all seeds together.

    Attributes:
        benchmark, run, stage: what; stages are ``train``, ``validate``, ``pseudo_label``, ``teach``, ``track``.
        jobs: number of trainings (seeds).
        frames: search frames that a network looks at; None where their number is not known yet.
        flops: operations; None likewise.
        seconds: on this machine, jobs one after the other; None: not measured, or not known.
        note: what limits these numbers.
    """

    benchmark: str
    run: str
    stage: str
    jobs: int
    frames: int | None
    flops: int | None
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Compute:
    """Attributes:
    device: on which steps were timed; empty: none were.
    threads: of the processor, there.
    share: of their time that the timed steps got, up to 1; None where that says nothing.
    steps: (benchmark, run) -> a step.
    networks: (benchmark, run) -> what one network costs.
    work: all stages.
    """

    device: str
    threads: int
    share: float | None
    steps: dict[tuple[str, str], Step]
    networks: dict[tuple[str, str], NetworkCost]
    work: list[Work] = field(default_factory=list)


def compute(experiment: Experiment, *, measure: bool) -> Compute:
    """Count, and where wanted measure.

    Raises:
        ConfigError: a device that is not there.
    """
    import torch

    from had.device import choose_device, prepare_machine

    networks = _networks(experiment)
    steps = {key: _counted(experiment, *key, networks) for key in networks}
    device, share = "", None
    if measure and steps:
        prepare_machine()
        device = choose_device(experiment.device)
        busy = _time(experiment, steps, device.partition(":")[0])
        share = busy if device == "cpu" else None
    threads = torch.get_num_threads()
    work = [line for key in networks for line in _stages(experiment, *key, networks, steps)]
    return Compute(device, threads, share, steps, networks, [*work, *_of_teachers(experiment, networks, steps)])


def _networks(experiment: Experiment) -> dict[tuple[str, str], NetworkCost]:
    """Of equal networks one is counted."""
    known: dict[str, NetworkCost] = {}
    found = {}
    for benchmark in experiment.benchmarks:
        layout = layout_of(benchmark)
        for run in experiment.runs:
            options = experiment.resolve(run)
            streams = layout.teacher_streams if options.role == "teacher" else layout.student_streams
            key = repr((options.network, options.crops, streams))
            if key not in known:
                known[key] = network_cost(options, layout)
            found[benchmark, run] = known[key]
    return found


def asks_teacher(experiment: Experiment, options: RunOptions) -> bool:
    """Whether every step of a run runs the teacher."""
    return bool(options.terms) and not reads_lessons(experiment, options)


def reads_lessons(experiment: Experiment, options: RunOptions) -> bool:
    """Whether a run reads kept lessons instead."""
    return experiment.keep_lessons and bool(options.terms) and not options.needs_whole_teacher


def _a_frame(experiment: Experiment, benchmark: str, run: str, networks: dict) -> int:
    """Operations of one search frame in training."""
    asked = networks[benchmark, "teacher"].forward if asks_teacher(experiment, experiment.resolve(run)) else 0
    return networks[benchmark, run].training + asked


def _counted(experiment: Experiment, benchmark: str, run: str, networks: dict) -> Step:
    options = experiment.resolve(run)
    clips = min(options.training.batch_size, options.training.samples) * options.clips_per_sample
    frames = clips * experiment.crops.clip_frames
    return Step(frames, frames * _a_frame(experiment, benchmark, run, networks))


def _time(experiment: Experiment, steps: dict[tuple[str, str], Step], kind: str) -> float:
    """Give every step its seconds; plain runs and those with most terms are timed first, on the first benchmark.

    Returns:
        The least share of its threads' time that a timed step got.
    """
    benchmark = next(iter(experiment.benchmarks))
    runs = sorted(experiment.runs, key=lambda run: -len(experiment.resolve(run).terms))
    plain = [run for run in runs if not experiment.resolve(run).terms][::-1]
    taught = [run for run in runs if run not in plain]
    order = [*plain[:1], *taught[:1], *plain[1:], *taught[1:]]
    spent, frames, share = 0.0, experiment.crops.clip_frames, 1.0
    for run in order:
        step, options = steps[benchmark, run], experiment.resolve(run)
        batch = step.frames // frames
        clips = max(1, min(batch, int(BATCH_FLOPS[kind] // (step.flops // batch))))
        spent += clips * step.flops // batch
        if run not in (*plain[:1], *taught[:1]) and (clips < batch or spent > TIMED_FLOPS[kind]):
            continue
        kept = reads_lessons(experiment, options)
        timed = time_step(experiment, benchmark, run, clips=clips, kept=kept)
        share = min(share, timed.share)
        how = "measured" if clips == batch else f"measured on {clips} of {batch} clips"
        steps[benchmark, run] = replace(step, seconds=timed.seconds * batch / clips, how=how)
    for key, step in steps.items():
        if step.seconds is None:
            source = _like(experiment, key[1], [run for run in order if steps[benchmark, run].how.startswith("m")])
            other = steps[benchmark, source]
            assert other.seconds is not None
            where = source if key[0] == benchmark else f"{source} on {benchmark}"
            seconds = other.seconds * step.flops / other.flops
            steps[key] = replace(step, seconds=seconds, how=f"scaled from {where}")
    for key, step in steps.items():
        loading = loading_seconds(experiment, *key)
        if loading is not None:
            clips = step.frames // experiment.crops.clip_frames
            steps[key] = replace(steps[key], loading=clips * loading)
    return share


def _like(experiment: Experiment, run: str, timed: list[str]) -> str:
    """The timed run that is most like another one: itself, else one that is distilled likewise."""
    if run in timed:
        return run
    same = [name for name in timed if bool(experiment.resolve(name).terms) == bool(experiment.resolve(run).terms)]
    return (same or timed)[0]


def _stages(experiment: Experiment, benchmark: str, run: str, networks: dict, steps: dict) -> Iterable[Work]:
    options, step = experiment.resolve(run), steps[benchmark, run]
    training, forward, seeds = options.training, networks[benchmark, run].forward, len(experiment.seeds_of(run))
    per_flop = None if step.seconds is None else step.seconds / step.flops

    def line(stage: str, frames: int | None, each: int, note: str = "") -> Work:
        flops = None if frames is None else frames * each
        seconds = None if flops is None or per_flop is None else flops * per_flop
        return Work(benchmark, run, stage, seeds, frames, flops, seconds, note)

    seen = seeds * options.frames_seen
    trained = line("train", seen, step.flops // step.frames)
    if trained.seconds is not None and step.loading is not None:
        trained = replace(trained, seconds=trained.seconds + seen / step.frames * step.loading)
    yield trained
    if "val" in layout_of(benchmark).splits:
        yield line("validate", seeds * training.epochs * training.validation_samples, forward)
    facts, frames = split_facts(experiment, benchmark, "test"), None
    if facts.frames is not None:
        frames = seeds * (
            _passes(experiment, run) * facts.frames + experiment.tracking.one_shot_crops * facts.sequences
        )
    yield line("track", frames, forward, facts.source)


def _passes(experiment: Experiment, run: str) -> int:
    """How often a run tracks the test split: from the annotated box, and from each jittered one."""
    starts = experiment.tracking.starts
    return 1 + (len(starts.starts) if starts and (not starts.runs or run in starts.runs) else 0)


def _of_teachers(experiment: Experiment, networks: dict, steps: dict) -> Iterable[Work]:
    """What a teacher is asked once: the tracks of sequences without labels, and its lessons where they are kept."""

    def line(stage: str, jobs: int, frames: int | None, note: str = "") -> Work:
        step, forward = steps[benchmark, "teacher"], networks[benchmark, "teacher"].forward
        flops = None if frames is None else frames * forward
        seconds = None if flops is None or step.seconds is None else flops * step.seconds / step.flops
        return Work(benchmark, "teacher", stage, jobs, frames, flops, seconds, note)

    for benchmark in experiment.benchmarks:
        followed = [run for run in experiment.runs if experiment.resolve(run).reads_unlabelled]
        teachers = {experiment.teacher_seed(seed) for run in followed for seed in experiment.seeds_of(run)}
        if teachers:
            facts = split_facts(experiment, benchmark, "train")
            frames = None if facts.frames is None else len(teachers) * facts.frames
            yield line("pseudo_label", len(teachers), frames, facts.source)
        asked: dict[str, tuple[RunOptions, set[int]]] = {}
        for run in experiment.runs:
            options = experiment.resolve(run)
            if reads_lessons(experiment, options):
                asked.setdefault(repr(options.lessons), (options, set()))[1].update(experiment.seeds_of(run))
        for options, seeds in asked.values():
            yield line("teach", len(seeds), len(seeds) * options.frames_seen)
