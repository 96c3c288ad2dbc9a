"""Whole roots of EventVOT and COESOT: every split, name and list as published, tiny recordings, nothing of our own."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np

from had.data.layouts import LAYOUTS, Layout
from tests.data.miniature import annotate, random_events, write_aedat4, write_csv, write_list

FRAMES = 8
DOUBLED = "dvSave-2022_01_26_21_29_45"
"""In COESOT's lists of train and of val."""
NOT_LISTED = "dvSave-2022_03_21_11_09_50"
"""A COESOT test sequence that is annotated and in no list that is evaluated."""


def published_names(benchmark: str, shared: Path) -> dict[str, list[str]]:
    """Split -> names as published; of EventVOT only the test split's are, the others are made up."""
    if benchmark == "eventvot":
        names = {split: [f"{split}_{number:04d}" for number in range(841 if split == "train" else 18)] for split in
                 ("train", "val")}  # fmt: skip
        return names | {"test": lines(shared / "data" / "eventvot_lists" / "EventVOT_testing_subset.txt")}
    folder = shared / "data" / "coesot_annotations"
    names = {split: lines(folder / f"COESOT_{split}.txt") for split in ("train", "val")}
    return names | {"test": lines(folder / "test_sequences_eval_order.txt")}


def invented_names(benchmark: str, count: int) -> dict[str, list[str]]:
    """Split -> ``count`` names, with COESOT's name in two lists."""
    names = {split: [f"{split}_{number:04d}" for number in range(count)] for split in LAYOUTS[benchmark].splits}
    if benchmark == "coesot":
        names["train"][0] = names["val"][0] = DOUBLED
    return names


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig").split()


def write_complete(layout: Layout, root: Path, names: dict[str, list[str]], attributes: Path | None = None) -> Path:
    """A root of a layout, at its sensor's size and with no file that is not published.

    All sequences share one recording, which is linked; every third one loses its target for two frames, and
    every seventh begins without it.

    Args:
        names: split -> sequences, in the order of its list.
        attributes: a published table; None: all flags 0.
    """
    recording = root / f"recording{Path(layout.raw).suffix}"
    root.mkdir(parents=True)
    write_recording(layout, recording)
    for split, listed in names.items():
        write_list(layout, root, split, listed)
        more = [NOT_LISTED] if (layout.name, split) == ("coesot", "test") else []
        for number, name in enumerate([*listed, *more]):
            if split == "train" and name in names["val"]:
                continue  # it lies in val
            folder = root / layout.splits[split] / name
            annotate(layout, folder, *targets(layout, number))
            os.link(recording, folder / layout.raw.format(sequence=name))
    recording.unlink()
    if attributes is not None:
        shutil.copy(attributes, root / "attributes.csv")
    else:
        with (root / "attributes.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sequence", *layout.attributes])
            writer.writerows([name, *[0] * len(layout.attributes)] for name in names["test"])
    return root


def targets(layout: Layout, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and flags of a sequence; ``0,0,0,0`` while its target is absent."""
    width, height = layout.sensor
    boxes = np.array([[0.4 * width + 3 * k, 0.4 * height + k, 0.1 * width, 0.1 * height] for k in range(FRAMES)])
    present = np.ones(FRAMES, bool)
    present[5:7] = number % 3 != 0
    present[0] = number % 7 != 6
    boxes[~present] = 0
    return boxes, present


def write_recording(layout: Layout, path: Path) -> None:
    """Events all over the sensor; of COESOT with as many camera frames as boxes, and one more."""
    if layout.raw_format == "csv":
        write_csv(path, random_events(4000, size=layout.sensor, step=60))
        return
    image = np.full((layout.sensor[1], layout.sensor[0], 3), 90, np.uint8)
    camera = [(10_000 * (k + 1), 2000, image + k) for k in range(FRAMES + 1)]
    write_aedat4(path, random_events(3000, size=layout.sensor, begin=5000, step=60), camera, size=layout.sensor)
