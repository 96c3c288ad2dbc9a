"""A split becomes files: whole, resumable, in the public format."""

import csv
import json

import numpy as np
import pytest
from toy import ToySequence
from toy_experiment import experiment, load_toy_split

from had.data.frames import Frame
from had.errors import CheckpointError, DataError
from had.models.network import build_network
from had.models.weights import save_network
from had.tracking import run
from had.tracking.controls import build_control

_MIL_SCENE = (((100, 130), (120, 160)), ((0, 256), (24, 30)))


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch):
    monkeypatch.setattr(run, "load_split", load_toy_split)


@pytest.fixture
def checkpoint(tmp_path):
    network = build_network(experiment(tmp_path).resolve("student"), ("event_image",), seed=0)
    save_network(tmp_path / "model.safetensors", network, {})
    return tmp_path / "model.safetensors"


def track(output, name="student", checkpoint=None, split="test", **changes):
    options = experiment(output, **changes)
    run.track_split(
        options, benchmark="coesot", run=name, data=output, split=split, output=output, checkpoint=checkpoint
    )


def test_a_sequence_may_be_called_like_an_argument_of_numpy(tmp_path, checkpoint, monkeypatch):
    named = [ToySequence(name, 4) for name in ("file", "b")]
    monkeypatch.setattr(run, "load_split", lambda *_, **__: named)
    track(tmp_path / "tracks", checkpoint=checkpoint)
    with np.load(tmp_path / "tracks/responses.npz") as responses:
        assert set(responses.files) == {"file", "file/windows", "b", "b/windows"}
        assert responses["file"].shape == (4, 4, 4)


def test_files_of_a_network(tmp_path, checkpoint):
    output = tmp_path / "tracks"
    track(output, checkpoint=checkpoint)
    names = {"toy20.txt", "toy20_time.txt", "toy21.txt", "toy21_time.txt"}
    assert {path.name for path in output.iterdir()} == names | {"responses.npz", "one_shot.csv", "summary.json"}
    boxes = np.loadtxt(output / "toy20.txt", delimiter="\t")
    assert boxes.shape == (8, 4)
    assert boxes[0] == pytest.approx(load_toy_split(None, "test")[0].boxes[0], abs=1e-4)
    with np.load(output / "responses.npz") as responses:
        assert responses["toy20"].shape == (8, 4, 4)
        assert responses["toy20"].dtype == np.float16
        assert responses["toy20/windows"].shape == (8, 3)
    with (output / "one_shot.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == ["toy20", "toy20", "toy21", "toy21"]
    assert all(0 <= float(row["iou"]) <= 1 for row in rows)
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["frames"], summary["sequences"]) == (16, 2)
    assert summary["throughput"] == pytest.approx(16 / summary["seconds"])


def test_of_a_training_split_the_tracks_alone_are_kept(tmp_path, checkpoint):
    output = tmp_path / "tracks"
    track(output, checkpoint=checkpoint, split="train")
    names = {f"toy0{index}{end}.txt" for index in range(3) for end in ("", "_time")}
    assert {path.name for path in output.iterdir()} == names | {"summary.json"}


def test_interrupted_job_skips_what_is_done(tmp_path, checkpoint, monkeypatch):
    whole, output = tmp_path / "whole", tmp_path / "tracks"
    one_by_one = {"tracking": {"batch_sequences": 1}}
    track(whole, checkpoint=checkpoint, **one_by_one)
    follow, followed = run.follow, []

    def stops(tracker, group, label):
        followed.append(group[0].name)
        if len(followed) == 2:
            raise KeyboardInterrupt
        return follow(tracker, group, label)

    monkeypatch.setattr(run, "follow", stops)
    with pytest.raises(KeyboardInterrupt):
        track(output, checkpoint=checkpoint, **one_by_one)
    assert not (output / "summary.json").exists()
    track(output, checkpoint=checkpoint, **one_by_one)
    assert followed == ["toy20", "toy21", "toy21"]
    for name in ("toy20.txt", "toy21.txt", "one_shot.csv"):
        assert (output / name).read_text() == (whole / name).read_text()
    with np.load(output / "responses.npz") as left, np.load(whole / "responses.npz") as right:
        assert all(np.array_equal(left[name], right[name]) for name in right.files)
    track(output, checkpoint=checkpoint, **one_by_one)
    assert len(followed) == 3


def test_tracks_of_another_configuration_are_made_again(tmp_path, checkpoint):
    output = tmp_path / "tracks"
    track(output, checkpoint=checkpoint)
    before = json.loads((output / "summary.json").read_text())["digest"]
    track(output, checkpoint=checkpoint, tracking={"window_influence": 0.0})
    assert json.loads((output / "summary.json").read_text())["digest"] != before


@pytest.mark.parametrize("gone", ["responses.npz", "one_shot.csv", "toy20.txt", "toy21_time.txt"])
def test_a_split_that_lacks_a_file_is_not_finished(tmp_path, checkpoint, gone):
    output = tmp_path / "tracks"
    track(output, checkpoint=checkpoint)
    names = {path.name for path in output.iterdir()}
    (output / gone).unlink()
    track(output, checkpoint=checkpoint)
    assert {path.name for path in output.iterdir()} == names


def test_a_broken_summary_is_written_again(tmp_path):
    track(tmp_path, "static")
    (tmp_path / "summary.json").write_text("{")
    track(tmp_path, "static")
    assert json.loads((tmp_path / "summary.json").read_text())["sequences"] == 2


def test_files_of_others_in_the_folder_stay(tmp_path):
    (tmp_path / "parts").mkdir()
    mine = [tmp_path / "notes.txt", tmp_path / "toy99.txt", tmp_path / "parts/mine.npz"]
    for path in mine:
        path.write_text("mine")
    (tmp_path / "toy20.txt").write_text("1\t2\t3\t4\n" * 8)
    track(tmp_path, "static")
    track(tmp_path, "ground_truth")
    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert not (tmp_path / "toy20.txt").read_text().startswith("1\t2")


def test_the_prepared_data_are_the_benchmarks_own(tmp_path, monkeypatch):
    asked = []

    def spied(prepared, split, *, benchmark=None):
        asked.append((split, benchmark))
        return load_toy_split(prepared, split)

    monkeypatch.setattr(run, "load_split", spied)
    track(tmp_path, "static")
    assert asked == [("test", "coesot")]


def test_checkpoints_are_asked_for_and_checked(tmp_path, checkpoint):
    with pytest.raises(CheckpointError, match="give --checkpoint"):
        track(tmp_path / "tracks")
    with pytest.raises(CheckpointError, match="rgb, event_image"):
        track(tmp_path / "tracks", "teacher", checkpoint)


@pytest.mark.parametrize("name", ["static", "ground_truth", "mil"])
def test_controls(tmp_path, name):
    track(tmp_path, name)
    boxes = np.loadtxt(tmp_path / "toy20.txt", delimiter="\t")
    truth = load_toy_split(None, "test")[0].boxes
    assert boxes[0] == pytest.approx(truth[0], abs=1e-4)
    assert (tmp_path / "one_shot.csv").read_text().split() == ["sequence,frame,iou"]
    assert not (tmp_path / "responses.npz").exists()
    if name == "static":
        assert boxes == pytest.approx(np.tile(truth[0], (8, 1)), abs=1e-4)
    if name == "ground_truth":
        assert boxes == pytest.approx(truth, abs=1e-4)
    if name == "mil":
        assert boxes[:, 2:] == pytest.approx(np.tile(truth[0, 2:], (8, 1)), abs=1e-4)


def test_mil_follows_and_repeats():
    """A textured patch that moves over a quiet ground, two pixels a frame."""
    rng = np.random.default_rng(0)
    ground, patch = (rng.integers(*limits, size=(*side, 3), dtype=np.uint8) for limits, side in _MIL_SCENE)
    frames = []
    for index in range(15):
        image = ground.copy()
        image[40 : 40 + 24, 20 + 2 * index : 20 + 2 * index + 30] = patch
        frames.append(Frame((160, 120), images={"rgb": image}))
    tracks = []
    for _ in range(2):
        control = build_control("mil", stream="rgb", boxes=np.empty((0, 4)))
        control.initialize(frames[0], np.array([20.0, 40.0, 30.0, 24.0]))
        tracks.append([control.track(frame) for frame in frames[1:]])
    assert np.array_equal(*tracks)
    truth = [[20 + 2 * index, 40, 30, 24] for index in range(1, 15)]
    assert np.abs(np.array(tracks[0]) - truth).max() <= 8


def test_mil_starts_at_any_place():
    sequence = ToySequence("edge", 2)
    for box in ([0, 0, 10, 10], [-5, 60, 12, 40], [90, 66, 30, 30], [0, 0, 96, 72], [50, 50, 1, 1], [10, 5, 80, 3]):
        control = build_control("mil", stream="event_image", boxes=sequence.boxes)
        control.initialize(sequence.frame(0), np.array(box, dtype=float))
        assert np.isfinite(control.track(sequence.frame(1))).all()


def test_tracking_begins_at_the_first_visible_frame():
    sequence = ToySequence("late", 6, absent=(0, 1))
    boxes = run.follow_control("ground_truth", sequence, "event_image").boxes
    assert not boxes[:2].any()
    assert boxes[2:] == pytest.approx(sequence.boxes[2:])
    with pytest.raises(DataError, match="'ghost'"):
        run.first_visible(ToySequence("ghost", 3, absent=(0, 1, 2)))
