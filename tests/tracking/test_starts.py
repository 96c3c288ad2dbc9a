"""Tracks from jittered first boxes: the published starts, a folder each, and nothing else changes."""

import json

import numpy as np
import pytest
from toy import ToySequence
from toy_experiment import experiment, load_toy_split

from had.boxes import cxcywh_to_xyxy, iou, moved_xywh, xywh_to_cxcywh
from had.errors import ConfigError
from had.models.network import build_network
from had.models.weights import save_network
from had.options.analysis import StartOptions
from had.tracking import run
from had.tracking.started_sequence import StartedSequence
from had.tracking.starts import track_starts

CALL = {"benchmark": "coesot", "split": "test"}


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch):
    monkeypatch.setattr(run, "load_split", load_toy_split)


@pytest.fixture
def checkpoint(tmp_path):
    network = build_network(experiment(tmp_path).resolve("student"), ("event_image",), seed=0)
    save_network(tmp_path / "model.safetensors", network, {})
    return tmp_path / "model.safetensors"


def track(folder, name, starts=None, checkpoint=None, **tracking):
    options = experiment(folder, tracking={"starts": {} if starts is None else starts, **tracking})
    track_starts(options, output=folder / "starts", run=name, data=folder, checkpoint=checkpoint, **CALL)
    return folder / "starts"


def test_the_twelve_starts_of_otb():
    starts = StartOptions().starts
    assert len(starts) == 12
    truth = np.array([40.0, 30.0, 20.0, 10.0])
    boxes = {s.name: moved_xywh(truth, dx=s.dx, dy=s.dy, scale=s.scale) for s in starts}
    assert boxes["left"] == pytest.approx([38, 30, 20, 10])
    assert boxes["bottom_right"] == pytest.approx([42, 31, 20, 10])
    assert boxes["scale_0.8"] == pytest.approx([42, 31, 16, 8])
    assert boxes["scale_1.2"] == pytest.approx([38, 29, 24, 12])
    overlaps = {
        name: iou(*(cxcywh_to_xyxy(xywh_to_cxcywh(one)) for one in (box, truth))) for name, box in boxes.items()
    }
    assert overlaps["up"] == pytest.approx(0.9 / 1.1)
    assert overlaps["top_left"] == pytest.approx(0.81 / 1.19)
    assert overlaps["scale_0.9"] == pytest.approx(0.81)
    assert min(overlaps.values()) > 0.6
    assert len({tuple(box) for box in boxes.values()}) == 12


def test_only_the_first_visible_box_is_another():
    sequence = ToySequence("late", 6, absent=(0, 1))
    (start,) = (s for s in StartOptions().starts if s.name == "right")
    started = StartedSequence(sequence, start)
    assert started.boxes[2] == pytest.approx(sequence.boxes[2] + [1.4, 0, 0, 0])
    others = [0, 1, 3, 4, 5]
    assert np.array_equal(started.boxes[others], sequence.boxes[others])
    assert sequence.boxes[2, 0] != started.boxes[2, 0]  # the sequence's own is as it was
    assert run.first_visible(started) == 2


@pytest.mark.parametrize(("name", "options"), [("static", {}), ("mil", {"shift": 0, "scales": [1.2]})])
def test_controls_begin_where_they_are_told(tmp_path, name, options):
    folder = track(tmp_path, name, options)
    starts = StartOptions(**options).starts
    assert {path.name for path in folder.iterdir()} == {*(s.name for s in starts), "summary.json"}
    truth = load_toy_split(None, "test")[0].boxes[0]
    for start in starts:
        assert {path.name for path in (folder / start.name).iterdir()} == {
            *("toy20.txt", "toy20_time.txt", "toy21.txt", "toy21_time.txt", "summary.json")
        }
        boxes = np.loadtxt(folder / start.name / "toy20.txt", delimiter="\t")
        expected = moved_xywh(truth, dx=start.dx, dy=start.dy, scale=start.scale)
        assert boxes[0] == pytest.approx(expected, abs=1e-4)
        if name == "static":
            assert boxes == pytest.approx(np.tile(expected, (8, 1)), abs=1e-4)
    summary = json.loads((folder / "summary.json").read_text())
    assert {name: one["frames"] for name, one in summary.items()} == {s.name: 16 for s in starts}


def test_a_network_sees_the_other_box_and_leaves_no_maps(tmp_path, checkpoint):
    folder = track(tmp_path, "student", {"shift": 0.3, "scales": [2]}, checkpoint)
    tracks = [np.loadtxt(folder / name / "toy20.txt") for name in ("left", "right", "scale_2")]
    assert not np.allclose(tracks[0][1:], tracks[1][1:])
    assert not np.allclose(tracks[0][1:], tracks[2][1:])
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert not names & {"responses.npz", "one_shot.csv", "digest.txt"}


def test_finished_starts_stay_and_others_are_made_again(tmp_path, monkeypatch):
    track(tmp_path, "static", {"scales": [1.5], "shift": 0})
    followed, follow = [], run.follow_control
    monkeypatch.setattr(run, "follow_control", lambda *a: followed.append(a[1].name) or follow(*a))
    track(tmp_path, "static", {"scales": [1.5], "shift": 0})
    assert followed == []
    (tmp_path / "starts/scale_1.5/toy21.txt").unlink()
    track(tmp_path, "static", {"scales": [1.5], "shift": 0})
    assert followed == ["toy20", "toy21"]
    track(tmp_path, "static", {"scales": [], "shift": 0.1})
    before = (tmp_path / "starts/up/toy20.txt").read_text()
    track(tmp_path, "static", {"scales": [], "shift": 0.2})
    assert (tmp_path / "starts/up/toy20.txt").read_text() != before


def test_tracks_from_the_annotated_box_do_not_depend_on_the_option(tmp_path):
    """They have one digest, with starts on or off."""
    digests = []
    for starts in (None, {}, {"shift": 0.2}):
        options = experiment(tmp_path, tracking={"starts": starts})
        run.track_split(options, output=tmp_path / "ope", run="static", data=tmp_path, **CALL)
        digests.append(json.loads((tmp_path / "ope/summary.json").read_text())["digest"])
    assert len(set(digests)) == 1


def test_what_cannot_be_started_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="starts: null"):
        track_starts(experiment(tmp_path), output=tmp_path, run="static", data=tmp_path, **CALL)
    with pytest.raises(ConfigError, match="'ground_truth'"):
        track(tmp_path, "ground_truth")


@pytest.mark.parametrize(
    ("starts", "sentence"),
    [
        ({"shift": 0, "scales": []}, "starts: null"),
        ({"scales": [1]}, "other than 1"),
        ({"scales": [0.8, 0.8]}, "name one twice"),
        ({"scales": [-0.5]}, "from 0.1 to 10"),
        ({"runs": ["studnt"]}, "did you mean 'student'"),
        ({"runs": ["ground_truth"]}, "no row of ours"),
        ({"shift": 1}, "less than 1"),
    ],
)
def test_starts_that_make_no_sense_are_refused(tmp_path, starts, sentence):
    with pytest.raises(ConfigError, match=sentence):
        experiment(tmp_path, tracking={"starts": starts})
