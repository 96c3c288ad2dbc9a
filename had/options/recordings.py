"""Options of recordings: simulated or on disk, and how they are prepared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from had.options.base import LARGEST_SEED, FilePath, Options


class EventCameraOptions(Options):
    """The simulated event sensor."""

    threshold_on: float = Field(0.25, ge=0.01)
    """Mean log-intensity rise that fires an ON event."""
    threshold_off: float = Field(0.25, ge=0.01)
    """Mean log-intensity fall that fires an OFF event."""
    threshold_spread: float = Field(0.03, ge=0)
    """Standard deviation of the thresholds over the pixels, in log intensity."""
    refractory_us: int = Field(500, ge=0)
    """Microseconds in which a pixel that fired cannot fire again."""
    noise_rate_hz: float = Field(0.1, ge=0, le=10_000)
    """Background-activity events a pixel and second in the dark."""
    leak_rate_hz: float = Field(0.05, ge=0, le=10_000)
    """ON events a pixel and second that leak currents cause."""
    cutoff_hz: float = Field(200.0, gt=0)
    """Bandwidth of a fully lit pixel's photoreceptor; it falls in proportion to the light."""


class RgbCameraOptions(Options):
    """The simulated frame camera."""

    exposure_us: int = Field(8000, gt=0)
    """Exposure time in normal light; low light triples it where the frame rate allows."""
    full_well: float = Field(10000.0, gt=0)
    """Electrons at which a pixel saturates: the upper end of the dynamic range and the shot noise."""
    read_noise: float = Field(20.0, ge=0)
    """Standard deviation of the read-out noise in electrons."""


class SplitSize(Options):
    """How much is simulated for one split."""

    sequences: int = Field(gt=0, le=1_000_000)
    """Number of sequences."""
    frames: int = Field(ge=8, le=100_000)
    """Annotated frames a sequence."""


class SimulationOptions(Options):
    """Recordings made here instead of downloaded ones."""

    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    """Every scene, texture and noise follows from this number, the split's name and the sequence's index."""
    width: int = Field(346, ge=64, le=4096)
    """Sensor width in pixels."""
    height: int = Field(260, ge=64, le=4096)
    """Sensor height in pixels."""
    frame_rate: float = Field(25.0, ge=1, le=10_000)
    """Annotated frames a second."""
    renders_per_frame: int = Field(10, ge=10, le=1000)
    """Scene renderings between two frames."""
    train: SplitSize = SplitSize(sequences=300, frames=24)
    """The training split."""
    val: SplitSize = SplitSize(sequences=24, frames=48)
    """The validation split."""
    test: SplitSize = SplitSize(sequences=48, frames=64)
    """The test split."""
    event_camera: EventCameraOptions = EventCameraOptions()
    """The event sensor."""
    rgb_camera: RgbCameraOptions = RgbCameraOptions()
    """The frame camera."""

    @model_validator(mode="after")
    def _room_to_move(self):
        if max(self.width, self.height) > 4 * min(self.width, self.height):
            raise ValueError(f"width {self.width} and height {self.height}: one is more than 4 times the other")
        return self


class PreparationOptions(Options):
    """From raw recordings to what training reads."""

    slicing: Literal["layout", "frame", "exposure", "interval", "equal"] = "layout"
    """Which events belong to a frame: its read-out, its exposure, all until the next frame, an equal
    share of the recording, or what the layout publishes."""
    slices: int | None = Field(None, gt=1, le=10_000_000)
    """Slices of an equally sliced recording; null: what the sequence's slices.txt states, else as published (500)."""
    voxel_slicing: Literal["image", "published"] = "image"
    """Voxels of the event images' slices, or of the published conversion's own, which lie about one slice earlier."""
    voxels: bool = True
    """Also store voxels, where the layout's teacher reads them."""
    published: Literal["without_raw", "first"] = "without_raw"
    """Published event images and voxels are read as they are: where there is no raw recording, or wherever a sequence
    has all of them."""


class BenchmarkOptions(Options):
    """Where one benchmark's recordings come from."""

    root: FilePath | None = None
    """A folder in the published layout; null: simulate."""
    simulation: SimulationOptions | None = None
    """What is simulated where there is no root."""
    preparation: PreparationOptions = PreparationOptions()
    """How recordings are prepared."""
    baselines: FilePath | None = None
    """Stored curves of published trackers (.npz) on the same sequences: grey lines in the plots, and what BOC needs."""

    @model_validator(mode="after")
    def _one_source(self):
        if (self.root is None) == (self.simulation is None):
            raise ValueError("give either `root` (recordings on disk) or `simulation`, not both or neither")
        return self
