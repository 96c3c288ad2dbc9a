"""The options of the interactive page."""

from __future__ import annotations

from pydantic import Field

from had.options.base import Options


class PageOptions(Options):
    """How much the interactive page holds of the sequences; its scores and curves are always whole."""

    frames: int = Field(6, ge=0)
    """Frames of a sequence that are embedded, evenly over its length; 0: none."""
    width: int = Field(256, gt=0)
    """Their width in pixels; smaller images stay as they are."""
    quality: int = Field(60, ge=1, le=100)
    """Their WebP quality in percent."""
    megabytes: float = Field(12.0, ge=0)
    """Size that all embedded frames together keep within; sequences over the whole range of scores come first."""
    moments: int = Field(60, gt=0)
    """Moments of a sequence at which the overlaps of all rows are drawn, evenly over its length."""
