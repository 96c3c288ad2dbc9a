"""Stored arrays of others: read as NumPy reads them, or one sentence; no memory before the sizes are checked."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from had.errors import DataError
from had.evaluation.stored_arrays import read_arrays

SAID = {"expected": "stored things", "remedy": "give another file"}


@given(
    of_numpy.arrays(
        st.sampled_from(["<f8", ">f4", "i2", "?", "<U3", ">U2"]),
        of_numpy.array_shapes(min_dims=0, min_side=0, max_side=4),
        elements=None,
    ),
    st.booleans(),
)
def test_what_numpy_writes_is_read_alike(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("arrays") / "x.npz"
    (np.savez_compressed if packed else np.savez)(path, one=array, two=np.asfortranarray(array))
    try:
        found = read_arrays(path, **SAID)
    except DataError:
        assert array.dtype.kind == "U"  # of halves of pairs, which are no text
        return
    for name in ("one", "two"):
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def member(header, data=b"", version=b"\x01\x00", length=None):
    text = header.encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(text) if length is None else length) + text + data


def header(descr="'<f8'", shape="(1,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


BROKEN = {
    "torn": member("{'descr': '<f8', 'fortran_order': False, 'shape': (1,"),
    "huge": member(header(shape="(1000000000000,)"), bytes(8)),
    "overflow": member(header(shape=f"({10**30},)"), bytes(8)),
    "digits": member(header(shape=f"({'9' * 5000},)"), bytes(8)),
    "negative": member(header(shape="(-1,)"), bytes(8)),
    "nothing wide": member(header("'<U0'", "(1000000000000,)")),
    "objects": member(header("'|O'"), bytes(8)),
    "records": member(header("[('a', '<f8')]"), bytes(8)),
    "no type": member(header("'nonsense'"), bytes(8)),
    "no shape": member("{'descr': '<f8'}\n", bytes(8)),
    "a list": member("[1, 2]\n", bytes(8)),
    "nested": member("(" * 9000 + ")" * 900, bytes(8)),
    "called": member("__import__('os').getcwd()\n", bytes(8)),
    "long header": member(header(), bytes(8), length=60000),
    "version": member(header(), bytes(8), version=b"\x09\x00"),
    "cut": member(header(), bytes(3)),
    "too long": member(header(), bytes(16)),
    "no text": member(header("'<U1'"), b"\xff\xff\xff\xff"),
    "half a pair": member(header("'<U1'"), b"\x00\xd8\x00\x00"),
    "true side": member(header(shape="(True,)"), bytes(8)),
    "empty": b"",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_damaged_array_is_one_sentence(tmp_path, kind):
    path = tmp_path / "curves.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", BROKEN[kind])
    with pytest.raises(DataError, match=r"expected stored things, got other data in .*curves.npz"):
        read_arrays(path, ("x",), **SAID)


def packed(method=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("x.npy", member(header(shape="(100,)"), bytes(800)))
    return bytearray(content.getvalue())


def test_another_compression_a_stated_size_and_doubled_names_are_one_sentence(tmp_path):
    unknown, large, encrypted = packed(), packed(), packed()
    entry = unknown.index(b"PK\x01\x02")
    unknown[entry + 10 : entry + 12] = struct.pack("<H", 99)
    large[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
    encrypted[entry + 8] |= 1
    doubled = io.BytesIO()
    with zipfile.ZipFile(doubled, "w") as archive:
        archive.writestr("x.npy", member(header(), bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", member(header(), bytes(8)))
    for content in (unknown, large, encrypted, doubled.getvalue(), packed(zipfile.ZIP_BZIP2)):
        (tmp_path / "x.npz").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"other data in .*x.npz"):
            read_arrays(tmp_path / "x.npz", **SAID)
        assert tracemalloc.get_traced_memory()[1] < 3e6
        tracemalloc.stop()


def test_arrays_that_nobody_asked_for_are_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", member(header(), bytes(8)))
        archive.writestr("other.npy", BROKEN["huge"])
    assert read_arrays(tmp_path / "x.npz", ("x", "absent"), **SAID)["x"].tolist() == [0.0]
