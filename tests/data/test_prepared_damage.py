"""Prepared files that were damaged after they were written: refused when they are opened, made anew by prepare."""

import json
import pickle
import shutil

import numpy as np
import pytest
from miniature import write_coesot, write_eventvot

from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.data.sequences import check_arrays, load_split
from had.errors import DataError
from had.options.experiment import Experiment
from had.options.recordings import PreparationOptions
from had.training.clips import training_clips

LAYOUT = {"eventvot": (LAYOUTS["eventvot"], write_eventvot), "coesot": (LAYOUTS["coesot"], write_coesot)}


@pytest.fixture(scope="module", params=LAYOUT)
def whole(request, tmp_path_factory):
    """A prepared split of two sequences, and its recordings."""
    folder = tmp_path_factory.mktemp(request.param)
    layout, write = LAYOUT[request.param]
    write(layout, folder / "raw", names=("one", "two"), split="train")
    prepare(layout, folder)
    return layout, folder


def prepare(layout, folder):
    options = PreparationOptions()
    prepare_split(layout=layout, options=options, root=folder / "raw", split="train", output=folder / "out")


@pytest.fixture
def tree(whole, tmp_path):
    layout, folder = whole
    return layout, shutil.copytree(folder, tmp_path / "tree")


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 4
    path.write_bytes(data)


def exchange(path):
    data = path.read_bytes()
    path.write_bytes(data[:-10] + data[-5:] + data[-10:-5])


DAMAGE = {
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one bit flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "gone": lambda path: path.unlink(),
    "another sequence's": lambda path: shutil.copy(path.parents[1] / "two" / path.name, path),
    "two events exchanged": exchange,
}


def read_all(folder):
    for sequence in load_split(folder / "out", "train"):
        _ = sequence.frame_times_us, sequence.event_counts
        for index in range(len(sequence)):
            frame = sequence.frame(index)
            _ = frame.image("event_image"), frame.voxels
            _ = frame.image("rgb") if "rgb" in frame.files else None


@pytest.mark.parametrize("title", DAMAGE)
def test_each_damage_of_each_array_is_named_and_mended_by_prepare(tree, title):
    layout, folder = tree
    names = sorted(path.name for path in (folder / "out/train/one").glob("*.npy"))
    assert len(names) == (7 if layout.name == "eventvot" else 6)
    read_all(folder)
    for name in names:
        path = folder / "out/train/one" / name
        before = path.read_bytes()
        DAMAGE[title](path)
        if path.is_file() and path.read_bytes() == before:
            continue  # both sequences have the same boxes
        for reading in (read_all, lambda folder: check_arrays(load_split(folder / "out", "train"))):
            with pytest.raises(DataError, match=rf"prepared array as it was written.*{name}.*prepare the split again"):
                reading(folder)
        prepare(layout, folder)
        assert path.read_bytes() == before
    read_all(folder)


def test_camera_frames_are_compared_when_they_are_read(tree):
    layout, folder = tree
    images = sorted((folder / "out/train/one/rgb").glob("*.bmp"))
    for harm in (flip, lambda path: shutil.copy(images[2], path)) if images else ():
        harm(images[1])
        with pytest.raises(DataError, match=r"prepared camera frame as it was written.*0001\.bmp"):
            read_all(folder)
        prepare(layout, folder)
        read_all(folder)


def test_nothing_is_trained_on_damaged_events(tree):
    layout, folder = tree
    flip(folder / "out/train/two/events.npy")
    settings = {"benchmarks": {layout.name: {"root": str(folder / "raw")}}, "runs": {"student": {"title": "S"}}}
    run = Experiment.model_validate({"results": str(folder), **settings}).resolve("student")
    with pytest.raises(DataError, match=r"two/events\.npy"):
        training_clips(
            run, ("event_image",), benchmark=layout.name, seed=0, data=folder / "out", teacher=None, tracks=None
        )


def test_what_was_compared_is_not_compared_again_in_a_loaders_process(tree, monkeypatch):
    _, folder = tree
    sequences = load_split(folder / "out", "train")
    check_arrays(sequences)
    monkeypatch.setattr("had.data.sequences.check_array", lambda *_: pytest.fail("compared again"))
    assert len(pickle.loads(pickle.dumps(sequences[0])).frame(1).events)


@pytest.mark.parametrize("name", ["index.json", "one/meta.json"])
def test_changed_descriptions_are_not_trusted(tree, name):
    layout, folder = tree
    path = folder / "out/train" / name
    before = path.read_bytes()
    content = json.loads(before)
    changes = [{**content, "frames": 3}, {key: value for key, value in content.items() if key != "checksum"}, [1], 1]
    changes += [{**content, "sequences": [[1]]}, {**content, "size": [1]}]
    for text in [*map(json.dumps, changes), "[" * 100_000, before.decode()[:-9], "", "\0", '{"a": ' + "1" * 5000 + "}"]:
        path.write_text(text)
        if name == "index.json":
            with pytest.raises(DataError, match=r"index\.json, which is broken or of an earlier version"):
                load_split(folder / "out", "train")
        prepare(layout, folder)
        assert path.read_bytes() == before


def test_an_up_to_date_split_is_left_alone(tree):
    layout, folder = tree
    prepare(layout, folder)  # the fixture's copies are new files
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    prepare(layout, folder)
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    assert np.load(folder / "out/train/one/boxes.npy").shape[1] == 4
