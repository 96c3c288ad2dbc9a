"""Things in front of the background: an outline, a surface, and how both move in the view.

Motion is an affine map a step, view = A object + b, linearly interpolated between steps; positions are
pixels, (x, y). A thing that moves by itself is placed in the view, a thing that stands in the world moves
with the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from had.data.simulate.shapes import coverage


def at(values: np.ndarray, step: float) -> np.ndarray:
    """Row ``step`` of (S, ...), linearly interpolated."""
    first = int(step)
    share = step - first
    return values[first] if share == 0 else (1 - share) * values[first] + share * values[first + 1]


def rotations(angles: np.ndarray) -> np.ndarray:
    """(S,) radians, from x towards y -> (S, 2, 2)."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def inverse(turn: np.ndarray) -> np.ndarray:
    """Inverse of a (2, 2) matrix; several times quicker than the general routine."""
    (a, b), (c, d) = turn.tolist()
    determinant = a * d - b * c
    return np.array([[d / determinant, -b / determinant], [-c / determinant, a / determinant]])


@dataclass(frozen=True)
class Motion:
    """An affine map a step: ``turn`` (S, 2, 2) and ``shift`` (S, 2)."""

    turn: np.ndarray
    shift: np.ndarray

    def after(self, inner: Motion) -> Motion:
        """The map that applies ``inner`` first."""
        shift = np.einsum("sij,sj->si", self.turn, inner.shift) + self.shift
        return Motion(self.turn @ inner.turn, shift)


@dataclass(frozen=True)
class Body:
    """One object.

    Attributes:
        outline: (N, 2) object coordinates, origin at the centre.
        surface: (side, side, 3) linear RGB, centred on the object; the pattern beyond is mirrored.
        grey: (side, side), its luminance.
        motion: object -> view.
        wobble: (S,) phase of the deformation in radians.
        softness: amplitude of the deformation, as a share of the radius; 0 is rigid.
    """

    outline: np.ndarray
    surface: np.ndarray
    grey: np.ndarray
    motion: Motion
    wobble: np.ndarray
    softness: float = 0.0

    def points(self, step: float) -> np.ndarray:
        """The outline in the view, (N, 2)."""
        points = self.outline
        if self.softness:
            around = np.arctan2(points[:, 1], points[:, 0])
            phase = at(self.wobble, step)
            swelling = np.sin(2 * around + phase) * np.cos(3 * around - 0.7 * phase)
            points = points * (1 + self.softness * swelling)[:, None]
        return points @ at(self.motion.turn, step).T + at(self.motion.shift, step)

    def paint(self, image: np.ndarray, step: float) -> None:
        """Draw onto ``image``, (H, W) luminance or (H, W, 3) colour, in place."""
        height, width = image.shape[:2]
        covered = coverage(self.points(step), width, height)
        if covered is None:
            return
        (x0, y0, x1, y1), share = covered
        surface = self.grey if image.ndim == 2 else self.surface
        patch = cv2.warpAffine(
            surface,
            pull(self.motion, step, view=(x0, y0), texture=(-surface.shape[1] / 2, -surface.shape[0] / 2)),
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        region = image[y0:y1, x0:x1]
        patch -= region
        patch *= share if image.ndim == 2 else share[..., None]
        region += patch


def pull(
    motion: Motion, step: float, *, view: Sequence[float] | np.ndarray, texture: Sequence[float] | np.ndarray
) -> np.ndarray:
    """The (2, 3) map from the index of a pixel of the view to the index of a pixel of a texture.

    Args:
        motion: texture's coordinates -> view.
        view, texture: coordinates of the two images' top-left corners; index i is the point i + 1/2 behind it.
    """
    (a, b), (c, d) = inverse(at(motion.turn, step)).tolist()
    shift = at(motion.shift, step).tolist()
    x, y = view[0] + 0.5 - shift[0], view[1] + 0.5 - shift[1]
    return np.array([[a, b, a * x + b * y - texture[0] - 0.5], [c, d, c * x + d * y - texture[1] - 0.5]])
