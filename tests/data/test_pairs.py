"""Samples: pure, uniform, with targets that say where things are."""

import numpy as np
import pytest
import torch
from toy import ToySequence, same, toy_split

from had.boxes import xywh_to_cxcywh
from had.data.one_shot import OneShotCrops, one_shot_ious
from had.data.pairs import ClipDataset, collate
from had.errors import DataError
from had.options.training import CropOptions
from had.structures import Prediction

STREAMS = ("event_image", "rgb", "voxel")
CROPS = CropOptions(template_size=32, search_size=64, clip_frames=3, max_gap=4, template_voxels=8, search_voxels=16)
PLAIN = {"flip": 0.0, "colour_jitter": 0.0, "grey": 0.0}


def test_shapes_and_types():
    batch = collate([ClipDataset(toy_split(2), STREAMS, CROPS, 0, 4)[i] for i in range(4)])
    assert batch.template["rgb"].shape == (4, 3, 32, 32)
    assert batch.search["event_image"].shape == (4, 3, 3, 64, 64)
    assert batch.search["event_image"].dtype == torch.uint8
    assert batch.template["voxel"].shape == (4, 8, 19)
    assert batch.search["voxel"].shape == (4, 3, 16, 19)
    assert batch.boxes.shape == (4, 3, 4)
    assert (batch.boxes.dtype, batch.present.dtype, batch.motion.dtype) == (torch.float32, torch.bool, torch.float32)
    assert not batch.motion[:, 0].any()


def test_sample_is_a_pure_function_of_seed_epoch_and_index():
    first, second = (ClipDataset(toy_split(3), STREAMS, CROPS, 5, 6) for _ in range(2))
    for _ in range(3):
        first[2]
    first.set_epoch(4)
    second.set_epoch(4)
    forwards, backwards = [first[i] for i in range(6)], [second[i] for i in reversed(range(6))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    second.set_epoch(5)
    assert not any(same(first[i], second[i]) for i in range(6))
    other = ClipDataset(toy_split(3), STREAMS, CROPS, 6, 6)
    other.set_epoch(4)
    assert not any(same(first[i], other[i]) for i in range(6))


def test_streams_do_not_change_what_is_drawn():
    """Distilled and plain students see the same crops."""
    plain, distilled = (ClipDataset(toy_split(3), s, CROPS, 1, 4) for s in (("event_image",), ("rgb", "event_image")))
    for index in range(4):
        assert torch.equal(plain[index].search["event_image"], distilled[index].search["event_image"])
        assert torch.equal(plain[index].boxes, distilled[index].boxes)


def test_frames_obey_gap_and_presence():
    sequence = ToySequence("gaps", 30, absent=(0, 1, 8, 9, 10, 20))
    clips = ClipDataset([sequence], ("event_image",), CROPS, 0, 1)
    for index in range(200):
        clip = clips.draw(0, np.random.default_rng(index))
        assert sequence.present[clip.template]
        assert sequence.present[clip.frames].all()
        assert abs(clip.template - clip.frames[0]) <= CROPS.max_gap
        assert list(np.diff(clip.frames)) == [1, 1]


def test_templates_lie_before_and_after():
    clips = ClipDataset([ToySequence("both", 30)], ("event_image",), CROPS, 0, 1)
    drawn = [clips.draw(0, np.random.default_rng(index)) for index in range(200)]
    assert {np.sign(clip.template - clip.frames[0]) for clip in drawn} == {-1, 0, 1}


def test_sequences_are_drawn_uniformly():
    sequences = [ToySequence("long", 60), ToySequence("short", 4)]
    clips = ClipDataset(sequences, (), CROPS, 0, 400)
    rngs = (np.random.default_rng(np.random.SeedSequence([0, 0, i])) for i in range(400))
    share = np.mean([rng.integers(len(clips.sequences)) for rng in rngs])
    assert 0.42 < share < 0.58


def test_absent_frame_is_marked_and_holds_the_last_box():
    sequence = ToySequence("leaves", 3, absent=(1,))
    sample = ClipDataset([sequence], ("event_image",), CROPS, 0, 1)[0]
    assert sample.present.tolist()[1] is False
    assert torch.isfinite(sample.boxes).all()
    assert (sample.boxes[1, 2:] > 0).all()
    assert not sample.motion[1].any()


def test_target_stays_inside_and_every_frame_has_a_window_of_its_own():
    clips = ClipDataset(toy_split(3, 20), ("event_image",), CROPS, 0, 100)
    moves = []
    for index in range(100):
        sample = clips[index]
        assert sample.present.all()
        assert ((sample.boxes[:, :2] >= 0) & (sample.boxes[:, :2] <= 1)).all()
        moves.append((sample.boxes[1:, :2] - sample.boxes[:-1, :2]).abs().mean())
    # Two centres uniform over a side of centre_jitter / 4 windows are a third of it apart.
    assert np.mean(moves) == pytest.approx(CROPS.centre_jitter / 4 / 3, rel=0.3)


def test_windows_and_boxes_tell_the_motion():
    clips = ClipDataset(toy_split(2, 20), ("event_image",), CROPS, 0, 40)
    for index in range(40):
        sample = clips[index]
        assert sample.windows[0].tolist() == [0, 0, 1]
        places = sample.windows[:, :2] + sample.windows[:, 2:] * (sample.boxes[:, :2] - 0.5)
        assert torch.allclose(places - places[0], sample.motion, atol=1e-5)


def test_motion_is_the_scene_motion():
    still = CROPS.model_copy(update=PLAIN)
    sequences = toy_split(2, 20)
    clips = ClipDataset(sequences, ("event_image",), still, 0, 20)
    for index in range(20):
        rng = np.random.default_rng(np.random.SeedSequence([0, 0, index]))
        clip = clips.draw(int(rng.integers(2)), rng)
        centres = xywh_to_cxcywh(sequences[clip.sequence].boxes[clip.frames])[:, :2]
        expected = (centres - centres[0]) / clip.windows[0].side
        assert clips[index].motion.numpy() == pytest.approx(expected, abs=1e-6)


def test_flip_mirrors_everything():
    kept, flipped = (
        ClipDataset(toy_split(2), STREAMS, CROPS.model_copy(update={**PLAIN, "flip": flip}), 0, 8)
        for flip in (0.0, 1.0)
    )
    for index in range(8):
        a, b = kept[index], flipped[index]
        for stream in ("event_image", "rgb"):
            assert torch.equal(a.search[stream].flip(-1), b.search[stream])
            assert torch.equal(a.template[stream].flip(-1), b.template[stream])
        filled = a.search["voxel"][..., 3:].any(dim=-1)
        assert torch.allclose(1 - a.search["voxel"][filled][:, 0], b.search["voxel"][filled][:, 0])
        assert not b.search["voxel"][~filled].any()
        assert torch.allclose(1 - a.boxes[:, 0], b.boxes[:, 0])
        assert torch.equal(a.boxes[:, 1:], b.boxes[:, 1:])
        assert torch.equal(a.motion * torch.tensor([-1, 1]), b.motion)
        assert torch.equal(a.windows * torch.tensor([-1, 1, 1]), b.windows)


def test_colour_changes_rgb_only():
    plain, coloured = (
        ClipDataset(toy_split(2), STREAMS, CROPS.model_copy(update=update), 0, 4)
        for update in (PLAIN, {**PLAIN, "colour_jitter": 0.5, "grey": 1.0})
    )
    for index in range(4):
        a, b = plain[index], coloured[index]
        assert torch.equal(a.search["event_image"], b.search["event_image"])
        assert torch.equal(a.search["voxel"], b.search["voxel"])
        assert not torch.equal(a.search["rgb"], b.search["rgb"])
        assert torch.equal(b.search["rgb"][:, 0], b.search["rgb"][:, 1])


def test_unusable_sequences_are_named():
    with pytest.raises(DataError, match="'brief'"):
        ClipDataset([ToySequence("brief", 2)], ("event_image",), CROPS, 0, 1)
    with pytest.raises(DataError, match="'ghost'"):
        ClipDataset([ToySequence("ghost", 5, absent=tuple(range(5)))], ("event_image",), CROPS, 0, 1)
    with pytest.raises(DataError, match="empty split"):
        ClipDataset([], ("event_image",), CROPS, 0, 1)


def test_one_shot_crops_are_fixed_and_cover_every_sequence():
    sequences = toy_split(3)
    one, other = (OneShotCrops(sequences, ("event_image",), CROPS, 4) for _ in range(2))
    assert len(one) == 12
    assert [one[i][0].sequence for i in range(12)] == [0] * 4 + [1] * 4 + [2] * 4
    assert all(same(one[i][1], other[i][1]) for i in range(12))


def test_one_shot_iou_of_known_answers():
    crops = OneShotCrops(toy_split(2), ("event_image",), CROPS, 3)
    truth = iter([crops[i][1].boxes[0] for i in range(6)])

    def knows(template, search):
        boxes = torch.stack([next(truth) for _ in range(len(search["event_image"]))])
        return (Prediction(*[torch.empty(0)] * 4, boxes),)

    rows = one_shot_ious(knows, crops, batch_size=4, device="cpu", label="test")
    assert [row[0] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert [row[2] for row in rows] == pytest.approx([1.0] * 6)
