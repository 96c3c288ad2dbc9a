"""Candidate elimination: who goes, who stays where, and a network that drops nothing by default."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from had.errors import ConfigError
from had.models.elimination import eliminate, keep_ratio_at, restore, template_cells
from had.models.network import TrackingNetwork

SMALL = {"template_size": 32, "search_size": 64, "patch": 16, "dim": 32, "depth": 3, "heads": 2, "head_channels": 16}


def network(*streams, **changes):
    torch.manual_seed(0)
    return TrackingNetwork(streams=streams, **{**SMALL, **changes}).eval()


def crops(batch=2):
    rng = torch.Generator().manual_seed(0)
    return [{s: torch.rand(batch, 3, size, size, generator=rng) for s in ("rgb", "event_image")} for size in (32, 64)]


@given(st.integers(0, 30), st.integers(1, 40), st.floats(0.1, 1.0))
def test_schedule_falls_from_one_to_the_final_share(first, length, final):
    shares = [keep_ratio_at(epoch, first=first, last=first + length, final=final) for epoch in range(80)]
    assert shares[:first] == [1.0] * first
    assert shares[first] == pytest.approx(1.0)
    assert shares[first + length :] == [final] * (80 - first - length)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(shares))


def test_template_cells():
    assert template_cells("point", (8, 8)).nonzero().tolist() == [[3 * 8 + 3]]
    assert template_cells("centre", (8, 8)).nonzero()[:, 0].tolist() == [27, 28, 35, 36]
    assert template_cells("centre", (5, 5)).nonzero().tolist() == template_cells("point", (5, 5)).nonzero().tolist()
    assert template_cells("all", (2, 3)).tolist() == [True] * 6
    with pytest.raises(ValueError, match="corner"):
        template_cells("corner", (2, 2))


def test_best_places_stay_in_their_order_and_come_back():
    tokens = torch.arange(2 + 2 + 4 + 4.0).view(1, 12, 1)  # two streams of 2 template and 4 search tokens
    attention = torch.zeros(1, 1, 12, 12)
    attention[0, 0, 0, 4:8] = torch.tensor([0.1, 0.2, 0.3, 0.4])  # the first template cell of the first stream
    attention[0, 0, 2, 8:12] = torch.tensor([0.9, 0.0, 0.0, 0.0])  # of the second stream
    attention[0, 0, 1] = 7.0  # a cell that is not asked
    cells = torch.tensor([True, False])
    left, places = eliminate(tokens, attention, torch.arange(4)[None], cells=cells, streams=2, ratio=0.5)
    assert places.tolist() == [[0, 3]]  # 0.1 + 0.9 and 0.4
    assert left.flatten().tolist() == [0, 1, 2, 3, 4, 7, 8, 11]
    whole = restore(left, places, template=4, streams=2, search=4)
    assert whole.flatten().tolist() == [0, 1, 2, 3, 4, 0, 0, 7, 8, 0, 0, 11]
    again, fewer = eliminate(
        left, torch.rand(1, 1, 8, 8).index_fill(3, torch.tensor([5, 7]), 9.0), places, cells=cells, streams=2, ratio=0.5
    )
    assert fewer.tolist() == [[3]]
    assert again.flatten().tolist() == [0, 1, 2, 3, 7, 11]


@pytest.mark.parametrize("streams", [("rgb",), ("rgb", "event_image")])
def test_share_of_one_changes_nothing_and_less_drops_tokens(streams):
    plain, told = network(*streams), network(*streams, keep_ratio=1.0, elimination_blocks=(0, 1, 2))
    assert torch.equal(plain(*crops())[0].logits, told(*crops())[0].logits)
    dropping = network(*streams, keep_ratio=0.5, elimination_blocks=(0, 1))
    lengths = []
    for block in dropping.encoder.blocks:
        block.register_forward_pre_hook(lambda _, entered: lengths.append(entered[0].shape[1]))
    prediction, features = dropping(*crops())
    n = len(streams)
    assert lengths == [n * (4 + 16), n * (4 + 8), n * (4 + 4)]
    assert features.tokens.shape == plain(*crops())[1].tokens.shape
    assert prediction.response.shape == (2, 4, 4)
    spans = [features.tokens[:, features.layout.spans["x", stream]] for stream in streams]
    kept = [(span != 0).any(dim=2) for span in spans]
    assert all(torch.equal(kept[0], other) for other in kept)
    assert (kept[0].sum(dim=1) == 4).all()
    assert not torch.equal(prediction.logits, plain(*crops())[0].logits)


def test_one_block_drops_what_its_attention_ranks_last():
    model = network("rgb", depth=2, keep_ratio=0.25, elimination_blocks=(1,), elimination_cells="all")
    whole = network("rgb", depth=2)
    features = whole(*crops(), need_attention=True)[1]
    best = features.attention[:, :, :4, 4:].mean(dim=(1, 2)).topk(4, dim=1).indices.sort(dim=1).values
    tokens = model(*crops())[1].tokens[:, 4:]
    for sample in range(2):
        assert (tokens[sample] != 0).any(dim=1).nonzero()[:, 0].tolist() == best[sample].tolist()
        torch.testing.assert_close(tokens[sample, best[sample]], features.tokens[sample, 4 + best[sample]])


def test_gradients_reach_every_parameter():
    model = network("rgb", "event_image", keep_ratio=0.5, elimination_blocks=(1,)).train()
    model(*crops())[0].logits.square().sum().backward()
    assert all(
        p.grad is not None for name, p in model.named_parameters() if "offset" not in name and "size" not in name
    )


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match="keep_ratio"):
        network("rgb", keep_ratio=0.5)(*crops(), need_attention=True)
    from had.config import load
    from had.models.network import build_network

    experiment = load("config/smoke.yaml")
    for run, streams in (("teacher", ("rgb", "event_image")), ("had", ("event_image",)), ("student", ("event_image",))):
        options = experiment.resolve(run)
        options = options.model_copy(update={"network": options.network.model_copy(update={"keep_ratio": 0.5})})
        if run == "student":
            assert build_network(options, streams).encoder.keep_ratio == 0.5
            continue
        with pytest.raises(ConfigError, match="keep_ratio"):
            build_network(options, streams)
