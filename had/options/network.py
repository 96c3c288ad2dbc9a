"""Options of networks, and the one check that every network passes, be it of a configuration or of a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from had.errors import ConfigError, excerpt
from had.options.base import Options

Stream = Literal["rgb", "event_image", "voxel"]
MOST_PIXELS = 4096
"""Largest side of a crop or a patch."""
MOST_PATCHES = 128
"""Most patches along a side of a crop: attention grows with the fourth power of it."""


class NetworkOptions(Options):
    """The one-stream or two-stream vision transformer and its head."""

    patch: int = Field(16, gt=0, le=MOST_PIXELS)
    """Side of a patch in pixels."""
    dim: int = Field(128, gt=0, le=8192)
    """Token width D."""
    depth: int = Field(4, gt=0, le=128)
    """Transformer blocks."""
    heads: int = Field(4, gt=0, le=8192)
    """Attention heads."""
    mlp_ratio: float = Field(4.0, gt=0, le=64)
    """Hidden width of a block's MLP over D."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Stochastic depth of the last block; grows linearly from 0."""
    head_channels: int = Field(64, ge=8, le=8192)
    """Channels of the head's first layer; they halve three times."""
    shared_patch_embedding: bool = False
    """One patch embedding for RGB and event images (published), or one each."""
    head_event_tokens: Literal["encoded", "embedded"] = "encoded"
    """What a two-stream network's head reads of the event stream, beside the encoded image tokens: the encoded tokens,
    or those before the transformer (published)."""
    voxel_embedding: Literal["cells", "list"] = "cells"
    """How voxels become tokens: each where it lies, or folded into a square in list order (published)."""
    unused_parameters: bool = False
    """Hold the parameters that the published files have and no forward pass reads."""
    keep_ratio: float = Field(1.0, gt=0, le=1)
    """Share of the search tokens that each candidate elimination keeps; 1 drops none (published)."""
    elimination_blocks: tuple[Annotated[int, Field(ge=0, lt=128)], ...] = Field((3, 6, 9), max_length=128)
    """Blocks, counted from 0, after which search tokens are eliminated."""
    elimination_cells: Literal["point", "centre", "all"] = "point"
    """Template cells whose attention decides: one in the middle (published), those around it, or all."""
    rgb_normalization: Literal["imagenet", "crop"] = "crop"
    """ImageNet's mean and deviation (published), or each crop's own, so that low light does not starve the network."""
    event_normalization: Literal["imagenet", "background"] = "background"
    """ImageNet's mean and deviation (published), or the white ground of an event image as zero."""

    @model_validator(mode="after")
    def _heads_divide(self):
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not divisible by heads {self.heads}")
        if self.dim * self.mlp_ratio < 1:
            raise ValueError(f"dim {self.dim} times mlp_ratio {self.mlp_ratio} is less than 1")
        return self


class Architecture(NetworkOptions):
    """All that a network is built from: the options above, what it reads, and the sides of its crops.

    Every network passes it, be it of a configuration or of a file, so that what can be trained can be read again.
    """

    model_config = ConfigDict(strict=True)

    streams: tuple[Stream, ...] = Field(min_length=1, max_length=2)
    """Streams in token order, image before event."""
    template_size: int = Field(gt=0, le=MOST_PIXELS)
    """Side of the template crop in pixels."""
    search_size: int = Field(gt=0, le=MOST_PIXELS)
    """Side of the search crop in pixels."""

    @model_validator(mode="after")
    def _patches_fill_the_crops(self):
        if len(set(self.streams)) < len(self.streams):
            raise ValueError(f"the same stream twice, {', '.join(self.streams)}")
        for name in ("template_size", "search_size"):
            side = getattr(self, name)
            if side % self.patch:
                raise ValueError(f"crops.{name} {side}, which network.patch {self.patch} does not divide")
            if side > MOST_PATCHES * self.patch:
                most = MOST_PATCHES * self.patch
                raise ValueError(f"crops.{name} {side}, more than {most} with network.patch {self.patch}")
        return self


def checked_architecture(**values: Any) -> Architecture:
    """The architecture of these values.

    Raises:
        ConfigError: of another type, out of range, or contradicting each other.
    """
    try:
        return Architecture(**values)
    except ValidationError as error:
        first = error.errors()[0]
        got = "".join(f"{name} {excerpt(str(first['input']))}: " for name in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError("a network that can be built", got + message, "correct the configuration") from None
