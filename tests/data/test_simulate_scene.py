"""Scenes: exact boxes, visible shares, light, and the share of each difficulty."""

from dataclasses import replace

import numpy as np
import pytest

from had.boxes import iou, xywh_to_xyxy
from had.data.simulate import shapes
from had.data.simulate.attributes import meanings
from had.data.simulate.build import FIRST_SHARE, build_scene, make_scene
from had.data.simulate.difficulty import draw
from had.data.simulate.scene import PRESENT_SHARE, Clock
from had.data.simulate.write import generators

CLOCK = Clock(frames=24, renders=10, frame_seconds=0.04)
SIZE = (320, 180)
PLAIN = {"occlusion": "none", "leaves": False, "distractors": 0, "camera": "static", "light": "normal"}


def scene(seed, **changes):
    rng = np.random.default_rng(seed)
    return build_scene(rng, difficulty=replace(draw(rng), **changes), clock=CLOCK, size=SIZE)


@pytest.mark.parametrize("seed", range(6))
def test_the_box_is_the_box_of_the_pixels_that_the_target_changes(seed):
    made = scene(seed, **PLAIN)
    step = CLOCK.middle(10)
    with_target = made.luminance(step)
    made.target = replace(made.target, outline=made.target.outline - 1e6)
    difference = np.abs(with_target - made.luminance(step)) > 1e-4
    made.target = replace(made.target, outline=made.target.outline + 1e6)
    rows, columns = np.flatnonzero(difference.any(1)), np.flatnonzero(difference.any(0))
    drawn = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    exact = xywh_to_xyxy(made.box(step))
    assert np.abs(drawn - exact).max() <= 1.5
    assert np.abs(drawn - exact).mean() <= 0.8


def test_coverage_measures_area_to_a_part_of_a_pixel():
    square = np.array([[10.25, 20.5], [30.75, 20.5], [30.75, 40.0], [10.25, 40.0]])
    (x0, y0, x1, y1), share = shapes.coverage(square, 100, 80)
    assert (x0, y0, x1, y1) == (10, 20, 31, 40)
    assert share.sum() == pytest.approx(20.5 * 19.5, rel=0.03)
    assert shapes.coverage(square - 100, 100, 80) is None
    np.testing.assert_allclose(shapes.box_of(square - [20, 0], 100, 80), [0, 20.5, 10.75, 19.5])
    np.testing.assert_array_equal(shapes.box_of(square - 100, 100, 80), np.zeros(4))


@pytest.mark.parametrize("aspect", [0.3, 1.0, 3.0])
def test_an_upright_target_has_its_aspect_and_its_area(aspect):
    still = {**PLAIN, "turns": False, "stretches": False, "scales": False, "deforms": False}
    boxes = [scene(seed, **still, upright=True, aspect=aspect, size=40.0).target.points(5) for seed in range(20)]
    width, height = np.array([np.ptp(points, axis=0) for points in boxes]).T
    unit = np.sqrt(SIZE[0] * SIZE[1] / (320 * 200))
    assert np.median(np.log(width / height)) == pytest.approx(0.8 * np.log(aspect), abs=0.25)  # leaning: rounder
    assert np.median(np.sqrt(width * height)) == pytest.approx(40 * unit, rel=0.2)


def test_targets_are_from_tall_to_wide():
    drawn = np.array([draw(np.random.default_rng(seed)).aspect for seed in range(400)])
    assert 0.25 <= drawn.min() < 0.35
    assert 2.9 < drawn.max() <= 4
    assert np.median(drawn) == pytest.approx(1, abs=0.15)


def test_a_full_occluder_hides_and_the_box_is_zero_then():
    found = 0
    for seed in range(30):
        made = scene(seed, occlusion="full", leaves=False)
        boxes, shares = made.annotate()
        hidden = shares < PRESENT_SHARE
        assert (boxes[hidden] == 0).all()
        assert (boxes[~hidden, 2:] > 0).all()
        found += hidden.any()
    assert found >= 8


def test_leaving_the_view_ends_the_presence_and_boxes_stay_inside_it():
    gone = 0
    for seed in range(20):
        boxes, shares = scene(seed, **{**PLAIN, "leaves": True}).annotate()
        corners = xywh_to_xyxy(boxes)
        assert (corners >= 0).all()
        assert (corners <= [*SIZE, *SIZE]).all()
        gone += bool((shares < PRESENT_SHARE).any())
    assert gone >= 12


def test_light_scales_the_picture_and_grey_is_the_luminance_of_colour():
    made = scene(3)
    colour, grey = made.colour(CLOCK.middle(2)), made.luminance(CLOCK.middle(2))
    np.testing.assert_allclose(colour @ np.array([0.2126, 0.7152, 0.0722], np.float32), grey, rtol=2e-3, atol=1e-5)
    twice = made.light * np.float32(2)
    made.light = twice
    np.testing.assert_allclose(made.luminance(CLOCK.middle(2)), 2 * grey, rtol=1e-5)


def test_a_still_scene_does_not_change():
    made = scene(4, **{**PLAIN, "pause": True})
    still = [np.abs(made.luminance(s + 1) - made.luminance(s)).max() for s in range(0, CLOCK.steps - 1)]
    assert min(still) == 0
    assert max(still) > 0


def test_splits_and_sequences_differ():
    numbers = {
        tuple(generator.integers(0, 2**62, 2))
        for split in ("train", "val", "test")
        for index in range(20)
        for generator in generators(1, split, index)
    }
    assert len(numbers) == 3 * 20 * 3


def test_made_scenes_are_fair_and_every_attribute_occurs():
    """A static box must fail, a local search must be possible, and no attribute may be missing."""
    still, moves, present, flags = [], [], [], []
    for index in range(80):
        made = make_scene(generators(9, "test", index)[0], clock=replace(CLOCK, frames=48), size=SIZE)
        boxes, shares = made.annotate()
        there = shares >= PRESENT_SHARE
        assert shares[:3].min() >= FIRST_SHARE
        present.append(there.mean())
        corners = xywh_to_xyxy(boxes)
        still.append(iou(corners[:1], corners)[there].mean())
        centres, sizes = boxes[:, :2] + boxes[:, 2:] / 2, np.sqrt(boxes[:, 2] * boxes[:, 3])
        both = there[1:] & there[:-1]
        moves.extend((np.linalg.norm(np.diff(centres, axis=0), axis=1)[both] / sizes[:-1][both]).tolist())
        flags.append(meanings(made, boxes, shares, exposure_frames=0.2))
    assert np.mean(still) < 0.2
    assert np.mean(present) > 0.85
    assert np.mean(np.array(moves) < 0.5) > 0.8
    shares_of = {name: np.mean([flag[name] for flag in flags]) for name in flags[0]}
    assert all(0 < share < 0.8 for share in shares_of.values()), shares_of
