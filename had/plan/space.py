"""The disk space that an experiment will take, line by line: known, estimated from what is known, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from had.data.annotations import split_folder
from had.data.datasets import data_file, read_dataset
from had.data.layouts import Layout, layout_of
from had.data.store import STORED_DTYPE
from had.evaluation.rows import shows_frames
from had.options.experiment import Experiment
from had.plan.networks import Compute, reads_lessons
from had.plan.recordings import PUBLISHED_BYTES, UNPACKED_BYTES, SplitFacts, rgb_bytes, split_facts

VOXEL_BYTES = 19
FLOAT = 4
STATE = 4
"""Networks' worth of numbers in the state of a running training: weights, two moments of AdamW, and some."""
TRACK_LINE_BYTES = 60
"""A frame's box and time as text."""


@dataclass(frozen=True)
class Space:
    """One line.

    Attributes:
        benchmark: its name; empty for all.
        what: what takes it.
        bytes: None: unknown.
        about: ``""`` (known), ``"about"``, ``"at most"`` or ``"at least"``.
        note: where the number is from.
        passing: whether it is free again at the end.
    """

    benchmark: str
    what: str
    bytes: float | None
    about: str
    note: str
    passing: bool = False


def disk(experiment: Experiment, work: Compute) -> list[Space]:
    """All lines.

    Raises:
        DataError, ConfigError: as `had.plan.recordings.split_facts`.
    """
    lines = []
    for benchmark in experiment.benchmarks:
        layout = layout_of(benchmark)
        lines += _recordings(experiment, layout)
        lines += _prepared(experiment, layout) if shows_frames(experiment) else []
        lines += _networks(experiment, benchmark, work)
    return lines


def _recordings(experiment: Experiment, layout: Layout) -> list[Space]:
    source = experiment.source(layout.name)
    root = source.root or experiment.results / "data" / layout.name / "raw"
    folders = [split_folder(layout, root, split) for split in layout.splits]
    if any((folder / layout.list_file).is_file() for folder in folders):
        size = float(sum(_size(folder) for folder in folders))
        return [Space(layout.name, "recordings", size, "", f"in {root}")]
    if source.simulation is not None:
        return [Space(layout.name, "recordings", None, "", "simulated; known once they are")]
    path = data_file(layout.name)
    edition = read_dataset(layout.name, path.parent).edition()[1] if path else None
    sizes = [item.stated_bytes for item in edition.items.values()] if edition else [None]
    total = None if None in sizes else sum(size for size in sizes if size)
    note = "as stated by the publishers" if total else "not stated by the publishers"
    archives = Space(layout.name, "archives", total, "about" if total else "", note, passing=True)
    return [archives, _unpacked(experiment, layout, total)]


def _unpacked(experiment: Experiment, layout: Layout, packed: float | None) -> Space:
    """The recordings of archives of so many bytes."""
    before, after = PUBLISHED_BYTES[layout.raw_format], UNPACKED_BYTES[layout.raw_format]
    events = _sum([split_facts(experiment, layout.name, split).events for split in layout.splits], 1)
    if packed is None or events is None:
        return Space(layout.name, "recordings", packed, "at least" if packed else "", "unpacked archives")
    note = f"unpacked archives: {after:g} bytes an event where they have {before:g}"
    return Space(layout.name, "recordings", packed + events * (after - before), "about", note)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def _prepared(experiment: Experiment, layout: Layout) -> list[Space]:
    facts = [split_facts(experiment, layout.name, split) for split in layout.splits]
    event, frames = STORED_DTYPE.itemsize, [one.frames for one in facts]
    lines = [Space(layout.name, "prepared events", _sum([one.events for one in facts], event), *_told(facts, event))]
    if "voxel" in layout.teacher_streams and experiment.source(layout.name).preparation.voxels:
        each = layout.voxel.kept * VOXEL_BYTES
        note = f"{layout.voxel.kept:,} cells of {VOXEL_BYTES} bytes a frame"
        lines.append(Space(layout.name, "prepared voxels", _sum(frames, each), "at most", note))
    if "rgb" in layout.teacher_streams:
        each = rgb_bytes(experiment, layout)
        lacking = [split for split, count in zip(layout.splits, frames, strict=True) if count is None]
        note = f"{each:,} bytes a frame" + (f", without {', '.join(lacking)}: frames not stated" if lacking else "")
        known = _sum([count for count in frames if count is not None] or [None], each)
        lines.append(Space(layout.name, "prepared camera frames", known, "at least" if lacking else "about", note))
    return lines


def _told(facts: list[SplitFacts], each: int) -> tuple[str, str]:
    """How sure the events' space is, and why."""
    abouts = [one.about for one in facts]
    sources = ", ".join(dict.fromkeys(one.source for one in facts))
    if any(one.events is None for one in facts):
        return "", f"{each} bytes an event, whose number is not known ({sources})"
    return (
        "at most" if "at most" in abouts else "about" if "about" in abouts else ""
    ), f"{each} bytes an event ({sources})"


def _sum(counts: list, each: float) -> float | None:
    return None if None in counts else float(sum(counts) * each)


def _networks(experiment: Experiment, benchmark: str, work: Compute) -> list[Space]:
    weights, state, tracks, kept = 0.0, 0.0, 0.0, {}
    facts = split_facts(experiment, benchmark, "test")
    for run in experiment.runs:
        options, network = experiment.resolve(run), work.networks[benchmark, run]
        seeds = len(experiment.seeds_of(run))
        weights += seeds * FLOAT * network.parameters
        state = max(state, STATE * FLOAT * float(network.parameters))
        tracks += seeds * (facts.frames or 0) * (2 * network.cells + TRACK_LINE_BYTES)
        if reads_lessons(experiment, options):
            tokens = network.cells + (options.crops.template_size // options.network.patch) ** 2
            teacher = experiment.resolve("teacher").network
            each = FLOAT * (5 * network.cells + tokens * teacher.dim + teacher.heads * tokens**2)
            kept[repr(options.lessons)] = seeds * options.frames_seen * each
    known = facts.frames is not None
    lines = [
        Space(benchmark, "checkpoints", weights, "", f"{FLOAT} bytes a parameter, all runs and seeds"),
        Space(benchmark, "a running training", state, "about", "weights and AdamW's moments", passing=True),
        Space(benchmark, "tracks", tracks if known else None, "at most" if known else "", "boxes and response maps"),
    ]
    if kept:
        lines.append(Space(benchmark, "lessons", float(sum(kept.values())), "", "keep_lessons", passing=True))
    return lines if experiment.runs else []
