"""Published teacher and student: every output, in both modes and sizes, in float64 and float32."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from rule import network_inputs, parameter

from had.models.network import TrackingNetwork

STREAMS = {
    ("teacher", "eventvot"): ("event_image", "voxel"),
    ("student", "eventvot"): ("event_image",),
    ("teacher", "coesot"): ("rgb", "event_image"),
    ("student", "coesot"): ("event_image",),
}
CASES = [(size, role, mode) for size in ("small", "vitb") for role, mode in STREAMS]


def published(reference, size, role, mode):
    """The network with the set's weights."""
    facts = reference.manifest["sizes"][size]
    with torch.device("meta"):  # Nothing is initialised that the rule then overwrites.
        network = official_network(facts, STREAMS[role, mode])
    shapes = tuple((name, tuple(tensor.shape)) for name, tensor in network.state_dict().items())
    state = {name: value.clone() for name, value in rule_weights(shapes, reference.seed).items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


@lru_cache(maxsize=2)  # The teacher's and the student's.
def rule_weights(shapes, seed):
    """Float32 tensors by name, counters as whole numbers."""
    values = {name: torch.from_numpy(parameter(name, shape, seed)) for name, shape in shapes}
    return {name: value.float() if value.is_floating_point() else value for name, value in values.items()}


def official_network(facts, streams):
    """A network of the set's size with all switches as published."""
    return TrackingNetwork(
        streams=streams,
        template_size=128,
        search_size=256,
        patch=16,
        dim=facts["embed"],
        depth=facts["depth"],
        heads=facts["heads"],
        head_channels=256,
        shared_patch_embedding=True,
        head_event_tokens="embedded",
        voxel_embedding="list",
        unused_parameters=True,
        rgb_normalization="imagenet",
        event_normalization="imagenet",
    )


def crops(reference, role, mode, dtype):
    """Template and search inputs by stream."""
    arrays = {name: torch.from_numpy(value).to(dtype) for name, value in network_inputs(reference.seed).items()}
    event = "images" if mode == "eventvot" else "event_image"  # EventVOT has no RGB: its image is the event image
    result = []
    for part in ("template", "search"):
        voxels = arrays[f"{part}_voxel"][:, 0].mT  # 2 1 19 L -> 2 L 19
        streams = {"rgb": arrays[f"{part}_images"], "event_image": arrays[f"{part}_{event}"], "voxel": voxels}
        result.append({stream: streams[stream] for stream in STREAMS[role, mode]})
    return result


@pytest.mark.parametrize("size", ["small", "vitb"])
def test_parameters_are_the_published_ones(reference, size):
    keys = reference.keys(size)
    for (role, mode), _ in STREAMS.items():
        network = published(reference, size, role, mode)
        names = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
        assert names == {name: shape for name, shape, _ in keys[role]["state_dict"]}
        assert sum(weight.numel() for weight in network.parameters()) == keys[role]["n_parameters"]
        assert sum(weight.numel() for weight in network.box_head.parameters()) == keys[role]["n_head"]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("size", "role", "mode"), CASES)
def test_outputs(reference, compare, size, role, mode, precision):
    dtype = getattr(torch, precision)
    network = published(reference, size, role, mode).to(dtype)
    seen = {}
    network.encoder.blocks[0].register_forward_pre_hook(lambda _, args: seen.update(entering=args[0]))
    network.encoder.blocks[0].register_forward_hook(lambda _, args, out: seen.update(after=out[0]))
    with torch.no_grad():
        prediction, features = network(*crops(reference, role, mode, dtype), need_attention=True)
    tokens, attention = features.tokens, features.attention
    if role == "teacher":
        image, event = (features.layout.spans["x", stream] for stream in network.streams)
        backbone = torch.cat([seen["entering"][:, event], tokens[:, image]], dim=1)
    else:
        backbone = tokens

    def part(values):
        return values[:, ::16, :: network.dim // 32]

    stats = tokens.double(), attention.double()
    comparison = compare(f"{size}_{role}_{mode}", precision)
    comparison.add("score_map", prediction.response[:, None])
    comparison.add("size_map", prediction.size)
    comparison.add("offset_map", prediction.offset)
    comparison.add("pred_boxes", prediction.boxes[:, None])
    comparison.add("feature_sub", part(tokens))
    comparison.add("feature_token_norm", torch.linalg.vector_norm(stats[0], dim=-1))
    comparison.add("feature_stats", [stats[0].mean(), stats[0].std(correction=0), torch.linalg.vector_norm(stats[0])])
    comparison.add("attn_sub", attention[:, :, ::20, ::20])
    comparison.add(
        "attn_stats",
        [stats[1].mean(), stats[1].std(correction=0), stats[1].max(), torch.linalg.vector_norm(stats[1])],
    )
    comparison.add("tokens_in_sub", part(seen["entering"]))
    comparison.add("tokens_block0_sub", part(seen["after"]))
    comparison.add("backbone_out_sub", part(backbone))
    comparison.add("backbone_out_shape", np.array(backbone.shape))
    assert set(comparison.ratios) == set(comparison.wanted)
