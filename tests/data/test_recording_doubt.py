"""What a recording leaves in doubt: orders of columns, values that contradict, changed packets, overflows."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from miniature import random_events, write_aedat4, write_csv
from recording_files import evt2_bytes, write_hdf5, write_npz

from had.data.recordings import event_arrays, event_csv, inspect, open_recording
from had.data.recordings.aedat4_contents import read_contents
from had.data.recordings.columns import orders_by_values
from had.errors import DataError


def everything(path, most=1_000_000, **stated):
    return np.concatenate(list(open_recording(path, **stated).chunks(most)))


def strip(count):
    """Events of a sensor's two upper rows: p,x,y,t and x,y,p,t both fit."""
    events = random_events(count, size=(720, 2), begin=100_000)
    events["p"][:2], events["x"][:2], events["y"][:2] = (-1, 1), (700, 300), (1, 0)
    return events


# --- columns without names ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [16, 300, 20_000])
@pytest.mark.parametrize("order", ["pxyt", "xypt"])
def test_csv_that_fits_two_orders_is_refused_from_16_rows_on(tmp_path, count, order):
    path = write_csv(tmp_path / "e.csv", strip(count), header=None, order=order)
    with pytest.raises(DataError, match=r"can be (p,x,y,t|x,p,y,t) or x,y,p,t; write a first line"):
        inspect(path)
    path.write_text(",".join(order) + "\n" + path.read_text())
    assert np.array_equal(everything(path), strip(count))


def test_shorter_csv_is_read_in_the_published_order(tmp_path):
    path = write_csv(tmp_path / "e.csv", strip(15), header=None, order="xypt")
    assert np.array_equal(everything(path), strip(15))


def test_a_first_row_that_is_not_finite_is_named_before_the_order(tmp_path):
    path = write_csv(tmp_path / "e.csv", strip(300), header=None, order="xypt")
    path.write_text("1,0,1,nan\n" + path.read_text())
    with pytest.raises(DataError, match=r"nan of '1,0,1,nan' in line 1 of"):
        inspect(path)


def scan(count):
    """Times of the first rows that run back once, beside an x that rises: it is taken for the time."""
    rows = np.stack([np.arange(count) // 40, np.arange(count) * 7 % 48, np.arange(count) % 2, np.arange(count)], axis=1)
    rows[5:9, 3] = [4, 3, 2, 1]
    assert orders_by_values(rows[:500].astype(float)) == [("t", "x", "p", "y")]
    rows[600:, 0] %= 10
    return rows


@pytest.mark.parametrize("kind", ["csv", "npy", "h5"])
@pytest.mark.parametrize("most", [150, 1_000_000])
def test_later_times_that_contradict_the_order_are_refused(tmp_path, kind, most, monkeypatch):
    monkeypatch.setattr("had.data.recordings.csv_dialect._SAMPLE_LINES", 499)
    monkeypatch.setattr(event_arrays, "SAMPLE", 500)
    monkeypatch.setattr("had.data.recordings.hdf5.SAMPLE", 500)
    monkeypatch.setattr(event_csv, "_BLOCK_BYTES", 1 << 12)
    path, rows = tmp_path / f"e.{kind}", scan(1200)
    if kind == "csv":
        path.write_text("".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows.tolist()))
    elif kind == "npy":
        np.save(path, rows)
    else:
        with h5py.File(path, "w") as file:
            file["events"] = rows
    recording = open_recording(path, time_unit="us")
    with pytest.raises(DataError, match=r"told to be t,x,p,y, got 5 after 14 at (line 601|event 600) of"):
        [recording.last_us() for _ in recording.decode(most)]  # another look in between changes nothing


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_times_beyond_any_pixel_prove_the_order(tmp_path, kind):
    """Times that run backwards later are then counted, as where names tell the columns."""
    events = random_events(3000, begin=0)
    events["t"][2000:] -= 30_000
    path = tmp_path / f"e.{kind}"
    write_csv(path, events, header=None, order="txyp")
    if kind == "npy":
        rows = np.loadtxt(path, delimiter=",", dtype=np.int64)
        with path.open("wb") as file:
            np.save(file, rows)
    assert events["t"][:300].max() < 1 << 14 < events["t"][1999]
    assert inspect(path)["backward_steps"] == 1


# --- whole numbers written as floats --------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "x,y,p,t"])
@pytest.mark.parametrize("form", ["%.1f", "%.18e", "%g"])
@pytest.mark.parametrize("delimiter", [" ", ","])
def test_csv_of_whole_floats(tmp_path, header, form, delimiter):
    events = random_events(2000)
    columns = [events["x"], events["y"], events["p"] > 0, events["t"]]
    rows = np.stack([column.astype(float) for column in columns], axis=1)
    path = tmp_path / "e.csv"
    np.savetxt(path, rows, fmt=form, delimiter=delimiter, header=(header or "").replace(",", delimiter), comments="")
    if header is None:
        path.write_text(path.read_text().lstrip("\n"))
    assert np.array_equal(everything(path), events)
    assert open_recording(path).last_us() == events["t"][-1]
    open_recording(path).check_end()


@pytest.mark.parametrize(("column", "name"), [(0, "x"), (1, "y"), (2, "polarity")])
def test_fractions_among_whole_floats_are_refused_by_their_line(tmp_path, column, name):
    fields = ["1.0", "2.0", "1.0", "5000.0"]
    wrong = [*fields[:column], "0.5", *fields[column + 1 :]]
    lines = ["x,y,p,t", *[",".join(fields)] * 50, ",".join(wrong), "1.0,2.0,1.0,9000.0"]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"{name} 0\.5 at line 52"):
        inspect(tmp_path / "e.csv", time_unit="us")


def test_digits_that_are_no_numbers(tmp_path):
    (tmp_path / "e.csv").write_text("x,y,p,t\n1,2,1,5\n\u00b2,2,1,6\n", encoding="utf-8")
    with pytest.raises(DataError, match="in line 3 of"):
        inspect(tmp_path / "e.csv")


# --- times ----------------------------------------------------------------------------------------


def stored(folder, kind, events, t):
    if kind == "npz":
        np.savez(folder / "e.npz", x=events["x"], y=events["y"], p=events["p"] > 0, t=t)
        return folder / "e.npz"
    return write_hdf5(folder / "e.h5", events, t=t)


@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_times_that_are_no_numbers_are_named(tmp_path, kind, value):
    events = random_events(3000)
    t = events["t"] / 1e6
    t[77] = value
    with pytest.raises(DataError, match=rf"finite time, got time {value} at event 77 of"):
        inspect(stored(tmp_path, kind, events, t))


@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_an_overflow_of_32_bits_is_named(tmp_path, kind, caplog):
    events = random_events(5000, step=200)
    t = ((events["t"] + (1 << 32) - 250_000) % (1 << 32)).astype(np.uint32)
    first = int(np.flatnonzero(np.diff(t.astype(np.int64)) < 0)[0]) + 1
    path = stored(tmp_path, kind, events, t)
    assert inspect(path)["backward_steps"] == 1
    where = rf"{t[first]} us after {t[first - 1]} us \(an overflow of 32 bits\?\) at event {first}"
    assert re.search(f"1 times that run backwards, first {where}", caplog.text)
    with pytest.raises(DataError, match=where):
        everything(path)
    assert write_npz(tmp_path / "plain.npz", events)


# --- Prophesee ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [b"% evt 2.0\n% format EVT3\n", b"% format EVT3;height=48;width=64\n% evt 2.0\n", b"% evt 2.1\n% format EVT2\n"],
)
def test_headers_that_contradict_themselves_are_refused(tmp_path, header):
    (tmp_path / "e.raw").write_bytes(evt2_bytes(random_events(50), header=header))
    with pytest.raises(
        DataError, match=r"one format in a recording, got 'EVT\d' \(format\) and 'EVT2\.[01]' \(evt\) in"
    ):
        inspect(tmp_path / "e.raw")


def test_headers_that_say_the_same_twice(tmp_path):
    events = random_events(50)
    (tmp_path / "e.raw").write_bytes(evt2_bytes(events, header=b"% evt 2.0\n% format EVT2;height=48;width=64\n"))
    assert np.array_equal(everything(tmp_path / "e.raw"), events)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (b"% geometry 64x48\n% format EVT2;height=360;width=640\n", r"64x48 \(geometry\) and 640x360 \(format\)"),
        (b"% format EVT2; width=64; height=48\n% geometry 1280x720\n", r"1280x720 \(geometry\) and 64x48 \(format\)"),
        (b"% evt 2.0\n% geometry 64x48\n% Width 64\n% Height 40\n", r"64x48 \(geometry\) and 64x40 \(header\)"),
        (b"% format EVT2;height=48;width=64\n% height 48\n% width 60\n", r"64x48 \(format\) and 60x48 \(header\)"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(tmp_path, header, match):
    events, path = random_events(50), tmp_path / "e.raw"
    path.write_bytes(evt2_bytes(events, header=header))
    with pytest.raises(DataError, match=f"one size in a recording, got {match} in "):
        inspect(path)
    assert open_recording(path, size=(64, 48)).size == (64, 48)  # one of them
    with pytest.raises(DataError, match="the size that"):
        open_recording(path, size=(100, 100))


@pytest.mark.parametrize(
    "size",
    [b"% format EVT2;height=48;width=64\n% geometry 64x48\n", b"% evt 2.0\n% geometry 0x0\n% width 64\n% height 48\n"],
)
def test_sizes_that_are_equal_or_not_stated(tmp_path, size):
    path = tmp_path / "e.raw"
    path.write_bytes(evt2_bytes(random_events(50), header=size))
    assert open_recording(path).size == (64, 48)


# --- AEDAT4 ---------------------------------------------------------------------------------------


@pytest.fixture
def aedat4_file(tmp_path):
    frames = [(2000, 100, np.zeros((48, 64), np.uint8)), (4000, 100, np.zeros((48, 64), np.uint8))]
    return write_aedat4(tmp_path / "a.aedat4", random_events(3000), frames)


def test_a_cut_table_of_contents_is_named(aedat4_file):
    whole, table = aedat4_file.read_bytes(), open_recording(aedat4_file)._end
    assert inspect(aedat4_file)["notes"] == []
    for cut in range(table, len(whole)):
        aedat4_file.write_bytes(whole[:cut])
        recording = open_recording(aedat4_file)
        assert "table of contents at its end is cut off" in recording.notes[0], cut
    found = inspect(aedat4_file)
    assert (found["events"], found["frames"], len(found["notes"])) == (3000, 2, 1)


@pytest.mark.parametrize("codec", ["NONE", "LZ4", "ZSTD"])
def test_tables_of_contents_of_every_compression(tmp_path, codec):
    from test_recording_damage import aedat4

    events = random_events(3000)
    path = aedat4(tmp_path / "a.aedat4", events, compression=codec)
    (entry,) = open_recording(path)._contents.tolist()
    (packet,) = open_recording(path)._packets(0)
    assert entry == (0, packet[1], packet[0], 3000, events["t"][0], events["t"][-1])
    path.write_bytes(path.read_bytes()[:-1])
    assert len(inspect(path)["notes"]) == 1


def test_a_packet_that_is_moved_to_another_stream_is_missed(aedat4_file):
    content = bytearray(aedat4_file.read_bytes())
    recording = open_recording(aedat4_file)
    for stream in (recording._event_stream, recording._frame_stream):
        for offset, _ in recording._packets(stream):
            damaged = content.copy()
            damaged[offset - 8] ^= 4
            aedat4_file.write_bytes(damaged)
            with pytest.raises(DataError, match="table lists"):
                inspect(aedat4_file)
    damaged = content.copy()
    damaged[offset - 8] = recording._event_stream
    aedat4_file.write_bytes(damaged)
    with pytest.raises(DataError, match="table lists no packet of stream 0"):
        inspect(aedat4_file)


@pytest.mark.parametrize("habit", ["order", "places", "unset"])
def test_tables_of_other_writers_are_no_reason_to_refuse(aedat4_file, monkeypatch, habit):
    """Packets in another order, places of another meaning, numbers that are not stated."""
    whole, contents = inspect(aedat4_file), open_recording(aedat4_file)._contents
    assert len(contents) > 1
    if habit == "order":
        contents = contents[::-1]
    elif habit == "places":
        contents["offset"] -= 8
    else:
        contents["count"], contents["first"], contents["last"] = 0, -1, -1
    monkeypatch.setattr("had.data.recordings.aedat4.read_contents", lambda content, codec, most: contents)
    found = inspect(aedat4_file)
    assert found["sha256_columns"] == whole["sha256_columns"]
    assert [("not of these packets" in note) for note in found["notes"]] == [True] * (habit == "places")


@pytest.mark.parametrize(("place", "match"), [(0, "from"), (-1, "from"), ("count", "3000 events")])
def test_packets_that_differ_from_the_table_are_refused(tmp_path, place, match):
    """One bit of an uncompressed packet: its first or last time, or its number of events."""
    from test_recording_damage import aedat4

    events = random_events(3000)
    path = aedat4(tmp_path / "a.aedat4", events, compression="NONE")
    content = bytearray(path.read_bytes())
    begin = content.index(int(events["t"][0]).to_bytes(8, "little") + int(events["x"][0]).to_bytes(2, "little"))
    where = begin - 4 if place == "count" else begin + 16 * (place % 3000)
    assert place != "count" or int.from_bytes(content[where : where + 4], "little") == 3000
    content[where] ^= 1 << 3
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"table lists .*{match}"):
        inspect(path)


def test_changed_compressed_packets_are_refused_or_keep_number_and_times(aedat4_file):
    """Neither codec has a checksum: what changes between the first and the last time may pass."""
    whole, events = aedat4_file.read_bytes(), random_events(3000)
    recording = open_recording(aedat4_file)
    (offset, size), *_ = recording._packets(recording._event_stream)
    refused, generator = 0, np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[offset + generator.integers(size)] ^= 1 << int(generator.integers(8))
        aedat4_file.write_bytes(damaged)
        try:
            found = inspect(aedat4_file)
        except DataError:
            refused += 1
        else:
            assert (found["events"], found["t_first_us"], found["t_last_us"]) == (3000, events["t"][0], events["t"][-1])
    assert refused > 5


def test_damaged_tables_of_contents_are_none_or_tables(aedat4_file):
    recording = open_recording(aedat4_file)
    content = aedat4_file.read_bytes()[recording._end :]
    from had.data.recordings.aedat4_contents import decompressed

    plain = decompressed(content, "lz4")
    assert np.array_equal(read_contents(plain, None, 1000), recording._contents)
    for place in range(len(plain)):
        damaged = bytearray(plain)
        damaged[place] ^= 128
        read_contents(bytes(damaged), None, 1000)  # no error but None
    assert all(read_contents(*broken, 1000) is None for broken in ((b"", "lz4"), (b"", None), (plain + b"\0", None)))


# --- documentation --------------------------------------------------------------------------------


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    write_aedat4(tmp_path / "street.aedat4", random_events(3000, step=100))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    assert len(names["events"]) > 0


@pytest.mark.parametrize("factor", [1000, 1])
def test_times_of_a_csv_that_are_unusual_for_microseconds_are_said(tmp_path, factor, caplog):
    events = random_events(2000)
    events["t"] = np.arange(2000) * 617 * factor
    path = write_csv(tmp_path / "e.csv", events)
    said = [note for note in inspect(path)["notes"] if "--time-unit" in note]
    assert len(said) == (factor == 1000)
    assert ("unusual" in caplog.text) == (factor == 1000)
    assert not inspect(path, time_unit="ns")["notes"]
