"""A file that states one thing twice: the same is read, two different ones are refused and both are named."""

import re

import h5py
import numpy as np
import pytest
from miniature import random_events, write_aedat4, write_csv
from recording_files import dat_bytes, evt2_bytes, evt3_bytes, write_hdf5, write_npz

from had.data.recordings import inspect, open_recording
from had.errors import DataError

EVENTS = random_events(300)


def _bytes(path, content):
    path.write_bytes(content)
    return path


def _raw(lines, *, write=evt2_bytes, name="e.raw"):
    return lambda folder: _bytes(folder / name, write(EVENTS, header=lines.encode()))


def _dat(lines):
    return _raw(lines, write=dat_bytes, name="e.dat")


def _csv(before):
    """``before`` in place of a header."""

    def write(folder):
        path = write_csv(folder / "e.csv", EVENTS)
        return _bytes(path, before.encode() + path.read_bytes().partition(b"\n")[2])

    return write


def _npz(**others):
    return lambda folder: write_npz(folder / "e.npz", EVENTS, **others)


def _npz_ns(**others):
    def write(folder):
        columns = {"x": EVENTS["x"], "y": EVENTS["y"], "p": EVENTS["p"] > 0, "t_ns": EVENTS["t"]}
        np.savez(folder / "e.npz", **columns, **others)
        return folder / "e.npz"

    return write


def _hdf5(change, names="xypt"):
    def write(folder):
        path = write_hdf5(folder / "e.h5", EVENTS, names=names)
        with h5py.File(path, "a") as file:
            change(file)
        return path

    return write


def _attributes(**at):
    """Attributes by the last name of their object; ``root`` is the file."""

    def change(file):
        for name, (key, value) in at.items():
            (file if name == "root" else file["events"] if name == "events" else file[f"events/{name}"]).attrs[key] = (
                value
            )

    return change


def _offsets(one, other):
    def change(file):
        file["t_offset"], file["events/t_offset"] = np.int64(one), np.int64(other)

    return change


def _two_widths(file):
    file.attrs.update(width=64, height=48)
    file["width"] = 32


def _aedat4(old, new):
    def write(folder):
        path = write_aedat4(folder / "e.aedat4", EVENTS)
        return restate(path, old, new)

    return write


def restate(path, old, new):
    """Another text in place of the last such one of an AEDAT4 file's XML, whose indents make room for it."""
    content = path.read_bytes()
    begin, end = content.index(b"<dv"), content.index(b"</dv>") + 5
    text = content[begin:end]
    before, found, behind = text.rpartition(old)
    assert found
    changed = re.sub(rb"\n\s*", b"", before + new + behind).ljust(len(text))
    assert len(changed) == len(text)
    return _bytes(path, content[:begin] + changed + content[end:])


FORMAT = "% format EVT2;height=48;width=64"
TWO = {
    "raw, geometry": (_raw("% evt 2.0\n% geometry 64x48\n% geometry 640x480\n"), r"one size .*64x48 .* 640x480"),
    "raw, widths": (_raw("% evt 2.0\n% width 64\n% height 48\n% width 640\n"), r"one size .*64x48 .* 640x48 "),
    "raw, heights in format": (_raw(f"{FORMAT};height=49\n"), r"one size .*64x48 .* 64x49 "),
    "raw, two formats of other sizes": (_raw(f"{FORMAT}\n% format EVT2;height=49;width=64\n"), "one size .*64x49 "),
    "raw, sensors": (_raw("% evt 2.0\n% sensor_generation 3.1\n% plugin_name hal_imx636\n"), "640x480 .* 1280x720 "),
    "raw, evt": (_raw("% evt 3.0\n% evt 2.0\n"), r"one format .*'EVT3\.0' \(evt\) and 'EVT2\.0' \(evt\)"),
    "raw, formats": (_raw(f"{FORMAT}\n% format EVT3\n"), r"one format .*'EVT2' .* 'EVT3' "),
    "raw, endianness": (
        _raw("% evt 2.0\n% endianness big\n% endianness little\n"),
        "one byte order .*'big' .*'little'",
    ),
    "raw, endianness in both": (_raw(f"{FORMAT};endianness=big\n% endianness little\n"), "one byte order .*'big' "),
    "dat, version": (_dat("% Version 1\n% Version 2\n"), r"one version .*'1' \(Version\) and '2' \(Version\)"),
    "dat, widths": (_dat("% Version 2\n% Width 64\n% Height 48\n% Width 65\n"), r"one size .*64x48 .* 65x48 "),
    "csv, units": (_csv("# time unit: ms\n# time unit: us\n"), r"one unit of time .*'ms' \(a comment\) and 'us'"),
    "csv, units in a line": (_csv("# time unit: ms, t unit: us\n"), r"one unit of time .*'ms' .* and 'us'"),
    "csv, header and comment": (_csv("# time unit: ms\nx,y,p,t_us\n"), r"one unit of time .*in the header.*'ms'"),
    "csv, orders": (_csv("# x,y,p,t\n# y,x,p,t\n"), r"one order of columns .*'x,y,p,t' .* and 'y,x,p,t'"),
    "csv, orders of later comments": (_csv("# dvs\n# x y p t\n# t x y p\n"), r"one order of columns .*'t,x,y,p'"),
    "csv, header and comment's order": (_csv("# y,x,p,t\nx,y,p,t\n"), r"one order of columns .*\(the header\)"),
    "csv, sides": (_csv("# width: 64 height: 48, width: 65\n"), r"one size .*64x48 .* 65x48 "),
    "csv, first lines": (_csv("64 48\n65 48\n"), r"one size .*64x48 .* 65x48 "),
    "npz, name and array": (_npz_ns(time_unit="us"), r"one unit of time .*'ns' .* and 'us' \(time_unit\)"),
    "npz, arrays": (_npz(time_unit="us", unit="ns"), r"one unit of time .*'us' \(time_unit\) and 'ns' \(unit\)"),
    "npz, widths": (_npz(width=(64, 65), height=48), r"one size .*64x48 .* 65x48 "),
    "hdf5, name": (_hdf5(_attributes(t_ns=("unit", "us")), ("x", "y", "p", "t_ns")), r"one unit .*'ns' .* and 'us'"),
    "hdf5, group": (_hdf5(_attributes(t=("unit", "us"), events=("time_unit", "ns"))), "one unit .*'us' .* and 'ns'"),
    "hdf5, file": (_hdf5(_attributes(t=("units", "us"), root=("time_unit", "s"))), r"one unit .*'us' .* and 's' "),
    "hdf5, offsets": (_hdf5(_offsets(5, 6)), r"one offset of the times .*'6' .* and '5' \(t_offset under /\)"),
    "hdf5, attribute and dataset": (_hdf5(_two_widths), r"one size .*64x48 .* "),
    "aedat4, sizes": (_aedat4(b">64</attr>", b'>64</attr><attr key="sizeX" type="int">65</attr>'), "64x48 .* 65x48 "),
    "aedat4, kinds": (
        _aedat4(b">EVTS</attr>", b'>EVTS</attr><attr key="typeIdentifier">FRME</attr>'),
        "a stream of 'EVTS and FRME'",
    ),
}


@pytest.mark.parametrize("kind", TWO)
def test_two_statements_that_differ_are_refused_and_both_named(tmp_path, kind):
    write, match = TWO[kind]
    with pytest.raises(DataError, match=match):
        inspect(write(tmp_path))


SAME = {
    "raw": _raw("% evt 2.0\n% evt 2\n% geometry 64x48\n% geometry 64 X 48\n% endianness little\n% endianness Little\n"),
    "raw, other keys": _raw("% evt 3.0\n% Date 1\n% Date 2\n% geometry 64x48\n", write=evt3_bytes),
    "dat": _dat("% Version 2\n% Version 2\n% Width 64\n% Height 48\n% Width 64\n"),
    "csv": _csv(
        "# x,y,p,t\n# time unit: us\n# time unit: microseconds\n# x y p t\n# width: 64 height: 48, width: 64\n"
    ),
    "npz": _npz(time_unit="us", unit="microseconds", width=(64, 64), height=48),
    "hdf5": _hdf5(_attributes(t=("unit", "us"), events=("time_unit", "usec"), root=("geometry", "64x48"))),
    "aedat4": _aedat4(b">64</attr>", b'>64</attr><attr key="sizeX" type="int">64</attr>'),
}


@pytest.mark.parametrize("kind", SAME)
def test_two_statements_of_one_meaning_are_read(tmp_path, kind):
    recording = open_recording(SAME[kind](tmp_path))
    assert np.array_equal(np.concatenate(list(recording.chunks())), EVENTS)
    assert recording.size == (64, 48)
    assert not recording.notes


@pytest.mark.parametrize("kind", ["csv, units", "npz, arrays", "hdf5, group"])
def test_a_unit_that_is_asked_for_decides_between_two_that_are_stated(tmp_path, kind):
    path = TWO[kind][0](tmp_path)
    assert np.array_equal(np.concatenate(list(open_recording(path, time_unit="us").chunks())), EVENTS)
    with pytest.raises(DataError, match=r"the unit of time that .* states, ms or us|, ns or us"):
        open_recording(path, time_unit="s")


def test_a_size_that_is_asked_for_has_both_sides_that_are_stated(tmp_path):
    path = _hdf5(_attributes(events=("width", 64), root=("height", 48)))(tmp_path)
    with pytest.raises(DataError, match=r"the size that .* got 64x100"):
        open_recording(path, size=(64, 100))
    assert open_recording(path, size=(64, 48)).size == (64, 48)


def test_an_array_of_events_beside_their_columns_is_noted(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, **{name: EVENTS[name] for name in "xypt"}, events=np.zeros((9, 4)))
    assert inspect(path)["notes"] == ["two sets of events, of which x, y, p, t are read (not events)"]


def test_a_frame_stream_that_states_another_size_than_its_images_is_noted(tmp_path):
    path = write_aedat4(tmp_path / "e.aedat4", EVENTS, [(2000, 100, np.zeros((48, 64), np.uint8))])
    (note,) = inspect(restate(path, b">64</attr>", b">99</attr>"))["notes"]
    assert "99x48 (stream 1) and 64x48 (its first image)" in note


def test_a_frame_stream_alone_that_states_another_size_than_its_images_is_refused(tmp_path):
    """Nothing else tells the sensor's size."""
    path = write_aedat4(tmp_path / "e.aedat4", EVENTS, [(2000, 100, np.zeros((48, 64), np.uint8))])
    restate(restate(path, b">64</attr>", b">99</attr>"), b">EVTS<", b">NONE<")
    with pytest.raises(DataError, match=r"one size in a recording, got 99x48 .* and 64x48"):
        inspect(path)


def test_one_number_for_events_and_frames_is_refused(tmp_path):
    path = write_aedat4(tmp_path / "e.aedat4", EVENTS, [(2000, 100, np.zeros((48, 64), np.uint8))])
    with pytest.raises(DataError, match="stream 0 of both events and frames"):
        inspect(restate(path, b'<node name="1"', b'<node name="0"'))
