"""Inputs that are replaced after a preparation: the next one gives what a new folder would."""

import os
from pathlib import Path

import numpy as np
import pytest
from miniature import random_events, write_csv
from published_trees import FRAMES, NAMES, write_picture, write_tree, write_voxels

from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.data.verify import verify_folder
from had.options.recordings import PreparationOptions

EVENTVOT, COESOT = LAYOUTS["eventvot"], LAYOUTS["coesot"]
IMAGES, RAW = {"raw": False}, {"images": False, "voxels": False}
NAME = NAMES["test"][0]
RNG = np.random.default_rng(7)


def replace(path, write):
    """Write ``path`` anew, as old as it was (as `cp -p` or an archive leaves it)."""
    before = path.stat()
    path.unlink()
    write(path)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def other_voxels(folder):
    for index in range(FRAMES):
        path = folder / EVENTVOT.voxels.format(sequence=NAME, index=index)
        replace(path, lambda path: write_voxels(EVENTVOT, path, RNG))


def other_polarities(folder):
    path = folder / f"{NAME}.csv"
    head, *lines = path.read_text().splitlines()
    rows = [f"{x},{y},{1 - int(p)},{t}" for x, y, p, t in (line.split(",") for line in lines)]
    replace(path, lambda path: path.write_text("\n".join([head, *rows, ""])))


def other_images(folder):
    for path in (folder / f"{NAME}_dvs").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\1")


def later_numbers(folder):
    for path in sorted((folder / "img").iterdir(), reverse=True):
        path.rename(path.with_stem(f"{int(path.stem) + 1:04d}"))


def camera_images(folder):
    for index in range(FRAMES):
        write_picture(folder / f"{NAME}_aps" / f"frame{index:04d}.png", RNG)


def an_old_recording(folder):
    write_csv(folder / f"{NAME}.csv", random_events(600, begin=5000, step=200))
    os.utime(folder / f"{NAME}.csv", (1e9, 1e9))


def no_recording(folder):
    (folder / f"{NAME}.aedat4").unlink()


@pytest.mark.parametrize(
    ("layout", "edition", "change"),
    [
        (EVENTVOT, IMAGES, other_voxels),
        (EVENTVOT, IMAGES, later_numbers),
        (EVENTVOT, IMAGES, an_old_recording),
        (EVENTVOT, RAW, other_polarities),
        (COESOT, IMAGES, other_images),
        (COESOT, RAW, camera_images),
        (COESOT, {}, no_recording),
    ],
)
def test_replaced_inputs_are_prepared_again_and_others_left_alone(tmp_path, layout, edition, change):
    root = write_tree(layout, tmp_path / "raw", **edition)

    def prepared(output: Path):
        prepare_split(layout=layout, options=PreparationOptions(), root=root, split="test", output=output)
        files = (path for path in sorted(output.rglob("*")) if path.is_file())
        return {path.relative_to(output): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def times(files, name):
        return {path: time for path, (_, time) in files.items() if path.parts[1] == name}

    first = prepared(tmp_path / "out")
    change(root / "test" / NAME)
    again, new = prepared(tmp_path / "out"), prepared(tmp_path / "new")
    assert times(again, NAMES["test"][1]) == times(first, NAMES["test"][1])
    assert {path: content for path, (content, _) in again.items()} == {p: content for p, (content, _) in new.items()}
    assert again[Path("test/index.json")][0] != first[Path("test/index.json")][0]  # what was made of it is made again
    assert times(prepared(tmp_path / "out"), NAME) == times(again, NAME)


def test_a_file_of_the_same_size_and_age_is_verified_again(tmp_path):
    root = write_tree(COESOT, tmp_path / "raw", **IMAGES)
    asked = {"splits": ["test"], "cache_file": tmp_path / "cache.json"}
    assert verify_folder(COESOT, root, **asked).checked == 2
    path = root / "test" / NAME / f"{NAME}_dvs/frame0002.png"
    content = bytes(reversed(path.read_bytes()))
    replace(path, lambda path: path.write_bytes(content))
    assert verify_folder(COESOT, root, **asked).checked == 1
