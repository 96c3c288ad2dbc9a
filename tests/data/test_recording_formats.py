"""Every format and form read back: random streams, many block sizes, zero events and one."""

import gzip
import hashlib
import json
import sys

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from miniature import random_events, write_csv
from recording_files import WRITERS, dat_bytes, evt2_bytes, evt3_bytes, write_dsec, write_hdf5, write_npz

from had import cli
from had.data.frames import EVENT_DTYPE
from had.data.recordings import event_arrays, inspect, open_recording, prophesee_dat, prophesee_evt, time_slices
from had.errors import ConfigError, DataError

EPOCH_US = 1_589_163_147_368_868


def everything(recording, most=1_000_000):
    parts = list(recording.chunks(most))
    assert all(0 < len(part) <= most for part in parts)
    return np.concatenate([np.empty(0, EVENT_DTYPE), *parts])


def digest(events):
    columns = events["t"], events["x"], events["y"], (events["p"] > 0).astype(np.uint8)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


# --- all formats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_inspect_prints_one_json_object(tmp_path, capsys, monkeypatch, kind, count):
    events = random_events(count)
    path = WRITERS[kind](tmp_path, events)
    monkeypatch.setattr(sys, "argv", ["had", "inspect", str(path), "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["events"] == count
    assert found["polarity_on"] == (events["p"] > 0).sum()
    assert (found["t_first_us"], found["t_last_us"]) == ((events["t"][0], events["t"][-1]) if count else (None, None))
    assert found["sha256_columns"] == digest(events)
    assert found["frames"] == 0
    assert found["skipped"] == {}
    assert found["notes"] == []
    recording = open_recording(path)
    recording.check_end()
    assert recording.last_us() in (None, found["t_last_us"])


@pytest.mark.parametrize("kind", WRITERS)
def test_block_size_does_not_matter(tmp_path, kind):
    events = random_events(3000, begin=1000)
    path = WRITERS[kind](tmp_path, events)
    for most in (1, 7, 1000, 2999, 1_000_000):
        if most > 1 or kind not in ("hdf5", "dsec"):  # one event at a time is only slow there
            assert np.array_equal(everything(open_recording(path), most), events)


# Long times overflow: EVT3 after 16.8 s, DAT after 71 minutes, EVT2 after 4.8 hours.
streams = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 5000), st.sampled_from([2**22, 2**24 - 1, 2**31 - 1, 2**31 + 2**20])),
        st.one_of(st.none(), st.tuples(st.integers(0, 63), st.integers(0, 47), st.sampled_from([-1, 1]))),
    ),
    max_size=60,
)


def stream_of(drawn, begin, longest):
    """Events of drawn steps; no pixel drawn: the right neighbour of the last one at the same time, a vector's form."""
    rows, t, pixel = [], begin, (0, 0, 1)
    for step, drawn_pixel in drawn:
        if drawn_pixel is None and rows and pixel[0] < 63:
            pixel = (pixel[0] + 1, *pixel[1:])
        else:
            t += min(step, longest) if rows else 0
            pixel = drawn_pixel or (0, 0, 1)
        rows.append((t, *pixel))
    return np.array(rows, EVENT_DTYPE)


@pytest.mark.parametrize(
    ("encode", "bits", "longest", "name"),
    [
        (evt2_bytes, 34, 2**34 - 2000, "e.raw"),
        (evt3_bytes, 24, 2**33, "e.raw"),
        (dat_bytes, 32, 2**31 - 1, "e.dat"),
    ],
)
@settings(max_examples=60, deadline=None)
@given(drawn=streams, begin=st.integers(0, 2**24 - 1), block=st.integers(1, 50), most=st.integers(1, 30))
def test_random_streams_come_back(tmp_path_factory, encode, bits, longest, name, drawn, begin, block, most):
    events = stream_of(drawn, begin, longest)
    path = tmp_path_factory.mktemp("stream") / name
    path.write_bytes(encode(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prophesee_evt, "BLOCK_WORDS", block)
        patch.setattr(prophesee_dat, "BLOCK_EVENTS", block)
        found = everything(open_recording(path), most)
    assert found.tolist() == events.tolist()
    assert len(events) == 0 or events["t"][0] < 2**bits


@settings(max_examples=40, deadline=None)
@given(drawn=streams, most=st.integers(1, 70), sample=st.integers(1, 80), compressed=st.booleans())
def test_random_arrays_come_back(tmp_path_factory, drawn, most, sample, compressed):
    events = stream_of(drawn, 5, 2**31)
    path = tmp_path_factory.mktemp("arrays") / "e.npz"
    write_npz(path, events, save=np.savez_compressed if compressed else np.savez)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_arrays, "SAMPLE", sample)
        assert everything(open_recording(path), most).tolist() == events.tolist()


# --- time slices ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(0, 9), max_size=40),
    windows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=12),
)
@example(steps=[0, 0, 0, 5], windows=[(20, 10)])  # a chunk ends where the window begins
def test_slices_are_those_of_a_mask(tmp_path_factory, steps, windows):
    events = np.zeros(len(steps), EVENT_DTYPE)
    events["t"], events["p"] = 100 + np.cumsum(steps), 1
    events["x"] = np.arange(len(steps))
    path = write_npz(tmp_path_factory.mktemp("slices") / "e.npz", events)
    begins = 80 + np.cumsum([step for step, _ in windows])
    asked = [(int(begin), int(begin) + length) for begin, (_, length) in zip(begins, windows, strict=True)]
    recording = open_recording(path)
    recording.chunks = lambda: type(recording).chunks(recording, 3)
    found = list(time_slices(recording, asked))
    assert [window[:2] for window in found] == asked
    for begin, end, part in found:
        inside = (events["t"] >= begin) & (events["t"] < end)
        assert np.array_equal(part, events[inside])


def test_slices_stop_where_the_recording_does_and_refuse_disorder(tmp_path):
    path = write_npz(tmp_path / "e.npz", random_events(100, begin=0, step=3))
    last = open_recording(path).chunks().__next__()["t"][-1]
    endless = ((begin, begin + 10) for begin in range(0, 10**9, 10))
    assert len(list(time_slices(open_recording(path), endless, whole=True))) == last // 10
    for windows in ([(5, 4)], [(5, 9), (4, 9)]):
        with pytest.raises(ValueError, match="time order"):
            list(time_slices(open_recording(path), windows))


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["xypt", "txyp", "xytp", "ptxy", "pxyt"])
def test_csv_order_is_told_by_the_values(tmp_path, order):
    events = random_events(500)
    assert np.array_equal(
        everything(open_recording(write_csv(tmp_path / "e.csv", events, header=None, order=order))), events
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"100,200,1,{EPOCH_US}", (EPOCH_US, 100, 200, 1)),
        (f"{EPOCH_US} 100 200 -1", (EPOCH_US, 100, 200, -1)),
        ("1589163147.368868 100 200 0", (EPOCH_US, 100, 200, -1)),
        ("0.5;100;200;0", (500_000, 100, 200, -1)),
        (f"{EPOCH_US}999 100 200 1", (EPOCH_US, 100, 200, 1)),
    ],
)
def test_one_line_without_a_header(tmp_path, line, expected):
    (tmp_path / "e.txt").write_text(line)
    assert everything(open_recording(tmp_path / "e.txt")).tolist() == [expected]


@pytest.mark.parametrize(
    "text", ["1,1,1,1\n", "0,3,1,0\n1,4,1,1\n2,5,1,1\n", f"{EPOCH_US},0,1,1\n", "5,1,1,2\n6,1,1,2\n"]
)
def test_csv_that_can_be_read_in_two_ways_is_refused(tmp_path, text):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(DataError, match=r" or .*write a first line"):
        open_recording(tmp_path / "e.csv")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffx,y,p,t\r\n1,2,1,50\r\n3,4,0,60\r\n",
        "\ufeff1,2,1,50000\r\n3,4,0,60000\r\n",
        '"x","y","p","t"\n"1","2","1","50"\n"3","4","0","60"\n',
        "x, y, p, t\n1, 2, 1, 50\n3, 4, 0, 60\n",
        "# x,y,p,t\n1,2,1,50\n3,4,0,60\n",
        "x\ty\tp\tt\n1\t2\t1\t50\n3\t4\t0\t60",
        "64 48\n50000 1 2 1\n60000 3 4 0\n",
        "t_ns,x,y,p\n50999,1,2,1\n60000,3,4,0\n",
        "ts,xs,ys,ps\n50,1,2,1\n60,3,4,0\n",
        "timestamp (s) ,x,y,p\n0.00005,1,2,1\n6e-5,3,4,0\n",
        "t,x,y,p\n0.00005,1,2,1\n0.00006,3,4,0\n",
    ],
)
def test_csv_as_programs_write_it(tmp_path, text):
    path = tmp_path / "e.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = everything(open_recording(path))
    scale = 1000 if "50000" in text else 1
    assert found.tolist() == [(50 * scale, 1, 2, 1), (60 * scale, 3, 4, -1)]
    assert open_recording(path).last_us() == 60 * scale
    if text.startswith("64"):
        assert open_recording(path).declared == (64, 48)


def test_compressed_csv_and_a_cut_one(tmp_path):
    events = random_events(20_000)
    plain = write_csv(tmp_path / "e.csv", events)
    packed = tmp_path / "e.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert np.array_equal(everything(open_recording(packed)), events)
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"e\.csv\.gz"):
        inspect(packed)


def test_exchanged_columns_are_named(tmp_path):
    events = random_events(500, size=(48, 64))
    with pytest.raises(DataError, match="x and y are not exchanged"):
        everything(open_recording(write_csv(tmp_path / "e.csv", events), size=(64, 48)))


@pytest.mark.parametrize("text", ["10,20,1,1000\n11,21,0,1005\n", "0,1,1,9\n", "0,1,-1,9\n"])
def test_the_published_order_is_taken_where_few_rows_fit_several(tmp_path, text):
    (tmp_path / "e.csv").write_text(text)
    found = everything(open_recording(tmp_path / "e.csv"))
    x, y, p, t = (int(value) for value in text.split("\n")[0].split(","))
    assert found[0].tolist() == (t, x, y, p)


# --- HDF5 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "group"), [("xypt", "/"), (["xs", "ys", "ps", "ts"], "events"), ("xypt", "a/left")])
def test_hdf5_groups(tmp_path, names, group):
    events = random_events(2000)
    path = write_hdf5(tmp_path / "e.h5", events, names=names, group=group, sensor_resolution=(48, 64))
    recording = open_recording(path)
    assert recording.declared == (64, 48)
    assert np.array_equal(everything(recording, 300), events)


def test_hdf5_as_dsec_and_m3ed_write_it(tmp_path):
    events = random_events(2000, begin=EPOCH_US)
    path = write_dsec(tmp_path / "e.h5", events, EPOCH_US - 12)
    assert np.array_equal(everything(open_recording(path), 300), events)
    assert open_recording(path).last_us() == events["t"][-1]


def test_hdf5_as_prophesee_writes_it(tmp_path):
    events = random_events(2000)
    stored = np.zeros(len(events), [("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    for name in stored.dtype.names:
        stored[name] = events[name]
    stored["p"] = events["p"] > 0
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file.create_dataset("CD/events", data=stored, chunks=(500,), compression="gzip")
        file.create_dataset("CD/indexes", data=np.zeros(3, [("id", "<i8"), ("ts", "<i8")]))
        file.create_dataset("EXT_TRIGGER/events", data=np.zeros(3, [("p", "<i2"), ("t", "<i8"), ("id", "<i2")]))
        file.attrs["geometry"] = "64x48"
    recording = open_recording(tmp_path / "e.hdf5")
    assert recording.declared == (64, 48)
    assert np.array_equal(everything(recording, 300), events)
    assert recording.notes == []


def test_hdf5_as_mvsec_writes_it(tmp_path):
    events = random_events(2000, begin=EPOCH_US)
    rows = np.stack([events["x"], events["y"], events["t"] / 1e6, events["p"]], axis=1)
    images = np.arange(3 * 48 * 64).astype(np.uint8).reshape(3, 48, 64)
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file["davis/left/events"], file["davis/right/events"] = rows, rows[:5]
        file["davis/left/image_raw"] = images
        file["davis/left/image_raw_ts"] = (EPOCH_US + np.array([0, 20_000, 40_000])) / 1e6
    recording = open_recording(tmp_path / "e.hdf5")
    assert np.array_equal(everything(recording), events)
    assert recording.time_unit == "s"
    assert "2 event streams, of which /davis/left/events is read" in recording.notes[0]
    frames = list(recording.frames())
    assert [frame.t - EPOCH_US for frame in frames] == [0, 20_000, 40_000]
    assert np.array_equal(np.stack([frame.image[..., 1] for frame in frames]), images)
    assert not frames[0].read_out_known


def test_hdf5_images_with_times_and_colours_that_nobody_states(tmp_path):
    events = random_events(100)
    path = write_hdf5(tmp_path / "e.h5", events, names=["xs", "ys", "ps", "ts"], t=events["t"] / 1e6)
    with h5py.File(path, "a") as file:
        for i in range(3):
            file[f"images/image{i:09d}"] = np.full((48, 64), i, np.uint8)
            file[f"images/image{i:09d}"].attrs["timestamp"] = 0.25 * i
    recording = open_recording(path)
    assert np.array_equal(everything(recording), events)
    assert [(frame.t, int(frame.image.max())) for frame in recording.frames()] == [(0, 0), (250_000, 1), (500_000, 2)]
    with h5py.File(path, "a") as file:
        del file["images"]
        file["images/image000000000"] = np.zeros((48, 64, 3), np.uint8)
        file["images/image000000000"].attrs["timestamp"] = 0.5
    recording = open_recording(path)
    assert list(recording.frames()) == []
    assert recording.frame_count() == 0
    assert "1 camera frames not read: colours" in recording.notes[0]


def test_hdf5_with_a_codec_that_is_missing_names_it(tmp_path):
    events = random_events(5000)
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        for name in "xypt":
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            create.set_chunk((5000,))
            create.set_filter(0x8ECF, h5py.h5z.FLAG_OPTIONAL)
            space = h5py.h5s.create_simple((5000,))
            group = file.require_group("events").id
            h5py.h5d.create(group, name.encode(), h5py.h5t.NATIVE_INT64, space, dcpl=create).write(
                h5py.h5s.ALL, h5py.h5s.ALL, events[name].astype(np.int64)
            )
    with pytest.raises(DataError, match=r"filter 36559.*ECF.*HDF5_PLUGIN_PATH"):
        open_recording(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_cut_hdf5_is_refused(tmp_path, share):
    path = write_dsec(tmp_path / "e.h5", random_events(5000), 0)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"e\.h5"):
        inspect(path)


def test_hdf5_without_events_or_with_uneven_columns_is_refused(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    with pytest.raises(DataError, match="got pictures in"):
        open_recording(tmp_path / "e.h5")
    path = write_hdf5(tmp_path / "u.h5", random_events(9))
    with h5py.File(path, "a") as file:
        del file["events/t"]
        file["events/t"] = np.arange(8)
    with pytest.raises(DataError, match=r"\[8, 9\] values under /events"):
        open_recording(path)


# --- NumPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["xytp", "txyp", "xypt"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_four(tmp_path, order, turned, fortran, packed):
    events = random_events(700)
    rows = np.stack([events[name].astype(np.float64) for name in order], axis=1)
    rows = np.array(rows.T if turned else rows, order="F" if fortran else "C")
    path = tmp_path / ("e.npz" if packed else "e.npy")
    np.savez_compressed(path, events=rows, other=np.zeros(2)) if packed else np.save(path, rows)
    assert np.array_equal(everything(open_recording(path), 90), events)


def test_other_names_and_structured_arrays(tmp_path):
    events = random_events(700)
    on = events["p"] > 0
    np.savez(tmp_path / "a.npz", xs=events["x"], ys=events["y"], timestamp=events["t"], polarity=on, frames=on)
    tonic = np.zeros(700, [("x", int), ("y", int), ("t", int), ("p", int)])
    for name in tonic.dtype.names:
        tonic[name] = on if name == "p" else events[name]
    np.savez(tmp_path / "b.npz", tonic)
    np.save(tmp_path / "c.npy", tonic)
    for name in ("a.npz", "b.npz", "c.npy"):
        assert np.array_equal(everything(open_recording(tmp_path / name)), events)


def test_arrays_that_are_no_events_are_refused(tmp_path):
    path = tmp_path / "e.npz"
    columns = dict.fromkeys("xypt", np.arange(5))
    for arrays, match in (
        ({**columns, "t": np.array([None] * 5)}, "pickled objects"),
        ({"events": np.array([{}, {}])}, "pickled objects"),
        ({**columns, "t": np.arange(6)}, "one length"),
        ({**columns, "t": np.array(list("abcde"))}, "<U1"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, r"a \(3,\), b \(3,\)"),
        ({"events": np.zeros((3, 5))}, r"float64 of \(3, 5\)"),
        ({}, "no array"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=match):
            open_recording(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_cut_or_damaged_arrays_are_refused(tmp_path, save):
    path = write_npz(tmp_path / "e.npz", random_events(200_000), save=save)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"e\.npz"):
        inspect(path)
    path.write_bytes(whole[: len(whole) // 2] + b"!" + whole[len(whole) // 2 + 1 :])
    with pytest.raises(DataError, match=r"e\.npz"):
        inspect(path)
    np.save(tmp_path / "e.npy", random_events(50))
    (tmp_path / "e.npy").write_bytes((tmp_path / "e.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"841 bytes, its array needs 842"):
        open_recording(tmp_path / "e.npy")
    with (tmp_path / "e.npy").open("ab") as file:
        np.save(file, random_events(50))  # a second array, which NumPy would pass over
    with pytest.raises(DataError, match=r"bytes, its array needs 842"):
        open_recording(tmp_path / "e.npy")


# --- units of time --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "unit"),
    [
        (lambda us: us / 1e6, "s"),
        (lambda us: (us + EPOCH_US) / 1e6, "s"),
        (lambda us: us.astype(float), "us"),
        (lambda us: us.astype(np.uint32), "us"),
        (lambda us: (us + EPOCH_US) * 1000, "ns"),
        (lambda us: (us + EPOCH_US) / 1e3 + 1e-3, "ms"),
    ],
)
def test_unit_of_time_is_told(tmp_path, t, unit):
    events = random_events(3000)
    recording = open_recording(write_hdf5(tmp_path / "e.h5", events, t=t(events["t"])))
    assert recording.time_unit == unit
    found = everything(recording)["t"]
    assert np.abs(np.diff(found) - np.diff(events["t"])).max() <= (1 if unit == "ms" else 0)


@pytest.mark.parametrize(
    ("t", "unit"),
    [
        (lambda us: us * 1000, "ns"),  # nanoseconds of a microsecond clock, or microseconds of a millisecond one
        (lambda us: us / 1000, "ms"),
        (lambda us: us * 1e5 + 0.5, "us"),  # one event in two seconds
        (lambda us: us * 100_001, "us"),
    ],
)
def test_ambiguous_unit_of_time_is_refused_unless_stated(tmp_path, t, unit):
    events = random_events(3000, step=4)
    path = write_hdf5(tmp_path / "e.h5", events, t=t(events["t"]))
    with pytest.raises(DataError, match="state it with --time-unit"):
        open_recording(path)
    found = everything(open_recording(path, time_unit=unit))["t"]
    assert np.array_equal(found, np.rint(t(events["t"]) * {"ns": 1e-3, "ms": 1e3, "us": 1}[unit]).astype(np.int64))
    with h5py.File(path, "a") as file:
        file["events/t"].attrs["unit"] = unit
    assert np.array_equal(everything(open_recording(path))["t"], found)


def test_unit_of_time_for_a_format_that_fixes_it_is_refused(tmp_path):
    path = WRITERS["dat"](tmp_path, random_events(5))
    with pytest.raises(ConfigError, match="only for CSV, HDF5 and NumPy"):
        open_recording(path, time_unit="ns")
