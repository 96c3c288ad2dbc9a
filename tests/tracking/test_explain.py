"""What is saved of teacher and student on single crops is what the losses see, and vanishes between equals."""

import numpy as np
import ot
import pytest
import torch
from toy import ToySequence
from toy_experiment import experiment

from had.boxes import iou, xywh_to_xyxy
from had.data.crops import crop, window_around
from had.errors import CheckpointError, DataError
from had.explanations import explained_names
from had.losses.spatial import axis_cost
from had.models.network import build_network
from had.tracking.explain import KEYS, Student, explain_sequence, shown_frames, write_explanation

LOST = ["feature", "similarity", "response", "localization", "spatial", "box_transport", "token_transport"]


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return experiment(tmp_path_factory.mktemp("results"))


def network(options, run="student", streams=("event_image",), seed=0, **changes):
    resolved = options.resolve(run)
    resolved = resolved.model_copy(update={"network": resolved.network.model_copy(update=changes)})
    return Student(resolved, build_network(resolved, streams, seed=seed).eval())


def explained(options, teacher, *students, sequence=None, frames=3):
    sequence = sequence or ToySequence("toy", 10, absent=(0, 5, 6))
    return explain_sequence(sequence, teacher.network, list(students), crops=options.crops, frames=frames)


@pytest.fixture(scope="module")
def pair(options):
    teacher = network(options, "teacher", ("rgb", "event_image"))
    return explained(options, teacher, network(options), network(options, "had", seed=1))


def term(arrays, name):
    return arrays["losses"][..., list(arrays["terms"]).index(name)]


def test_the_arrays_are_the_documented_ones(pair, tmp_path):
    documented = {name for name in KEYS if "<" not in name}
    streams = {f"{part}/{stream}" for part in ("template", "search") for stream in ("rgb", "event_image")}
    assert set(pair) == documented | streams
    write_explanation(tmp_path / "toy.npz", pair)
    with np.load(tmp_path / "toy.npz", allow_pickle=False) as stored:
        for name in stored.files:
            assert np.array_equal(stored[name], pair[name], equal_nan=stored[name].dtype.kind == "f")
            whole = name in ("frames", "template_frame")
            kinds = {"U", "b"} if name in ("networks", "terms", "present") else {"i"} if whole else {"u", "f"}
            assert stored[name].dtype.kind in kinds
            assert stored[name].dtype != np.float64
    assert list(pair["networks"]) == ["teacher", "student", "had"]
    assert pair["plans"].shape == (3, 2, 16, 16)
    assert pair["responses"].shape == pair["masses"].shape == (3, 3, 4, 4)
    assert pair["losses"].shape == (3, 2, len(pair["terms"])) == (3, 2, 11)


def test_marginals_of_the_plans_are_the_maps(pair):
    own, wanted = pair["masses"][:, 1:].reshape(3, 2, 16), pair["masses"][:, :1].reshape(3, 1, 16)
    assert pair["plans"].sum(axis=3) == pytest.approx(own, abs=1e-6)
    assert pair["plans"].sum(axis=2) == pytest.approx(np.broadcast_to(wanted, own.shape), abs=1e-6)
    assert pair["masses"].sum(axis=(2, 3)) == pytest.approx(np.ones((3, 3)), abs=1e-6)


def test_the_plan_is_pots(pair, options):
    cost = (axis_cost(4)[:, None, :, None] + axis_cost(4)[None, :, None, :]).reshape(16, 16).numpy()
    own, wanted = (pair["masses"][0, n].reshape(16).astype(float) for n in (2, 0))
    own, wanted = own / own.sum(), wanted / wanted.sum()
    other = ot.sinkhorn(own, wanted, cost, options.distillation.epsilon, stopThr=1e-12)
    assert pair["plans"][0, 1] == pytest.approx(other, abs=1e-6)


def test_responses_are_those_of_the_logits(pair, options):
    assert pair["responses"] == pytest.approx(1 / (1 + np.exp(-pair["logits"])), abs=1e-4)
    powers = np.exp(pair["logits"] / options.distillation.spatial_temperature)
    assert pair["masses"] == pytest.approx(powers / powers.sum(axis=(2, 3), keepdims=True), rel=1e-4)


def test_a_student_that_is_its_teacher_pays_nothing_and_moves_nothing(options):
    one = network(options)
    same = explained(options, one, one, network(options, seed=1))
    for name in LOST:
        assert term(same, name)[:, 0] == pytest.approx(0, abs=2e-6), name
        assert (term(same, name)[:, 1] > 1e-6).all(), name
    assert np.isnan(term(same, "temporal")).all()
    assert same["moves"][:, 0] == pytest.approx(0, abs=1e-4)
    assert np.abs(same["moves"][:, 1]).max() > 1e-3
    assert same["plans"][:, 0] == pytest.approx(same["plans"][:, 0].swapaxes(1, 2), abs=1e-6)
    assert np.array_equal(same["predicted"][:, 0], same["predicted"][:, 1])


def test_moves_point_to_the_teachers_response(options):
    """All of a student's mass in one cell, all of the teacher's in another: each cell's mean move is the difference."""
    teacher, student = network(options), network(options, seed=1)

    def answering(one, cell):
        forward = one.network.forward

        def fixed(*crops, **how):
            prediction, features = forward(*crops, **how)
            logits = torch.full_like(prediction.logits, -30.0)
            logits.view(len(logits), -1)[:, cell] = 30.0
            return prediction._replace(logits=logits, response=logits.sigmoid()), features

        one.network.forward = fixed

    answering(teacher, 1 * 4 + 3)
    answering(student, 2 * 4 + 1)
    arrays = explained(options, teacher, student)
    assert arrays["moves"][:, 0, 2 * 4 + 1] == pytest.approx(np.tile([2 / 4, -1 / 4], (3, 1)), abs=1e-5)


def test_all_networks_see_the_crop_around_the_last_visible_box_before(pair, options):
    sequence = ToySequence("toy", 10, absent=(0, 5, 6))
    assert pair["template_frame"] == 1
    assert list(pair["frames"]) == [2, 4, 9]
    assert list(shown_frames(sequence, 99)) == [2, 3, 4, 7, 8, 9]
    crops = options.crops
    for k, before in enumerate((1, 3, 8)):
        window = window_around(sequence.boxes[before], crops.search_factor, crops.search_size)
        assert pair["windows"][k] == pytest.approx(window[:3])
        frame = sequence.frame(int(pair["frames"][k]))
        assert np.array_equal(pair["search/event_image"][k], crop(frame, "event_image", window))
        assert np.array_equal(pair["search/rgb"][k], crop(frame, "rgb", window))
    after_a_gap = shown_frames(sequence, 6)[3]
    assert after_a_gap == 7
    whole = explained(options, network(options), network(options, seed=1), frames=6)
    held = window_around(sequence.boxes[4], crops.search_factor, crops.search_size)
    assert whole["windows"][3] == pytest.approx(held[:3])


def test_boxes_are_in_pixels_at_the_responses_maximum(pair):
    for k, n in np.ndindex(3, 3):
        cell = np.array(np.unravel_index(pair["logits"][k, n].argmax(), (4, 4)))[::-1]
        x, y, side = pair["windows"][k]
        centre = pair["predicted"][k, n, :2] + pair["predicted"][k, n, 2:] / 2
        assert np.array_equal(np.floor((centre - [x, y]) / side * 4 - 1e-6).clip(0), cell)
    assert iou(xywh_to_xyxy(pair["truth"]), xywh_to_xyxy(pair["boxes"][pair["frames"]])) == pytest.approx(1)


def test_terms_that_need_weights_that_are_not_exported_are_left_out(options):
    wide = network(options, dim=32)
    arrays = explained(options, network(options, "teacher", ("rgb", "event_image")), wide)
    missing = {str(name) for name in arrays["terms"] if np.isnan(term(arrays, name)).all()}
    assert missing == {"temporal", "feature", "token_transport"}
    assert not np.isnan(term(arrays, "similarity")).any()


def test_what_cannot_be_compared_is_refused(options):
    other = network(options, patch=16)
    with pytest.raises(CheckpointError, match=r"student of patch 8.*got 16 in run 'student'"):
        explained(options, network(options), other)
    with pytest.raises(DataError, match=r"two frames.*'ghost'"):
        explained(options, network(options), network(options), sequence=ToySequence("ghost", 3, absent=(0, 1)))


def test_a_sequence_that_shows_its_target_once_is_not_chosen(options, monkeypatch):
    shown = {"once": ToySequence("once", 6, absent=(0, 1, 2, 3, 4)), "often": ToySequence("often", 6)}
    scores = {run: {"once": 0.5, "often": 0.5} for run in ("student", "had")}
    monkeypatch.setattr("had.evaluation.figures.scenes.sequence_scores", lambda *_: scores)
    options = options.model_copy(update={"explain": options.explain.model_copy(update={"sequences": 2})})
    assert explained_names(options, "coesot", shown, ["student", "had"]) == ["often"]
    with pytest.raises(DataError, match="two frames that show the target, got none"):
        explained_names(options, "coesot", {"once": shown["once"]}, ["student", "had"])
