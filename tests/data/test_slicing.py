"""Time slices against restatements of the published loops, event by event; and their laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data import slicing

rising = st.lists(st.integers(0, 60), min_size=1, max_size=120).map(lambda steps: np.cumsum(steps) + 1000)


def published_boundaries(t, slices):
    """Event by event: the first one later than t0 + i * length, and never two boundaries at one event."""
    length, found, i = (t[-1] - t[0]) // slices, [], 1
    for index, time in enumerate(t):
        if i <= slices and time > t[0] + i * length:
            found.append(index)
            i += 1
    return found


@given(rising, st.integers(2, 30))
def test_equal_boundaries_follow_the_published_loop(t, slices):
    found = slicing.equal_boundaries(t, slices)
    expected = published_boundaries(t, slices)
    assert found.tolist() == expected + [len(t)] * (slices - len(expected))


@given(rising, st.integers(2, 30))
def test_equal_slices_drop_the_first_and_cover_their_events(t, slices):
    found = slicing.equal_slices(t, slices)
    assert len(found.spans) == len(found.times) == len(found.frame_times) == slices - 1
    assert (found.spans[1:, 0] == found.spans[:-1, 1]).all()
    for (first, last), (begin, end) in zip(found.spans, found.times, strict=True):
        assert begin < end
        assert ((t[first:last] >= begin) & (t[first:last] < end)).all()


def test_500_shares_make_499_images_and_share_the_time():
    t = np.sort(np.random.default_rng(0).integers(0, 10_000_000, 200_000))
    found = slicing.equal_slices(t, 500)
    assert len(found.spans) == 499
    length = (t[-1] - t[0]) // 500
    assert (np.diff(found.times, axis=1) == length).all()
    assert found.times[0, 0] == t[0] + length + 1
    assert (found.frame_times == found.times[:, 1] - 1).all()


def test_a_gap_gives_each_slice_inside_it_one_event():
    t = np.concatenate([np.arange(100), np.arange(900, 1001)])
    bounds = slicing.equal_boundaries(t, 10)
    assert bounds.tolist() == [100, 101, 102, 103, 104, 105, 106, 107, 108, 201]
    assert bounds.tolist()[:-1] == published_boundaries(t, 10)


def test_no_events_make_empty_slices():
    assert slicing.equal_slices(np.empty(0, np.int64), 5).spans.tolist() == [[0, 0]] * 4


def published_voxel_boundaries(t, shares):
    """Event by event: the first one at or after t0 + i * length from i = 0, and never two boundaries at one event."""
    length, found = (t[-1] - t[0]) // shares, []
    for index, time in enumerate(t):
        if len(found) <= shares and time - t[0] >= length * len(found):
            found.append(index)
    return found


@given(rising, st.integers(2, 30))
def test_published_voxel_slices_follow_the_published_loop(t, slices):
    expected = published_voxel_boundaries(t, slices - 1)
    expected += [len(t)] * (slices - len(expected))
    found = slicing.published_voxel_slices(t, slices)
    assert found.spans.tolist() == [list(span) for span in itertools.pairwise(expected)]
    for (first, last), (begin, end) in zip(found.spans, found.times, strict=True):
        assert (begin, end) == ((t[first], t[last - 1]) if last > first else (0, 0))


def test_published_voxels_are_one_slice_earlier_than_the_images():
    t = np.sort(np.random.default_rng(0).integers(0, 10_000_000, 200_000))
    images, voxels = slicing.equal_slices(t, 500), slicing.published_voxel_slices(t, 500)
    assert len(images.spans) == len(voxels.spans) == 499
    earlier = (images.times[:, 0] - voxels.times[:, 0]) / 20_000
    assert earlier[0] == pytest.approx(1, abs=0.1)
    assert earlier[-1] == pytest.approx(0, abs=0.1)  # its slices are a 499th longer


@given(rising)
def test_interval_windows_partition_all_events_from_the_first_frame_on(t):
    frame_times = np.arange(t[0], t[-1] + 60, 50)
    windows = slicing.interval_windows(frame_times)
    spans = slicing.window_slices(t, windows, frame_times).spans
    assert spans[0, 0] == 0
    assert (spans[1:, 0] == spans[:-1, 1]).all()
    assert spans[-1, 1] == np.searchsorted(t, frame_times[-1] + (50 if len(frame_times) > 1 else 0))


def test_window_slices_hold_the_begin_and_not_the_end():
    t = np.array([10, 20, 20, 30, 40])
    spans = slicing.window_slices(t, np.array([[20, 40], [5, 6], [41, 99]]), np.zeros(3)).spans
    assert spans.tolist() == [[1, 4], [0, 0], [5, 5]]
