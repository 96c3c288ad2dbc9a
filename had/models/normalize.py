"""uint8 crops -> network inputs.

Enters: (B, 3, H, W) uint8 RGB. Leaves: (B, 3, H, W) floating-point numbers of about unit scale.

An event image is a white ground with few coloured pixels: with the ImageNet constants the ground is the
largest signal, so by default it maps to zero. A frame in low light has a tenth of the usual contrast: by
default each RGB crop is brought to zero mean and unit deviation.
"""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LEAST_DEVIATION = 2.0
"""Grey levels below which a crop's contrast is noise and is not amplified further."""


def normalize(image: Tensor, recipe: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bring a uint8 crop to network scale.

    Args:
        image: (B, 3, H, W) uint8 RGB.
        recipe: ``"imagenet"`` (published); ``"background"``: (255 - value) / 64, zero for white;
            ``"crop"``: zero mean and unit deviation over the crop's pixels, padding (exactly black) left out
            and set to zero.
        dtype: of the result and of all that leads to it.

    Returns:
        (B, 3, H, W).
    """
    values = image.to(dtype)
    if recipe == "imagenet":
        mean = values.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
        deviation = values.new_tensor(IMAGENET_STD).view(3, 1, 1)
        return (values / 255 - mean) / deviation
    if recipe == "background":
        return (255 - values) / 64
    if recipe == "crop":
        seen = (image.amax(dim=1, keepdim=True) > 0).to(dtype)  # B 1 H W
        count = (3 * seen.sum(dim=(1, 2, 3), keepdim=True)).clamp(min=1)
        mean = values.sum(dim=(1, 2, 3), keepdim=True) / count
        centred = (values - mean) * seen
        deviation = torch.sqrt(centred.square().sum(dim=(1, 2, 3), keepdim=True) / count)
        return centred / deviation.clamp(min=LEAST_DEVIATION)
    raise ValueError(f"no normalisation recipe {recipe!r}")
