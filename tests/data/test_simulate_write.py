"""Simulated splits in every layout, held against independent readers."""

import hashlib

import dv_processing
import numpy as np
import pandas
import pytest

from had.data.frames import EVENT_DTYPE
from had.data.layouts import LAYOUTS
from had.data.simulate.aedat4 import Aedat4Writer
from had.data.simulate.write import simulate_split
from had.errors import ConfigError
from had.options.recordings import SimulationOptions, SplitSize

OPTIONS = SimulationOptions(
    seed=3,
    width=96,
    height=64,
    train=SplitSize(sequences=2, frames=8),
    val=SplitSize(sequences=1, frames=8),
    test=SplitSize(sequences=3, frames=9),
)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_aedat4(path):
    reader = dv_processing.io.MonoCameraRecording(str(path))
    batches, frames = [], []
    while (batch := reader.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    while (frame := reader.getNextFrame()) is not None:
        frames.append(frame)
    return reader, np.concatenate(batches), frames


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_layout_is_written_in_its_own_form(tmp_path, name):
    layout = LAYOUTS[name]
    simulate_split(layout=layout, options=OPTIONS, split="test", root=tmp_path)
    folder = tmp_path / layout.splits["test"]
    names = (folder / layout.list_file).read_text().split()
    assert names == ["sim_test_0001", "sim_test_0002", "sim_test_0003"]
    table = pandas.read_csv(folder / "attributes.csv")
    assert list(table.columns) == ["sequence", *layout.attributes]
    assert list(table["sequence"]) == names
    assert table[list(layout.attributes)].isin([0, 1]).all(axis=None)
    for sequence in names:
        inside = folder / sequence
        boxes = np.loadtxt(inside / layout.boxes, delimiter=",", ndmin=2)
        assert boxes.shape == (9, 4)
        assert (boxes[0, 2:] > 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= [96, 64]).all()
        if layout.presence:
            flags = np.loadtxt(inside / layout.presence, dtype=int)
            np.testing.assert_array_equal(flags == layout.present_value, boxes[:, 2] > 0)
        assert (inside / layout.raw.format(sequence=sequence)).stat().st_size > 1000


def test_the_csv_recording_is_what_the_published_reader_expects(tmp_path):
    simulate_split(layout=LAYOUTS["eventvot"], options=OPTIONS, split="train", root=tmp_path)
    path = tmp_path / "train/sim_train_0001/sim_train_0001.csv"
    assert path.open().readline() == "x,y,polarity,t\n"
    rows = pandas.read_csv(path)
    assert rows["x"].between(0, 95).all()
    assert rows["y"].between(0, 63).all()
    assert set(rows["polarity"]) == {0, 1}
    assert rows["t"].is_monotonic_increasing
    duration = rows["t"].iloc[-1] - rows["t"].iloc[0]
    assert duration == pytest.approx(9 * 40000, rel=0.05)  # 8 frames and the slice that is dropped


def test_the_aedat4_recording_read_by_dv_processing(tmp_path):
    simulate_split(layout=LAYOUTS["coesot"], options=OPTIONS, split="train", root=tmp_path)
    folder = tmp_path / "train/sim_train_0001"
    reader, events, frames = read_aedat4(folder / "sim_train_0001.aedat4")
    assert reader.getEventResolution() == (96, 64)
    assert (np.diff(events["timestamp"]) >= 0).all()
    assert len(frames) == 8
    begin = 1_000_000
    for number, frame in enumerate(frames):
        assert frame.image.shape == (64, 96, 3)
        exposure = frame.exposure.total_seconds() * 1e6
        assert frame.timestamp + exposure / 2 == pytest.approx(begin + (number + 0.5) * 40000, abs=1)


def test_the_writer_keeps_events_pixels_and_times(tmp_path):
    rng = np.random.default_rng(0)
    events = np.zeros(25003, EVENT_DTYPE)
    events["t"] = np.sort(rng.integers(0, 10**6, len(events))) + 1_600_000_000_000_000
    events["x"], events["y"] = rng.integers(0, 346, len(events)), rng.integers(0, 260, len(events))
    events["p"] = rng.choice([-1, 1], len(events))
    image = rng.integers(0, 256, (260, 346, 3), dtype=np.uint8)
    with Aedat4Writer(tmp_path / "a.aedat4", size=(346, 260)) as writer:
        writer.write_events(events[:20000])
        writer.write_frame(image, frame=(0, 40000), exposure=(16000, 24000))
        writer.write_events(events[20000:])
    reader, read, frames = read_aedat4(tmp_path / "a.aedat4")
    for ours, theirs in (("t", "timestamp"), ("x", "x"), ("y", "y")):
        np.testing.assert_array_equal(read[theirs], events[ours])
    np.testing.assert_array_equal(read["polarity"] > 0, events["p"] > 0)
    np.testing.assert_array_equal(frames[0].image[..., ::-1], image)
    assert reader.getTimeRange()[1] == events["t"][-1]


@pytest.mark.parametrize("name", ["eventvot", "coesot"])
def test_the_bytes_do_not_depend_on_the_workers_nor_on_an_interruption(tmp_path, name):
    layout = LAYOUTS[name]
    for workers, root in ((1, "a"), (2, "b")):
        simulate_split(layout=layout, options=OPTIONS, split="train", root=tmp_path / root, workers=workers)
    whole = digests(tmp_path / "a")
    assert digests(tmp_path / "b") == whole
    victim = tmp_path / "a/train/sim_train_0002"
    for path in victim.iterdir():
        path.unlink()
    victim.rmdir()
    kept = (tmp_path / "a/train/sim_train_0001/groundtruth.txt").stat().st_mtime_ns
    simulate_split(layout=layout, options=OPTIONS, split="train", root=tmp_path / "a")
    assert digests(tmp_path / "a") == whole
    assert (tmp_path / "a/train/sim_train_0001/groundtruth.txt").stat().st_mtime_ns == kept


def test_other_seeds_and_splits_give_other_recordings(tmp_path):
    layout = LAYOUTS["eventvot"]
    simulate_split(layout=layout, options=OPTIONS, split="train", root=tmp_path / "a")
    simulate_split(layout=layout, options=OPTIONS, split="val", root=tmp_path / "a")
    simulate_split(layout=layout, options=OPTIONS.model_copy(update={"seed": 4}), split="train", root=tmp_path / "b")
    truths = [path.read_text() for path in tmp_path.rglob("groundtruth.txt")]
    assert len(truths) == len(set(truths)) == 5


def test_changed_options_replace_what_earlier_ones_left_and_more_sequences_keep_it(tmp_path):
    layout = LAYOUTS["eventvot"]
    other = OPTIONS.model_copy(update={"seed": 4})
    more = OPTIONS.model_copy(update={"train": SplitSize(sequences=3, frames=8)})
    (tmp_path / "train" / "not_ours").mkdir(parents=True)
    simulate_split(layout=layout, options=other, split="train", root=tmp_path)
    simulate_split(layout=layout, options=OPTIONS, split="train", root=tmp_path)
    simulate_split(layout=layout, options=OPTIONS, split="train", root=tmp_path / "fresh")
    assert (tmp_path / "train" / "not_ours").is_dir()
    (tmp_path / "train" / "not_ours").rmdir()
    assert digests(tmp_path / "train") == digests(tmp_path / "fresh" / "train")
    before = (tmp_path / "train" / "sim_train_0001").stat().st_mtime_ns
    simulate_split(layout=layout, options=more, split="train", root=tmp_path)
    assert (tmp_path / "train" / "sim_train_0001").stat().st_mtime_ns == before
    assert (tmp_path / "train" / "sim_train_0003").is_dir()


def test_a_split_that_the_layout_does_not_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="VisEvent"):
        simulate_split(layout=LAYOUTS["visevent"], options=OPTIONS, split="val", root=tmp_path)
    assert not list(tmp_path.iterdir())
