"""From recordings in miniature to prepared sequences: content, resumption, determinism, damage."""

import os
import pickle
import shutil

import cv2
import numpy as np
import pytest
from miniature import annotate, random_events, some_boxes, write_coesot, write_csv, write_eventvot, write_list
from scipy.io import savemat

from had.data import representations as rep
from had.data import slicing
from had.data.layouts import LAYOUTS, SENSOR_FILE, SLICES_FILE
from had.data.prepare import prepare_split
from had.data.recordings import open_recording
from had.data.sequences import load_split
from had.errors import ConfigError, DataError
from had.options.recordings import PreparationOptions

EVENTVOT, COESOT = LAYOUTS["eventvot"], LAYOUTS["coesot"]


def prepare(layout, root, output, split="test", **options):
    extra = {key: options.pop(key) for key in ("workers", "images") if key in options}
    chosen = PreparationOptions(**options)
    prepare_split(layout=layout, options=chosen, root=root, split=split, output=output, **extra)
    return load_split(output, split)


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def eventvot(tmp_path):
    write_eventvot(EVENTVOT, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def coesot(tmp_path):
    write_coesot(COESOT, tmp_path / "raw")
    return tmp_path / "raw"


def test_csv_recording_becomes_frames_with_events_and_voxels(eventvot, tmp_path):
    one, two = prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert (one.name, two.name, len(one), one.size) == ("one", "two", 6, (64, 48))
    assert np.array_equal(one.boxes, some_boxes(6))
    assert one.present.all()
    events = random_events(4000, seed=0)
    slices = slicing.equal_slices(events["t"], 7)  # one more than the boxes
    assert np.array_equal(one.frame_times_us, slices.frame_times)
    for index, ((first, last), (begin, end)) in enumerate(zip(slices.spans, slices.times, strict=True)):
        frame = one.frame(index)
        for name in ("x", "y", "p"):
            assert np.array_equal(frame.events[name], events[first:last][name])
        assert np.array_equal(frame.image("event_image"), rep.event_image(events[first:last], 64, 48))
        wanted = dict(recipe=EVENTVOT.voxel, size=(64, 48), begin_us=begin, end_us=end)
        assert np.array_equal(frame.voxels, rep.voxel_list(events[first:last], **wanted))
        assert len(frame.voxels) > 10
    with pytest.raises(IndexError):
        one.frame(6)
    with pytest.raises(IndexError):
        one.frame(-1)


def test_aedat4_recording_becomes_frames_with_events_and_rgb(coesot, tmp_path):
    (one,) = prepare(COESOT, coesot, tmp_path / "out")
    recording = open_recording(coesot / "test" / "one" / "one.aedat4")
    events, camera = np.concatenate(list(recording.chunks())), list(recording.frames())
    assert (len(one), len(camera)) == (5, 6)
    for index in range(5):
        frame = one.frame(index)
        assert np.array_equal(frame.image("rgb"), camera[index].image)
        # dv-processing states no read-out, so a frame has all events up to the next one.
        inside = events[(events["t"] >= camera[index].t) & (events["t"] < camera[index + 1].t)]
        assert len(inside) > 100
        assert np.array_equal(frame.events["x"], inside["x"])
        assert frame.voxels is None
    assert one.frame_times_us.tolist() == [10_000 * (i + 1) for i in range(5)]


@pytest.mark.parametrize("chosen", ["exposure", "interval", "equal"])
def test_slicing_is_an_option(coesot, tmp_path, chosen):
    (one,) = prepare(COESOT, coesot, tmp_path / "out", slicing=chosen)
    events = np.concatenate(list(open_recording(coesot / "test" / "one" / "one.aedat4").chunks()))
    counts = [len(one.frame(i).events) for i in range(5)]
    begin = 10_000 * (1 + np.arange(5))
    expected = {
        "exposure": slicing.window_slices(events["t"], np.stack([begin, begin + 2000], 1), begin).spans,
        "interval": slicing.window_slices(events["t"], np.stack([begin, begin + 10_000], 1), begin).spans,
        "equal": slicing.equal_slices(events["t"], 6).spans,
    }[chosen]
    assert counts == np.diff(expected, axis=1).ravel().tolist()


def test_read_out_times_of_the_real_davis_recording_decide_the_slice(shared, tmp_path):
    write_list(COESOT, tmp_path, "test", ["street"])
    annotate(COESOT, tmp_path / "test" / "street", some_boxes(58))
    source = shared / "data" / "recordings" / "davis346_street"
    shutil.copy(f"{source}.aedat4", tmp_path / "test" / "street" / "street.aedat4")
    table = np.genfromtxt(f"{source}_frames.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    for chosen, column in {"layout": "n_events_begin_to_end", "interval": "n_events_to_next_frame"}.items():
        (street,) = prepare(COESOT, tmp_path, tmp_path / chosen, slicing=chosen)
        assert [len(street.frame(i).events) for i in range(58)] == table[column][:58].tolist()


@pytest.mark.parametrize(
    ("frames", "stated", "options", "shares"),
    [(6, "7", {}, 7), (499, None, {}, 500), (480, None, {}, 500), (6, "7", {"slices": 9}, 9)],
)
def test_number_of_shares(tmp_path, frames, stated, options, shares):
    """The published number is cut whatever the number of boxes: only then does slice k belong to box k."""
    write_eventvot(EVENTVOT, tmp_path / "raw", frames=frames, names=("one",), count=3000)
    path = tmp_path / "raw" / "test" / "one" / SLICES_FILE
    path.unlink() if stated is None else path.write_text(stated)
    (one,) = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out", **options)
    spans = slicing.equal_slices(random_events(3000)["t"], shares).spans[:frames]
    assert [len(one.frame(i).events) for i in range(frames)] == np.diff(spans, axis=1).ravel().tolist()


def test_sensor_of_the_layout_unless_stated(eventvot, tmp_path):
    (eventvot / "test" / "one" / SENSOR_FILE).unlink()
    one, two = prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert (one.size, two.size) == ((1280, 720), (64, 48))


def test_same_bytes_whatever_the_workers_and_the_chunks(eventvot, tmp_path, monkeypatch):
    prepare(EVENTVOT, eventvot, tmp_path / "a")
    prepare(EVENTVOT, eventvot, tmp_path / "b", workers=2)
    chunks = type(open_recording(eventvot / "test" / "one" / "one.csv")).chunks
    monkeypatch.setattr("had.data.recordings.event_csv.CsvRecording.chunks", lambda self: chunks(self, 700))
    prepare(EVENTVOT, eventvot, tmp_path / "c")
    assert content(tmp_path / "a") == content(tmp_path / "b") == content(tmp_path / "c")
    assert not [path for path in content(tmp_path / "a") if "spool" in path.name or ".part" in path.name]


def test_what_is_up_to_date_stays_and_what_has_changed_is_made_again(eventvot, tmp_path):
    def written():
        return {name: (tmp_path / "out" / "test" / name / "meta.json").stat().st_mtime_ns for name in ("one", "two")}

    prepare(EVENTVOT, eventvot, tmp_path / "out")
    before = written()
    prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert written() == before
    annotate(EVENTVOT, eventvot / "test" / "two", some_boxes(6) + 1)
    _, two = prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert written()["one"] == before["one"]
    assert two.boxes[0, 0] == 4.5
    before = written()
    raw = eventvot / "test" / "one" / "one.csv"
    os.utime(raw, (raw.stat().st_atime, raw.stat().st_mtime + 1000))
    prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert written()["one"] > before["one"]
    assert written()["two"] == before["two"]
    prepare(EVENTVOT, eventvot, tmp_path / "out", voxels=False)
    assert written()["two"] > before["two"]
    assert load_split(tmp_path / "out", "test")[0].frame(0).voxels is None


@pytest.mark.parametrize("place", [".", "test", "test/one", ".."])
def test_recordings_are_not_written_over(eventvot, tmp_path, monkeypatch, place):
    root = eventvot.rename(tmp_path / "test") if place == ".." else eventvot
    before = content(root)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="output apart from the recordings"):
        prepare(EVENTVOT, root, (root / place).relative_to(tmp_path))
    (tmp_path / "link").symlink_to(root / "test")
    with pytest.raises(ConfigError, match="output apart from the recordings"):
        prepare(EVENTVOT, root, tmp_path / "link")
    assert content(root) == before


def test_prepared_beside_the_recordings_and_not_over_other_files(eventvot, tmp_path):
    prepare(EVENTVOT, eventvot, eventvot / "prepared")
    notes = eventvot / "prepared" / "test" / "one" / "notes.txt"
    notes.write_text("mine")
    prepare(EVENTVOT, eventvot, eventvot / "prepared")
    with pytest.raises(DataError, match=r"'notes\.txt' in .*one"):
        prepare(EVENTVOT, eventvot, eventvot / "prepared", voxels=False)
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("damage", ["{", "[]", '{"sequences": []}', '{"digest": 1}'])
def test_broken_descriptions_are_made_again(eventvot, tmp_path, damage):
    prepare(EVENTVOT, eventvot, tmp_path / "out")
    before = content(tmp_path / "out")
    (tmp_path / "out/test/one/meta.json").write_text(damage)
    (tmp_path / "out/test/index.json").write_text(damage)
    with pytest.raises(DataError, match=r"index\.json, which is broken.*prepare the split again"):
        load_split(tmp_path / "out", "test")
    prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert content(tmp_path / "out") == before


def test_another_benchmark_or_split_is_refused(eventvot, tmp_path):
    prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert len(load_split(tmp_path / "out", "test", benchmark="eventvot")) == 2
    with pytest.raises(DataError, match="split 'test' of coesot, got 'test' of eventvot"):
        load_split(tmp_path / "out", "test", benchmark="coesot")
    (tmp_path / "out/test").rename(tmp_path / "out/val")
    with pytest.raises(DataError, match="split 'val' of eventvot, got 'test' of eventvot"):
        load_split(tmp_path / "out", "val")


def test_a_broken_sequence_stops_the_split_and_keeps_the_finished_one(eventvot, tmp_path):
    events = random_events(4000)
    events["x"][100] = 70
    write_csv(eventvot / "test" / "two" / "two.csv", events)
    with pytest.raises(DataError, match=r"pixels inside 64x48.*line 102 of .*two\.csv"):
        prepare(EVENTVOT, eventvot, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "test").iterdir()] == ["one"]


def test_more_boxes_than_frames_are_refused_and_fewer_are_counted(coesot, tmp_path, caplog):
    annotate(COESOT, coesot / "test" / "one", some_boxes(7))
    with pytest.raises(DataError, match=r"each of 7 boxes, got 6 camera frames in .*one\.aedat4"):
        prepare(COESOT, coesot, tmp_path / "out")
    annotate(COESOT, coesot / "test" / "one", some_boxes(4))
    with caplog.at_level("INFO"):
        (one,) = prepare(COESOT, coesot, tmp_path / "out")
    assert len(one) == 4
    assert "2 frames without a box" in caplog.text
    write_eventvot(EVENTVOT, tmp_path / "ev")
    with pytest.raises(DataError, match=r"each of 6 boxes, got 3 slices"):
        prepare(EVENTVOT, tmp_path / "ev", tmp_path / "ev_out", slices=4)


def test_camera_slicing_without_a_camera_is_refused(eventvot, tmp_path):
    with pytest.raises(DataError, match=r"slicing 'frame', got .*one\.csv without camera frames"):
        prepare(EVENTVOT, eventvot, tmp_path / "out", slicing="frame")


def test_a_recording_without_events_has_empty_frames(tmp_path):
    write_eventvot(EVENTVOT, tmp_path / "raw", names=("one",), count=0)
    (one,) = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    frame = one.frame(5)
    assert (len(frame.events), frame.voxels.shape) == (0, (0, 19))
    assert (frame.image("event_image") == 255).all()


def published(root, *, first=0, frames=4, extension=".png"):
    folder = root / "test" / "a {b}"
    annotate(EVENTVOT, folder, some_boxes(frames))
    write_list(EVENTVOT, root, "test", ["a {b}"])
    (folder / "img").mkdir()
    (folder / "a {b}_voxel").mkdir()
    for i in range(frames):
        cv2.imwrite(str(folder / "img" / f"{first + i:04d}{extension}"), np.full((48, 64, 3), i, np.uint8))
        cells = {"coor": np.array([[1, 2, 3], [4, 5, i]]), "features": np.eye(2, 16) * -1}
        cells["features"][1, :3] = 1
        savemat(folder / "a {b}_voxel" / f"frame{first + i:04d}.mat", cells)
    return folder


@pytest.mark.parametrize(("first", "extension"), [(0, ".png"), (1, ".bmp")])
def test_published_images_and_voxels_are_used_as_they_are(tmp_path, first, extension):
    published(tmp_path / "raw", first=first, extension=extension)
    (one,) = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    frame = one.frame(3)
    assert one.size == (64, 48)
    assert frame.events is None
    assert frame.files["event_image"].parent == tmp_path / "raw" / "test" / "a {b}" / "img"
    assert (frame.image("event_image") == 3).all()
    # The fuller cell first; centres in the pixels of this sensor.
    assert frame.voxels[:, 3:].sum(axis=1).tolist() == [3, -1]
    assert frame.voxels[0, :3] == pytest.approx([5.5 * 17 * 64 / 1280, 3.5 * 13 * 48 / 720, 4.5 / 20])


def test_damaged_published_files_are_named(tmp_path):
    folder = published(tmp_path / "raw")
    mat = folder / "a {b}_voxel" / "frame0002.mat"
    savemat(mat, {"coor": np.array([[np.nan, 0, 0]]), "features": np.zeros((1, 16))})
    with pytest.raises(DataError, match=r"NaN.*frame0002\.mat"):
        prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    mat.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"frame0002\.mat"):
        prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    savemat(mat, {"coor": np.zeros((0, 3)), "features": np.zeros((0, 16))})
    assert len(prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")[0].frame(2).voxels) == 0
    (folder / "img" / "0003.png").unlink()
    with pytest.raises(DataError, match=r"each of 4 boxes, got 1 missing, the first is .*0003\.png"):
        prepare(EVENTVOT, tmp_path / "raw", tmp_path / "again")
    shutil.rmtree(folder / "img")
    with pytest.raises(DataError, match=r"neither .*\.csv nor images"):
        prepare(EVENTVOT, tmp_path / "raw", tmp_path / "again")


def test_event_images_can_be_written_as_published(eventvot, tmp_path):
    one, _ = prepare(EVENTVOT, eventvot, tmp_path / "out", images=True)
    paths = sorted((tmp_path / "out" / "test" / "one" / "img").iterdir())
    assert [path.name for path in paths] == [f"{i:04d}.png" for i in range(6)]
    assert np.array_equal(cv2.imread(str(paths[2]), cv2.IMREAD_COLOR_RGB), one.frame(2).image("event_image"))


def test_sequences_travel_to_other_processes_without_their_arrays(eventvot, tmp_path):
    one, _ = prepare(EVENTVOT, eventvot, tmp_path / "out")
    wanted = one.frame(3)
    packed = pickle.dumps(one)
    assert len(packed) < 10_000
    again = pickle.loads(packed).frame(3)
    assert np.array_equal(again.events, wanted.events)
    assert np.array_equal(again.voxels, wanted.voxels)
    (tmp_path / "out" / "test" / "one" / "events.npy").unlink()
    with pytest.raises(DataError, match=r"prepared array.*events\.npy"):
        pickle.loads(packed).frame(3)
