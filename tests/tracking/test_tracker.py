"""The tracker, with a network that knows where the events are."""

import numpy as np
import pytest
import torch
from toy import SIZE, toy_split

from had.boxes import iou, xywh_to_xyxy
from had.data.frames import EVENT_DTYPE, Frame
from had.options.tracking import TrackingOptions
from had.options.training import CropOptions
from had.structures import Features, Prediction, TokenLayout
from had.tracking.run import follow
from had.tracking.tracker import Tracker, hann_window, resized

CROPS = CropOptions(template_size=16, search_size=64)
GRID = (8, 8)


class Oracle:
    """Answers with the red pixels' centre and a box of fixed size, a quarter of the crop."""

    streams = ("event_image",)
    layout = TokenLayout({}, (2, 2), GRID)

    def __init__(self):
        self.calls = []

    def __call__(self, template, search):
        image = search["event_image"].float()  # S 3 64 64
        red = ((image[:, 0] > 150) & (image[:, 1] < 150) & (image[:, 2] < 150)).float()
        self.calls.append((template["event_image"], search["event_image"]))
        response = torch.nn.functional.avg_pool2d(red, 8) + 1e-3  # S 8 8
        axis = torch.arange(64) + 0.5
        mass = red.sum(dim=(1, 2)).clamp_min(1e-6)
        cx, cy = (red.sum(dim=1) * axis).sum(1) / mass / 8, (red.sum(dim=2) * axis).sum(1) / mass / 8  # in cells
        cells = torch.arange(8.0)
        offset = torch.stack(
            [(cx[:, None] - cells)[:, None].expand(-1, 8, -1), (cy[:, None] - cells)[:, :, None].expand(-1, -1, 8)], 1
        )
        size = torch.full((len(image), 2, 8, 8), 0.25)
        return Prediction(response.logit(), response, size, offset, torch.empty(0)), Features(image, None, self.layout)


def tracker(influence=1.0, size_rate=1.0):
    return Tracker(Oracle(), CROPS, TrackingOptions(window_influence=influence, size_rate=size_rate))


def test_hann_window_is_the_published_one():
    window = hann_window(16, 16)
    assert window.shape == (16, 16)
    assert window.min() > 0
    assert torch.equal(window, window.T)
    assert torch.allclose(window, window.flip(0))
    assert window[7, 7] == pytest.approx((0.5 - 0.5 * np.cos(2 * np.pi * 8 / 17)) ** 2)


def test_follows_a_target():
    sequence = toy_split(1, 20)[0]
    (track,) = follow(tracker(), [sequence], "test")
    overlaps = iou(xywh_to_xyxy(track.boxes), xywh_to_xyxy(sequence.boxes))
    assert track.boxes[0] == pytest.approx(sequence.boxes[0])
    assert overlaps.min() > 0.4
    assert track.responses.shape == (20, *GRID)
    assert (track.windows[1:, 2] > 0).all()


def test_lockstep_equals_one_by_one_with_different_lengths_and_starts():
    sequences = [toy_split(1, 12)[0], toy_split(1, 7, first=1)[0], toy_split(1, 9, first=2)[0]]
    sequences[2].present[:3] = False
    together = follow(tracker(), sequences, "test")
    for sequence, track in zip(sequences, together, strict=True):
        (alone,) = follow(tracker(), [sequence], "test")
        assert track.boxes == pytest.approx(alone.boxes)
        assert np.array_equal(track.responses, alone.responses)
        assert np.array_equal(track.windows, alone.windows)
    assert not together[2].boxes[:3].any()
    assert together[2].boxes[3] == pytest.approx(sequences[2].boxes[3])


def test_single_frame_verbs():
    sequence = toy_split(1)[0]
    one = tracker()
    one.initialize(sequence.frame(0), sequence.boxes[0])
    box = one.track(sequence.frame(1))
    assert box.shape == (4,)
    many = tracker()
    many.initialize([sequence.frame(0)], sequence.boxes[:1])
    assert many.track([sequence.frame(1)])[0] == pytest.approx(box)


def test_a_damped_size_changes_slowly_around_the_predicted_centre():
    sequence = toy_split(1)[0]
    sides = {}
    for rate in (1.0, 0.25):
        one = tracker(size_rate=rate)
        one.initialize(sequence.frame(0), sequence.boxes[0] * [1, 1, 1, 0.5])  # the oracle says: as wide as high
        sides[rate] = one.track(sequence.frame(1))
    damped, free = sides[0.25], sides[1.0]
    assert damped[:2] + damped[2:] / 2 == pytest.approx(free[:2] + free[2:] / 2)
    old = sequence.boxes[0, 2:] * [1, 0.5]
    assert np.log(damped[2:] / old) == pytest.approx(0.25 * np.log(free[2:] / old))


def test_the_published_rate_takes_the_predicted_box_bit_for_bit():
    new = np.array([3.1, 4.7, 10.3, 5.9])
    assert resized(np.array([1.0, 2.0, 7.0, 9.0]), new, 1.0) is new


def test_window_prefers_the_centre():
    """Two equal targets, one at the last place, one near the crop's corner."""
    events = np.zeros(200, dtype=EVENT_DTYPE)
    rng = np.random.default_rng(0)
    events["x"] = np.r_[rng.integers(44, 52, 100), rng.integers(26, 34, 100)]
    events["y"] = np.r_[rng.integers(32, 40, 100), rng.integers(14, 22, 100)]
    events["p"] = 1
    responses = {}
    for influence in (0.0, 1.0):
        one = tracker(influence)
        one.initialize(Frame(SIZE, events), np.array([42.0, 30.0, 12.0, 12.0]))
        one.track(Frame(SIZE, events))
        responses[influence] = one.weight * torch.from_numpy(one.responses[0])
    centre = responses[1.0].flatten().argmax().item()
    assert {centre // 8, centre % 8} <= {3, 4}
    assert torch.equal(tracker(0.0).weight, torch.ones(GRID))


@pytest.mark.parametrize("margin", [2.0, 10.0])
def test_margin_is_the_least_side_and_the_least_part_inside(margin):
    events = np.zeros(50, dtype=EVENT_DTYPE)
    events["x"], events["y"], events["p"] = SIZE[0] - 1, SIZE[1] - 1, 1
    one = Tracker(Oracle(), CROPS, TrackingOptions(clip_margin=margin))
    one.initialize(Frame(SIZE, events), np.array([SIZE[0] - 4.0, SIZE[1] - 4.0, 4.0, 4.0]))
    for _ in range(4):
        box = one.track(Frame(SIZE, events))
    assert (box[:2] + margin <= SIZE).all()
    assert (box[2:] == margin).all()


def test_released_geometry_maps_back_from_the_unrounded_corner():
    sequence = toy_split(1)[0]
    found = {}
    for geometry in ("exact", "released"):
        crops = CROPS.model_copy(update={"geometry": geometry})
        one = Tracker(Oracle(), crops, TrackingOptions())
        one.initialize(sequence.frame(0), sequence.boxes[0])
        one.track(sequence.frame(1))
        found[geometry] = one
    x, y, w, h = sequence.boxes[0]
    side = np.ceil(np.sqrt(w * h) * CROPS.search_factor)
    corner = np.array([x + w / 2, y + h / 2]) - side / 2
    assert (found["released"].windows[0, :2] == np.round(corner)).all()
    rounding = corner - found["exact"].windows[0, :2]
    assert np.array_equal(found["released"].windows, found["exact"].windows)  # No corner lies at half a pixel.
    # The oracle sees the same crop, so that the boxes differ by what the rounding moved, where no padding is seen.
    difference = found["released"].boxes[0, :2] - found["exact"].boxes[0, :2]
    assert difference == pytest.approx(rounding, abs=1e-6)


def test_box_stays_on_the_sensor():
    events = np.zeros(50, dtype=EVENT_DTYPE)
    events["p"] = 1  # all at pixel (0, 0)
    one = tracker()
    one.initialize(Frame(SIZE, events), np.array([0.0, 0.0, 12.0, 12.0]))
    x, y, w, h = one.track(Frame(SIZE, events))
    assert (x, y) == (0, 0)
    assert w >= 2
    assert h >= 2


def test_search_window_follows_the_last_box():
    sequence = toy_split(1)[0]
    one = tracker()
    one.initialize(sequence.frame(0), sequence.boxes[0])
    first = one.track(sequence.frame(1))
    one.track(sequence.frame(2))
    side = np.ceil(4 * np.sqrt(first[2] * first[3]))
    assert one.windows[0, 2] == side
    assert one.windows[0, :2] + side / 2 == pytest.approx(first[:2] + first[2:] / 2, abs=0.51)
