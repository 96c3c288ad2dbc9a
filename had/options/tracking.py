"""Options of the tracker."""

from __future__ import annotations

from pydantic import Field

from had.options.analysis import StartOptions
from had.options.base import Options
from had.options.neutral import decisive


class TrackingOptions(Options):
    """How a trained network follows a target."""

    window_influence: float = Field(1.0, ge=0, le=1)
    """Weight of the Hann window on the response map: 1 multiplies fully (published), 0 not at all."""
    size_rate: float = Field(1.0, gt=0, le=1)
    """How fast a box takes the predicted size, per frame and in its logarithm: 1 at once (published); less damps
    width and height, as SiamFC and SiamRPN do."""
    clip_margin: float = Field(2.0, ge=0, le=10_000)
    """Pixels that a box keeps inside the image, and the least length of its sides (published: 10)."""
    batch_sequences: int = Field(16, gt=0, le=4096)
    """Sequences that are tracked in lockstep."""
    one_shot_crops: int = Field(8, ge=0, le=10_000)
    """Jittered test crops a sequence for the one-shot IoU."""
    profile_frames: int = Field(100, gt=0, le=1_000_000)
    """Frames timed for FPS."""
    starts: StartOptions | None = None
    """Also track from jittered first boxes, `{}` as OTB does (12 starts); null: from the annotated one alone (OPE)."""

    @property
    def carried(self) -> dict:
        """What a network's file says of tracking: how a box follows from the network's answer."""
        return self.model_dump(mode="json", include={"window_influence", "size_rate", "clip_margin"})

    @property
    def decisive(self) -> dict:
        """What a track depends on."""
        return decisive(self, without=("profile_frames", "starts", "one_shot_crops"))

    @property
    def scored(self) -> dict:
        """What all that is scored of a split depends on: its tracks from the annotated boxes, and the single crops."""
        return {**self.decisive, "one_shot_crops": self.one_shot_crops}
