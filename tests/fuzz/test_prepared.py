"""Damaged descriptions and arrays of prepared data: frames as they were prepared, or our refusal."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.data.sequences import check_arrays, load_split
from had.errors import HadError
from had.options.recordings import PreparationOptions
from tests.data.miniature import write_coesot, write_eventvot
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged

KINDS = {"coesot": write_coesot, "eventvot": write_eventvot}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    for name, write in KINDS.items():
        write(LAYOUTS[name], folder / name, names=("one",))
        options = PreparationOptions()
        out = folder / "out" / name
        prepare_split(layout=LAYOUTS[name], options=options, root=folder / name, split="test", output=out)
    return folder / "out"


def frames_of(folder, name):
    (one,) = load_split(folder / name, "test", benchmark=name)
    check_arrays([one])
    frames = [one.frame(index) for index in range(len(one))]
    events = [np.array(frame.events) for frame in frames]
    return events, [frame.image("rgb") if "rgb" in frame.files else 0 for frame in frames], one.boxes


@fuzzed
@given(data=st.data())
def test_damaged_prepared_files_are_refused_or_as_they_were(whole, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    name = data.draw(st.sampled_from(sorted(KINDS)))
    path = data.draw(st.sampled_from(sorted(path for path in (folder / name).rglob("*") if path.is_file())))
    before = path.read_bytes()
    path.write_bytes(data.draw(damaged([before])))
    try:
        found = frames_of(folder, name)
    except HadError:
        return
    wanted = frames_of(whole, name)
    for one, other in zip(found, wanted, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
