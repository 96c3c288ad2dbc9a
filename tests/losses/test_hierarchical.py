"""Hierarchical distillation: tokens meet their own place, equal networks cost nothing, the teacher gets no gradient."""

import math

import pytest
import torch

from had.losses import hierarchical
from had.losses.localization import heat_target
from had.structures import Features, Lesson, Prediction, TokenLayout


def layout(*streams: str) -> TokenLayout:
    spans, start = {}, 0
    for role, n in (("z", 4), ("x", 16)):
        for stream in streams:
            spans[role, stream] = slice(start, start + n)
            start += n
    return TokenLayout(spans, (2, 2), (4, 4))


def features(tokens_of: dict[tuple[str, str], torch.Tensor], *streams: str) -> Features:
    where = layout(*streams)
    tokens = torch.cat([tokens_of[key] for key in where.spans], dim=1)
    scores = tokens @ tokens.mT
    return Features(tokens, scores[:, None].expand(-1, 2, -1, -1).softmax(-1), where)


@pytest.fixture
def tokens():
    rng = torch.Generator().manual_seed(0)
    sides = {"z": 4, "x": 16}
    return {(r, s): torch.randn(2, sides[r], 8, generator=rng) for r in "zx" for s in ("rgb", "event_image")}


def test_streams_are_chosen_by_place():
    both, events, voxels = ("rgb", "event_image"), ("event_image",), ("event_image", "voxel")
    assert hierarchical.matched_streams(both, events, "same") == ["event_image"]
    assert hierarchical.matched_streams(voxels, events, "same") == ["event_image"]
    assert hierarchical.matched_streams(both, events, "event") == ["event_image"]
    assert hierarchical.matched_streams(both, events, "image") == ["rgb"]
    assert hierarchical.matched_streams(both, events, "mean") == ["rgb", "event_image"]
    assert hierarchical.matched_streams(voxels, events, "event") == ["voxel"]


@pytest.mark.parametrize("stream", ["rgb", "event_image"])
def test_a_student_with_the_teachers_tokens_costs_nothing(tokens, stream):
    teacher = features(tokens, "rgb", "event_image")
    student = features({(r, "event_image"): tokens[r, stream] for r in "zx"}, "event_image")
    own = hierarchical.matched_tokens(student, "event_image")
    wanted = hierarchical.matched_tokens(teacher, stream)
    swapped = torch.cat([own[:, 4:], own[:, :4]], dim=1)
    for scale in ("channel", "token"):
        assert float(hierarchical.feature_loss(own, wanted, scale=scale)) == pytest.approx(0, abs=1e-10)
        assert float(hierarchical.feature_loss(swapped, wanted, scale=scale)) > 0.5
    # Attention cut and renormalised is what the student computes on the same tokens alone.
    own, wanted = (
        hierarchical.matched_attention(student, "event_image"),
        hierarchical.matched_attention(teacher, stream),
    )
    torch.testing.assert_close(wanted.sum(-1), torch.ones(2, 2, 20))
    torch.testing.assert_close(own, wanted, atol=1e-6, rtol=1e-4)
    for distance in ("kl", "l2"):
        assert float(hierarchical.similarity_loss(own, wanted, distance=distance)) == pytest.approx(0, abs=1e-4)


def test_features_count_what_tells_crops_apart():
    rng = torch.Generator().manual_seed(0)
    place = torch.randn(1, 6, 32, generator=rng) * 2
    teacher = place + torch.randn(64, 6, 32, generator=rng)
    knows_the_place = teacher.mean(dim=0, keepdim=True).expand_as(teacher)
    assert float(hierarchical.feature_loss(knows_the_place, teacher)) == pytest.approx(1, abs=0.2)
    assert float(hierarchical.feature_loss(knows_the_place, teacher, scale="token")) < 0.3
    assert hierarchical.feature_loss(place.expand(64, -1, -1), place.expand(64, -1, -1) + 1).isfinite()
    one = torch.randn(1, 6, 32, generator=rng, requires_grad=True)  # a batch of one crop varies in nothing
    hierarchical.feature_loss(one, teacher[:1]).backward()
    assert one.grad.isfinite().all()


@pytest.mark.parametrize("distance", ["kl", "l2"])
def test_similarity_is_positive_and_finite_at_the_extremes(distance):
    one_hot = torch.eye(6).expand(2, 3, 6, 6)
    uniform = torch.full((2, 3, 6, 6), 1 / 6, requires_grad=True)
    loss = hierarchical.similarity_loss(uniform, one_hot, distance=distance)
    loss.backward()
    assert float(loss.detach()) > 0.5
    assert uniform.grad.isfinite().all()
    assert hierarchical.similarity_loss(one_hot, uniform, distance=distance).isfinite()
    fewer = torch.full((2, 1, 6, 6), 1 / 6)
    assert float(hierarchical.similarity_loss(fewer, uniform, distance=distance)) == pytest.approx(0, abs=1e-6)


def test_response_kl_laws():
    rng = torch.Generator().manual_seed(0)
    teacher = 3 * torch.randn(4, 8, 8, generator=rng)
    assert float(hierarchical.response_loss(teacher, teacher, temperature=2)) == pytest.approx(0, abs=1e-6)
    shifted = hierarchical.response_loss(teacher + 5, teacher, temperature=2)
    assert float(shifted) == pytest.approx(0, abs=1e-5)
    empty = torch.full_like(teacher, -9)
    assert float(hierarchical.response_loss(empty, teacher, temperature=2)) > 0.1
    once = hierarchical.response_loss(empty[:1], teacher[:1], temperature=2)
    often = hierarchical.response_loss(empty[:1].expand(38, -1, -1), teacher[:1].expand(38, -1, -1), temperature=2)
    torch.testing.assert_close(once, often)
    assert float(hierarchical.response_loss(teacher[:0], teacher[:0], temperature=2)) == 0


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_response_kl_is_the_teachers(temperature):
    """KL(teacher | student) times temperature^2, by hand for two cells; the other direction is another number."""
    student, teacher = torch.zeros(1, 1, 2), torch.tensor([[[math.log(9.0), 0.0]]])
    p = 9 ** (1 / temperature) / (1 + 9 ** (1 / temperature))
    expected = temperature**2 * (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)))
    found = hierarchical.response_loss(student, teacher, temperature=temperature)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_similarity_kl_is_the_teachers():
    student, teacher = torch.tensor([[[[0.5, 0.5]]]]), torch.tensor([[[[0.9, 0.1]]]])
    expected = 0.9 * math.log(1.8) + 0.1 * math.log(0.2)
    assert float(hierarchical.similarity_loss(student, teacher)) == pytest.approx(expected, rel=1e-5)


def test_a_perfect_students_response_is_at_rest():
    teacher = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0))
    student = teacher.clone().requires_grad_()
    hierarchical.response_loss(student, teacher, temperature=2).backward()
    assert student.grad.abs().max() < 1e-6


def test_localization_distillation_looks_at_the_targets_cell():
    maps = [torch.rand(2, 2, 4, 4, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    logits = torch.zeros(2, 4, 4)
    student = Prediction(logits, logits, maps[0].requires_grad_(), maps[1], torch.zeros(2, 4))
    teacher = Lesson(logits, maps[0].detach() + 0.1, maps[1] - 0.4, torch.zeros(2, 20, 8), None)
    boxes, present = torch.tensor([[0.6, 0.1, 0.2, 0.2]] * 2), torch.tensor([True, False])
    target = heat_target(boxes, present, (4, 4))
    loss = hierarchical.localization_distillation(student, teacher, target)
    assert float(loss.detach()) == pytest.approx(0.1, rel=1e-5)  # 0.1 in size, 0.4 / 4 cells in place
    loss.backward()
    assert student.size.grad[0].abs().sum(0).nonzero().tolist() == [[0, 2]]
    nobody = heat_target(boxes, torch.tensor([False, False]), (4, 4))
    assert float(hierarchical.localization_distillation(student, teacher, nobody).detach()) == 0
