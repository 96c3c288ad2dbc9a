"""A scene: background, distractors, target and occluders, seen by a moving camera in changing light.

What `had.data.simulate.build` put together enters; linear-light images at any time, exact boxes and visible
shares leave. The unit of light: 1 is a white surface in normal light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from had.data.simulate import shapes, textures
from had.data.simulate.bodies import Body, Motion, at, inverse, pull
from had.data.simulate.difficulty import Difficulty

PRESENT_SHARE = 0.15
"""The target counts as absent where less than this share of its silhouette is visible."""


@dataclass(frozen=True)
class Clock:
    """How steps (renderings), frames and seconds hang together.

    Attributes:
        frames: annotated frames.
        renders: steps a frame.
        frame_seconds: distance of frames.
        lead: intervals before the first annotated frame.
    """

    frames: int
    renders: int
    frame_seconds: float
    lead: int = 0

    @property
    def steps(self) -> int:
        """Steps of the recording, its end included."""
        return (self.frames + self.lead) * self.renders + 1

    def middle(self, frame: int) -> float:
        """Step in the middle of a frame's interval: where its box is true."""
        return (self.lead + frame + 0.5) * self.renders


class Scene:
    """Everything that is in front of the sensors.

    Args:
        difficulty: what was drawn.
        clock: time.
        size: (width, height) of the view in pixels.
        camera: its motion, world -> view.
        background: (Hb, Wb, 3) linear reflectances; ``origin`` (2,) is the world point of its corner.
        light: (S,) illumination.
        target, distractors, occluders: distractors pass behind the target, occluders in front of it.
    """

    def __init__(
        self,
        *,
        difficulty: Difficulty,
        clock: Clock,
        size: tuple[int, int],
        camera: Motion,
        background: np.ndarray,
        origin: np.ndarray,
        light: np.ndarray,
        target: Body,
        distractors: list[Body],
        occluders: list[Body],
    ):
        self.difficulty, self.clock, self.size, self.camera = difficulty, clock, size, camera
        self.light, self.target, self.distractors, self.occluders = light, target, distractors, occluders
        self._colour, self._grey = background, textures.luminance(background)
        self._origin = origin
        self._still: dict[int, tuple[tuple, np.ndarray]] = {}

    def luminance(self, step: float) -> np.ndarray:
        """What the event camera sees, (H, W) float32, illumination included."""
        return self._render(self._grey, step)

    def colour(self, step: float) -> np.ndarray:
        """What the frame camera sees, (H, W, 3) float32 linear RGB, illumination included."""
        return self._render(self._colour, step)

    def box(self, step: float) -> np.ndarray:
        """Tight box of the target's silhouette inside the view, occluders ignored, (4,) ``xywh``."""
        return shapes.box_of(self.target.points(step), *self.size)

    def visible_share(self, step: float) -> float:
        """The share of the target's silhouette that is inside the view and not occluded."""
        points = self.target.points(step)
        covered = shapes.coverage(points, *self.size)
        if covered is None:
            return 0.0
        (x0, y0, x1, y1), visible = covered
        for occluder in self.occluders:
            hidden = shapes.coverage(occluder.points(step) - (x0, y0), x1 - x0, y1 - y0)
            if hidden is not None:
                (left, top, right, bottom), share = hidden
                visible[top:bottom, left:right] *= 1 - share
        return float(visible.sum() / max(cv2.contourArea(points.astype(np.float32)), 1e-6))

    def largest_motion(self, begin: float, end: float) -> float:
        """How far anything in the view moves between two steps, in pixels (outlines and the view's corners)."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * self.size
        world = (corners - at(self.camera.shift, begin)) @ inverse(at(self.camera.turn, begin)).T
        moves = [world @ at(self.camera.turn, end).T + at(self.camera.shift, end) - corners]
        for body in (*self.distractors, self.target, *self.occluders):
            moves.append(body.points(end) - body.points(begin))
        return float(max(np.linalg.norm(move, axis=1).max() for move in moves))

    def annotate(self) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (F, 4), zero where the target is absent, and visible shares (F,) in the middle of each frame."""
        steps = [self.clock.middle(frame) for frame in range(self.clock.frames)]
        shares = np.array([self.visible_share(step) for step in steps])
        boxes = np.array([self.box(step) for step in steps])
        boxes[shares < PRESENT_SHARE] = 0
        return boxes, shares

    def _render(self, texture: np.ndarray, step: float) -> np.ndarray:
        image = self._background(texture, step)
        for body in (*self.distractors, self.target, *self.occluders):
            body.paint(image, step)
        image *= np.float32(at(self.light, step))
        return image

    def _background(self, texture: np.ndarray, step: float) -> np.ndarray:
        matrix = pull(self.camera, step, view=(0, 0), texture=self._origin)
        key = tuple(matrix.ravel())
        if texture.ndim in self._still and self._still[texture.ndim][0] == key:
            return self._still[texture.ndim][1].copy()
        if (matrix[:, :2] == np.eye(2)).all():  # a shifted copy: many times quicker than the general map, and exact
            centre = [float(v) for v in matrix[:, 2] + (np.array(self.size) - 1) / 2]
            image = cv2.getRectSubPix(texture, self.size, centre)
        else:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            image = cv2.warpAffine(texture, matrix, self.size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        self._still[texture.ndim] = (key, image.copy())
        return image
