"""Random surfaces in linear light: what backgrounds and objects are painted with.

A generator and a size enter, (H, W, 3) float32 reflectances in [0.015, 0.95] leave. Everything is drawn
from the generator that is given, so two sequences never share a texture.
"""

from __future__ import annotations

import cv2
import numpy as np

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Rec. 709 weights of linear R, G, B: what the event camera sees of a colour."""
DARKEST, BRIGHTEST = 0.015, 0.95


def luminance(image: np.ndarray) -> np.ndarray:
    """Linear RGB (H, W, 3) -> luminance (H, W) float32."""
    return cv2.transform(image, LUMINANCE[None])


def noise(
    rng: np.random.Generator, height: int, width: int, *, coarsest: float, octaves: int, gain: float
) -> np.ndarray:
    """Sum of smooth noises, each half as coarse and ``gain`` times as strong as the one before.

    Args:
        coarsest: grid distance of the first octave in pixels.

    Returns:
        (height, width) float32 of mean 0 and standard deviation 1.
    """
    total: np.ndarray = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        step = max(coarsest / 2**octave, 1.0)
        shape = int(np.ceil(height / step)) + 3, int(np.ceil(width / step)) + 3
        grid = rng.standard_normal(shape, dtype=np.float32)
        big = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += gain**octave * big[:height, :width]
    total -= total.mean()
    total /= max(float(total.std()), 1e-6)
    return total


def colour(rng: np.random.Generator, *, low: float = 0.05, high: float = 0.8, saturation: float = 0.5) -> np.ndarray:
    """A reflectance, (3,) float32, whose luminance is log-uniform between ``low`` and ``high``."""
    level = np.exp(rng.uniform(np.log(low), np.log(high)))
    tint = (1 + saturation * rng.uniform(-1, 1, 3)).astype(np.float32)
    tint = tint / float(LUMINANCE @ tint)
    return np.clip(level * tint, DARKEST, BRIGHTEST).astype(np.float32)


def background(rng: np.random.Generator, height: int, width: int, *, unit: float, clutter: float) -> np.ndarray:
    """A wall, a street, a meadow: two colours blended by noise, with shapes in front.

    Args:
        unit: pixels of a length that is 1 on a 320 x 200 sensor.
        clutter: 0 (calm) to 1 (strong contrast, many edges).
    """
    base, other = colour(rng), colour(rng)
    blend = noise(rng, height, width, coarsest=rng.uniform(50, 120) * unit, octaves=3, gain=0.5)
    weight = 1 / (1 + np.exp(-(1 + 2 * clutter) * blend))
    image = base + weight[..., None] * (other - base) * (0.35 + 0.65 * clutter)
    _shapes(rng, image, count=int(rng.integers(6, 14) + 40 * clutter), unit=unit, contrast=0.35 + 0.65 * clutter)
    grain = noise(rng, height, width, coarsest=rng.uniform(8, 20) * unit, octaves=4, gain=rng.uniform(0.5, 0.8))
    image *= np.exp((0.03 + 0.15 * clutter) * grain)[..., None]
    return np.clip(cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.6), DARKEST, BRIGHTEST)


def _shapes(rng: np.random.Generator, image: np.ndarray, *, count: int, unit: float, contrast: float) -> None:
    """Paint polygons, ellipses and lines onto ``image`` in place."""
    height, width = image.shape[:2]
    for kind in rng.choice(["polygon", "ellipse", "line"], count, p=[0.45, 0.25, 0.3]):
        centre = rng.uniform(0, [width, height])
        local = image[min(int(centre[1]), height - 1), min(int(centre[0]), width - 1)]
        paint = tuple(float(c) for c in local + contrast * (colour(rng) - local))
        radius = float(np.exp(rng.uniform(np.log(4), np.log(45)))) * unit
        if kind == "polygon":
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
            points = centre + radius * rng.uniform(0.5, 1.2, (len(angles), 1)) * np.c_[np.cos(angles), np.sin(angles)]
            cv2.fillPoly(image, [points.round().astype(np.int32)], paint)
        elif kind == "ellipse":
            axes = (max(int(radius), 1), max(int(radius * rng.uniform(0.4, 1)), 1))
            cv2.ellipse(image, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, paint, -1)
        else:
            angle = rng.uniform(0, np.pi)
            reach = 3 * radius * np.array([np.cos(angle), np.sin(angle)])
            ends = [tuple(int(v) for v in centre + sign * reach) for sign in (-1, 1)]
            cv2.line(image, ends[0], ends[1], paint, int(rng.integers(1, max(int(4 * unit), 2))))


def object_style(rng: np.random.Generator) -> dict:
    """What similar objects share: colours, pattern, grain."""
    dark, bright = colour(rng, low=0.05, high=0.15, saturation=0.8), colour(rng, low=0.25, high=0.7, saturation=0.8)
    return {
        "colours": np.stack([dark, bright] if rng.random() < 0.5 else [bright, dark]),
        "pattern": str(rng.choice(["blobs", "stripes", "checks", "plain"], p=[0.4, 0.25, 0.2, 0.15])),
        "period": float(rng.uniform(0.25, 0.7)),
        "angle": float(rng.uniform(0, np.pi)),
        "grain": float(rng.uniform(0.05, 0.25)),
    }


def object_surface(rng: np.random.Generator, side: int, style: dict) -> np.ndarray:
    """One object's surface in a style, (side, side, 3); the pattern's details differ from object to object."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    period = max(style["period"] * side, 3.0)
    u = 2 * np.pi * (x * np.cos(style["angle"]) + y * np.sin(style["angle"])) / period
    v = 2 * np.pi * (y * np.cos(style["angle"]) - x * np.sin(style["angle"])) / period
    if style["pattern"] == "stripes":
        wave = np.sin(u + rng.uniform(0, 2 * np.pi))
    elif style["pattern"] == "checks":
        wave = np.sin(u + rng.uniform(0, 2 * np.pi)) * np.sin(v + rng.uniform(0, 2 * np.pi))
    elif style["pattern"] == "blobs":
        wave = noise(rng, side, side, coarsest=period, octaves=2, gain=0.4)
    else:
        wave = 0.2 * noise(rng, side, side, coarsest=period, octaves=2, gain=0.4) + 0.5
    blend = 1 / (1 + np.exp(-4 * wave))
    image = style["colours"][0] + blend[..., None] * (style["colours"][1] - style["colours"][0])
    image *= np.exp(style["grain"] * noise(rng, side, side, coarsest=8, octaves=3, gain=0.7))[..., None]
    return np.clip(cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.5), DARKEST, BRIGHTEST)
