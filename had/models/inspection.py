"""What a checkpoint is: its numbers for people, and the network of its own size that it should fill.

Enters: `had.models.published.Published`. Leaves: a dictionary to print, and a `TrackingNetwork` without values.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from had.errors import CheckpointError, ConfigError
from had.models.network import TrackingNetwork
from had.models.published import ROLES, Published

HEAD_WIDTH = 64
"""Width of an attention head in the published networks; no tensor's shape depends on it."""
STREAMS = {"teacher": ("event_image", "voxel"), "student": ("event_image",), "mae": ("event_image",)}
"""Of a published file; a teacher's tensors are the same in both modes."""


def describe(found: Published) -> dict[str, Any]:
    """Numbers that say what a checkpoint is, for people.

    Raises:
        CheckpointError: as `network_of`.
    """
    network = network_of(found).architecture
    grids = {
        name.removeprefix("backbone."): f"{tensor.shape[1]} positions of width {tensor.shape[2]}"
        for name, tensor in found.tensors.items()
        if name.rpartition(".")[2] in ("pos_embed", *ROLES) and tensor.dim() == 3
    }
    return {
        "file": str(found.path),
        "kind": found.kind,
        "encoder prefix": found.wrapper + found.prefix or "none",
        "tensors": len(found.tensors),
        "parameters": sum(t.numel() for n, t in found.tensors.items() if t.is_floating_point() and "running_" not in n),
        "width": network["dim"],
        "depth": network["depth"],
        "patch": network["patch"],
        "head": "yes" if any(name.startswith("box_head.") for name in found.tensors) else "no",
        **grids,
        **{f"also {key}": value for key, value in found.facts.items()},
    }


def network_of(found: Published) -> TrackingNetwork:
    """The network that a checkpoint's sizes belong to, on the meta device, all switches as published.

    Sizes that the file does not state (crops and head of an MAE file) are the published ones.

    Raises:
        CheckpointError: tensors whose shapes belong to no network.
    """
    if found.network is not None:
        return found.network
    shapes = {name: tuple(tensor.shape) for name, tensor in found.tensors.items()}
    _, dim = _shape(found, shapes, "backbone.blocks.0.attn.qkv.weight", 2)
    hidden, _ = _shape(found, shapes, "backbone.blocks.0.mlp.fc1.weight", 2)
    patch = _shape(found, shapes, "backbone.patch_embed.proj.weight", 4)[-1]
    tokens = {"z": 64, "x": 256}
    for name, role in ROLES.items():
        if f"backbone.{name}" in shapes:
            tokens[role] = _shape(found, shapes, f"backbone.{name}", 3)[1]
    sides = {role: math.isqrt(number) for role, number in tokens.items()}
    channels = 256
    if "box_head.conv1_ctr.0.weight" in shapes:
        channels = _shape(found, shapes, "box_head.conv1_ctr.0.weight", 4)[0]
    architecture: dict[str, Any] = {
        "streams": STREAMS[found.kind],
        "template_size": patch * sides["z"],
        "search_size": patch * sides["x"],
        "patch": patch,
        "dim": dim,
        "depth": depth_of(found),
        "heads": dim // HEAD_WIDTH if dim % HEAD_WIDTH == 0 else 1,
        "mlp_ratio": hidden / max(dim, 1),
        "head_channels": channels,
        "shared_patch_embedding": True,
        "head_event_tokens": "embedded",
        "voxel_embedding": "list",
        "unused_parameters": True,
    }
    try:
        with torch.device("meta"):
            return TrackingNetwork(**architecture)
    except ConfigError as error:
        got = f"{found.path}: {error.got}"
        raise CheckpointError("the shapes of a tracking network", got, "give another file") from None


def depth_of(found: Published) -> int:
    """Number of transformer blocks: how many different numbers of blocks there are, whatever they are."""
    return len({name.split(".")[2] for name in found.tensors if name.startswith("backbone.blocks.")})


def _shape(found: Published, shapes: dict[str, tuple[int, ...]], name: str, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor from which a size is read."""
    shape = shapes.get(name, ())
    if len(shape) != dimensions:
        raise CheckpointError(
            f"{name} with {dimensions} dimensions", f"{shape or 'none'} in {found.path}", "give another file"
        )
    return shape
