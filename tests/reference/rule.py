"""The rule that makes the reference set's weights and inputs: numbers from a name, a shape and a seed.

Written after `manifest.json` of the set, whose `rule_check` it is held against.
"""

from __future__ import annotations

import zlib

import numpy as np

POSITIONS = ("pos_embed", "cls_token", "pos_embed_z", "pos_embed_x")


def unit(name: str, shape: tuple[int, ...], seed: str) -> np.ndarray:
    """Float64 numbers in [-1, 1) of this shape: the mixed bits of a counter that starts at the name's checksum."""
    base = np.uint64(zlib.crc32(f"{seed}/{name}".encode())) << np.uint64(32)
    z = base + np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) * 2.0**-53 * 2 - 1).reshape(shape)


def parameter(name: str, shape: tuple[int, ...], seed: str) -> np.ndarray:
    """Values of the parameter or buffer with this official name, float64 rounded to float32."""
    last = name.split(".")[-1]
    if last == "num_batches_tracked":
        return np.array(1)
    r = unit(name, shape, seed)
    if last == "running_var":
        values = 1 + 0.2 * r
    elif last == "running_mean":
        values = 0.1 * r
    elif last in POSITIONS:
        values = 0.3 * r
    elif len(shape) == 1 and last.startswith("weight"):
        values = 1 + 0.1 * r
    elif len(shape) == 1:
        values = 0.05 * r - (1.1 if name.endswith("conv5_size.bias") else 0.0)
    else:
        gain = 1.4 if name.startswith("box_head.") else 1.0
        values = gain * np.sqrt(3 * shape[0] / np.prod(shape)) * r
    return values.astype(np.float32).astype(np.float64)


def network_inputs(seed: str) -> dict[str, np.ndarray]:
    """The batch of two: six float32 arrays by their official names; voxels are (2, 1, 19, L)."""
    shapes = {"template": (1, 2, 3, 128, 128), "search": (1, 2, 3, 256, 256)}
    arrays = {}
    for role, shape in shapes.items():
        for name in (f"{role}_images", f"{role}_event_image"):
            arrays[name] = (1.8 * unit(f"in/{name}", shape, seed)[0]).astype(np.float32)
        length = {"template": 1024, "search": 4096}[role]
        voxels = unit(f"in/{role}_voxel", (1, 2, 1, 19, length), seed)[0]
        voxels[:, :, :3] = (voxels[:, :, :3] + 1) / 2
        voxels[..., int(0.9 * length) :] = 0
        arrays[f"{role}_voxel"] = voxels.astype(np.float32)
    return arrays
