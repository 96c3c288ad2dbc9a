"""Damaged files of kept teacher outputs are refused in one sentence, or are what was written."""

import json
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.prepared_files import array_checksums, write_description
from had.errors import DataError
from had.training.lessons import KEPT, StoredTeacher
from tests.fuzz.budget import fuzzed

DIGEST = "0123456789ab"
SHAPES = {"logits": (4, 4), "size": (2, 4, 4), "offset": (2, 4, 4), "tokens": (20, 8), "attention": (2, 20, 20)}
LATER = [(0, [0, 2]), (1, [1])]
"""Epochs and batches that are read."""
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
trees = st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Lessons of two epochs of three clips of two frames."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    for name in KEPT:
        np.save(folder / f"{name}.npy", rng.random((6, 2, *SHAPES[name]), dtype=np.float32))
    write_description(folder / "index.json", {"digest": DIGEST, "samples": 3, "arrays": array_checksums(folder)})
    return folder


def read(folder):
    stored = StoredTeacher(folder, DIGEST, device="cpu")
    said = [stored.lesson(None, *place) for place in LATER]  # type: ignore[arg-type]
    return [np.asarray(part) for lesson in said for part in lesson if part is not None]


def use(folder, whole) -> None:
    try:
        found = read(folder)
    except DataError:
        return
    assert all(np.array_equal(one, other) for one, other in zip(found, read(whole), strict=True))


def copied(whole, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    return folder


@fuzzed
@given(data=st.data())
def test_damaged_bytes(whole, tmp_path_factory, data):
    folder = copied(whole, tmp_path_factory)
    for _ in range(data.draw(st.integers(1, 2))):
        path = folder / data.draw(st.sampled_from(["index.json", *(f"{name}.npy" for name in KEPT)]))
        content = bytearray(path.read_bytes())
        begin = data.draw(st.integers(0, len(content)))
        end = min(len(content), begin + data.draw(st.sampled_from([0, 1, 4, 64, 10_000])))
        piece = data.draw(st.binary(max_size=8) | st.sampled_from([bytes(end - begin), bytes(content[begin:end]) * 2]))
        content[begin:end] = piece
        path.write_bytes(content)
    use(folder, whole)


@fuzzed
@given(data=st.data())
def test_other_values_in_an_index_with_a_right_checksum(whole, tmp_path_factory, data):
    folder = copied(whole, tmp_path_factory)
    index = folder / "index.json"
    content = json.loads(index.read_text())
    key = data.draw(st.sampled_from(["digest", "samples", "arrays", "tokens", "attention"]))
    place = content if key in content else content["arrays"]
    if data.draw(st.booleans()):
        place[key] = data.draw(trees)
    else:
        del place[key]
    write_description(index, content)
    if content.get("samples") == 3:
        use(folder, whole)
    else:  # other rows than were meant
        with suppress(DataError):
            read(folder)


@fuzzed
@given(content=st.binary(max_size=200) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_index(whole, tmp_path_factory, content):
    folder = copied(whole, tmp_path_factory)
    (folder / "index.json").write_bytes(content)
    use(folder, whole)
