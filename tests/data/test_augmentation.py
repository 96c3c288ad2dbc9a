"""Pixels, boxes, voxels and motion of a sample go the same way."""

import numpy as np
import pytest
import torch

from had.boxes import cxcywh_to_xyxy
from had.data.augmentation import Look
from had.options.training import CropOptions

IDENTITY = np.arange(256).astype(np.uint8)
LOOKS = [
    Look(flip, turns, invert, False, IDENTITY) for flip in (False, True) for turns in range(4) for invert in (0, 1)
]
BOX = np.array([[0.25, 0.625, 0.25, 0.5]])  # cxcywh


def drawn(value: int, background: int) -> np.ndarray:
    """A 32 px crop with the box filled."""
    image = np.full((32, 32, 3), background, dtype=np.uint8)
    x1, y1, x2, y2 = (cxcywh_to_xyxy(BOX)[0] * 32).astype(int)
    image[y1:y2, x1:x2] = value
    return image


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("stream", ["rgb", "event_image"])
def test_the_box_stays_on_its_pixels(look, stream):
    seen = look.apply(stream, drawn(10, 255)).numpy()[0]
    x1, y1, x2, y2 = (cxcywh_to_xyxy(look.place(BOX))[0] * 32).round().astype(int)
    inside = np.zeros((32, 32), dtype=bool)
    inside[y1:y2, x1:x2] = True
    assert inside.sum() == 8 * 16
    assert len(np.unique(seen[inside])) == 1
    assert not np.isin(seen[~inside], seen[inside]).any()


@pytest.mark.parametrize("look", LOOKS)
def test_voxels_and_motion_follow_the_boxes(look):
    voxels = np.zeros((4, 19), dtype=np.float32)
    voxels[0, :2], voxels[0, 3] = BOX[0, :2], 1
    voxels[1, :2], voxels[1, 4] = BOX[0, :2] + [0.125, 0], -1
    moved = look.apply("voxel", voxels.copy()).numpy()
    np.testing.assert_allclose(moved[0, :2], look.place(BOX)[0, :2], atol=1e-6)
    np.testing.assert_allclose(moved[1, :2] - moved[0, :2], look.direction(np.array([0.125, 0.0])), atol=1e-6)
    assert (moved[2:] == 0).all()
    assert moved[0, 3] == (-1 if look.invert else 1)


def test_inversion_swaps_on_and_off_and_keeps_the_ground_white():
    image = np.full((4, 4, 3), 255, dtype=np.uint8)
    image[0, 0], image[1, 1] = (220, 30, 30), (30, 30, 200)
    seen = Look(False, 0, True, False, IDENTITY).apply("event_image", image).permute(1, 2, 0).numpy()
    assert seen[0, 0].tolist() == [30, 30, 220]
    assert seen[1, 1].tolist() == [200, 30, 30]
    assert (seen[2:] == 255).all()


def test_black_padding_stays_black():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:2] = 100
    seen = Look(False, 0, True, True, IDENTITY).apply("rgb", image)
    assert (seen[:, :2] == 155).all()
    assert (seen[:, 2:] == 0).all()


def test_shares_of_the_draw_are_the_options():
    options = CropOptions(flip=0.25, quarter_turn=0.5, inversion=0.75, grey=0.0)
    rng = np.random.default_rng(0)
    looks = [Look.draw(options, rng) for _ in range(2000)]
    assert abs(np.mean([look.flip for look in looks]) - 0.25) < 0.04
    assert abs(np.mean([look.turns > 0 for look in looks]) - 0.5) < 0.04
    assert abs(np.mean([look.invert for look in looks]) - 0.75) < 0.04
    assert not any(look.grey for look in looks)
    assert isinstance(looks[0].apply("rgb", drawn(1, 2)), torch.Tensor)
