"""Linear-light images at increasing times -> events, as a dynamic vision sensor would fire them.

Model: log-intensity threshold crossings of the linearly interpolated signal, as in ESIM (Rebecq, Gehrig,
Scaramuzza, "ESIM: an Open Event Camera Simulator", CoRL 2018), with the pixel's defects of v2e (Hu, Liu,
Delbruck, "v2e: From Video Frames to Realistic DVS Events", CVPRW 2021): per-pixel Gaussian thresholds,
a photoreceptor whose bandwidth is proportional to the light, leak events, and shot noise that grows as
it gets darker. The refractory period drops events and lets the pixel's memory follow, as in ESIM.

Units: light 1 = a white surface in normal light; thresholds in natural-log intensity; times in microseconds.
"""

from __future__ import annotations

import cv2
import numpy as np

from had.data.frames import EVENT_DTYPE
from had.options.recordings import EventCameraOptions

DARK_LIGHT = 1e-3
"""Light that equals the photodiode's dark current."""
DARK_BANDWIDTH = 0.08
"""Share of the full bandwidth that is left in the dark (v2e: 20 of 275 grey levels)."""
BRIGHT_NOISE = 0.25
"""Shot noise under full light, as a share of that in the dark (v2e)."""
LEAST_THRESHOLD = 0.01
_NEVER = -(2**62)
Column = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pixels, times since the last image, polarities; (n,) each."""


class EventCamera:
    """One sensor with its fixed pattern of thresholds.

    Args:
        options: thresholds, refractory period, noise, bandwidth.
        width, height: pixels.
        rng: source of the fixed pattern and of the noise.
        settled: start with every pixel's memory exactly at the first image (else at a random place
            between its two thresholds, as in a sensor that has been running).
    """

    def __init__(
        self, options: EventCameraOptions, *, width: int, height: int, rng: np.random.Generator, settled: bool = False
    ):
        self._options, self._rng, self._width = options, rng, width
        pixels = width * height
        spread = np.float32(options.threshold_spread)
        self._on = options.threshold_on + spread * rng.standard_normal(pixels, dtype=np.float32)
        self._off = options.threshold_off + spread * rng.standard_normal(pixels, dtype=np.float32)
        for thresholds in (self._on, self._off):
            np.maximum(thresholds, np.float32(LEAST_THRESHOLD), out=thresholds)
        self._minus_off = -self._off
        anywhere = rng.random(pixels, dtype=np.float32) * (self._on + self._off) - self._off
        self._offset = np.zeros_like(anywhere) if settled else anywhere
        self._last = np.full(pixels, _NEVER, np.int64)
        self._signal = self._memory = np.empty(0, np.float32)
        self._time, self._started = 0, False
        self._buffers = [np.empty(pixels, np.float32) for _ in range(3)]
        self._fires = np.empty(pixels, bool)

    def feed(self, image: np.ndarray, time_us: int) -> np.ndarray:
        """The events between the last image and this one.

        Args:
            image: (H, W) float32 light, not negative.
            time_us: when it was seen; later than the last one.

        Returns:
            (N,) ``EVENT_DTYPE`` in the order of time, times in (last, this]. The first image gives none.
        """
        light = image.reshape(-1)
        level, step, work = self._buffers
        np.add(light, np.float32(DARK_LIGHT), out=level)
        cv2.log(level, level)  # ten times as fast as numpy where that has no vector form
        if not self._started:
            self._time, self._started = time_us, True
            self._signal = level.copy()
            self._memory = level - self._offset
            return np.empty(0, EVENT_DTYPE)
        elapsed = time_us - self._time
        self._filter(light, level, step, work, elapsed * 1e-6)
        parts = [*self._cross(step, work, elapsed), self._noise(light, elapsed)]
        pixel, time, polarity = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(time, kind="stable")
        pixel, before, self._time = pixel[order], self._time, time_us
        events = np.empty(len(pixel), EVENT_DTYPE)
        events["t"], events["p"] = before + time[order], polarity[order]
        events["y"], events["x"] = np.divmod(pixel, self._width)
        return events

    def _filter(self, light, level, step, work, seconds) -> None:
        """Low-pass the log level: backward Euler of first order; ``step`` becomes the signal's change."""
        reach = np.float32(2 * np.pi * self._options.cutoff_hz * seconds)
        np.minimum(light, np.float32(1), out=work)
        work *= np.float32(reach * (1 - DARK_BANDWIDTH))
        work += np.float32(reach * DARK_BANDWIDTH)
        np.subtract(level, self._signal, out=step)
        step *= work
        work += np.float32(1)
        step /= work
        self._signal += step

    def _cross(self, step, distance, elapsed) -> list[Column]:
        """Events where the signal, moving on a line from its last value, crosses a multiple of the threshold."""
        options = self._options
        leak = np.float32(options.leak_rate_hz * options.threshold_on * elapsed * 1e-6)
        self._memory -= leak
        np.subtract(self._signal, self._memory, out=distance)
        np.greater_equal(distance, self._on, out=self._fires)
        parts = self._fire(self._on, 1, distance, step, leak, elapsed)
        np.less_equal(distance, self._minus_off, out=self._fires)
        return parts + self._fire(self._off, -1, distance, step, leak, elapsed)

    def _fire(self, thresholds, polarity, distance, step, leak, elapsed) -> list[Column]:
        pixel = np.flatnonzero(self._fires)
        if not len(pixel):
            return []
        threshold = thresholds[pixel]
        end = polarity * distance[pixel]
        rise = polarity * (step[pixel] + leak)  # positive: the threshold had not been reached before
        begin = end - rise
        count = (end / threshold).astype(np.int32)
        self._memory[pixel] += polarity * count * threshold
        pace = np.float32(elapsed) / rise
        parts = []
        for number in range(1, int(count.max()) + 1):
            if number > 1:
                more = count >= number
                pixel, threshold, begin, pace, count = (a[more] for a in (pixel, threshold, begin, pace, count))
            time = np.ceil((number * threshold - begin) * pace).astype(np.int64)
            np.clip(time, 1, elapsed, out=time)
            parts.append(self._ready(pixel, time, np.full(len(pixel), polarity, np.int8)))
        return parts

    def _ready(self, pixel, time, polarity) -> Column:
        """Drop what falls into a refractory period; each pixel occurs once."""
        absolute = self._time + time
        ready = absolute - self._last[pixel] >= self._options.refractory_us
        pixel = pixel[ready]
        self._last[pixel] = absolute[ready]
        return pixel, time[ready], polarity[ready]

    def _noise(self, light, elapsed) -> Column:
        """Background activity: Poisson in time, uniform over the sensor, thinned where it is bright."""
        rng = self._rng
        number = int(rng.poisson(self._options.noise_rate_hz * len(light) * elapsed * 1e-6))
        pixel = np.unique(rng.integers(0, len(light), number))
        pixel = pixel[rng.random(len(pixel)) < 1 - (1 - BRIGHT_NOISE) * np.minimum(light[pixel], 1)]
        time = rng.integers(1, elapsed + 1, len(pixel))
        return self._ready(pixel, time, rng.integers(0, 2, len(pixel), dtype=np.int8) * 2 - 1)
