"""Event images and voxels against restatements of the recipes, event by event; and their laws."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import random_events

from had.data import representations as rep
from had.data.layouts import LAYOUTS, VoxelRecipe

RECIPE = VoxelRecipe(cell=(250, 10, 8), grid=(4, 6, 6), most=144, kept=20, sensor=(64, 48), events=4)


# --- images ---------------------------------------------------------------------------------------


def test_event_image_colours():
    events = np.zeros(4, [("x", "u2"), ("y", "u2"), ("p", "i1")])
    events["x"], events["y"], events["p"] = [0, 1, 2, 2], [0, 0, 1, 1], [1, -1, -1, 1]
    image = rep.event_image(events, 3, 2)
    assert image.shape == (2, 3, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [220, 30, 30]
    assert image[0, 1].tolist() == [30, 30, 200]
    assert image[1, 2].tolist() == [30, 30, 200]  # OFF over ON, though ON came later
    assert (image.reshape(-1, 3)[[2, 3, 4]] == 255).all()
    assert (rep.event_image(events[:0], 3, 2) == 255).all()


@given(st.integers(0, 1000), st.integers(0, 300))
def test_event_image_does_not_depend_on_the_order(seed, count):
    events = random_events(count, seed=seed)
    mixed = np.random.default_rng(seed).permutation(events)
    assert np.array_equal(rep.event_image(events, 64, 48), rep.event_image(mixed, 64, 48))


# --- voxels ---------------------------------------------------------------------------------------


def voxels_step_by_step(events, recipe, size, begin, end):
    """Cell -> polarities of its first events in time, one event at a time."""
    cells = {}
    for t, x, y, p in sorted(events.tolist(), key=lambda event: (event[0], event[3])):
        place = (
            int((t - begin) / (end - begin) * 1000 / recipe.cell[0]),
            int(x / (recipe.cell[1] * size[0] / recipe.sensor[0])),
            int(y / (recipe.cell[2] * size[1] / recipe.sensor[1])),
        )
        if begin <= t < end and all(i < n for i, n in zip(place, recipe.grid, strict=True)):
            seen = cells.setdefault(place, [])
            if len(seen) < recipe.events:
                seen.append(p)
    return cells


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 400), st.sampled_from([(64, 48), (32, 24), (128, 96)]))
def test_voxels_equal_the_recipe(seed, count, size):
    events = random_events(count, size=size, seed=seed, begin=0, step=40)
    begin, end = 100, 5000
    expected = voxels_step_by_step(events, RECIPE, size, begin, end)
    found = rep.voxel_cells(events, recipe=RECIPE, size=size, begin_us=begin, end_us=end)
    assert len(found) == min(len(expected), RECIPE.kept)
    for row in found.tolist():
        polarities = expected[tuple(row[:3])]
        assert row[3:] == polarities + [0] * (RECIPE.events - len(polarities))
    counts = np.abs(found[:, 3:]).sum(axis=1).tolist()
    assert counts == sorted(counts, reverse=True)
    best = sorted((len(p) for p in expected.values()), reverse=True)[: RECIPE.kept]
    assert counts == best
    mixed = np.random.default_rng(seed).permutation(events)
    again = rep.voxel_cells(mixed, recipe=RECIPE, size=size, begin_us=begin, end_us=end)
    assert np.array_equal(found, again)


def test_ties_are_not_broken_by_time():
    events = np.zeros(4 * 36, random_events(1).dtype)
    t, x, y = np.meshgrid(np.arange(4), np.arange(6), np.arange(6), indexing="ij")
    events["t"], events["x"], events["y"], events["p"] = t.ravel() * 250, x.ravel() * 10, y.ravel() * 8, 1
    found = rep.voxel_cells(events, recipe=RECIPE, size=(64, 48), begin_us=0, end_us=1000)
    assert len(found) == RECIPE.kept
    assert set(Counter(found[:, 0].tolist())) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["eventvot", "coesot"])
@pytest.mark.parametrize("scale", [1, 0.25])
def test_voxel_rows_are_cell_centres(name, scale):
    layout = LAYOUTS[name]
    size = (int(layout.sensor[0] * scale), int(layout.sensor[1] * scale))
    events = random_events(3000, size=size, begin=0, step=7)
    rows = rep.voxel_list(events, recipe=layout.voxel, size=size, begin_us=0, end_us=12_000)
    assert rows.shape[1] == 19
    assert rows.dtype == np.float32
    assert (rows[:, 0] < size[0]).all()
    assert (rows[:, 1] < size[1]).all()
    assert ((rows[:, 2] > 0) & (rows[:, 2] < 1)).all()
    # Every cell centre has an event of the cell within half a cell of it.
    half = np.array(layout.voxel.cell[1:]) * np.array(size) / layout.sensor / 2 + 1e-3
    for x, y, t in rows[:50, :3]:
        near = (np.abs(events["x"] - x) <= half[0]) & (np.abs(events["y"] - y) <= half[1])
        assert (near & (np.abs(events["t"] / 12_000 - t) <= 0.026)).any()


def test_no_events_make_no_voxels():
    empty = random_events(0)
    assert rep.voxel_list(empty, recipe=RECIPE, size=(64, 48), begin_us=0, end_us=0).shape == (0, 7)
