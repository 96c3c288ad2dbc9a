"""Linear-light colour images during an exposure -> one 8-bit frame.

Light is integrated (motion blur), turned into electrons, cut off at the full well, disturbed by shot and
read-out noise (one Gaussian of their common variance) and gamma-coded. So darkness, too much light and
fast motion hurt this camera and not the event camera, and rest hurts the event camera and not this one.
Noise model as in v2e (Hu et al., CVPRW 2021) and EMVA 1288: variance = electrons + read noise squared.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from had.options.recordings import RgbCameraOptions

WHITE = 0.7
"""Share of the full well that a white surface fills in normal light and exposure."""
GAMMA = 2.2
_CODES = 4096


class RgbCamera:
    """One frame camera.

    Args:
        options: exposure, full well, read noise.
        width, height: pixels.
        rng: source of the noise.
    """

    def __init__(self, options: RgbCameraOptions, *, width: int, height: int, rng: np.random.Generator):
        self._options, self._rng = options, rng
        self._shape = height, width, 3
        # drawn once; each frame begins at another place of it
        self._pool = rng.standard_normal(2 * height * width * 3, dtype=np.float32)
        self._curve = np.rint(255 * (np.arange(_CODES) / (_CODES - 1)) ** (1 / GAMMA)).astype(np.uint8)

    def expose(self, images: Iterable[np.ndarray], *, exposure_us: int) -> np.ndarray:
        """One frame.

        Args:
            images: (H, W, 3) float32 linear light at equal distances within the exposure, at least one.
            exposure_us: how long the shutter is open.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        total, number = None, 0
        for image in images:
            total = image.copy() if total is None else np.add(total, image, out=total)
            number += 1
        if total is None:
            raise ValueError("an exposure needs at least one image")
        options = self._options
        electrons = total
        electrons *= np.float32(WHITE * options.full_well * exposure_us / options.exposure_us / number)
        np.minimum(electrons, np.float32(options.full_well), out=electrons)
        deviation = np.sqrt(electrons + np.float32(options.read_noise**2))
        size = electrons.size
        begin = int(self._rng.integers(0, size))
        deviation *= self._pool[begin : begin + size].reshape(self._shape)
        electrons += deviation
        electrons *= np.float32((_CODES - 1) / options.full_well)
        np.clip(electrons, 0, _CODES - 1, out=electrons)
        return self._curve[electrons.astype(np.uint16)]
