"""The options of what is made of the tracks: statistics, figures, the interactive page."""

from __future__ import annotations

from pydantic import Field, model_validator

from had.options.base import LARGEST_SEED, Options


class EvaluationOptions(Options):
    """Statistics."""

    resamples: int = Field(10000, gt=0, le=1_000_000)
    """Bootstrap resamples of the sequences."""
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    """Seed of the bootstrap."""
    comparisons: tuple[tuple[str, str], ...] = ()
    """Pairs of rows that were to be compared before any score was seen: the first minus the second; runs in every
    regime, external trackers and controls, too."""
    least_sequences: int = Field(5, gt=0)
    """Attributes that fewer test sequences carry are kept out of the figures, and ranked by no table."""

    @model_validator(mode="after")
    def _two_rows(self):
        for first, second in self.comparisons:
            if first == second:
                raise ValueError(f"`comparisons` of {first!r} with itself")
        return self


class FigureOptions(Options):
    """What the qualitative figures show."""

    sequences: int = Field(3, gt=0)
    """Test sequences shown as strips, spread over the score."""
    runs: tuple[str, ...] = ()
    """Rows drawn in strips and films; empty: `student`, `had` and `teacher`, or all networks where there are none."""
    films: bool = True
    """Film the sequences that decide between two runs; the table `sequences` and the page link to them."""


class PageOptions(Options):
    """How much the interactive page holds of the sequences; its scores and curves are always whole."""

    frames: int = Field(6, ge=0)
    """Frames of a sequence that are embedded, evenly over its length; 0: none."""
    width: int = Field(256, gt=0, le=8192)
    """Their width in pixels; smaller images stay as they are."""
    quality: int = Field(60, ge=1, le=100)
    """Their WebP quality in percent."""
    megabytes: float = Field(12.0, ge=0)
    """Size that all embedded frames together keep within; sequences over the whole range of scores come first."""
    moments: int = Field(60, gt=0)
    """Moments of a sequence at which the overlaps of all rows are drawn, evenly over its length."""
