"""What makes a sequence hard: drawn once a sequence, before anything else.

A generator enters, a `Difficulty` leaves. The shares are chosen so that each attribute occurs in roughly
a tenth to a half of the sequences, so that few sequences have many difficulties at once, and so that a student's
success rate is near those published for the real benchmarks (about 0.6), where runs can be told apart best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Light = Literal["normal", "low", "over", "changing"]


@dataclass(frozen=True)
class Difficulty:
    """One sequence's draw. Lengths are in boxes (square root of the area), times in frames.

    Attributes:
        size: the target's size in pixels on a 320 x 200 sensor.
        aspect: the target's width over its height, between 1:4 and 4:1.
        upright: the target stands or lies, as walkers and cars do; otherwise it begins at any angle.
        speed: mean speed in box sizes a frame.
        fast: speeds up to one box size a frame occur.
        pause: the target stands still for a part of the sequence.
        camera: whether the camera stands, pans or is held by hand.
        clutter: background contrast in [0, 1].
        light: illumination.
        deforms, turns, scales, stretches: the target's own changes.
        occlusion: what crosses the target: nothing, something smaller, or something larger than it.
        occluder_moves: the occluder moves, the target does not have to.
        leaves: the target leaves the view and comes back.
        distractors: other objects.
        similar: distractors share the target's colours and pattern.
        moving: distractors move.
    """

    size: float
    aspect: float
    upright: bool
    speed: float
    fast: bool
    pause: bool
    camera: Literal["static", "pan", "hand"]
    clutter: float
    light: Light
    deforms: bool
    turns: bool
    scales: bool
    stretches: bool
    occlusion: Literal["none", "partial", "full"]
    occluder_moves: bool
    leaves: bool
    distractors: int
    similar: bool
    moving: bool


def draw(rng: np.random.Generator) -> Difficulty:
    """One sequence's difficulty."""
    fast = rng.random() < 0.12
    pause = not fast and rng.random() < 0.07
    camera = "static" if pause else str(rng.choice(["static", "pan", "hand"], p=[0.4, 0.35, 0.25]))
    leaves = rng.random() < 0.08
    occlusion = "none" if leaves else str(rng.choice(["none", "partial", "full"], p=[0.8, 0.12, 0.08]))
    return Difficulty(
        size=float(np.exp(rng.uniform(np.log(18), np.log(60)))),
        aspect=draw_aspect(rng),
        upright=bool(rng.random() < 0.7),
        speed=float(rng.uniform(0.3, 0.5) if fast else rng.uniform(0.08, 0.2)),
        fast=fast,
        pause=pause,
        camera=camera,  # type: ignore[arg-type]
        clutter=float(rng.beta(1.2, 2.4)),
        light=str(rng.choice(["normal", "low", "over", "changing"], p=[0.64, 0.16, 0.1, 0.1])),  # type: ignore[arg-type]
        deforms=bool(rng.random() < 0.2),
        turns=bool(rng.random() < 0.3),
        scales=bool(rng.random() < 0.25),
        stretches=bool(rng.random() < 0.2),
        occlusion=occlusion,  # type: ignore[arg-type]
        occluder_moves=bool(rng.random() < 0.4),
        leaves=leaves,
        distractors=int(rng.integers(0, 3)),
        similar=bool(rng.random() < 0.25),
        moving=bool(rng.random() < 0.15),
    )


def draw_aspect(rng: np.random.Generator) -> float:
    """Width over height of some object, between 1:4 and 4:1, and seldom near them."""
    return float(np.exp(np.log(4) * (rng.random() - rng.random())))
