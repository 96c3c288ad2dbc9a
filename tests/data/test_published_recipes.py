"""Preparation against the published scripts, restated here from what is known of them, one event at a time.

Images and slices must be equal. The published voxels differ from run to run: events are shuffled, the first 16 of a
cell are kept, the 10,000 cells met first, and of equally full ones any. What a shuffle cannot change must be equal.
"""

import dataclasses
import itertools

import cv2
import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import annotate, random_events, some_boxes, write_list
from pyarrow import csv

from had.data import representations as rep
from had.data import slicing
from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.data.recordings import open_recording
from had.data.sequences import load_split
from had.options.recordings import PreparationOptions

EVENTVOT, COESOT = LAYOUTS["eventvot"], LAYOUTS["coesot"]
ON_BGR, OFF_BGR = (30, 30, 220), (200, 30, 30)


def image_boundaries(t, shares=500):
    length, found = int((t[-1] - t[0]) / shares), []
    for number, time in enumerate(t):
        if time - t[0] > length * (len(found) + 1):
            found.append(number)
    return found


def voxel_boundaries(t, shares=499):
    length, found = int((t[-1] - t[0]) / shares), []
    for number, time in enumerate(t):
        if time - t[0] >= length * len(found):
            found.append(number)
    return found


def drawn(events, width, height):
    """BGR: ON first, OFF over it."""
    image = np.full((height, width, 3), 255, np.uint8)
    for wanted, colour in ((1, ON_BGR), (-1, OFF_BGR)):
        for _, x, y, p in events.tolist():
            if p == wanted:
                image[y, x] = colour
    return image


def cells_of(events, recipe):
    """Cell -> polarities of all its events; time scaled between first and last event in single precision."""
    cells = {}
    begin, length = events["t"][0], np.float32(events["t"][-1] - events["t"][0])
    for t, x, y, p in events.tolist():
        scaled = np.float32(t - begin) / length * np.float32(1000)
        place = (int(np.floor(scaled / np.float32(recipe.cell[0]))), x // recipe.cell[1], y // recipe.cell[2])
        if all(i < most for i, most in zip(place, recipe.grid, strict=True)):
            cells.setdefault(place, []).append(p)
    return cells


def assert_voxels(found, events, recipe):
    cells = cells_of(events, recipe)
    counts = sorted((min(len(seen), recipe.events) for seen in cells.values()), reverse=True)[: recipe.kept]
    assert np.count_nonzero(found[:, 3:], axis=1).tolist() == counts
    for row in found.tolist():
        seen, told = cells[tuple(row[:3])], [p for p in row[3:] if p]
        assert len(told) == min(len(seen), recipe.events)
        if len(seen) <= recipe.events:
            assert sorted(told) == sorted(seen)


def prepared(layout, root, output, *, images=False, **options):
    chosen = PreparationOptions(**options)
    prepare_split(layout=layout, options=chosen, root=root, split="test", output=output, images=images)
    return load_split(output, "test")[0]


@pytest.fixture(scope="module")
def evk4(shared, tmp_path_factory):
    """The real EVK4 recording in EventVOT's layout, and its events."""
    root = tmp_path_factory.mktemp("evk4")
    events = np.concatenate(list(open_recording(shared / "data" / "recordings" / "evk4_hd.evt3.raw").chunks()))
    write_list(EVENTVOT, root, "test", ["desk"])
    annotate(EVENTVOT, root / "test" / "desk", some_boxes(499))
    columns = {"x": events["x"], "y": events["y"], "polarity": (events["p"] > 0).astype(int), "t": events["t"]}
    table = pyarrow.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
    csv.write_csv(table, root / "test" / "desk" / "desk.csv")
    return root, events


def test_real_eventvot_recording(evk4, tmp_path):
    root, events = evk4
    desk = prepared(EVENTVOT, root, tmp_path, voxel_slicing="published")
    bounds = image_boundaries(events["t"].tolist())
    assert len(bounds) == 500
    assert [len(desk.frame(i).events) for i in range(499)] == np.diff(bounds).tolist()
    for index in (0, 7, 250, 498):
        image = drawn(events[bounds[index] : bounds[index + 1]], 1280, 720)
        assert np.array_equal(desk.frame(index).image("event_image"), image[..., ::-1])
    bounds = voxel_boundaries(events["t"].tolist())
    assert len(bounds) == 500
    cells = np.load(tmp_path / "test" / "desk" / "voxels.npy")
    rows = np.load(tmp_path / "test" / "desk" / "voxel_slices.npy")
    for index in (0, 7, 250, 498):
        assert_voxels(cells[rows[index] : rows[index + 1]], events[bounds[index] : bounds[index + 1]], EVENTVOT.voxel)


@pytest.mark.parametrize(("slicing_", "exposure"), [("frame", False), ("exposure", True)])
def test_real_coesot_recording(shared, tmp_path, slicing_, exposure):
    source = shared / "data" / "recordings" / "davis346_street.aedat4"
    write_list(COESOT, tmp_path, "test", ["street"])
    camera = list(open_recording(source).frames())
    frames = len(camera) - 1  # the published script leaves the last one out
    annotate(COESOT, tmp_path / "test" / "street", some_boxes(frames))
    (tmp_path / "test" / "street" / "street.aedat4").symlink_to(source)
    street = prepared(COESOT, tmp_path, tmp_path / "out", images=True, slicing=slicing_)
    events = np.concatenate(list(open_recording(source).chunks()))
    assert len(street) == frames
    assert street.event_counts.max() > 20
    for index in (0, int(street.event_counts.argmax()), frames - 1):
        frame = camera[index]
        begin, end = (frame.exposure_begin, frame.exposure_end) if exposure else (frame.begin, frame.end)
        inside = events[[begin <= t < end for t in events["t"].tolist()]]
        path = tmp_path / "out" / "test" / "street" / "street_dvs" / f"frame{index:04d}.png"
        assert np.array_equal(cv2.imread(str(path)), drawn(inside, 346, 260))
        assert len(street.frame(index).events) == len(inside)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(60, 1500), st.lists(st.integers(0, 100_000), max_size=4))
def test_random_recordings_with_gaps(seed, count, gaps):
    rng = np.random.default_rng(seed)
    events = random_events(count, size=(1280, 720), seed=seed, step=300)
    events["x"] %= 90  # several events a cell
    events["y"] %= 70
    for gap in gaps:
        events["t"][rng.integers(count) :] += gap
    spans = slicing.equal_slices(events["t"], 20).spans
    bounds = image_boundaries(events["t"].tolist(), 20)[:20]
    for (first, last), (begin, end) in zip(itertools.pairwise(bounds), spans.tolist(), strict=False):
        assert (first, last) == (begin, end)
        assert np.array_equal(rep.event_image(events[first:last], 90, 70), drawn(events[first:last], 90, 70)[..., ::-1])
    found = slicing.published_voxel_slices(events["t"], 20)
    counts = found.spans[:, 1] - found.spans[:, 0]
    some = events[found.spans[0, 0] : found.spans[-1, 1]]
    cells, each = rep.voxel_cells_of_slices(some, counts, found.times, recipe=EVENTVOT.voxel, size=(1280, 720))
    ends = np.cumsum(each)
    for number, (first, last) in enumerate(itertools.pairwise(voxel_boundaries(events["t"].tolist(), 19)[:20])):
        if events["t"][last - 1] > events["t"][first]:  # published: divided by zero
            assert_voxels(cells[ends[number] - each[number] : ends[number]], events[first:last], EVENTVOT.voxel)


def test_several_slices_at_once_are_the_slices_one_by_one():
    events = random_events(5000, size=(346, 260), begin=0)
    counts = np.array([0, 1200, 0, 0, 3000, 800, 0])
    ends = np.cumsum(counts)
    times = np.stack([np.r_[0, ends[:-1]], ends], axis=1) * 25
    asked = {"recipe": COESOT.voxel, "size": (346, 260)}
    cells, each = rep.voxel_cells_of_slices(events, counts, times, **asked)
    one_by_one = [
        rep.voxel_cells(events[end - count : end], begin_us=begin, end_us=stop, **asked)
        for end, count, (begin, stop) in zip(ends, counts, times.tolist(), strict=True)
    ]
    assert each.tolist() == [len(some) for some in one_by_one]
    assert np.array_equal(cells, np.concatenate(one_by_one))
    assert each.max() > 500


def test_more_cells_than_are_kept_in_several_slices():
    recipe = dataclasses.replace(COESOT.voxel, kept=40)
    events = random_events(3000, size=(346, 260), begin=0)
    counts, times = np.array([1000, 30, 1970]), np.array([[0, 25_000], [25_000, 26_000], [26_000, 80_000]])
    cells, each = rep.voxel_cells_of_slices(events, counts, times, recipe=recipe, size=(346, 260))
    alone = rep.voxel_cells(events[1030:], recipe=recipe, size=(346, 260), begin_us=26_000, end_us=80_000)
    assert each[0] == each[2] == 40
    assert 0 < each[1] <= 30
    assert np.array_equal(cells[-40:], alone)
