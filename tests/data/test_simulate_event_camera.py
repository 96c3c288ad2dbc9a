"""Laws of the simulated event sensor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from had.data.frames import EVENT_DTYPE
from had.data.simulate.event_camera import DARK_LIGHT, EventCamera
from had.options.recordings import EventCameraOptions

QUIET = {"threshold_spread": 0.0, "noise_rate_hz": 0.0, "leak_rate_hz": 0.0, "refractory_us": 0}
INSTANT = {**QUIET, "cutoff_hz": 1e7}


def camera(*, width=6, height=4, seed=0, settled=True, **options):
    rng = np.random.default_rng(seed)
    return EventCamera(EventCameraOptions(**options), width=width, height=height, rng=rng, settled=settled)


def levels(values, *, width=6, height=4):
    """Uniform images whose log level (dark current included) is each of ``values``."""
    return [np.full((height, width), np.exp(v) - DARK_LIGHT, np.float32) for v in values]


def record(sensor, images, step_us=1000, start_us=5000):
    parts = [sensor.feed(image, start_us + number * step_us) for number, image in enumerate(images)]
    return np.concatenate(parts)


@settings(max_examples=30, deadline=None)
@given(
    threshold=st.floats(0.05, 0.5), rise=st.floats(-2.0, 2.0).filter(lambda v: abs(v) > 0.06), steps=st.integers(1, 8)
)
def test_a_ramp_gives_the_predicted_count_times_and_sign(threshold, rise, steps):
    sensor = camera(threshold_on=threshold, threshold_off=threshold, **INSTANT)
    events = record(sensor, levels(np.linspace(-2, -2 + rise, steps + 1)))
    expected = abs(rise) / threshold
    if abs(expected - round(expected)) < 0.01:
        return
    pixel = events[(events["x"] == 3) & (events["y"] == 2)]
    assert len(events) == len(pixel) * 24
    assert len(pixel) == int(expected)
    assert (pixel["p"] == np.sign(rise)).all()
    times = 5000 + np.arange(1, int(expected) + 1) / expected * steps * 1000
    np.testing.assert_allclose(pixel["t"], times, atol=3)


def test_no_change_gives_no_event_and_the_noise_has_its_rate():
    flat = [np.full((100, 100), 0.3, np.float32)] * 26
    quiet = EventCamera(EventCameraOptions(**QUIET), width=100, height=100, rng=np.random.default_rng(0))
    assert len(record(quiet, flat, step_us=40000)) == 0
    options = EventCameraOptions(noise_rate_hz=2.0, leak_rate_hz=0.0, refractory_us=0, threshold_spread=0.0)
    noisy = EventCamera(options, width=100, height=100, rng=np.random.default_rng(0))
    expected = 2.0 * (1 - 0.75 * 0.3) * 100 * 100 * 1.0  # one second, thinned by the light
    assert len(record(noisy, flat, step_us=40000)) == pytest.approx(expected, rel=0.1)


def test_leak_fires_on_events_only():
    leaky = camera(width=50, height=50, settled=False, **{**QUIET, "leak_rate_hz": 1.0})
    events = record(leaky, [np.full((50, 50), 0.3, np.float32)] * 51, step_us=40000)
    assert (events["p"] == 1).all()
    # the memory starts anywhere between the two thresholds: two seconds of leak reach half + the whole
    assert 1.2 < len(events) / 2500 < 2.0


def test_the_refractory_period_is_kept():
    options = {**INSTANT, "refractory_us": 700, "noise_rate_hz": 200.0, "threshold_on": 0.05, "threshold_off": 0.05}
    rng = np.random.default_rng(1)
    images = [rng.random((4, 6), dtype=np.float32) for _ in range(60)]
    events = record(camera(**options), images)
    unlimited = record(camera(**{**options, "refractory_us": 0}), images)
    gaps = [np.diff(events["t"][(events["x"] == x) & (events["y"] == y)]) for x in range(6) for y in range(4)]
    assert min(gap.min() for gap in gaps) >= 700
    assert 0 < len(events) < len(unlimited) / 2


def test_darkness_slows_the_pixel():
    def median_time(light):
        base = np.full((4, 6), light, np.float32)
        sensor = camera(threshold_on=0.1, threshold_off=0.1, **{**QUIET, "cutoff_hz": 20.0})
        events = record(sensor, [base] + [3 * base] * 40)
        assert (events["p"] == 1).all()
        return np.median(events["t"])

    bright, dim, dark = median_time(0.3), median_time(0.1), median_time(0.02)
    assert bright < dim < dark


def test_thresholds_differ_between_pixels_and_polarities():
    sensor = camera(
        width=80, height=80, **{**INSTANT, "threshold_spread": 0.03, "threshold_on": 0.2, "threshold_off": 0.2}
    )
    up = record(sensor, levels([-2, -1], width=80, height=80))
    first = np.full(6400, -1.0)
    pixel = up["y"].astype(int) * 80 + up["x"]
    first[pixel[::-1]] = up["t"][::-1] - 5000
    thresholds = first / 1000  # a log rise of 1 in 1000 us: the first event comes after the threshold
    assert thresholds.mean() == pytest.approx(0.2, abs=0.003)
    assert thresholds.std() == pytest.approx(0.03, abs=0.003)


def test_times_are_ordered_inside_the_interval_and_the_stream_is_deterministic():
    rng = np.random.default_rng(2)
    images = [rng.random((32, 48), dtype=np.float32) for _ in range(12)]
    runs = []
    for _ in range(2):
        sensor = EventCamera(EventCameraOptions(), width=48, height=32, rng=np.random.default_rng(7))
        parts = [sensor.feed(image, 10 + 4000 * number) for number, image in enumerate(images)]
        assert len(parts[0]) == 0
        for number, part in enumerate(parts[1:], 1):
            assert part.dtype == EVENT_DTYPE
            assert (np.diff(part["t"]) >= 0).all()
            assert 10 + 4000 * (number - 1) < part["t"][0]
            assert part["t"][-1] <= 10 + 4000 * number
        runs.append(np.concatenate(parts))
    assert len(runs[0]) > 1000
    assert runs[0].tobytes() == runs[1].tobytes()


def test_a_brighter_scene_of_the_same_contrast_gives_the_same_events():
    """The sensor answers to ratios of light: that is its dynamic range."""
    rng = np.random.default_rng(3)
    images = [0.2 + rng.random((8, 8), dtype=np.float32) for _ in range(6)]
    counts = []
    for gain in (1.0, 50.0):
        sensor = camera(width=8, height=8, **INSTANT)
        counts.append(len(record(sensor, [np.float32(gain) * image for image in images])))
    assert counts[0] > 100
    assert counts[1] == pytest.approx(counts[0], rel=0.02)
