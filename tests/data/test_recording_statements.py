"""What a file states of itself is believed or contradicted by name: size, version, unit of time, gaps of its clock."""

import struct

import numpy as np
import pytest
from miniature import random_events, write_aedat4, write_csv
from recording_files import dat_bytes, evt2_bytes, write_hdf5, write_npz

from had.data.recordings import inspect, open_recording
from had.errors import DataError

EVENTS = random_events(300)


def everything(path, **stated):
    return np.concatenate(list(open_recording(path, **stated).chunks()))


def _text(path, content):
    path.write_text(content)
    return path


def _bytes(path, content):
    path.write_bytes(content)
    return path


def _rows(folder, before):
    path = write_csv(folder / "e.csv", EVENTS)
    return _text(path, before + path.read_text())


SIZED = {
    "csv, first line": lambda folder: _rows(folder, "64 48\n"),
    "csv, comment": lambda folder: _rows(folder, "# DVS events\n# sensor size: 64x48\n"),
    "csv, comment of sides": lambda folder: _rows(folder, "% width: 64, height: 48\n"),
    "aedat4": lambda folder: write_aedat4(folder / "e.aedat4", EVENTS),
    "raw": lambda folder: _bytes(folder / "e.raw", evt2_bytes(EVENTS)),
    "dat": lambda folder: _bytes(folder / "e.dat", dat_bytes(EVENTS)),
    "hdf5, pair": lambda folder: write_hdf5(folder / "e.h5", EVENTS, sensor_resolution=(48, 64)),
    "hdf5, sides": lambda folder: write_hdf5(folder / "e.h5", EVENTS, width=64, height=48),
    "npz, sides": lambda folder: write_npz(folder / "e.npz", EVENTS, width=64, height=48),
    "npz, pair": lambda folder: write_npz(folder / "e.npz", EVENTS, sensor_size=(64, 48)),
    "npz, text": lambda folder: write_npz(folder / "e.npz", EVENTS, geometry="64x48"),
}


@pytest.mark.parametrize("kind", SIZED)
def test_a_stated_size_is_believed_and_another_one_refused(tmp_path, kind):
    path = SIZED[kind](tmp_path)
    assert open_recording(path).declared == (64, 48)
    assert inspect(path, size=(64, 48))["width"] == 64
    with pytest.raises(DataError, match=r"the size that .* states, 64x48 .*, got 1280x720; "):
        open_recording(path, size=(1280, 720))


@pytest.mark.parametrize("kind", ["csv", "hdf5", "npz"])
def test_a_size_that_nothing_states_can_be_given_and_holds_all_events(tmp_path, kind):
    write = {"csv": write_csv, "hdf5": write_hdf5, "npz": write_npz}[kind]
    path = write(tmp_path / {"csv": "e.csv", "hdf5": "e.h5", "npz": "e.npz"}[kind], EVENTS)
    assert (inspect(path, size=(1280, 720))["width"], inspect(path)["width"]) == (1280, 64)
    with pytest.raises(DataError, match="pixels inside 20x20, got"):
        inspect(path, size=(20, 20))


@pytest.mark.parametrize(
    ("write", "match"),
    [
        (lambda path: _bytes(path / "e.raw", evt2_bytes(EVENTS, header=b"% evt 2.0\n% geometry big\n")), "'big'"),
        (lambda path: _bytes(path / "e.raw", evt2_bytes(EVENTS, header=b"% evt 2.0\n% geometry 99999x9\n")), "99999"),
        (
            lambda path: _bytes(
                path / "e.raw", evt2_bytes(EVENTS, header=b"% evt 2.0\n% width " + b"9" * 4000 + b"\n")
            ),
            "1 to 16384 pixels",
        ),
        (lambda path: _bytes(path / "e.dat", dat_bytes(EVENTS, header=b"% Version 2\n% Width 64\n")), "both sides"),
        (
            lambda path: _bytes(path / "e.raw", evt2_bytes(EVENTS, header=b"% format EVT2;endianness=big\n")),
            "little-endian words, got endianness 'big'",
        ),
        (lambda path: write_hdf5(path / "e.h5", EVENTS, width=64, height=48, resolution=(640, 480)), "one size in"),
        (lambda path: write_hdf5(path / "e.h5", EVENTS, geometry="9" * 5000 + "x48"), "1 to 16384 pixels"),
        (lambda path: write_npz(path / "e.npz", EVENTS, width=64), "both sides"),
        (lambda path: _rows(path, "99999 99999\n"), "1 to 16384 pixels"),
    ],
)
def test_sizes_that_no_sensor_has_are_refused_by_name(tmp_path, write, match):
    with pytest.raises(DataError, match=match):
        inspect(write(tmp_path))


def test_pixels_beyond_any_sensor_are_refused_without_a_stated_size(tmp_path):
    path = write_csv(tmp_path / "e.csv", EVENTS)
    path.write_text(path.read_text() + f"16384,5,1,{EVENTS['t'][-1]}\n")
    for look in (inspect, everything, lambda path: open_recording(path).size):
        with pytest.raises(DataError, match="16384"):
            look(path)


def test_a_named_sensor_of_another_size_is_noted(tmp_path):
    header = b"% evt 2.0\n% geometry 64x48\n% sensor_generation 3.1\n"
    found = inspect(_bytes(tmp_path / "e.raw", evt2_bytes(EVENTS, header=header)))
    assert (found["width"], found["height"]) == (64, 48)
    assert found["notes"] == ["the header states 64x48, and a sensor of 640x480: the first is taken"]


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [b"% Data file containing TD events.\n% Date 2015-03-02\n", b"% Version 1\n"])
def test_dat_files_of_the_first_version_are_read_in_its_layout(tmp_path, header):
    words = (struct.pack("<II", t, x | y << 9 | (p > 0) << 17) for t, x, y, p in EVENTS.tolist())
    path = _bytes(tmp_path / "e.dat", header + b"\x00\x08" + b"".join(words))
    assert np.array_equal(everything(path), EVENTS)
    assert any("states no version" in note for note in inspect(path)["notes"]) == (b"Version" not in header)


def test_dat_files_of_the_second_version_without_saying_so_are_refused(tmp_path):
    path = _bytes(tmp_path / "e.dat", dat_bytes(EVENTS, header=b"% Date today\n"))
    with pytest.raises(DataError, match="put a line '% Version 2' into its header"):
        inspect(path)


@pytest.mark.parametrize("version", [b"1.0", b"2.0", b"3.1"])
def test_other_versions_of_aedat_are_named(tmp_path, version):
    path = _bytes(tmp_path / "e.aedat", b"#!AER-DAT" + version + b"\r\n# more\r\n" + bytes(100))
    with pytest.raises(DataError, match=rf"AEDAT 4\.0, got another version .*AER-DAT{version.decode()}"):
        inspect(path)


# --- units of time --------------------------------------------------------------------------------

MILLISECONDS = {
    "csv": lambda folder, unit: _rows(folder, f"# time unit: {unit}\n"),
    "hdf5": lambda folder, unit: write_hdf5(folder / "e.h5", EVENTS, time_unit=unit),
    "npz": lambda folder, unit: write_npz(folder / "e.npz", EVENTS, time_unit=unit),
}


@pytest.mark.parametrize("kind", MILLISECONDS)
def test_a_stated_unit_is_believed_and_another_one_refused(tmp_path, kind):
    path = MILLISECONDS[kind](tmp_path, "ms")
    assert everything(path)["t"].tolist() == (EVENTS["t"] * 1000).tolist()
    with pytest.raises(DataError, match=r"the unit of time that .* states, ms, got us"):
        open_recording(path, time_unit="us")


@pytest.mark.parametrize("kind", MILLISECONDS)
def test_a_unit_in_words_that_are_none_is_refused_unless_stated(tmp_path, kind):
    path = MILLISECONDS[kind](tmp_path, "ticks")
    with pytest.raises(DataError, match=r"a unit of time: s, ms, us or ns, got 'ticks'"):
        inspect(path)
    assert everything(path, time_unit="us")["t"].tolist() == EVENTS["t"].tolist()


# --- polarity in words ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("False", "True"), ("false", "true"), ("FALSE", "1")])
@pytest.mark.parametrize("header", ["x,y,p,t\n", ""])
def test_polarity_of_true_and_false_is_read(tmp_path, words, header):
    rows = [f"{x},{y},{words[p > 0]},{t + 20_000}\n" for t, x, y, p in EVENTS.tolist()]
    found = everything(_text(tmp_path / "e.csv", header + "".join(rows)))
    assert np.array_equal(found["p"], EVENTS["p"])


def test_polarity_in_other_words_is_refused_for_the_whole_column(tmp_path):
    path = _text(
        tmp_path / "e.csv", "x,y,p,t\n" + "".join(f"{i},5,{'on' if i % 2 else 'off'},{i}\n" for i in range(50))
    )
    with pytest.raises(DataError, match=r"in line 2 of .*; write p in numbers in all lines"):
        inspect(path)


# --- gaps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("jump", "length"), [(53 * 31_557_600_000_000, "53.0 years"), (7_200_000_000, "2.0 hours")])
@pytest.mark.parametrize("at", [1, 40, 299])
@pytest.mark.parametrize("kind", ["csv", "aedat4", "hdf5", "npz"])
def test_a_gap_is_named_with_the_events_around_it(tmp_path, jump, length, at, kind):
    events = EVENTS.copy()
    events["t"][at:] += jump
    write = {"csv": write_csv, "hdf5": write_hdf5, "npz": write_npz, "aedat4": write_aedat4}[kind]
    path = write(tmp_path / {"csv": "e.csv", "hdf5": "e.h5", "npz": "e.npz", "aedat4": "e.aedat4"}[kind], events)
    (note,) = inspect(path)["notes"]
    where = f"line {at + 1} and line {at + 2}" if kind == "csv" else f"event {at - 1} and event {at}"
    assert f"a gap of {length} without events between {where}, from " in note


def test_a_steady_recording_and_a_slow_one_have_no_gap(tmp_path):
    slow = EVENTS.copy()
    slow["t"] = np.arange(len(slow)) * 2_000_000
    for events in (EVENTS, slow):
        assert inspect(write_csv(tmp_path / "e.csv", events))["notes"] == []


def test_a_clock_that_jumps_back_is_named(tmp_path, caplog):
    events = EVENTS.copy()
    events["t"][:40] += 53 * 31_557_600_000_000
    assert inspect(write_csv(tmp_path / "e.csv", events))["backward_steps"] == 1
    assert "the clock jumped back by 53.0 years) at line 42" in caplog.text
