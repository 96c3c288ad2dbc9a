"""Paths, speeds and swings as arrays over time.

Time is counted in steps (renderings); every function returns one row a step. Positions are in view pixels.
"""

from __future__ import annotations

import numpy as np


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Moving average over ``width`` steps, ends repeated; (S, ...) -> (S, ...)."""
    half = max(int(width) // 2, 0)
    if half == 0:
        return values
    padded = np.concatenate([np.repeat(values[:1], half + 1, 0), values, np.repeat(values[-1:], half, 0)])
    total = np.cumsum(padded, 0)
    return (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)


def speeds(rng: np.random.Generator, steps: int, *, mean: float, most: float, segment: float) -> np.ndarray:
    """Speed at every step: pieces of constant speed with quick changes between them, i.e. sudden accelerations.

    Args:
        mean, most: typical and largest speed in pixels a step.
        segment: typical length of a piece in steps.
    """
    values = np.empty(steps)
    first = 0
    while first < steps:
        last = first + int(segment * rng.uniform(0.5, 1.5)) + 1
        values[first:last] = min(mean * np.exp(rng.normal(0, 0.45)), most)
        first = last
    return smooth(values, segment / 6)


def path(rng: np.random.Generator, distances: np.ndarray, *, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Walk along a smooth random curve through the rectangle ``low`` .. ``high``.

    Args:
        distances: (S,) way travelled since the beginning, pixels, not falling.

    Returns:
        (S, 2) positions.
    """
    reach = float(np.min(high - low))
    points = [rng.uniform(low, high) for _ in range(2)]
    length = 0.0
    while length < distances[-1] + 4 * reach:
        candidates = rng.uniform(low, high, (8, 2))
        far = np.linalg.norm(candidates - points[-1], axis=1)
        ahead = (candidates - points[-1]) @ (points[-1] - points[-2])
        points.append(candidates[np.argmax((far > 0.4 * reach) * (1 + (ahead > 0)) + (far > 0.25 * reach))])
        length += float(np.linalg.norm(points[-1] - points[-2]))
    curve = _catmull_rom(np.array(points), 24)
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    return np.stack([np.interp(distances, way, curve[:, axis]) for axis in range(2)], axis=1)


def _catmull_rom(points: np.ndarray, samples: int) -> np.ndarray:
    """A curve through all but the outermost ``points``, ``samples`` a span."""
    a, b, c, d = points[:-3, None], points[1:-2, None], points[2:-1, None], points[3:, None]
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.reshape(-1, 2)


def swing(rng: np.random.Generator, clock: np.ndarray, *, amplitude: float, period: float) -> np.ndarray:
    """Two sines of random phase, (S,), within ``amplitude``; ``clock`` (S,) may stand still."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    stretch = rng.uniform(1.7, 2.6)
    turn = 2 * np.pi * clock / period
    return amplitude * (0.75 * np.sin(turn + phases[0]) + 0.25 * np.sin(stretch * turn + phases[1]))


def bump(steps: int, *, begin: float, rise: float, hold: float) -> np.ndarray:
    """0, up to 1 within ``rise`` steps, ``hold`` steps at 1, down again; (S,), with a continuous speed."""
    s = np.arange(steps)
    up = np.clip((s - begin) / rise, 0, 1)
    down = np.clip((begin + 2 * rise + hold - s) / rise, 0, 1)
    both = np.minimum(up, down)
    return both * both * (3 - 2 * both)


def shake(rng: np.random.Generator, steps: int, *, amplitude: float, step_seconds: float) -> np.ndarray:
    """A hand's tremor: sines of 1.5 to 9 Hz, (S, 2) pixels."""
    seconds = np.arange(steps) * step_seconds
    total = np.zeros((steps, 2))
    for _ in range(4):
        rate = rng.uniform(1.5, 9)
        phase = rng.uniform(0, 2 * np.pi, 2)
        total += np.sin(2 * np.pi * rate * seconds[:, None] + phase) * rng.normal(0, 1, 2) / np.sqrt(rate)
    return amplitude * total / 2
