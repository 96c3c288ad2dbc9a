"""A network -> operations of one forward pass on one template and one search crop, 2 a multiply-accumulate.

Counted on a copy whose tensors have shapes and no values, with attention as plain matrix products: the number does not
depend on the device or on the attention kernel, for some of which torch counts nothing. It is the sum of the closed
forms of patch embedding, qkv, attention, projection, MLP and the head's convolutions; what works on single numbers
(norms, softmax, GELU) is not counted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental import _config as tensor_shapes
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from had.models.network import TrackingNetwork
from had.options.training import CropOptions

VOXEL_COLUMNS = 19


def forward_operations(network: TrackingNetwork, crops: CropOptions) -> int:
    """Operations of one forward pass; every row of a voxel list counts as filled.

    Args:
        network: of any device; only its architecture is read.
        crops: of which the numbers of voxels are read.
    """

    def inputs(side: int, voxels: int) -> dict[str, Tensor]:
        image = torch.zeros(1, 3, side, side, dtype=torch.uint8)
        lists = torch.zeros(1, voxels, VOXEL_COLUMNS)
        return {stream: lists if stream == "voxel" else image for stream in network.streams}

    built: dict[str, Any] = network.architecture
    filled = tensor_shapes.patch(meta_nonzero_assume_all_nonzero=True)  # type: ignore[attr-defined]
    with torch.device("meta"), filled, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        copy = TrackingNetwork(**built).eval()
        template = inputs(built["template_size"], crops.template_voxels)
        search = inputs(built["search_size"], crops.search_voxels)
        with FlopCounterMode(display=False) as counter:
            copy(template, search)
    return counter.get_total_flops()
