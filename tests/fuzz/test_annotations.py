"""Damaged lists, boxes, flags, attributes, sensors, slices and first frames: verify reports, readers refuse."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.annotation_folders import find_annotations
from had.data.annotations import read_sensor, read_slices, read_split
from had.data.box_frames import first_frame, read_starts
from had.data.layouts import LAYOUTS
from had.data.simulate.video import read_boxes
from had.data.verify import verify_folder
from had.errors import HadError
from tests.data.miniature import annotate, some_boxes
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged

COESOT, FE108 = LAYOUTS["coesot"], LAYOUTS["fe108"]
FILES = {
    "test/list.txt": b"one\ntwo\n",
    "test/one/groundtruth.txt": b"1,2,3,4\n" * 5,
    "test/one/absent.txt": b"1\n" * 5,
    "test/one/start_end_index.txt": b"3,7\n",
    "test/one/sensor.txt": b"64,48\n",
    "test/one/slices.txt": b"6\n",
    "attributes.csv": b"sequence,CM,ROT\none,0,1\n",
    "att/one.txt": b"0\n" * 17,
    "start_frame_idx_FE108.txt": b"one,12\ntwo,13\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotations")
    for name in ("one", "two"):
        annotate(COESOT, folder / "test" / name, some_boxes(5))
    return folder


@st.composite
def changes(draw):
    name = draw(st.sampled_from(sorted(FILES)))
    return name, draw(damaged([FILES[name]]))


@fuzzed
@given(change=changes())
def test_damaged_text_files_are_read_or_refused(root, change):
    name, content = change
    folder = root / "test/one"
    for other, whole in FILES.items():
        path: Path = root / other
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if other == name else whole)
    if name == "att/one.txt":
        (root / "attributes.csv").unlink()
    calls = (
        lambda: read_split(COESOT, root, "test"),
        lambda: find_annotations(COESOT, root / "test").read("one"),
        lambda: (read_sensor(COESOT, folder), read_slices(folder)),
        lambda: read_starts(root / "start_frame_idx_FE108.txt"),
        lambda: [first_frame(layout, folder, boxes=5, frames=40, what="frames") for layout in (COESOT, FE108)],
        lambda: read_boxes(folder / "groundtruth.txt", frames=5, size=(64, 48), origin=0),
    )
    for call in calls:
        with suppress(HadError):
            call()
    report = verify_folder(COESOT, root, splits=["test"], cache_file=root / "cache.json")
    assert report.count("error")  # there is no recording
    shutil.rmtree(root / "att", ignore_errors=True)
