"""The released geometry on cases that are small enough to count by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import SIZE, ToySequence, toy_split

from had.data import released
from had.data.crops import crop, from_window, to_window, window_around
from had.data.frames import EVENT_DTYPE, Frame
from had.data.one_shot import OneShotCrops
from had.data.pairs import ClipDataset
from had.errors import DataError
from had.options.training import CropOptions

CROPS = CropOptions(
    geometry="released", template_size=32, search_size=64, clip_frames=1, template_voxels=8, search_voxels=16
)


def test_corners_at_half_a_pixel_go_to_the_even_one():
    odd, even = (window_around(np.array([x, 10.0, 9.0, 9.0]), 2.0, 32, "released") for x in (5.0, 6.0))
    assert (odd.left, odd.top, odd.x, odd.y, odd.side) == (0.5, 5.5, 0, 6, 18)
    assert (even.left, even.x) == (1.5, 2)
    exact = window_around(np.array([5.0, 10.0, 9.0, 9.0]), 2.0, 32)
    assert (exact.x, exact.y, exact.side) == (1, 6, 18)


def test_a_box_without_area_is_the_pixel_at_its_corner():
    window = window_around(np.array([30.0, 20.0, 0.0, 10.0]), 4.0, 32, "released")
    assert (window.x, window.y, window.side) == (30, 20, 1)


@given(
    st.tuples(st.floats(-50, 200), st.floats(-50, 200), st.floats(1, 90), st.floats(1, 90)).map(np.array),
    st.tuples(st.floats(-50, 200), st.floats(-50, 200), st.floats(1, 90), st.floats(1, 90)).map(np.array),
    st.sampled_from([32, 64, 256]),
)
def test_way_there_and_back_loses_half_a_crop_pixel(box, other, size):
    window = window_around(box, 4.0, size, "released")
    back = from_window(to_window(other, window), window)
    assert back[:2] == pytest.approx(other[:2] - window.side / size / 2, abs=1e-9)
    assert back[2:] == pytest.approx(other[2:], abs=1e-9)
    own = to_window(box, window)
    assert own[:2] == pytest.approx([0.5 - 0.5 / size] * 2, abs=1e-12)  # (S - 1) / 2 of S pixels


def test_last_row_and_column_are_lost_where_the_window_reaches_the_border():
    white = np.full((64, 64, 3), 255, np.uint8)
    frame = Frame((64, 64), images={"rgb": white})
    window = window_around(np.array([16.0, 16.0, 32.0, 32.0]), 2.0, 64, "released")
    assert (window.x, window.y, window.side) == (0, 0, 64)
    seen = crop(frame, "rgb", window)
    assert not seen[-1].any()
    assert not seen[:, -1].any()
    assert (seen[:-1, :-1] == 255).all()
    assert released.padding(window, (64, 64)).sum() == 127
    smaller = window_around(np.array([16.0, 16.0, 31.0, 31.0]), 2.0, 62, "released")  # ends two pixels before it
    assert (crop(frame, "rgb", smaller) == 255).all()


def test_padding_is_black_in_every_stream():
    events = np.zeros(1, dtype=EVENT_DTYPE)
    frame = Frame((20, 20), events, images={"rgb": np.full((20, 20, 3), 9, np.uint8)})
    window = window_around(np.array([0.0, 0.0, 10.0, 10.0]), 2.0, 20, "released")
    drawn = crop(frame, "event_image", window)
    assert not drawn[:5].any()
    assert (drawn[6:, 6:] == 255).all()
    assert not crop(frame, "rgb", window)[:5].any()
    exact = window_around(np.array([0.0, 0.0, 10.0, 10.0]), 2.0, 20)
    assert (crop(frame, "event_image", exact)[:5] == 255).all()


@pytest.mark.parametrize("x", [-60.0, 60.0])
def test_a_window_beside_the_sensor_is_black_and_blind(x):
    frame = Frame((20, 20), images={"rgb": np.full((20, 20, 3), 9, np.uint8)}, voxels=np.ones((3, 19), np.float32))
    window = window_around(np.array([x, 5.0, 8.0, 8.0]), 2.0, 32, "released")
    assert not crop(frame, "rgb", window).any()
    assert not crop(frame, "voxel", window, most_voxels=4).any()
    assert released.is_blind(window, (20, 20))


def sliced(image, left, top, side):
    """What slices and padding give that are written for windows on the sensor: a negative end counts from behind."""
    height, width = image.shape[:2]
    before = max(0, -left), max(0, -top)
    behind = max(left + side - width + 1, 0), max(top + side - height + 1, 0)
    rows = slice(top + before[1], top + side - behind[1])
    columns = slice(left + before[0], left + side - behind[0])
    return np.pad(image[rows, columns], ((before[1], behind[1]), (before[0], behind[0]), (0, 0)))


def test_a_window_left_of_and_above_the_sensor_shows_it_from_the_other_border():
    image = np.arange(1, 1 + 20 * 30, dtype=np.uint16).reshape(20, 30, 1)
    window = released.window_around(np.array([-13.0, -12.0, 8.0, 8.0]), 2.0, 32)  # ends 1 column and 0 rows before it
    assert (window.x + window.side, window.y + window.side) == (-1, 0)
    assert not released.cut(image, window).any()  # no row: an end of 0 is no negative one
    window = released.window_around(np.array([-13.0, -14.0, 8.0, 8.0]), 2.0, 32)
    cut = released.cut(image, window)
    assert cut.shape == (16 + 20, 16 + 30, 1)
    assert np.array_equal(cut[18:, 17:], image[:18, :29])
    assert np.count_nonzero(cut) == 18 * 29
    assert not released.is_blind(window, (30, 20))
    assert crop(Frame((30, 20), images={"rgb": np.full((20, 30, 3), 9, np.uint8)}), "rgb", window).any()
    voxels = released.crop_voxels(listed((5, 5, 0.5, 1)), window, (30, 20), 2)
    assert not voxels.any()


@given(st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 50))
def test_windows_anywhere_are_cut_as_slices_do(left, top, side):
    image = np.random.default_rng(0).integers(1, 256, size=(20, 30, 3), dtype=np.uint8)
    window = released.ReleasedWindow(left, top, side, 32, left, top)
    expected, cut = sliced(image, left, top, side), released.cut(image, window)
    if expected.any():
        assert np.array_equal(cut, expected)
        assert np.array_equal(
            crop(Frame((30, 20), images={"rgb": image}), "rgb", window), cv2.resize(expected, (32, 32))
        )
    else:
        assert not cut.any()
        assert released.padding(window, (30, 20)).all()


def test_missing_streams_are_named():
    window = window_around(np.array([1.0, 1.0, 8.0, 8.0]), 2.0, 32, "released")
    with pytest.raises(DataError, match="rgb"):
        crop(Frame((20, 20)), "rgb", window)
    with pytest.raises(DataError, match="voxel"):
        crop(Frame((20, 20)), "voxel", window, most_voxels=3)


# --- voxels ---------------------------------------------------------------------------------------


def listed(*rows):
    voxels = np.zeros((len(rows), 19), np.float32)
    voxels[:, :4] = rows
    return voxels


def test_few_voxels_keep_their_order_and_borders_count():
    voxels = listed((25, 15, 0.5, 3), (5, 5, 0.1, 1), (35, 35, 0.2, 2), (36, 10, 0.3, 4), (10, 5, 0.4, 5))
    window = released.ReleasedWindow(5, 5, 30, 32, 5, 5)  # to 35, inside the sensor
    rows = released.crop_voxels(voxels, window, (100, 100), 6)
    assert rows[:4, 2] == pytest.approx([0.5, 0.1, 0.2, 0.4])
    assert rows[:3, :2] == pytest.approx(np.array([[2 / 3, 1 / 3], [0, 0], [1, 1]]))
    assert not rows[4:].any()


def test_many_voxels_are_sorted_column_by_column():
    voxels = listed((10, 30, 0.3, 3), (20, 10, 0.1, 1), (30, 20, 0.2, 2), (5, 40, 0.9, 5))
    window = released.ReleasedWindow(0, 0, 50, 32, 0, 0)
    rows = released.crop_voxels(voxels, window, (100, 100), 3)
    assert rows[:, :4] == pytest.approx(np.array([[0.6, 0.8, 0.9, 5], [0.4, 0.6, 0.3, 3], [0.2, 0.4, 0.2, 2]]))


def test_rectangle_is_the_part_inside():
    window = released.ReleasedWindow(-20, 60, 60, 32, -20, 60)
    rows = released.crop_voxels(listed((10, 70, 0.5, 1)), window, (100, 101), 2)
    assert rows[0, :2] == pytest.approx([10 / 40, 10 / 40])  # columns 0 .. 40, rows 60 .. 100


def test_cells_are_taken_to_be_ten_pixels_and_a_nineteenth():
    voxels = listed((17 * 2.5, 13 * 1.5, 7.5 / 20, 1))  # cell (7, 2, 1) of 20 slices and 17 x 13 pixels
    window = released.ReleasedWindow(0, 0, 50, 32, 0, 0)
    rows = released.crop_voxels(voxels, window, (100, 100), 2, (17.0, 13.0, 1 / 20))
    assert rows[0, :3] == pytest.approx([2.5 / 5, 1.5 / 5, 7.5 / 19])
    plain = released.crop_voxels(listed((25, 15, 7.5 / 19, 1)), window, (100, 100), 2, released.VOXEL_CELL)
    assert np.array_equal(plain, released.crop_voxels(listed((25, 15, 7.5 / 19, 1)), window, (100, 100), 2))
    assert rows == pytest.approx(plain)


# --- samples --------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_samples_say_where_the_target_is_half_a_crop_pixel_up_and_left(index):
    plain = {"flip": 0.0, "quarter_turn": 0.0, "colour_jitter": 0.0, "grey": 0.0}
    options = CROPS.model_copy(update=plain)
    dataset = ClipDataset(toy_split(2), ("event_image", "voxel"), options, 3, 10_000)
    rng = np.random.default_rng(index)
    clip = dataset.draw(0, rng)
    assert isinstance(clip.windows[0], released.ReleasedWindow)
    sample = dataset.cut(clip, rng)
    x, y, w, h = dataset.sequences[0].boxes[clip.frames[0]]
    window = clip.windows[0]
    centre = (np.array([x + w / 2, y + h / 2]) - [window.left, window.top]) / window.side - 0.5 / 64
    assert sample.boxes[0].numpy() == pytest.approx([*centre, w / window.side, h / window.side], abs=1e-6)
    assert sample.search["voxel"].shape == (1, 16, 19)
    assert sample.search["event_image"].shape == (1, 3, 64, 64)


def test_one_shot_crops_follow_the_geometry():
    clip, _ = OneShotCrops(toy_split(1), ("event_image",), CROPS, 1)[0]
    assert isinstance(clip.windows[0], released.ReleasedWindow)


def test_blind_samples_are_drawn_again_and_blind_data_refused():
    sighted, blind = toy_split(2)
    blind.boxes[:, 0] += 10 * SIZE[0]
    dataset = ClipDataset([sighted, blind], ("event_image",), CROPS, 0, 8)
    blind.frame = None  # never asked for one
    assert len([dataset[index] for index in range(8)]) == 8
    alone = ToySequence("outside")
    alone.boxes[:, 0] += 10 * SIZE[0]
    with pytest.raises(DataError, match="outside"):
        ClipDataset([alone], ("event_image",), CROPS, 0, 1)[0]
