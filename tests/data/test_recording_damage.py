"""Damaged, cut and foreign files: one sentence, or a count of what was left out; never a silent wrong answer."""

import logging
import re
import struct
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from miniature import random_events, write_aedat4, write_csv
from recording_files import WRITERS, dat_bytes, evt2_bytes, evt3_bytes

from had.data.recordings import inspect, open_recording
from had.data.recordings.event_csv import CsvRecording
from had.errors import DataError


def everything(path, most=1_000_000):
    return np.concatenate(list(open_recording(path).chunks(most)))


def had_inspect(path):
    return subprocess.run(
        [sys.executable, "-m", "had.cli", "inspect", str(path), "--json"], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "kind", ["folder", "png", "noise.raw", "noise.csv", "noise.h5", "noise.npz", "noise.dat", "missing"]
)
def test_what_is_no_recording_ends_with_one_sentence(tmp_path, kind, monkeypatch, capsys):
    from had import cli

    path = tmp_path / kind
    noise = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    if kind == "folder":
        path.mkdir()
    elif kind == "png":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + noise)
    elif kind != "missing":
        path.write_bytes(noise)
    monkeypatch.setattr(sys, "argv", ["had", "inspect", str(path), "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    assert said.err.startswith("had: expected ")
    assert said.err.count("\n") == 1
    assert str(path) in said.err


@pytest.mark.parametrize("kind", WRITERS)
def test_random_damage_is_refused_or_changes_what_it_changed(tmp_path, kind, caplog):
    """Cut or overwritten anywhere, the header above all: no other error, no hang, no crash of the interpreter."""
    caplog.set_level(logging.CRITICAL)
    rng = np.random.default_rng(7)
    path = WRITERS[kind](tmp_path, random_events(200))
    whole = path.read_bytes()
    refused = 0
    for number in range(30):
        content = bytearray(whole)
        places = rng.integers(0, len(content) if number % 2 else min(len(content), 300), 3)
        for place in places:
            content[place] = rng.integers(256)
        path.write_bytes(content if number % 3 else content[: places[0] + 1])
        try:
            found = inspect(path)
            recording = open_recording(path)
            assert sum(map(len, recording.chunks())) == found["events"]
            list(recording.frames())
        except DataError as error:
            refused += 1
            one_line = "\n" not in str(error)
            assert one_line
    assert refused > 0


def test_warnings_go_to_stderr(tmp_path):
    events = random_events(50)
    events["t"][30:] -= 500
    process = had_inspect(WRITERS["npz"](tmp_path, events))
    assert process.returncode == 0
    assert process.stdout.startswith("{\n")
    assert process.stdout.endswith("}\n")
    assert '"backward_steps": 1' in process.stdout
    assert "1 times that run backwards" in process.stderr


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind not in ("evt2", "evt3", "aedat4")])
def test_time_that_runs_backwards_is_refused_and_counted(tmp_path, kind):
    events = random_events(1000, begin=100_000)
    events["t"][600:] -= 20_000
    path = WRITERS[kind](tmp_path, events)
    assert inspect(path)["backward_steps"] == 1
    with pytest.raises(DataError, match="never run backwards"):
        everything(path, 600)


@pytest.mark.parametrize("kind", ["evt2", "evt3", "dat", "aedat4"])
def test_events_outside_the_stated_sensor_are_refused_and_counted(tmp_path, kind):
    events = random_events(100)
    events["x"][40] = 64
    path = WRITERS[kind](tmp_path, events)
    assert inspect(path)["outside_sensor"] == 1
    with pytest.raises(DataError, match=r"\(64, \d+\) at event 40"):
        everything(path)


# --- Prophesee ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "name", "size"), [(evt2_bytes, "e.raw", 4), (evt3_bytes, "e.raw", 2), (dat_bytes, "e.dat", 8)]
)
def test_cut_inside_a_word_is_refused(tmp_path, encode, name, size):
    path = tmp_path / name
    whole = encode(random_events(200))
    for cut in range(1, size):
        path.write_bytes(whole[:-cut])
        for look in (inspect, everything, lambda path: open_recording(path).check_end()):
            with pytest.raises(DataError, match=f"ends inside a {size}-byte word"):
                look(path)


def test_what_precedes_the_first_time_is_counted(tmp_path, caplog):
    events = random_events(100, begin=5000)
    whole = evt2_bytes(events, header=b"")
    (tmp_path / "e.raw").write_bytes(b"% evt 2.0\n" + struct.pack("<III", 1 << 28, 0, 0x8 << 28) + whole)
    assert inspect(tmp_path / "e.raw")["skipped"] == {"events before the first time": 2}
    assert np.array_equal(everything(tmp_path / "e.raw"), events)
    assert "2 events before the first time left out" in caplog.text
    vector = struct.pack("<HHH", 0x0003, 0x3001, 0x4FFF)  # row 3, columns from 1 on, twelve events
    (tmp_path / "e.raw").write_bytes(b"% evt 3.0\n" + vector + evt3_bytes(events, header=b""))
    found = inspect(tmp_path / "e.raw")
    assert found["skipped"] == {"events before the first time, row or column": 12}
    assert found["events"] == 100


@pytest.mark.parametrize(
    ("encode", "word"), [(evt2_bytes, struct.pack("<I", 0x5 << 28)), (evt3_bytes, struct.pack("<H", 0x9 << 12))]
)
def test_words_of_unknown_type_are_counted(tmp_path, encode, word):
    events = random_events(100)
    (tmp_path / "e.raw").write_bytes(encode(events) + 3 * word)
    found = inspect(tmp_path / "e.raw")
    assert (found["events"], found["skipped"]) == (100, {"words of unknown type": 3})


def test_triggers_and_other_words_are_passed_over(tmp_path):
    events = random_events(100)
    others = b"".join(struct.pack("<I", kind << 28 | 77) for kind in (0xA, 0xE, 0xF))
    (tmp_path / "e.raw").write_bytes(evt2_bytes(events) + others)
    assert np.array_equal(everything(tmp_path / "e.raw"), events)
    others = b"".join(struct.pack("<H", kind << 12 | 77) for kind in (0x7, 0xA, 0xE, 0xF))
    (tmp_path / "e.raw").write_bytes(evt3_bytes(events) + others)
    assert np.array_equal(everything(tmp_path / "e.raw"), events)
    assert inspect(tmp_path / "e.raw")["skipped"] == {}


@pytest.mark.parametrize(
    ("words", "row", "skipped"),
    [
        ((0x2025, 0x8001, 0x600A, 0x0003, 0x2804), 3, 1),  # the bytes of "% ", then a line's end
        ((0x0A25, 0x8001, 0x600A, 0x2804), 0x225, 0),  # "%" and a line's end
    ],
)
def test_data_that_begins_like_a_header_line_is_data(tmp_path, words, row, skipped):
    content = b"".join(struct.pack("<H", word) for word in words)
    (tmp_path / "e.raw").write_bytes(b"% evt 3.0\n% geometry 1280x720\n" + content)
    assert everything(tmp_path / "e.raw").tolist() == [(4106, 4, row, 1)]
    assert sum(inspect(tmp_path / "e.raw")["skipped"].values()) == skipped


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("e.raw", b"\x00\x01\x02\x03", "no header in .*'% evt 2.0'"),
        ("e.raw", b"% Date today\n\x00\x01", "a header without a format"),
        ("e.raw", b"% evt 2.1\n" + bytes(8), r"'EVT2\.1'"),
        ("e.raw", b"% format EVT21;endianness=legacy\n" + bytes(8), "'EVT21'"),
        ("e.dat", bytes(16), "no header in"),
        ("e.dat", b"% Version 3\n\x00\x08" + bytes(8), "version '3'"),
        ("e.dat", b"% Date today\n\x00\x08" + bytes(6) + b"\x04\x00", "put a line '% Version 2' into its header"),
        ("e.dat", b"% Version 2\n\x0e\x08" + bytes(8), "type and size 0e 08"),
        ("e.dat", b"% Version 2\n", "type and size missing"),
        ("e.dat", b"% Version 2\n\x0c\x08" + struct.pack("<II", 5, 3 << 28), "polarity 0 or 1, got 3 at event 0"),
    ],
)
def test_prophesee_files_that_cannot_be_read_say_why(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=match):
        inspect(tmp_path / name)


# --- AEDAT4 ---------------------------------------------------------------------------------------


def aedat4(path, events, *, compression="LZ4", streams=("events",)):
    import dv_processing as dv

    config = dv.io.MonoCameraWriter.Config("camera", getattr(dv.CompressionType, compression))
    for name in streams:
        config.addEventStream((64, 48), name)
    writer = dv.io.MonoCameraWriter(str(path), config)
    for number, name in enumerate(streams):
        store = dv.EventStore()
        for event in events[number:]:
            store.push_back(int(event["t"]), int(event["x"]), int(event["y"]), bool(event["p"] > 0))
        writer.writeEvents(store, streamName=name)
    del writer
    return path


@pytest.mark.parametrize("compression", ["NONE", "LZ4", "LZ4_HIGH", "ZSTD", "ZSTD_HIGH"])
def test_aedat4_compressions(tmp_path, compression):
    events = random_events(3000)
    path = aedat4(tmp_path / "a.aedat4", events, compression=compression)
    assert np.array_equal(everything(path), events)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"a\.aedat4"):
        inspect(path)


def test_the_first_of_two_event_streams_is_read_and_the_other_named(tmp_path):
    events = random_events(300)
    path = aedat4(tmp_path / "a.aedat4", events, streams=("events", "more"))
    assert inspect(path)["notes"] == ["2 event streams, of which number 0 is read"]
    assert np.array_equal(everything(path), events)


def test_aedat4_cut_anywhere_is_refused(tmp_path):
    """Every cut loses the table of contents at the end, of which the header says where it begins."""
    events = random_events(3000)
    whole = write_aedat4(tmp_path / "whole.aedat4", events, [(2000, 100, np.zeros((48, 64), np.uint8))]).read_bytes()
    path = tmp_path / "a.aedat4"
    cuts = [*range(1, 40), *np.random.default_rng(0).integers(40, len(whole), 150).tolist()]
    recording = open_recording(tmp_path / "whole.aedat4")
    table = recording._end
    for stream in (recording._event_stream, recording._frame_stream):
        cuts += [sum(packet) for packet in recording._packets(stream)]  # which leave whole packets
    for cut in cuts:
        path.write_bytes(whole[:cut])
        if cut < table:
            with pytest.raises(DataError, match=r"a\.aedat4"):
                inspect(path)
        else:  # only the table itself was cut
            assert inspect(path)["events"] == 3000
            assert len(list(open_recording(path).frames())) == 1
    assert sum(cut < table for cut in cuts) > 100


def test_aedat4_that_was_never_closed_says_so(tmp_path):
    events = random_events(9000)
    path = write_aedat4(tmp_path / "a.aedat4", events)
    content = bytearray(path.read_bytes())
    recording = open_recording(path)
    place = bytes(content).index(struct.pack("<q", recording._end))
    content[place : place + 8] = struct.pack("<q", -1)
    packets = list(recording._packets(recording._event_stream))
    path.write_bytes(content[: sum(packets[-1])])
    found = inspect(path)
    assert found["events"] == 9000
    assert "interrupted" in found["notes"][0]
    path.write_bytes(content[: sum(packets[-1]) - 5])
    with pytest.raises(DataError, match="ends or is broken inside the packet"):
        inspect(path)


# --- CSV ------------------------------------------------------------------------------------------


def test_csv_without_a_line_end_for_ever_is_refused(tmp_path):
    (tmp_path / "e.csv").write_bytes(b"x,y,p,t\n" + b"1" * 3_000_000)
    with pytest.raises(DataError, match="in line 2 of"):
        inspect(tmp_path / "e.csv")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x,y,p,t\n1,2,-1,5\n1,2,0,6\n", "-1 and 0 up to line 3"),
        ("x,y,p,t\n1,2,1,9223372036854775808\n", "at line 2 of"),
        (
            "t_s,x,y,p\n9223372036854,1,2,1\n9223372036855,1,2,1\n",
            "a time of 62 bits, got time 9223372036854 at line 2",
        ),
        ("t_s,x,y,p\n0.5,1,2,1\none,1,2,1\n", "in x,y,p and a time in t, got 'one,1,2,1' in line 3"),
        ("t,x,y,p\n5,1,2,1\n0.5,1,2,1\n6,1,2", "in x,y,p and a time in t, got '6,1,2' in line 4"),
    ],
)
def test_csv_values_that_are_no_events(tmp_path, text, match):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(DataError, match=match):
        inspect(tmp_path / "e.csv")


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("header", ["", "t,x,y,p\n", "# t,x,y,p\n", "64 48\n"])
@pytest.mark.parametrize("form", ["whole", "seconds", "floats"])
def test_csv_values_that_are_not_finite_are_named(tmp_path, value, header, form):
    events, path = random_events(200), tmp_path / "e.csv"
    rows = [[str(t / 1e6 if form == "seconds" else t), *map(str, (x, y, int(p > 0)))] for t, x, y, p in events.tolist()]
    if form == "floats":
        rows = [[f"{text}.0" for text in fields] for fields in rows]
    for row, column in product((0, 1, 100, 199), range(4)):
        changed = [*rows[row][:column], value, *rows[row][column + 1 :]]
        lines = [",".join(fields) for fields in (*rows[:row], changed, *rows[row + 1 :])]
        path.write_text(header + "\n".join(lines) + "\n")
        match = f"expected finite numbers, got {value} of {lines[row]!r} in line {row + 1 + bool(header)} of"
        with pytest.raises(DataError, match=re.escape(match)):
            everything(path)
        if row == 199:
            with pytest.raises(DataError, match=re.escape(match)):
                open_recording(path).check_end()


def test_csv_that_is_cut_after_a_nan_is_still_called_cut_off(tmp_path):
    (tmp_path / "e.csv").write_text("t,x,y,p\n0.5,1,2,1\nnan,1")
    with pytest.raises(DataError, match=r"'nan,1' in line 3 of .*cut off"):
        open_recording(tmp_path / "e.csv").check_end()


def test_csv_values_that_are_not_finite_in_other_columns_are_not_read(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("# x,y,p,t,weight\n1,2,1,5,nan\n1,2,1,6,inf\n")
    assert everything(path)["t"].tolist() == [5, 6]
    open_recording(path).check_end()
    path.write_text(path.read_text() + "1,2,1,4,nan\n")
    with pytest.raises(DataError, match="does not run backwards"):
        open_recording(path).check_end()


def test_broken_line_without_a_header_is_named(tmp_path):
    path = write_csv(tmp_path / "e.csv", random_events(3000), header=None, order="txyp")
    lines = path.read_text().splitlines()
    lines[2000] = "7,70000,1,1"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="x 70000 at line 2001"):
        everything(path)
    assert isinstance(open_recording(path), CsvRecording)
