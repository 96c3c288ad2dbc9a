"""Networks: shapes, token order, names, what they must and must not react to."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from had.errors import ConfigError
from had.models.head import decode
from had.models.network import TrackingNetwork, token_layout
from had.models.normalize import normalize
from had.models.voxels import ListVoxelEmbedding, VoxelEmbedding

SMALL = {"template_size": 32, "search_size": 64, "patch": 16, "dim": 32, "depth": 2, "heads": 2, "head_channels": 16}

PUBLISHED = {"head_event_tokens": "embedded", "voxel_embedding": "list", "unused_parameters": True}


def network(*streams: str, **changes) -> TrackingNetwork:
    torch.manual_seed(0)
    return TrackingNetwork(streams=streams, **{**SMALL, **changes})


def crops(batch: int, seed: int = 0) -> tuple[dict, dict]:
    rng = torch.Generator().manual_seed(seed)

    def side(size: int, voxels: int) -> dict:
        images = {
            stream: torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=rng)
            for stream in ("rgb", "event_image")
        }
        return {**images, "voxel": torch.rand(batch, voxels, 19, generator=rng)}

    return side(32, 20), side(64, 40)


@pytest.mark.parametrize("streams", [("event_image",), ("rgb",), ("rgb", "event_image"), ("event_image", "voxel")])
def test_shapes_and_gradients(streams):
    model = network(*streams)
    prediction, features = model(*crops(3), need_attention=True)
    n = len(streams) * (4 + 16)
    assert prediction.response.shape == prediction.logits.shape == (3, 4, 4)
    assert prediction.size.shape == prediction.offset.shape == (3, 2, 4, 4)
    assert features.tokens.shape == (3, n, 32)
    assert features.attention.shape == (3, 2, n, n)
    torch.testing.assert_close(features.attention.sum(-1), torch.ones(3, 2, n))
    (prediction.logits.square().sum() + prediction.boxes.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_token_order_is_the_published_one():
    layout = token_layout(("rgb", "event_image"), 2, 4)
    assert list(layout.spans) == [("z", "rgb"), ("z", "event_image"), ("x", "rgb"), ("x", "event_image")]
    assert [(s.start, s.stop) for s in layout.spans.values()] == [(0, 4), (4, 8), (8, 24), (24, 40)]


def test_asking_for_attention_changes_nothing_else():
    model = network("rgb", "event_image").double().eval()
    template, search = ({k: v.double() / 64 for k, v in side.items()} for side in crops(2))
    plain, asked = model(template, search), model(template, search, need_attention=True)
    assert plain[1].attention is None
    torch.testing.assert_close(plain[1].tokens, asked[1].tokens, atol=1e-12, rtol=0)
    torch.testing.assert_close(plain[0].boxes, asked[0].boxes, atol=1e-12, rtol=0)


def test_samples_of_a_batch_are_independent_in_evaluation():
    model = network("event_image", "voxel").eval()
    template, search = crops(3)
    together = model(template, search)[0]
    alone = model({k: v[1:2] for k, v in template.items()}, {k: v[1:2] for k, v in search.items()})[0]
    torch.testing.assert_close(together.logits[1:2], alone.logits, atol=1e-5, rtol=1e-5)


def test_both_streams_reach_the_head():
    model = network("rgb", "event_image").eval()
    template, search = crops(1)
    before = model(template, search)[0].logits
    for stream in ("rgb", "event_image"):
        changed = {**search, stream: 255 - search[stream]}
        assert (model(template, changed)[0].logits - before).count_nonzero() > 8


def test_seed_decides_the_weights():
    from had.config import load
    from had.models.network import build_network

    options = load("config/smoke.yaml").resolve("student")
    first, again, other = (build_network(options, ("event_image",), seed=s) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.encoder.blocks[0].attn.qkv.weight, other.encoder.blocks[0].attn.qkv.weight)


@pytest.mark.parametrize(
    ("streams", "changes"),
    [
        ((), {}),
        (("rgb", "rgb"), {}),
        (("depth",), {}),
        (("rgb", "event_image", "voxel"), {}),
        (("rgb",), {"search_size": 60}),
        (("rgb",), {"template_size": 40}),
    ],
)
def test_impossible_networks_are_refused(streams, changes):
    with pytest.raises(ConfigError):
        network(*streams, **changes)


@pytest.mark.parametrize(("role", "streams"), [("student", ("event_image",)), ("teacher", ("rgb", "event_image"))])
def test_names_and_shapes_are_the_published_ones(shared, role, streams):
    folder = shared / "reference" / "had_official"
    published = json.loads((folder / "state_dict_keys_small.json").read_text())[role]
    expected = {name: tuple(shape) for name, shape, _ in published["state_dict"]}
    unused = set(published["unused_parameters"])
    model = network(
        *streams,
        template_size=128,
        search_size=256,
        dim=192,
        depth=sum(name.endswith("norm1.weight") for name in expected),
        heads=3,
        head_channels=256,
        shared_patch_embedding=True,
    )
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == {name: shape for name, shape in expected.items() if name not in unused}


# --- published switches ------------------------------------------------------------------------


def test_defaults_are_what_older_files_hold():
    """A saved architecture without the published switches is the network that it always was."""
    model = network("rgb", "event_image")
    defaults = {
        "shared_patch_embedding": False,
        "head_event_tokens": "encoded",
        "voxel_embedding": "cells",
        "unused_parameters": False,
        "keep_ratio": 1.0,
        "rgb_normalization": "crop",
        "event_normalization": "background",
    }
    again = TrackingNetwork(**{name: value for name, value in model.architecture.items() if name not in defaults})
    assert defaults.items() <= again.architecture.items()
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in model.named_parameters()]


def test_switches_reach_the_architecture():
    model = network("event_image", "voxel", **PUBLISHED)
    assert PUBLISHED.items() <= model.architecture.items()
    assert TrackingNetwork(**model.architecture).state_dict().keys() == model.state_dict().keys()


def test_head_reads_what_the_switch_says():
    """Embedded tokens have seen no other token: far event pixels cannot reach a cell but through the image tokens."""
    template, search = crops(1)
    changed = {**search, "event_image": search["event_image"].clone()}
    changed["event_image"][..., :16, :16] = 0
    for choice in ("encoded", "embedded"):
        model = network("rgb", "event_image", head_event_tokens=choice).eval()
        seen = []
        model.box_head.register_forward_pre_hook(lambda _, entered, seen=seen: seen.append(entered[0]))
        for crop in (search, changed):
            model(template, crop)
        moved = (seen[0] - seen[1])[0, 32:].abs().amax(dim=0) > 1e-6  # 4 4, the event half
        assert moved[0, 0]
        assert moved.sum() == (1 if choice == "embedded" else 16)


def test_unused_parameters_change_nothing_but_the_file():
    torch.manual_seed(0)
    with_them, without = network("event_image", unused_parameters=True), network("event_image")
    extra = with_them.state_dict().keys() - without.state_dict().keys()
    assert {name.split(".")[1] for name in extra} == {"cls_token", "pos_embed", "pos_embed_event"}
    with_them.load_state_dict(without.state_dict(), strict=False)
    first, second = (model.eval()(*crops(1))[0].boxes for model in (with_them, without))
    assert torch.equal(first, second)
    teacher = network("event_image", "voxel", voxel_embedding="list", unused_parameters=True)
    assert not any("voxel_embed" in name for name in teacher.state_dict())


def test_lists_that_cannot_be_folded_are_refused():
    from had.config import load
    from had.models.network import build_network

    options = load("config/smoke.yaml").resolve("teacher")
    folded = options.network.model_copy(update={"voxel_embedding": "list"})
    grids = [(4 * size // folded.patch) ** 2 for size in (options.crops.template_size, options.crops.search_size)]
    right = options.crops.model_copy(update={"template_voxels": grids[0], "search_voxels": grids[1]})
    build_network(options.model_copy(update={"network": folded, "crops": right}), ("event_image", "voxel"))
    wrong = right.model_copy(update={"search_voxels": grids[1] + 1})
    with pytest.raises(ConfigError, match="search_voxels"):
        build_network(options.model_copy(update={"network": folded, "crops": wrong}), ("event_image", "voxel"))


@pytest.mark.parametrize("streams", [("rgb",), ("event_image", "voxel")])
def test_a_float64_network_takes_the_same_crops(streams):
    template, search = crops(1)
    single = network(*streams).eval()(template, search)[0]
    double = network(*streams).double().eval()(template, search)[0]
    assert double.response.dtype == torch.float64
    torch.testing.assert_close(double.response.float(), single.response, atol=1e-5, rtol=1e-4)


# --- parts -------------------------------------------------------------------------------------


def test_listed_voxels_are_folded_row_by_row():
    """Token (i, j) sees the rows that lie in its 4 x 4 patch of the square of rows, and nothing else."""
    torch.manual_seed(0)
    embedding = ListVoxelEmbedding(dim=8).double()
    voxels = torch.rand(1, 8 * 12, 19, dtype=torch.float64)
    before = embedding(voxels, (2, 3))
    assert before.shape == (1, 6, 8)
    changed = voxels.clone()
    changed[0, 5 * 12 + 9, 4] += 1  # row 5, column 9 of the square: patch (1, 2)
    moved = (embedding(changed, (2, 3)) - before).abs().amax(dim=(0, 2)) > 1e-12
    assert moved.nonzero().flatten().tolist() == [5]
    with pytest.raises(ValueError, match="96"):
        embedding(voxels[:, :-1], (2, 3))


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_voxel_order_and_padding_do_not_matter(seed):
    rng = torch.Generator().manual_seed(seed)
    embedding = VoxelEmbedding(dim=16).double()
    voxels = torch.rand(2, 30, 19, generator=rng, dtype=torch.float64)
    shuffled = voxels[:, torch.randperm(30, generator=rng)]
    padded = torch.cat([shuffled, torch.zeros(2, 7, 19, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(embedding(voxels, (3, 4)), embedding(padded, (3, 4)), atol=1e-12, rtol=1e-12)


def test_a_voxel_speaks_in_its_own_cell_only():
    embedding = VoxelEmbedding(dim=8)
    nothing = embedding(torch.zeros(1, 1, 19), (4, 4))
    for x, y, cell in ((0.0, 0.0, 0), (0.99, 0.0, 3), (1.0, 1.0, 15), (0.3, 0.6, 9)):
        voxel = torch.ones(1, 1, 19)
        voxel[0, 0, :2] = torch.tensor([x, y])
        changed = (embedding(voxel, (4, 4)) - nothing).abs().amax(dim=-1)[0]
        assert changed.nonzero().flatten().tolist() == [cell]


def test_two_voxels_of_a_cell_are_told_apart_by_their_place():
    embedding = VoxelEmbedding(dim=8)
    voxel = torch.ones(2, 1, 19)
    voxel[0, 0, :2], voxel[1, 0, :2] = torch.tensor([0.05, 0.1]), torch.tensor([0.2, 0.1])
    out = embedding(voxel, (4, 4))
    assert (out[0] - out[1]).abs().max() > 1e-4


def test_crop_normalisation_ignores_light_and_padding():
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(20, 120, (1, 3, 16, 16), dtype=torch.uint8, generator=rng)
    torch.testing.assert_close(normalize(image, "crop"), normalize(2 * image, "crop"), atol=1e-5, rtol=1e-5)
    padded = torch.zeros(1, 3, 16, 32, dtype=torch.uint8)
    padded[..., :16] = image
    torch.testing.assert_close(normalize(padded, "crop")[..., :16], normalize(image, "crop"), atol=1e-5, rtol=1e-5)
    assert normalize(padded, "crop")[..., 16:].abs().max() == 0
    assert normalize(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "crop").isfinite().all()


def test_white_ground_is_zero():
    assert normalize(torch.full((1, 3, 4, 4), 255, dtype=torch.uint8), "background").abs().max() == 0


def test_the_first_of_equal_maxima_is_decoded():
    response = torch.zeros(1, 4, 4)
    response[0, 1, 2] = response[0, 3, 0] = 0.9
    size = torch.zeros(1, 2, 4, 4)
    size[0, :, 1, 2] = torch.tensor([0.3, 0.2])
    offset = torch.full((1, 2, 4, 4), 0.5)
    torch.testing.assert_close(decode(response, size, offset), torch.tensor([[0.625, 0.375, 0.3, 0.2]]))
