"""Readers of recordings: any bytes under any suffix are read or refused in one sentence."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import tempfile
from functools import cache
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.recordings import inspect, open_recording
from had.errors import HadError
from had.tracking.recording import event_windows
from tests.fuzz.budget import fuzzed
from tests.fuzz.mutations import changed, changes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))
from miniature import random_events, write_aedat4, write_csv
from recording_files import WRITERS, dat_bytes, evt2_bytes, evt3_bytes, write_hdf5

EVENTS = random_events(60)
PIXELS = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)


def _text(form: str, header: str = "") -> bytes:
    rows = (form.format(t=t, x=x, y=y, p=int(p > 0), b=bool(p > 0), s=t / 1e6) for t, x, y, p in EVENTS.tolist())
    return (header + "\n".join(rows) + "\n").encode()


def _saved(save, *arrays, **named) -> bytes:
    content = io.BytesIO()
    save(content, *arrays, **named)
    return content.getvalue()


def _array(rows: bool) -> np.ndarray:
    columns = [EVENTS["t"] + 20_000, EVENTS["x"], EVENTS["y"], EVENTS["p"] > 0]
    return np.stack(columns, axis=1).astype(np.float64 if rows else np.int64)


def _hdf5(folder: Path) -> list[bytes]:
    paths = [WRITERS["hdf5"](folder, EVENTS), WRITERS["dsec"](folder, EVENTS)]
    paths.append(write_hdf5(folder / "images.h5", EVENTS, width=64, height=48, codec={"compression": "gzip"}))
    with h5py.File(paths[-1], "a") as file:
        for number in range(3):
            file[f"images/image{number}"] = PIXELS[..., 0]
            file[f"images/image{number}"].attrs["timestamp"] = 1000.0 * number
    with h5py.File(folder / "rows.h5", "w") as file:
        file["davis/left/events"] = _array(rows=True)
        file["davis/left/image_raw"] = np.stack([PIXELS[..., 0]] * 2)
        file["davis/left/image_raw_ts"] = np.array([1.0, 2.0])
    with h5py.File(folder / "fields.h5", "w") as file:
        file["CD/events"] = EVENTS
        file["CD/events"].attrs["geometry"] = "64x48"
    return [path.read_bytes() for path in (*paths, folder / "rows.h5", folder / "fields.h5")]


def _aedat4(folder: Path) -> list[bytes]:
    import dv_processing as dv

    contents = [write_aedat4(folder / "e.aedat4", EVENTS, [(2000, 100, PIXELS)]).read_bytes()]
    for codec in (dv.CompressionType.NONE, dv.CompressionType.ZSTD):
        config = dv.io.MonoCameraWriter.Config("camera", codec)
        config.addEventStream((64, 48))
        writer = dv.io.MonoCameraWriter(str(folder / "other.aedat4"), config)
        store = dv.EventStore()
        for t, x, y, p in EVENTS.tolist():
            store.push_back(t, x, y, p > 0)
        writer.writeEvents(store)
        del writer
        contents.append((folder / "other.aedat4").read_bytes())
    return contents


@cache
def valid(suffix: str) -> list[bytes]:
    """Whole recordings of a format."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if suffix == "csv":
            plain = write_csv(folder / "e.csv", EVENTS).read_bytes()
            texts = [
                _text("{x},{y},{p},{t}"),
                _text("{t};{x};{y};{b}", "t;x;y;p\n"),
                _text("{s} {x} {y} {p}", "64 48\n"),
            ]
            return [plain, *texts, _text("{t},{x},{y},{p}", "# t,x,y,p\n# time unit: us, size: 64x48\n")]
        if suffix == "csv.gz":
            return [gzip.compress(text) for text in valid("csv")]
        if suffix == "raw":
            return [evt2_bytes(EVENTS), evt3_bytes(EVENTS)]
        if suffix == "dat":
            words = (struct.pack("<II", t, x | y << 9 | (p > 0) << 17) for t, x, y, p in EVENTS.tolist())
            return [dat_bytes(EVENTS), b"% Date today\n\x00\x08" + b"".join(words)]
        if suffix == "h5":
            return _hdf5(folder)
        if suffix == "aedat4":
            return _aedat4(folder)
        if suffix == "npy":
            arrays = [EVENTS, _array(rows=False), np.asfortranarray(_array(rows=True)), _array(rows=False).T]
            return [_saved(np.save, array) for array in arrays]
        columns = {"x": EVENTS["x"], "y": EVENTS["y"], "p": EVENTS["p"] > 0, "t": EVENTS["t"]}
        stated = {"width": 64, "height": 48, "time_unit": "us"}
        archives = [_saved(np.savez, **columns, **stated), _saved(np.savez_compressed, **columns)]
        return [*archives, _saved(np.savez, events=EVENTS), _saved(np.savez_compressed, _array(rows=False))]


SUFFIXES = ("csv", "csv.gz", "raw", "dat", "h5", "aedat4", "npy", "npz")


def read_or_refuse(content: bytes, suffix: str, **asked) -> None:
    """Everything that the product does with a recording, by errors of our own or to its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording.{suffix}"
        path.write_bytes(content)

        def windows():
            source = open_recording(path, **asked)
            return list(islice(event_windows(source, window_us=40_000), 3))

        for look in (
            lambda: inspect(path, **asked),
            lambda: list(open_recording(path, **asked).chunks(1000)),
            lambda: list(open_recording(path, **asked).frames()),
            lambda: open_recording(path, **asked).check_end(),
            lambda: (open_recording(path, **asked).size, open_recording(path, **asked).last_us()),
            windows,
        ):
            try:
                look()
            except HadError as error:
                sentence = str(error)
                assert len(sentence.splitlines()) == 1, sentence
                assert len(sentence) < 5000, sentence


asked = st.fixed_dictionaries(
    {}, optional={"size": st.sampled_from([(64, 48), (10, 10), (1280, 720)]), "time_unit": st.sampled_from(["us", "s"])}
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@fuzzed
@given(which=st.integers(0, 9), how=changes, asked=asked)
def test_damaged_recordings_are_read_or_refused(suffix, which, how, asked):
    whole = valid(suffix)
    read_or_refuse(changed(whole[which % len(whole)], how), suffix, **asked)


STARTS = (
    b"",
    b"#!AER-DAT4.0\r\n",
    b"% evt 2.0\n",
    b"% evt 3.0\n",
    b"% Version 2\n\x0c\x08",
    b"\x89HDF\r\n\x1a\n",
    b"\x93NUMPY",
)


@fuzzed
@given(suffix=st.sampled_from(SUFFIXES), start=st.sampled_from(STARTS), rest=st.binary(max_size=2000), asked=asked)
def test_random_bytes_are_read_or_refused(suffix, start, rest, asked):
    read_or_refuse(start + rest, suffix, **asked)


WORDS = (
    "1",
    "-1",
    "0",
    "True",
    "nan",
    "1e5",
    "x",
    "y",
    "p",
    "t",
    "²",
    "9" * 30,
    "1_0",
    "#",
    '"',
    " ",
    ",",
    ";",
    "\t",
    "\n",
    "64 48",
)


@fuzzed
@given(words=st.lists(st.sampled_from(WORDS), max_size=80), rows=st.integers(0, 40), asked=asked)
def test_any_text_is_read_or_refused(words, rows, asked):
    text = "".join(words) + "\n" + "".join(f"5,6,{i % 2},{i}\n" for i in range(rows))
    read_or_refuse(text.encode(), "csv", **asked)


LINES = (
    "evt 2.0",
    "evt 3.0",
    "format EVT3;height=48;width=64",
    "geometry 64x48",
    "Version 2",
    "width 64",
    "height 48",
    "end",
)
LINES += ("sensor_generation 3.1", "plugin_name hal_plugin_gen41", "endianness little", "Date 2020", "format EVT2")


@fuzzed
@given(
    lines=st.lists(
        st.builds(lambda a, b: a + b, st.sampled_from(LINES), st.sampled_from(["", "", "9", "x", "²", "=", ";"]))
    ),
    content=st.binary(max_size=200),
    suffix=st.sampled_from(["raw", "dat"]),
)
def test_any_header_of_a_camera_is_read_or_refused(lines, content, suffix):
    header = "".join(f"% {line}\n" for line in lines)
    read_or_refuse(header.encode("latin-1", "replace") + content, suffix)
