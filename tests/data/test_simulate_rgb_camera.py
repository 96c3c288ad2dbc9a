"""Laws of the simulated frame camera."""

import numpy as np
import pytest

from had.data.simulate.rgb_camera import GAMMA, WHITE, RgbCamera
from had.options.recordings import RgbCameraOptions


def camera(seed=0, **options):
    return RgbCamera(RgbCameraOptions(**options), width=40, height=30, rng=np.random.default_rng(seed))


def flat(light):
    return np.full((30, 40, 3), light, np.float32)


def linear(image):
    return (image / 255.0) ** GAMMA


def test_a_flat_patch_gets_its_code():
    image = camera().expose([flat(0.5)], exposure_us=8000)
    assert image.dtype == np.uint8
    assert linear(image).mean() == pytest.approx(0.5 * WHITE, rel=0.02)


def test_exposure_is_proportional_to_time_until_the_well_is_full():
    short, long = (linear(camera().expose([flat(0.3)], exposure_us=time)).mean() for time in (4000, 12000))
    assert long == pytest.approx(3 * short, rel=0.03)
    full = camera(read_noise=0.0).expose([flat(9.0)], exposure_us=8000)
    assert np.median(full) == 255


def test_darkness_is_noisy():
    def signal_to_noise(light):
        image = linear(camera().expose([flat(light)], exposure_us=8000))
        return image.mean() / image.std()

    assert signal_to_noise(0.5) > 5 * signal_to_noise(0.02)


def test_motion_blurs():
    edges = []
    for shifts in ([0], [0, 2, 4, 6]):
        images = []
        for shift in shifts:
            image = flat(0.1)
            image[:, 10 + shift :] = 0.8
            images.append(image)
        frame = camera().expose(images, exposure_us=8000).astype(float)
        edges.append(np.abs(np.diff(frame[..., 1].mean(0))).max())
    assert edges[1] < 0.6 * edges[0]


def test_deterministic_and_inputs_unchanged():
    scene = flat(0.4)
    first, second = (camera(5).expose([scene, scene], exposure_us=8000) for _ in range(2))
    assert (first == second).all()
    assert (scene == np.float32(0.4)).all()
    with pytest.raises(ValueError, match="at least one image"):
        camera().expose([], exposure_us=8000)
