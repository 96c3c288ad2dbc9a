"""What is known of a split's recordings before they are prepared: sequences, frames, events.

The best source that there is counts: what is prepared already, what will be simulated, what lies in the root, what the
publishers state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from had.data.annotations import read_ground_truth, read_names, split_folder
from had.data.datasets import Edition, data_file, read_dataset
from had.data.layouts import Layout, layout_of
from had.data.prepared_files import read_description
from had.data.raw_files import raw_file
from had.errors import DataError
from had.options.experiment import Experiment

PUBLISHED_BYTES = {"csv": 5.47, "aedat4": 10.6, "hdf5": 10.6}
"""Bytes an event takes in what is downloaded, measured on one real recording each: a deflated CSV of an EVK4, and a
DAVIS346's AEDAT4 without its frames' pixels; HDF5 is taken to need as much as AEDAT4."""
UNPACKED_BYTES = {"csv": 19.0, "aedat4": 10.6, "hdf5": 10.6}
"""The same, once it is unpacked: AEDAT4 is packed itself."""
SAMPLE_BYTES = 1 << 16
"""Of a CSV recording that is looked at for the length of its lines."""
COUNTED_BYTES = 200 << 20
"""Largest AEDAT4 recording whose events are counted."""


@dataclass(frozen=True)
class SplitFacts:
    """One split; None: not known.

    Attributes:
        sequences, frames, events: their numbers.
        about: whether the events are an estimate, and of which kind: ``""``, ``"about"``, ``"at most"``.
        source: where the numbers are from.
    """

    sequences: int
    frames: int | None
    events: float | None
    about: str
    source: str


def split_facts(experiment: Experiment, benchmark: str, split: str) -> SplitFacts:
    """What is known of a split.

    Raises:
        DataError: broken lists or boxes in the root.
        ConfigError: a broken data file.
    """
    source, layout = experiment.source(benchmark), layout_of(benchmark)
    index = read_description(experiment.results / "data" / benchmark / "prepared" / split / "index.json")
    if index:
        return SplitFacts(len(index["sequences"]), index["frames"], index["events"], "", "prepared")
    if source.root is not None and (split_folder(layout, source.root, split) / layout.list_file).is_file():
        return _on_disk(benchmark, source.root.resolve(), split)
    if source.simulation is not None:
        size = getattr(source.simulation, split)
        return SplitFacts(size.sequences, size.sequences * size.frames, None, "", "to be simulated")
    return _as_published(layout, split)


@lru_cache(maxsize=16)
def _on_disk(benchmark: str, root: Path, split: str) -> SplitFacts:
    layout = layout_of(benchmark)
    folder = split_folder(layout, root, split)
    names = read_names(layout, root, split)
    frames = sum(len(read_ground_truth(folder / name / layout.boxes)) for name in names)
    raw = [path for name in names if (path := raw_file(layout, folder / name)).is_file()]
    events = None
    if raw:
        sizes = sorted((path.stat().st_size, path) for path in raw)
        each = _bytes_an_event(*sizes[len(sizes) // 2], csv=layout.raw_format == "csv")
        events = sum(size for size, _ in sizes) / each if each else None
    return SplitFacts(len(names), frames, events, "about", f"counted in {root}")


def _bytes_an_event(size: int, path: Path, *, csv: bool) -> float | None:
    """Of one recording of middling size."""
    if csv:
        with path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
        return len(sample) / max(sample.count(b"\n"), 1)
    if size > COUNTED_BYTES:
        return None
    from had.data.recordings import open_recording

    try:
        count = sum(len(events) for events in open_recording(path).chunks())
    except DataError:  # `had verify` says what is wrong with it
        return None
    return size / count if count else None


def _as_published(layout: Layout, split: str) -> SplitFacts:
    sequences = layout.published.get(split, 0)
    path = data_file(layout.name)
    if path is None:
        return SplitFacts(sequences, None, None, "", "not published")
    dataset = read_dataset(layout.name, path.parent)
    content = dataset.edition()[1]
    item = content.items.get(split)
    frames = item.frames if item else None
    if frames is None and layout.slices and sequences:
        frames = sequences * (layout.slices - 1)
    stated = _stated(content, split)
    if stated is not None and "images" in dataset.editions:
        stated -= _stated(dataset.editions["images"], split) or 0
    events = None if stated is None else stated / PUBLISHED_BYTES[layout.raw_format]
    return SplitFacts(sequences, frames, events, "at most" if events else "", "as published")


def _stated(content: Edition, split: str) -> float | None:
    item = content.items.get(split)
    return None if item is None else item.stated_bytes


def rgb_bytes(experiment: Experiment, layout: Layout) -> int:
    """A camera frame as it is stored: BMP, rows padded to four bytes."""
    simulation = experiment.source(layout.name).simulation
    width, height = (simulation.width, simulation.height) if simulation else layout.sensor
    return height * int(np.ceil(3 * width / 4) * 4) + 54
