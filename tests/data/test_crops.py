"""Windows and crops: exact maps, exact pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.crops import SMALLEST_SIDE, Window, crop, from_window, to_window, window_around
from had.data.frames import EVENT_DTYPE, Frame
from had.data.representations import event_image
from had.errors import DataError

SIZE = (40, 30)
numbers = st.floats(-200, 1500, allow_nan=False)
lengths = st.floats(0.1, 600)
boxes = st.tuples(numbers, numbers, lengths, lengths).map(np.array)
windows = st.builds(
    Window,
    st.integers(-60, 60).map(float),
    st.integers(-60, 60).map(float),
    st.integers(1, 90).map(float),
    st.integers(1, 48),
)


def some_events(seed: int, count: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    events = np.zeros(count, dtype=EVENT_DTYPE)
    events["x"], events["y"] = rng.integers(SIZE[0], size=count), rng.integers(SIZE[1], size=count)
    events["p"] = rng.choice([-1, 1], size=count)
    return events


def padded(image: np.ndarray, window: Window, background: int) -> np.ndarray:
    """The window by the slow, obvious way: one pixel after the other."""
    side = int(window.side)
    cut = np.full((side, side, 3), background, dtype=np.uint8)
    for row in range(side):
        for column in range(side):
            y, x = row + int(window.y), column + int(window.x)
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                cut[row, column] = image[y, x]
    return cut


@given(boxes, boxes, st.floats(1.1, 6), st.integers(8, 256))
def test_maps_are_inverse(box, other, factor, size):
    window = window_around(box, factor, size)
    assert from_window(to_window(other, window), window) == pytest.approx(other, abs=1e-6)


@given(boxes, st.floats(1.1, 6))
def test_window_is_centred_and_as_large_as_it_should_be(box, factor):
    window = window_around(box, factor, 64)
    wanted = factor * np.sqrt(box[2] * box[3])
    assert (window.x, window.y, window.side) == tuple(round(value) for value in (window.x, window.y, window.side))
    assert max(wanted, SMALLEST_SIDE) - 1e-6 <= window.side < max(wanted, SMALLEST_SIDE) + 1
    centre = np.array([window.x, window.y]) + window.side / 2
    assert np.abs(centre - (box[:2] + box[2:] / 2)).max() <= 0.5 + 1e-9


def test_centre_of_the_box_is_the_centre_of_the_window():
    window = window_around(np.array([10.0, 20.0, 8.0, 8.0]), 2.0, 32)
    assert window == Window(6.0, 16.0, 16.0, 32)
    assert to_window(np.array([10.0, 20.0, 8.0, 8.0]), window) == pytest.approx([0.5, 0.5, 0.5, 0.5])
    assert to_window(np.array([6.0, 16.0, 16.0, 16.0]), window) == pytest.approx([0.5, 0.5, 1, 1])


@given(windows, st.integers(0, 5))
def test_event_crop_is_the_crop_of_the_whole_image(window, seed):
    events = some_events(seed)
    whole = event_image(events, *SIZE)
    drawn = crop(Frame(SIZE, events), "event_image", window)
    cut = crop(Frame(SIZE, images={"event_image": whole}), "event_image", window)
    assert np.array_equal(drawn, cut)
    same_scale = window._replace(size=int(window.side))
    assert np.array_equal(crop(Frame(SIZE, events), "event_image", same_scale), padded(whole, window, 255))


@given(windows)
def test_rgb_crop_is_exact_and_padded_with_black(window):
    image = np.random.default_rng(0).integers(1, 256, size=(SIZE[1], SIZE[0], 3), dtype=np.uint8)
    cut = crop(Frame(SIZE, images={"rgb": image}), "rgb", window._replace(size=int(window.side)))
    assert np.array_equal(cut, padded(image, window, 0))


def test_pixels_and_boxes_agree():
    """A filled box lands on the crop pixels that its mapped corners name, enlarged and shrunk."""
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    image[20:36, 24:48] = 255
    box = np.array([24.0, 20.0, 24.0, 16.0])
    for side, size in ((40.0, 120), (64.0, 16), (48.0, 48)):
        window = Window(16.0, 12.0, side, size)
        seen = crop(Frame((80, 60), images={"rgb": image}), "rgb", window)[..., 0] > 127
        cx, cy, w, h = to_window(box, window) * size
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        tolerance = 0.5 + 1e-9  # a crop pixel belongs to the box or not
        assert abs(columns[0] - (cx - w / 2)) <= tolerance
        assert abs(columns[-1] + 1 - (cx + w / 2)) <= tolerance
        assert abs(rows[0] - (cy - h / 2)) <= tolerance
        assert abs(rows[-1] + 1 - (cy + h / 2)) <= tolerance


def test_single_event_survives_shrinking():
    events = some_events(0, 1)
    window = Window(0.0, 0.0, 40.0, 5)
    cut = crop(Frame(SIZE, events), "event_image", window)
    assert (cut < 255).any()


def test_voxels_are_cut_scaled_and_the_fullest_kept():
    voxels = np.zeros((5, 19), dtype=np.float32)
    voxels[:, 0], voxels[:, 1] = [5, 15, 25, 12, 39], [5, 15, 15, 19.5, 15]
    voxels[:, 2] = [0.1, 0.2, 0.3, 0.4, 0.5]
    for row, filled in enumerate((9, 1, 3, 2, 9)):
        voxels[row, 3 : 3 + filled] = 1
    frame, window = Frame(SIZE, voxels=voxels), Window(10.0, 10.0, 20.0, 16)
    every = crop(frame, "voxel", window, most_voxels=8)
    assert every.shape == (8, 19)
    assert every.dtype == np.float32
    assert every[:3, :3] == pytest.approx(np.array([[0.25, 0.25, 0.2], [0.75, 0.25, 0.3], [0.1, 0.475, 0.4]]))
    assert not every[3:].any()
    two = crop(frame, "voxel", window, most_voxels=2)
    assert two[:, 2] == pytest.approx([0.3, 0.4])


def test_missing_stream_is_named():
    with pytest.raises(DataError, match="rgb"):
        crop(Frame(SIZE, some_events(0)), "rgb", Window(0.0, 0.0, 8.0, 8))
    with pytest.raises(DataError, match="voxel"):
        crop(Frame(SIZE, some_events(0)), "voxel", Window(0.0, 0.0, 8.0, 8), most_voxels=4)


@given(windows, st.permutations(range(50)))
def test_order_of_events_does_not_matter(window, order):
    events = some_events(3, 50)
    one, other = (crop(Frame(SIZE, e), "event_image", window) for e in (events, events[np.array(order)]))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("geometry", ["exact", "released"])
@pytest.mark.parametrize("box", [(1, 2, 3e8, 4e8), (0, 0, 1e300, 1e300), (np.nan, 0, 5, 5), (np.inf, 0, 5, 5)])
def test_a_window_too_large_to_be_cut_is_refused(box, geometry):
    with pytest.raises(DataError, match="window of at most 16384 pixels"):
        window_around(np.array(box, np.float64), 4.0, 128, geometry)
