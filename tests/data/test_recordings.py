"""Readers against known recordings, other readers, and step-by-step restatements of the formats."""

import csv
import hashlib
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from miniature import random_events, write_aedat4, write_csv

from had.data.recordings import inspect, open_recording, prophesee_evt
from had.data.recordings.sensor_size import sensor_holding
from had.errors import DataError

REAL = ("davis346_street.aedat4", "evk4_hd.evt3.raw", "gen3_vga.evt2.raw")


def everything(recording, most=1_000_000):
    parts = list(recording.chunks(most))
    assert all(0 < len(part) <= most for part in parts)
    return np.concatenate(parts)


# --- real recordings ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_inspect_equals_the_independent_readers(shared, name):
    folder = shared / "data" / "recordings"
    expected = next(row for row in json.loads((folder / "expected.json").read_text()) if row["file"] == name)
    found = inspect(folder / name)
    assert found["sha256_columns"] == expected["sha256_decoded"]
    for ours, theirs in {
        "events": "n_events",
        "polarity_on": "n_on",
        "t_first_us": "t_first_us",
        "t_last_us": "t_last_us",
        "width": "width",
        "height": "height",
        "monotonic": "monotonic",
    }.items():
        assert found[ours] == expected[theirs], ours
    assert found["frames"] == expected.get("n_frames", 0)


@pytest.mark.parametrize("name", REAL)
def test_chunk_borders_do_not_matter(shared, name):
    recording = open_recording(shared / "data" / "recordings" / name)
    assert np.array_equal(everything(recording, 100_003), everything(recording))


def test_davis_frames_equal_the_published_table(shared):
    folder = shared / "data" / "recordings"
    with (folder / "davis346_street_frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    frames = list(open_recording(folder / "davis346_street.aedat4").frames())
    assert len(frames) == len(rows) == 59
    names = ("t_us", "frame_begin_us", "frame_end_us", "exposure_begin_us", "exposure_end_us")
    for frame, row in zip(frames, rows, strict=True):
        assert frame[:5] == tuple(int(row[name]) for name in names)
        assert frame.read_out_known
        assert (frame.image[..., 0] == frame.image[..., 2]).all()
        pixels = np.ascontiguousarray(frame.image[..., 1])
        assert hashlib.sha256(pixels).hexdigest() == row["sha256_pixels"]


# --- Prophesee ------------------------------------------------------------------------------------


def raw_file(folder, words, *, kind, header="% geometry 2048x2048\n"):
    path = folder / f"{kind}.raw"
    path.write_bytes(f"% evt {kind[3]}.0\n{header}".encode() + words.tobytes())
    return path


def evt3_step_by_step(words):
    """The state machine, one word at a time."""
    events, row, base, on, high, low = [], None, None, False, None, 0
    for word in words.tolist():
        kind, value = word >> 12, word & 0xFFF
        if kind == 0x0:
            row = value & 0x7FF
        elif kind == 0x6:
            low = value
        elif kind == 0x8:
            new = value if high is None else high + (value - high) % 4096
            low = low if new == high else 0
            high = new
        elif kind == 0x3:
            base, on = value & 0x7FF, bool(value >> 11)
        elif high is not None and row is not None and kind == 0x2:
            events.append((high * 4096 + low, value & 0x7FF, row, 1 if value >> 11 else -1))
        elif kind in (0x4, 0x5) and base is not None:
            width = 12 if kind == 0x4 else 8
            fired = [bit for bit in range(width) if value >> bit & 1]
            if high is not None and row is not None:
                events += [(high * 4096 + low, base + bit, row, 1 if on else -1) for bit in fired]
            base += width
    return events


# Upper time parts only repeat or grow, by steps that overflow 12 bits every few words.
evt3_words = st.lists(
    st.tuples(st.sampled_from([0, 2, 3, 4, 5, 6, 7, 8, 10, 14]), st.integers(0, 0xFFF), st.integers(0, 1500)),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(evt3_words, st.integers(1, 40))
@example([(0, 0, 0), (6, 1, 0), (8, 0, 0), (2, 0, 0)], 1)  # a lower part before the first upper one
def test_evt3_equals_the_state_machine(tmp_path_factory, drawn, block):
    high, words = 0, []
    for kind, value, step in drawn:
        if kind == 8:
            high = (high + step) % 4096
            value = high
        words.append(kind << 12 | value & (0x7FF if kind == 3 and value % 3 else 0xFFF))
    words = np.array(words, "<u2")
    path = raw_file(tmp_path_factory.mktemp("evt3"), words, kind="EVT3")
    recording = open_recording(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prophesee_evt, "BLOCK_WORDS", block)
        found = [tuple(event) for part in recording.decode(1000) for event in part.tolist()]
    assert found == evt3_step_by_step(words)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**28 - 1)), max_size=80), st.integers(1, 30))
def test_evt2_equals_the_state_machine(tmp_path_factory, drawn, block):
    high, words, expected = 2**28 - 500, [], []
    known = False
    for kind, value in drawn:
        if kind == 3:
            high, known = high + value % 400, True
            words.append(8 << 28 | high % 2**28)
        elif kind == 2:
            words.append(10 << 28 | value)  # an external trigger
        else:
            words.append(kind << 28 | value)
            if known:
                expected.append((high << 6 | value >> 22, value >> 11 & 0x7FF, value & 0x7FF, 2 * kind - 1))
    path = raw_file(tmp_path_factory.mktemp("evt2"), np.array(words, "<u4"), kind="EVT2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prophesee_evt, "BLOCK_WORDS", block)
        found = [tuple(event) for part in open_recording(path).decode(1000) for event in part.tolist()]
    assert found == expected


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("% geometry 1280x720\n", (1280, 720)),
        ("% format EVT3;height=320;width=320\n% end\n", (320, 320)),
        ("% Width 304\n% Height 240\n", (304, 240)),
        ("% plugin_name hal_plugin_gen31_fx3\n", (640, 480)),
        ("% sensor_generation 4.2\n", (1280, 720)),
    ],
)
def test_raw_header_says_the_size(tmp_path, header, size):
    assert open_recording(raw_file(tmp_path, np.zeros(4, "<u2"), kind="EVT3", header=header)).size == size


def test_raw_that_ends_inside_a_word_or_names_another_format_is_refused(tmp_path):
    path = raw_file(tmp_path, np.zeros(9, "u1"), kind="EVT3")
    with pytest.raises(DataError, match="ends inside a 2-byte word"):
        inspect(path)
    (tmp_path / "new.raw").write_bytes(b"% evt 2.1\n\0\0\0\0")
    with pytest.raises(DataError, match=r"'EVT2\.1'"):
        open_recording(tmp_path / "new.raw")


# --- AEDAT4 ---------------------------------------------------------------------------------------


def test_aedat4_equals_dv_processing(tmp_path):
    import dv_processing as dv

    rng = np.random.default_rng(3)
    events = random_events(25_000, size=(64, 48))
    frames = [(2000 + 9000 * i, 700, rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)) for i in range(4)]
    path = write_aedat4(tmp_path / "a.aedat4", events, frames)
    recording = open_recording(path)
    assert recording.size == (64, 48)
    assert np.array_equal(everything(recording, 4000), events)
    reader = dv.io.MonoCameraRecording(str(path))
    for frame, (begin, exposure, image) in zip(recording.frames(), frames, strict=True):
        theirs = reader.getNextFrame()
        assert np.array_equal(frame.image, theirs.image[..., ::-1])
        assert np.array_equal(frame.image, image)
        assert frame[3:5] == (theirs.timestamp, theirs.timestamp + exposure) == (begin, begin + exposure)
        assert not frame.read_out_known
    assert inspect(path)["frames"] == recording.frame_count() == 4


def test_aedat4_grey_frames_and_none(tmp_path):
    events = random_events(50)
    grey = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    (frame,) = open_recording(write_aedat4(tmp_path / "g.aedat4", events, [(2000, 100, grey)])).frames()
    assert np.array_equal(frame.image, np.stack([grey] * 3, axis=2))
    assert list(open_recording(write_aedat4(tmp_path / "n.aedat4", events)).frames()) == []


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_aedat4_is_refused(tmp_path, share):
    path = write_aedat4(tmp_path / "a.aedat4", random_events(5000))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"a\.aedat4"):
        inspect(path)


@pytest.mark.parametrize("value", [b"6x", b"-6", b"00"])
def test_damaged_aedat4_header_is_refused(tmp_path, value):
    path = write_aedat4(tmp_path / "a.aedat4", random_events(50), size=(64, 48))
    content = path.read_bytes()
    assert b'"sizeX" type="int">64<' in content
    path.write_bytes(content.replace(b'"sizeX" type="int">64<', b'"sizeX" type="int">' + value + b"<"))
    with pytest.raises(DataError, match="header is broken"):
        open_recording(path)


def test_aedat4_stream_without_a_number_is_refused(tmp_path):
    path = write_aedat4(tmp_path / "a.aedat4", random_events(50))
    content = path.read_bytes()
    assert b'<node name="0"' in content
    path.write_bytes(content.replace(b'<node name="0"', b'<node name="?"'))
    with pytest.raises(DataError, match="header is broken"):
        open_recording(path)


def test_damaged_aedat4_packet_is_refused(tmp_path):
    path = write_aedat4(tmp_path / "a.aedat4", random_events(5000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken (at|inside)"):
        everything(open_recording(path))


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "order"),
    [("x,y,polarity,t", "xypt"), ("t,x,y,p", "txyp"), ('"Timestamp","X","Y","Pol"', "txyp"), (None, "xypt")],
)
@pytest.mark.parametrize("most", [500, 1_000_000])
def test_csv_columns(tmp_path, header, order, most):
    events = random_events(3000)
    recording = open_recording(write_csv(tmp_path / "e.csv", events, header=header, order=order))
    assert np.array_equal(everything(recording, most), events)


def test_csv_with_other_delimiters_signs_comments_and_further_columns(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("# made by hand\nt;frame;p;y;x\n5;0;-1;2;1\n\n9;0;1;4;3\n", encoding="utf-8")
    assert everything(open_recording(path)).tolist() == [(5, 1, 2, -1), (9, 3, 4, 1)]


def test_first_line_of_numbers_is_an_event(tmp_path):
    events = random_events(10)
    assert inspect(write_csv(tmp_path / "e.csv", events, header=None))["events"] == 10


@pytest.mark.parametrize("header", ["x,y,polarity,t", None])
@pytest.mark.parametrize("line", ["3,4,1", "3,4,1,77,8", "3,4,1,late", "3,,1,9999999", "3.5,4,1,9999999"])
def test_broken_csv_line_is_named(tmp_path, header, line):
    path = write_csv(tmp_path / "e.csv", random_events(2000), header=header)
    lines = path.read_text().splitlines()
    lines[1500] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"line 1501 of .*e\.csv"):
        inspect(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b,c,d\n1,2,0,5\n", "names x, y, polarity and t once each"),
        ("5,1,2,3\n6,1,2,1\n9000000,3,3,0\n", "does not name them"),
        ("1,2,3\n", "3 columns and no header"),
        ("x,y,p,t\n1,2,7,5\n", r"polarity 7 at line 2"),
        ("x,y,p,t\n-1,2,1,5\n", r"x -1 at line 2"),
    ],
)
def test_doubtful_csv_is_refused(tmp_path, text, match):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=match):
        inspect(path)


def test_time_that_runs_backwards_is_refused_with_its_line_but_inspected(tmp_path):
    events = random_events(100)
    events["t"][60:] -= 2000
    path = write_csv(tmp_path / "e.csv", events)
    assert inspect(path)["monotonic"] is False
    for most in (7, 1000):
        with pytest.raises(DataError, match="line 62 of"):
            everything(open_recording(path), most)


def test_events_outside_the_stated_sensor_are_refused(tmp_path):
    events = random_events(100)
    events["x"][40] = 80
    path = write_csv(tmp_path / "e.csv", events)
    assert len(everything(open_recording(path))) == 100
    with pytest.raises(DataError, match=r"\(80, \d+\) at line 42"):
        everything(open_recording(path, size=(64, 48)))


def test_the_last_time_is_known_without_reading_all(tmp_path):
    events = random_events(5000)
    whole = write_aedat4(tmp_path / "a.aedat4", events)
    assert open_recording(whole).last_us() == open_recording(write_csv(tmp_path / "a.csv", events)).last_us()
    assert open_recording(whole).last_us() == events["t"][-1]
    (tmp_path / "a.csv").write_text("x,y,p,t\n1,2,1,7\n1,2,1,broken\n")
    assert open_recording(tmp_path / "a.csv").last_us() is None
    (tmp_path / "a.csv").write_text("t,x,y,p\n7,2,1,1\n9,2,1,1\n\n")
    assert open_recording(tmp_path / "a.csv").last_us() == 9
    assert open_recording(write_aedat4(tmp_path / "n.aedat4", events[:0])).last_us() is None


def test_the_last_time_of_a_damaged_file_is_unknown(tmp_path):
    path = write_aedat4(tmp_path / "a.aedat4", random_events(5000))
    recording = open_recording(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert recording.last_us() is None


def test_no_events(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("x,y,polarity,t\n")
    found = inspect(path)
    assert (found["events"], found["t_first_us"], found["duration_us"]) == (0, None, 0)
    assert found["sha256_columns"] == hashlib.sha256().hexdigest()
    path.write_text("")
    with pytest.raises(DataError, match="empty file"):
        inspect(path)
    with pytest.raises(DataError, match="no file"):
        open_recording(tmp_path / "missing.csv")
    (tmp_path / "e.xyz").write_text("hello")
    with pytest.raises(DataError, match=r"npz or \.npy, got .* beginning with b'hello'"):
        open_recording(tmp_path / "e.xyz")


def test_size_of_a_recording_that_does_not_state_it():
    assert sensor_holding(1279, 719) == (1280, 720)
    assert sensor_holding(346, 250) == (346, 260)
    assert sensor_holding(320, 180) == (320, 180)
