"""Operations of a network against the closed forms of its parts, and with every attention kernel alike."""

import itertools

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from had.config import load
from had.data.layouts import LAYOUTS
from had.models.network import TrackingNetwork
from had.models.operations import forward_operations
from had.options.training import CropOptions
from had.training.cost import network_cost

CROPS = CropOptions(template_voxels=64, search_voxels=256)


def network(*streams, **changes):
    sizes = {"template_size": 32, "search_size": 64, "patch": 16, "dim": 24, "depth": 3, "heads": 3}
    return TrackingNetwork(streams=streams, **{**sizes, "mlp_ratio": 2.0, "head_channels": 16, **changes})


def closed_form(model, crops) -> int:
    """Multiply-accumulates, part by part."""
    a, count = model.architecture, len(model.streams)
    D, patch, cells = a["dim"], a["patch"], (a["search_size"] // a["patch"]) ** 2
    places = cells + (a["template_size"] // patch) ** 2
    N = count * places
    macs = 0
    for stream in model.streams:
        rows = crops.template_voxels + crops.search_voxels
        if stream != "voxel":
            macs += places * 3 * patch**2 * D
        elif a["voxel_embedding"] == "list":
            macs += rows * 3 * 16 + places * 32 * 16 * D
        else:
            macs += rows * (19 * 64 + 64 * 64) + places * 64 * D
    qkv, projection, mlp = N * D * 3 * D, N * D * D, 2 * N * D * int(D * a["mlp_ratio"])
    attention = 2 * N * N * D  # QK^T and AV: heads x N x N x D / heads each
    macs += a["depth"] * (qkv + attention + projection + mlp)
    widths = [count * D, *(a["head_channels"] // 2**i for i in range(4))]
    layers = sum(9 * before * after for before, after in itertools.pairwise(widths))
    return macs + cells * (3 * layers + widths[-1] * (1 + 2 + 2))


@pytest.mark.parametrize(
    ("streams", "changes"),
    [
        (("event_image",), {}),
        (("event_image",), {"depth": 1, "heads": 1, "patch": 8}),
        (("rgb", "event_image"), {}),
        (("rgb", "event_image"), {"shared_patch_embedding": True, "head_event_tokens": "embedded"}),
        (("event_image", "voxel"), {}),
        (("event_image", "voxel"), {"voxel_embedding": "list", "unused_parameters": True}),
    ],
)
def test_operations_are_the_sum_of_the_closed_forms(streams, changes):
    model = network(*streams, **changes)
    assert forward_operations(model, CROPS) == 2 * closed_form(model, CROPS)


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
@pytest.mark.parametrize("place", ["cpu", "meta"])
def test_kernel_and_device_change_no_number(kernel, place):
    with torch.device(place):
        model = network("event_image")
    with sdpa_kernel(kernel):
        assert forward_operations(model, CROPS) == 2 * closed_form(model, CROPS)


def test_elimination_saves_operations():
    whole, fewer = network("event_image"), network("event_image", keep_ratio=0.5, elimination_blocks=(0,))
    assert forward_operations(fewer, CROPS) < forward_operations(whole, CROPS)


def test_plan_and_profile_count_alike():
    options = load("config/config.yaml")
    for run in ("student", "teacher"):
        resolved, layout = options.resolve(run), LAYOUTS["coesot"]
        streams = layout.teacher_streams if run == "teacher" else layout.student_streams
        sizes = {"template_size": options.crops.template_size, "search_size": options.crops.search_size}
        model = TrackingNetwork(streams=streams, **sizes, **resolved.network.model_dump())
        expected = 2 * closed_form(model, options.crops)
        assert network_cost(resolved, layout).forward == forward_operations(model, options.crops) == expected
