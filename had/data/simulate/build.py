"""A difficulty -> a scene: who is in it, where everything goes, how the light is.

A generator, a `Difficulty`, a clock and the view's size enter, a `Scene` leaves. Lengths are pixels,
times are steps (renderings).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from had.data.simulate import motion, shapes, textures
from had.data.simulate.bodies import Body, Motion, at, inverse, rotations
from had.data.simulate.difficulty import Difficulty, draw, draw_aspect
from had.data.simulate.scene import PRESENT_SHARE, Clock, Scene

FIRST_SHARE = 0.9
"""What is visible of the target in each of the first three annotated frames at least."""
PRESENT_FRAMES = 0.7
"""Share of the frames in which the target is present at least."""
LIGHT = {"normal": (0.6, 1.2), "low": (0.006, 0.03), "over": (3.0, 7.0), "changing": (0.4, 0.8)}
"""Range of the illumination."""


def make_scene(rng: np.random.Generator, *, clock: Clock, size: tuple[int, int]) -> Scene:
    """Draw scenes until the first frames of one show its target clearly, and most of its frames show it at all."""
    for _ in range(20):
        scene = build_scene(rng, difficulty=draw(rng), clock=clock, size=size)
        shares = np.array([scene.visible_share(clock.middle(frame)) for frame in range(clock.frames)])
        if min(shares[:3]) >= FIRST_SHARE and np.mean(shares >= PRESENT_SHARE) >= PRESENT_FRAMES:
            return scene
    return build_scene(rng, difficulty=replace(draw(rng), occlusion="none", leaves=False), clock=clock, size=size)


def build_scene(rng: np.random.Generator, *, difficulty: Difficulty, clock: Clock, size: tuple[int, int]) -> Scene:
    """A scene of the given difficulty; its first frame may be anything."""
    unit = float(np.sqrt(size[0] * size[1] / (320 * 200)))
    pixels = difficulty.size * unit
    look, camera = _camera(rng, difficulty, clock, size, unit)
    margin = np.array([0.62, 0.66]) * size + 8
    low, high = look.min(0) - margin, look.max(0) + margin
    width, height = np.ceil(high - low).astype(int)
    style = textures.object_style(rng)
    target = _mover(rng, difficulty, clock, size, pixels=pixels, style=style)
    distractors = []
    for _ in range(difficulty.distractors):
        own = style if difficulty.similar else textures.object_style(rng)
        form = replace(difficulty, aspect=difficulty.aspect if difficulty.similar else draw_aspect(rng))
        alike = pixels * float(np.exp(rng.normal(0, 0.2 if difficulty.similar else 0.5)))
        if difficulty.moving:
            calm = replace(form, leaves=False, pause=False)
            distractors.append(_mover(rng, calm, clock, size, pixels=alike, style=own))
        else:
            place = rng.uniform(look.min(0) - 0.5 * np.array(size), look.max(0) + 0.5 * np.array(size))
            outline = shapes.outline(rng, size=alike, aspect=form.aspect)
            standing = _standing(clock, place, _angle(rng, form))
            distractors.append(_body(rng, outline, own, camera.after(standing), clock))
    return Scene(
        difficulty=difficulty,
        clock=clock,
        size=size,
        camera=camera,
        background=textures.background(rng, height, width, unit=unit, clutter=difficulty.clutter),
        origin=low,
        light=_light(rng, difficulty, clock),
        target=target,
        distractors=distractors,
        occluders=_occluders(rng, difficulty, clock, target, camera),
    )


def _camera(rng, difficulty: Difficulty, clock: Clock, size: tuple[int, int], unit: float) -> tuple[np.ndarray, Motion]:
    """The world point in the view's middle, (S, 2), and the map from the world to the view."""
    steps, renders, seconds = clock.steps, clock.renders, clock.frame_seconds / clock.renders
    middle = np.array(size) / 2
    look, zoom, roll = np.tile(middle, (steps, 1)), np.ones(steps), np.zeros(steps)
    if difficulty.camera == "pan":
        mean = rng.uniform(0.3, 1.3) * unit / renders
        speed = motion.speeds(rng, steps, mean=mean, most=2.5 * mean, segment=15 * renders)
        reach = 0.3 * np.array(size)
        look = motion.path(rng, np.cumsum(speed), low=middle - reach, high=middle + reach)
    elif difficulty.camera == "hand":
        look = look + motion.shake(rng, steps, amplitude=rng.uniform(0.8, 2.5) * unit, step_seconds=seconds)
    if difficulty.camera == "hand" and rng.random() < 0.4:
        ticks = np.arange(steps) * seconds
        zoom = np.exp(motion.swing(rng, ticks, amplitude=0.05 * rng.random(), period=2.5))
        roll = motion.swing(rng, ticks, amplitude=np.radians(2.5) * rng.random(), period=1.8)
    turn = zoom[:, None, None] * rotations(roll)
    return look, Motion(turn, middle - np.einsum("sij,sj->si", turn, look))


def _light(rng, difficulty: Difficulty, clock: Clock) -> np.ndarray:
    light = np.full(clock.steps, np.exp(rng.uniform(*np.log(LIGHT[difficulty.light]))))
    if difficulty.light == "changing":
        ticks = np.arange(clock.steps) / clock.renders
        light = light * np.exp(motion.swing(rng, ticks, amplitude=rng.uniform(0.25, 0.5), period=rng.uniform(40, 80)))
    return light.astype(np.float32)


def _body(rng, outline: np.ndarray, style: dict, placed: Motion, clock: Clock, **deformation) -> Body:
    side = int(np.ceil(1.4 * np.ptp(outline, axis=0).max())) + 4
    surface = textures.object_surface(rng, side, style)
    deformation.setdefault("wobble", np.zeros(clock.steps))
    return Body(outline=outline, surface=surface, grey=textures.luminance(surface), motion=placed, **deformation)


def _mover(rng, difficulty: Difficulty, clock: Clock, size: tuple[int, int], *, pixels: float, style: dict) -> Body:
    """A body that moves through the view by itself."""
    steps, renders = clock.steps, clock.renders
    most = (1.0 if difficulty.fast else 0.5) * pixels / renders
    speed = motion.speeds(rng, steps, mean=difficulty.speed * pixels / renders, most=most, segment=9 * renders)
    active = np.ones(steps)
    if difficulty.pause:
        begin, hold = rng.uniform(0.15, 0.6) * steps, rng.uniform(0.15, 0.3) * steps
        active = 1 - motion.bump(steps, begin=begin, rise=renders, hold=hold)
    ticks = np.cumsum(active) / renders
    begin_angle = _angle(rng, difficulty)
    extent = _extent(pixels, difficulty.aspect, begin_angle)
    edge = np.minimum(0.65 * extent, 0.4 * np.array(size))
    position = motion.path(rng, np.cumsum(speed * active), low=edge, high=np.array(size) - edge)
    if difficulty.leaves:
        position = position + _excursion(rng, position, clock, size, float(extent.max()))
    growth = motion.swing(rng, ticks, amplitude=rng.uniform(0.3, 0.5) if difficulty.scales else 0.08, period=45)
    stretch = motion.swing(rng, ticks, amplitude=rng.uniform(0.3, 0.5) if difficulty.stretches else 0.05, period=30)
    spin = rng.uniform(0.04, 0.12) * rng.choice([-1, 1]) if difficulty.turns else 0.0
    angle = begin_angle + spin * ticks + motion.swing(rng, ticks, amplitude=0.15, period=20)
    scale = np.exp(np.stack([growth + stretch / 2, growth - stretch / 2], axis=1))
    outline = shapes.outline(rng, size=pixels, aspect=difficulty.aspect)
    placed = Motion(rotations(angle) * scale[:, None, :], position)
    wobble = 2 * np.pi * ticks / rng.uniform(8, 16)
    softness = float(rng.uniform(0.15, 0.3)) if difficulty.deforms else 0.0
    return _body(rng, outline, style, placed, clock, wobble=wobble, softness=softness)


def _excursion(rng, position: np.ndarray, clock: Clock, size: tuple[int, int], extent: float) -> np.ndarray:
    """An offset (S, 2) that carries a body over the nearest border of the view and back."""
    begin = int(rng.uniform(0.2, 0.5) * clock.steps)
    away = np.stack([position[begin], np.array(size) - position[begin]])
    border, axis = np.unravel_index(np.argmin(away), away.shape)
    hold = rng.uniform(2, 5) * clock.renders
    rise = np.clip(2.5 * (away[border, axis] + extent) / extent, 4, 0.3 * clock.frames) * clock.renders
    shape = motion.bump(clock.steps, begin=begin, rise=float(rise), hold=hold)
    goal = -0.8 * extent if border == 0 else size[axis] + 0.8 * extent
    offset = np.zeros_like(position)
    offset[:, axis] = shape * (goal - position[:, axis])
    return offset


def _angle(rng, difficulty: Difficulty) -> float:
    """The angle at which a body begins, in radians."""
    return float(rng.normal(0, 0.08) if difficulty.upright else rng.uniform(0, 2 * np.pi))


def _extent(pixels: float, aspect: float, angle: float) -> np.ndarray:
    """Width and height (2,) of the box around a turned body."""
    width, height = pixels * np.sqrt(aspect), pixels / np.sqrt(aspect)
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    return np.array([width * cos + height * sin, width * sin + height * cos])


def _standing(clock: Clock, place: np.ndarray, angle: float) -> Motion:
    """A place and an angle that do not change."""
    return Motion(rotations(np.full(clock.steps, angle)), np.tile(place, (clock.steps, 1)))


def _occluders(rng, difficulty: Difficulty, clock: Clock, target: Body, camera: Motion) -> list[Body]:
    """Foreground objects that the target passes behind, or that pass in front of it."""
    if difficulty.occlusion == "none":
        return []
    bodies = []
    way, last = target.motion.shift, clock.steps - 1
    for time in rng.uniform(0.25, 0.9, 1 + int(rng.random() < 0.3)):
        step = int(time * last)
        share = rng.uniform(0.2, 0.5) if difficulty.occlusion == "partial" else rng.uniform(1.1, 1.5)
        ahead = way[min(step + clock.renders, last)] - way[max(step - clock.renders, 0)]
        heading = float(np.arctan2(ahead[1], ahead[0]) + rng.normal(0, 0.3))
        along, across = np.ptp(target.points(step) @ rotations(np.array([heading]))[0], axis=0)
        thickness = share * float(along)
        if difficulty.occluder_moves:
            crossing = (thickness + along) / (rng.uniform(5, 9) * clock.renders)
            run = crossing * (np.arange(clock.steps) - step)[:, None] * np.array([np.cos(heading), np.sin(heading)])
            placed = replace(_standing(clock, way[step], heading), shift=way[step] - run)
        else:
            place = inverse(at(camera.turn, step)) @ (way[step] - at(camera.shift, step))
            placed = camera.after(_standing(clock, place, heading))
        outline = shapes.bar(rng.uniform(2.2, 3.5) * float(across), thickness)
        bodies.append(_body(rng, outline, textures.object_style(rng), placed, clock))
    return bodies
