"""Damaged PNG, JPEG, BMP and TIFF files: an image or our refusal; a look at headers agrees with the decoder."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import given

from had.data.frames import read_image
from had.data.image_size import image_size
from had.errors import HadError
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
KINDS = {
    ".png": ([], [cv2.IMWRITE_PNG_COMPRESSION, 0]),
    ".jpg": ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
    ".bmp": ([],),
    ".tif": ([], [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
}
WHOLE = [
    cv2.imencode(suffix, image, options)[1].tobytes()
    for suffix, choices in KINDS.items()
    for options in choices
    for image in (PICTURE, PICTURE[..., 0], np.full((300, 200, 3), 255, np.uint8))
]


@fuzzed
@given(content=damaged(WHOLE))
def test_damaged_images_are_read_or_refused(tmp_path_factory, content):
    path = Path(tmp_path_factory.getbasetemp()) / "image.png"
    path.write_bytes(content)
    size = image_size(path)
    try:
        image = read_image(path)
    except HadError:
        assert image_size(path, decode=True) is None
    else:
        assert size == image_size(path, decode=True) == image.shape[1::-1]
