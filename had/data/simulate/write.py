"""Options -> a whole split of simulated sequences in a published layout.

Sequence i of a split follows from (seed, split, i) alone: not from the number of workers, nor from the
other sequences. A sequence's folder appears when it is complete, the list when all are; a call that was
interrupted goes on with what is missing.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from had.data.layouts import Layout
from had.data.simulate.attributes import meanings
from had.data.simulate.build import make_scene
from had.data.simulate.enrol import joined, write_attributes
from had.data.simulate.recording import FLAGS, Annotated, lead_of, write_recording
from had.data.simulate.rgb_camera import RgbCamera
from had.data.simulate.scene import PRESENT_SHARE, Clock, Scene
from had.errors import ConfigError, nearest
from had.files import atomic_file, atomic_folder
from had.identity import digest
from had.options.neutral import decisive
from had.options.recordings import SimulationOptions
from had.progress import progress

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")
STAMP = "simulation.txt"
"""Digest of the options that made a split's recordings, in its folder."""
GENERATION = 2
"""Raised when the same options make other recordings: everything is simulated again."""
LOW_LIGHT_EXPOSURE = 3
"""How much longer the shutter is open in low light."""
MOST_EXPOSURE = 0.9
"""Longest exposure as a share of the frame interval."""
MOST_IMAGES = 8
"""Images of one exposure at most."""
BLUR_STEP = 1.5
"""Pixels that the fastest thing moves between two images of one exposure."""


def simulate_split(*, layout: Layout, options: SimulationOptions, split: str, root: Path, workers: int = 1) -> None:
    """Write a split: ``<root>/<split folder>/{<sequence>/..., attributes.csv, list.txt}``.

    Recordings of real videos that are there (`had.data.simulate.video`) stay, after the scenes in the list.

    Args:
        layout: whose files are written.
        options: sensor, scenes, lengths, seed.
        split: ``train``, ``val`` or ``test``.
        root: the benchmark's folder.
        workers: processes; the result does not depend on them.

    Raises:
        ConfigError: the layout has no such split.
        DataError: the split holds recordings that were not simulated here; nothing is changed.
    """
    if split not in layout.splits or split not in SPLITS:
        known = [name for name in SPLITS if name in layout.splits]
        raise ConfigError(f"a split of {layout.title}", repr(split), nearest(split, known))
    folder = Path(root) / layout.splits[split]
    names = [f"sim_{split}_{index + 1:04d}" for index in range(getattr(options, split).sequences)]
    videos = joined(folder, layout)
    _discard_foreign(folder, layout, options, split)
    missing = [index for index, name in enumerate(names) if not (folder / name).is_dir()]
    job = partial(_write_sequence, layout, options, split, folder)
    label = f"simulate {layout.name} {split}"
    for _ in progress(_run(job, missing, workers), label=label, total=len(missing), unit="sequences"):
        pass
    write_attributes(folder, layout, names + videos)
    with atomic_file(folder / layout.list_file) as path:
        path.write_text("".join(f"{name}\n" for name in names + videos), encoding="utf-8")


def _discard_foreign(folder: Path, layout: Layout, options: SimulationOptions, split: str) -> None:
    """Remove what other options made here; the split's number of sequences does not change a sequence."""
    sensor_and_scenes = decisive(options, without=SPLITS)
    identity = digest(GENERATION, layout.name, sensor_and_scenes, getattr(options, split).frames)
    stamp = folder / STAMP
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != identity:
        old = sorted(folder.glob(f"sim_{split}_*"))
        if old:
            log.info("%s: %d recordings of another configuration removed", folder, len(old))
        for path in old:
            shutil.rmtree(path)
    with atomic_file(stamp) as path:
        path.write_text(identity, encoding="utf-8")


def _run(job, items: Iterable[int], workers: int) -> Iterator[None]:
    if workers <= 1:
        yield from map(job, items)
        return
    # spawned, not forked: a parent with threads (torch, OpenCV) cannot be forked safely
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(job, items)


def _write_sequence(layout: Layout, options: SimulationOptions, split: str, folder: Path, index: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    scene_rng, sensor_rng, rgb_rng = generators(options.seed, split, index)
    clock = Clock(
        frames=getattr(options, split).frames,
        renders=options.renders_per_frame,
        frame_seconds=1 / options.frame_rate,
        lead=lead_of(layout),
    )
    scene = make_scene(scene_rng, clock=clock, size=(options.width, options.height))
    boxes, shares = scene.annotate()
    source = SceneSource(scene, options, rgb_rng)
    name = f"sim_{split}_{index + 1:04d}"
    flags = meanings(scene, boxes, shares, exposure_frames=source.exposure_us * 1e-6 * options.frame_rate)
    with atomic_folder(folder / name, ()) as part:
        write_recording(
            part,
            layout=layout,
            name=name,
            options=options,
            source=source,
            annotated=Annotated(boxes=boxes, present=shares >= PRESENT_SHARE),
            rng=sensor_rng,
        )
        text = "".join(f"{int(flags.get(attribute, False))}\n" for attribute in layout.attributes)
        (part / FLAGS).write_text(text, encoding="utf-8")


def generators(seed: int, split: str, index: int) -> list[np.random.Generator]:
    """Generators of a sequence's scene, its event sensor and its frame camera."""
    sequence = np.random.SeedSequence((seed, SPLITS.index(split), index))
    return [np.random.default_rng(child) for child in sequence.spawn(3)]


class SceneSource:
    """A scene in front of the two sensors (see `had.data.simulate.recording.Source`)."""

    def __init__(self, scene: Scene, options: SimulationOptions, rng: np.random.Generator):
        self.size, self.luminance = scene.size, scene.luminance
        self._scene, self._renders = scene, options.renders_per_frame
        self._interval = 1e6 / options.frame_rate
        longer = LOW_LIGHT_EXPOSURE if scene.difficulty.light == "low" else 1
        self.exposure_us = int(min(longer * options.rgb_camera.exposure_us, MOST_EXPOSURE * self._interval))
        self._camera = RgbCamera(options.rgb_camera, width=scene.size[0], height=scene.size[1], rng=rng)

    def frame(self, frame: int) -> tuple[np.ndarray, int]:
        """The frame camera's image and its exposure time."""
        middle = self._scene.clock.middle(frame)
        half = self.exposure_us / self._interval * self._renders / 2
        moved = self._scene.largest_motion(middle - half, middle + half)
        number = int(np.clip(np.ceil(moved / BLUR_STEP), 1, MOST_IMAGES))
        steps = middle + half * ((2 * np.arange(number) + 1) / number - 1)
        image = self._camera.expose(map(self._scene.colour, steps), exposure_us=self.exposure_us)
        return image, self.exposure_us
