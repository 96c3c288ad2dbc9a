"""Options of what is looked at beside the scores: jittered starts, and crops on which networks are compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import Field, model_validator

from had.data.layouts import canonical_name
from had.errors import nearest
from had.options.base import Options

DIRECTIONS = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
    "top_left": (-1, -1),
    "top_right": (1, -1),
    "bottom_left": (-1, 1),
    "bottom_right": (1, 1),
}
"""Shifted starts: along x and y, in shifts."""


class Start(NamedTuple):
    """A first box that is a little wrong.

    Attributes:
        name: also the name of a folder.
        dx, dy: shift in widths and heights of the annotated box.
        scale: factor of both sides around the centre.
    """

    name: str
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0


class StartOptions(Options):
    """Tracking from first boxes that are a little wrong: spatial robustness (SRE) of the OTB benchmark."""

    shift: float = Field(0.1, ge=0, lt=1)
    """Share of the target's width and height by which it is shifted, in eight directions; 0: not at all."""
    scales: tuple[float, ...] = (0.8, 0.9, 1.1, 1.2)
    """Factors of both sides around the centre."""
    runs: tuple[str, ...] = ()
    """Rows that are tracked so; empty: all networks and controls but the ground truth."""

    @model_validator(mode="after")
    def _some_start(self):
        if not self.shift and not self.scales:
            raise ValueError("starts with shift 0 and no scales are none: use `starts: null`")
        if any(not 0.1 <= scale <= 10 or scale == 1 for scale in self.scales):
            raise ValueError(f"scales must be factors from 0.1 to 10 other than 1, not {list(self.scales)}")
        if len({start.name for start in self.starts}) < len(self.starts):
            raise ValueError(f"scales name one twice, to six digits: {list(self.scales)}")
        return self

    @property
    def starts(self) -> list[Start]:
        """All of them, shifted ones first."""
        moved = DIRECTIONS.items() if self.shift else ()
        shifted = [Start(name, dx=self.shift * dx, dy=self.shift * dy) for name, (dx, dy) in moved]
        return shifted + [Start(f"scale_{scale:g}", scale=scale) for scale in self.scales]


class ExplainOptions(Options):
    """Test crops on which teacher and students are held against each other."""

    sequences: int = Field(1, gt=0)
    """Test sequences of each benchmark, spread over the score as in the figures: one stands in its middle."""
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Instead: the test sequences of a benchmark by name."""
    runs: tuple[str, ...] = ()
    """Students; empty: `student` and `had`, or the first two where neither is there."""
    frames: int = Field(6, gt=0)
    """Crops of each sequence, spread over the frames that show the target."""


def unknown_names(
    starts: StartOptions | None,
    explain: ExplainOptions,
    roles: dict[str, str],
    controls: Iterable[str],
    benchmarks: Iterable[str],
) -> str:
    """What is wrong with the rows and benchmarks that the two name, in words; empty: nothing.

    Args:
        starts, explain: the options.
        roles: run -> role.
        controls: rows that do not learn.
        benchmarks: those of the configuration.
    """
    students = [name for name, role in roles.items() if role == "student"]
    startable = [*roles, *(name for name in controls if name != "ground_truth")]
    for name in starts.runs if starts else ():
        if name not in startable:
            return f"tracking.starts.runs names {name!r}, which is no row of ours: {nearest(name, startable)}"
    for name in explain.runs:
        if name not in students:
            return f"explain.runs names {name!r}, which is no student: {nearest(name, students)}"
    for name in explain.names:
        if canonical_name(name) not in benchmarks:
            return f"explain.names has {name!r}, which is no benchmark of this configuration"
    return ""
