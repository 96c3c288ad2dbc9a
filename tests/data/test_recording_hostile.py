"""Files that are something else, that name other files, or that state more than they hold: one sentence each."""

import bz2
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pyarrow
import pytest
from miniature import random_events, write_aedat4
from recording_files import WRITERS, write_hdf5, write_npz

from had.data.recordings import inspect, open_recording
from had.errors import DataError
from tests.fuzz.budget import bounded

EVENTS = random_events(300)
LIMIT = 700 << 20
"""Bytes that a refusal may take."""


# --- something else -------------------------------------------------------------------------------

OTHERS = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8366716\n",
    "a pointer of git-annex": b"/annex/objects/SHA256E-s1048576--0.raw\n",
    "a web page": b"\n<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n",
    "a JSON text": b'{"error": {"code": 403, "message": "quota exceeded"}}\n',
    r"a `\._` file of macOS": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(100),
    "zeros": bytes(5000),
    "UTF-16 text": "x,y,p,t\n1,2,1,5\n".encode("utf-16"),
    "an empty file": b"",
    "a ROS bag": b"#ROSBAG V2.0\n" + bytes(100),
    "a compressed file": b"7z\xbc\xaf\x27\x1c" + bytes(100),
}


@pytest.mark.parametrize("suffix", ["raw", "dat", "aedat4", "csv", "txt", "h5", "npz", "npy"])
@pytest.mark.parametrize("what", OTHERS)
def test_files_of_other_systems_are_named(tmp_path, what, suffix):
    path = tmp_path / f"recording.{suffix}"
    path.write_bytes(OTHERS[what])
    with pytest.raises(DataError, match=rf"a recording, got {what}"):
        inspect(path)


def test_a_compressed_raw_file_is_to_be_unpacked(tmp_path):
    (tmp_path / "e.raw.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(50))
    with pytest.raises(DataError, match=r"a compressed file in place of one.*; unpack it first"):
        inspect(tmp_path / "e.raw.gz")


@pytest.mark.parametrize("kind", WRITERS)
def test_names_that_are_not_utf8_are_read(tmp_path, kind):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    folder.mkdir()
    path = WRITERS[kind](tmp_path, EVENTS)
    assert inspect(path.rename(folder / path.name))["events"] == 300


# --- text -----------------------------------------------------------------------------------------

LONG = "9" * 5000


@pytest.mark.parametrize("number", [LONG, "²²", "1_0", "٣", "nan", "1e999", "-", "1" * 25])
@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("header", ["x,y,p,t\n", "", "64 48\n"])
@pytest.mark.parametrize("rows", [0, 40])
def test_numbers_that_are_none_are_refused_in_every_column_of_a_csv(tmp_path, number, column, header, rows):
    values = ["5", "6", "1", "123456"]
    values[column] = number
    path = tmp_path / "e.csv"
    path.write_text(header + "5,6,1,99999\n" * rows + ",".join(values) + "\n")
    with pytest.raises(DataError):
        inspect(path)


@pytest.mark.parametrize("text", [f"{LONG} {LONG}\n", "²² 5\n", "²²\n", f"{LONG}\n", "-5 5\n", "\n" * 20_000])
def test_first_lines_that_are_no_size(tmp_path, text):
    (tmp_path / "e.csv").write_text(text + "x,y,p,t\n1,2,1,5\n")
    with pytest.raises(DataError):
        inspect(tmp_path / "e.csv")


# --- HDF5 -----------------------------------------------------------------------------------------


def _moved(path, how):
    """Four columns, of which t lies elsewhere."""
    private = path.parent / "private"
    private.write_bytes(EVENTS["t"].astype("<i8").tobytes())
    write_hdf5(path, EVENTS)
    write_hdf5(path.parent / "other.h5", EVENTS)
    with h5py.File(path, "a") as file:
        del file["events/t"]
        if how == "external storage":
            file.create_dataset("events/t", (300,), "<i8", external=[(str(private), 0, 2400)])
        elif how == "a virtual dataset":
            layout = h5py.VirtualLayout((300,), "<i8")
            layout[:] = h5py.VirtualSource("other.h5", "events/t", (300,))
            file["events"].create_virtual_dataset("t", layout)
        else:
            file["events/t"] = h5py.ExternalLink("other.h5", "events/t")
    return path


@pytest.mark.parametrize("how", ["external storage", "a virtual dataset", "links to other files"])
def test_columns_in_another_file_are_not_read(tmp_path, how):
    with pytest.raises(DataError, match=rf"{how}.*if you trust its maker"):
        inspect(_moved(tmp_path / "e.h5", how))


@pytest.mark.parametrize("how", ["external", "soft"])
@pytest.mark.parametrize("name", ["t_offset", "width", "images", "image_raw"])
def test_what_lies_beside_the_columns_is_not_read_from_another_file(tmp_path, how, name):
    write_hdf5(tmp_path / "other.h5", EVENTS, group="e")
    with h5py.File(tmp_path / "other.h5", "a") as file:
        file[f"secret/{name}"] = np.full((3, 4, 5), 7, np.uint8) if name == "image_raw" else np.int64(77)
    path = write_hdf5(tmp_path / "e.h5", EVENTS)
    with h5py.File(path, "a") as file:
        link = h5py.ExternalLink("other.h5", f"secret/{name}") if how == "external" else h5py.SoftLink("/nowhere")
        file[name] = link
        file["image_raw_ts"] = np.arange(3)
    if name == "t_offset":  # decides all times
        with pytest.raises(DataError, match="microseconds in t_offset"):
            inspect(path)
    else:
        found = inspect(path)
        assert (found["events"], found["t_first_us"], found["frames"]) == (300, EVENTS["t"][0], 0)


@pytest.mark.parametrize("chunks", [None, (1000,), (1 << 28,)])
@pytest.mark.parametrize("form", ["columns", "fields", "rows"])
def test_values_that_are_not_stored_are_refused(tmp_path, chunks, form):
    count = 400_000_000
    with h5py.File(tmp_path / "e.h5", "w") as file:
        if form == "columns":
            for name, kind in {"x": "u2", "y": "u2", "p": "u1", "t": "i8"}.items():
                file.create_dataset(f"events/{name}", (count,), kind, chunks=chunks)
        elif form == "fields":
            kind = np.dtype([("x", "u2"), ("y", "u2"), ("p", "i2"), ("t", "i8")])
            file.create_dataset("CD/events", (count,), kind, chunks=chunks)
        else:
            file.create_dataset("events", (count, 4), "f8", chunks=chunks and (*chunks, 1))
    with bounded(memory=LIMIT), pytest.raises(DataError, match=r"stored whole|pieces of at most|events in a chunk"):
        inspect(tmp_path / "e.h5")


def test_a_stored_chunk_of_gigabytes_is_refused(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        for name, kind in {"x": "u2", "y": "u2", "p": "u1", "t": "i8"}.items():
            data = file.create_dataset(f"events/{name}", (1 << 28,), kind, chunks=(1 << 28,), compression="gzip")
            data.id.write_direct_chunk((0,), zlib.compress(bytes(1000)))
    with bounded(memory=LIMIT), pytest.raises(DataError, match="pieces of at most"):
        inspect(tmp_path / "e.h5")


def _deflated(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 24)) for _ in range(size >> 24)) + packer.flush()


def _lz4(size: int) -> bytes:
    return struct.pack(">QI", size, 1 << 20) + bytes(1000)


def _blosc(size: int) -> bytes:
    return struct.pack("<BBBBIII", 2, 1, 1, 1, size, 1 << 18, 1016) + bytes(1000)


def _zstd(size: int) -> bytes:
    return pyarrow.Codec("zstd").compress(bytes(size)).to_pybytes()


@pytest.mark.parametrize(
    ("codec", "packed"),
    [
        ({"compression": "gzip"}, _deflated),
        (hdf5plugin.LZ4(), _lz4),
        (hdf5plugin.Blosc(), _blosc),
        (hdf5plugin.Zstd(), _zstd),
        (hdf5plugin.BZip2(), lambda size: bz2.compress(bytes(size))),
    ],
)
def test_chunks_that_unpack_to_more_than_they_state_are_refused(tmp_path, codec, packed):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        for name, values in {"x": EVENTS["x"], "y": EVENTS["y"], "p": EVENTS["p"] > 0, "t": EVENTS["t"]}.items():
            file.create_dataset(f"events/{name}", data=values, chunks=(300,), **codec)
        file["events/t"].id.write_direct_chunk((0,), packed(5 << 26))
    with bounded(memory=LIMIT), pytest.raises(DataError, match="chunks of 2400 bytes, got the one at"):
        inspect(tmp_path / "e.h5")


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0**70, 0.5, [1, 2], "text", []])
def test_offsets_that_are_no_time_are_refused(tmp_path, value):
    path = write_hdf5(tmp_path / "e.h5", EVENTS)
    with h5py.File(path, "a") as file:
        file["t_offset"] = value
    with pytest.raises(DataError, match="microseconds in t_offset"):
        inspect(path)


def test_columns_of_text_and_of_references_are_no_events(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        kind = np.dtype([("x", "u2"), ("y", h5py.string_dtype()), ("p", "i2"), ("t", "i8")])
        file.create_dataset("CD/events", (10,), kind)
    with pytest.raises(DataError, match="datasets x, y, p and t"):
        inspect(tmp_path / "e.h5")


def test_images_are_in_the_order_of_their_times(tmp_path):
    path = write_hdf5(tmp_path / "e.h5", EVENTS)
    with h5py.File(path, "a") as file:
        for number in (1, 2, 10):
            file[f"images/image{number}"] = np.full((4, 5), number, np.uint8)
            file[f"images/image{number}"].attrs["timestamp"] = 1000 * number
    assert [frame.image[0, 0, 0] for frame in open_recording(path).frames()] == [1, 2, 10]


# --- AEDAT4 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1 << 31, 5 << 28, 1000])
@pytest.mark.parametrize(("codec", "number"), [("lz4", 1), ("zstd", 3)])
def test_packets_of_gigabytes_are_refused(tmp_path, size, codec, number):
    path = write_aedat4(tmp_path / "e.aedat4", EVENTS)
    recording = open_recording(path)
    ((offset, length),) = recording._packets(0)
    output = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(output, codec) as stream:
        stream.write(struct.pack("<I", size - 4))
        for _ in range(max(1, size >> 24)):
            stream.write(bytes(min(size, 1 << 24)))
    packet = output.getvalue().to_pybytes()
    whole = bytearray(path.read_bytes()[:offset])
    whole[offset - 4 : offset] = struct.pack("<i", len(packet))
    header = bytes(whole[:offset]).replace(struct.pack("<q", recording._end), struct.pack("<q", -1))
    del length
    path.write_bytes(_with_codec(header, number) + packet)
    with bounded(memory=LIMIT), pytest.raises(DataError, match="broken at byte"):
        inspect(path)


def _with_codec(header: bytes, number: int) -> bytes:
    """The header's compression, 1 as dv-processing wrote it here, set to another number."""
    from had.data.recordings.flatbuffer import Table

    start = 14 + 4
    table = Table(header[start:], struct.unpack_from("<I", header, start)[0])
    place = start + table.where(0)
    return header[:place] + struct.pack("<i", number) + header[place + 4 :]


# --- NumPy ----------------------------------------------------------------------------------------


def _npy(header: str, *, version=(2, 0), length=None) -> bytes:
    text = header.encode("latin-1")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text


HEADERS = {
    "parentheses": _npy("(" * 9000),
    "length of 4 GB": _npy("{}", length=(1 << 32) - 1) + bytes(100),
    "number of 5,000 digits": _npy(f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({LONG}, 4)}}"),
    "negative": _npy("{'descr': '<i8', 'fortran_order': False, 'shape': (-1, 4)}") + bytes(100),
    "1e18 rows": _npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000000000, 4)}") + bytes(100),
    "rows of nothing": _npy("{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000000000, 4)}"),
    "padding of 1 GB": _npy(
        "{'descr': [('x','<u2'),('y','<u2'),('p','|u1'),('t','<i8'),('z','|V1000000000')], "
        "'fortran_order': False, 'shape': (1,)}"
    )
    + bytes(100),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", HEADERS)
def test_headers_of_arrays_that_state_too_much_are_refused(tmp_path, kind, zipped):
    path = tmp_path / ("e.npz" if zipped else "e.npy")
    path.write_bytes(HEADERS[kind])
    if zipped:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("events.npy", HEADERS[kind])
    with bounded(memory=LIMIT), pytest.raises(DataError):
        inspect(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_archives_that_numpy_does_not_write_are_refused(tmp_path, method):
    content = io.BytesIO()
    np.save(content, EVENTS)
    with zipfile.ZipFile(tmp_path / "e.npz", "w", method) as archive:
        archive.writestr("events.npy", content.getvalue())
    with pytest.raises(DataError, match="which NumPy does not write"):
        inspect(tmp_path / "e.npz")


def test_an_archive_with_a_name_twice_is_refused(tmp_path):
    path = write_npz(tmp_path / "e.npz", EVENTS)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("t.npy", archive.read("t.npy"))
    with pytest.raises(DataError, match="5 arrays of 4 names"):
        inspect(path)


@pytest.mark.parametrize("names", [[""], [".npy"], ["x.npy", ""]])
def test_archives_of_members_without_a_name_are_refused(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name or "q"), b"something")
    content = (tmp_path / "e.npz").read_bytes()
    if "" in names:  # the library does not write it
        content = content.replace(b"\x01\x00" + b"\x00\x00" + b"q", b"\x00\x00\x00\x00").replace(b"PK\x01\x02q", b"PK")
    (tmp_path / "e.npz").write_bytes(content)
    with pytest.raises(DataError):
        inspect(tmp_path / "e.npz")


def test_columns_of_logical_values_are_numbers_or_refused(tmp_path):
    np.savez(tmp_path / "e.npz", x=EVENTS["x"], y=EVENTS["y"], p=EVENTS["p"] > 0, t=EVENTS["p"] > 0)
    found = inspect(tmp_path / "e.npz")
    assert found["backward_steps"] > 0


def test_long_names_in_a_file_do_not_fill_the_screen(tmp_path):
    np.savez(tmp_path / "e.npz", **{f"{number}{'n' * 30_000}": np.zeros(3) for number in range(3)})
    with h5py.File(tmp_path / "e.h5", "w") as file:
        for number in range(3):
            file[f"{number}{'n' * 30_000}"] = np.zeros(3)
    for name in ("e.npz", "e.h5"):
        with pytest.raises(DataError) as error:
            inspect(tmp_path / name)
        assert len(str(error.value)) < 3000


@pytest.mark.parametrize("change", ["cut", "x", "t"])
def test_events_that_no_camera_writes_are_refused_or_outside(tmp_path, change):
    """One number of an uncompressed packet is overwritten."""
    import dv_processing as dv

    path = tmp_path / "e.aedat4"
    config = dv.io.MonoCameraWriter.Config("camera", dv.CompressionType.NONE)
    config.addEventStream((64, 48))
    writer, store = dv.io.MonoCameraWriter(str(path), config), dv.EventStore()
    for t, x, y, p in EVENTS.tolist():
        store.push_back(t, x, y, p > 0)
    writer.writeEvents(store)
    del writer
    content = bytearray(path.read_bytes())
    place = content.index(EVENTS["t"][100].astype("<i8").tobytes())
    if change == "x":
        content[place + 8 : place + 10] = struct.pack("<h", -5)
        path.write_bytes(content)
        assert inspect(path)["outside_sensor"] == 1
        return
    content[place : place + 8] = struct.pack("<q", 1 << 62)
    path.write_bytes(content[: place + 4] if change == "cut" else content)
    with pytest.raises(DataError, match="a whole AEDAT4 file" if change == "cut" else f"an event at {1 << 62} us"):
        inspect(path)
