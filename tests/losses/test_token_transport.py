"""Token transport: laws of a divergence, and agreement with POT's solver for single problems."""

import ot
import pytest
import torch

from had.losses.spatial import axis_cost
from had.losses.token_transport import token_transport

EXACT = {"epsilon": 0.1, "balance": 4.0, "iterations": 5000, "tolerance": 1e-9}


def clouds(seed=0, batch=2, side=4, dim=6):
    rng = torch.Generator().manual_seed(seed)
    tokens = torch.randn(batch, side * side, dim, generator=rng, dtype=torch.float64)
    return tokens, torch.randn(batch, side, side, generator=rng, dtype=torch.float64)


def test_equal_clouds_cost_nothing_and_others_something():
    (s, a), (t, b) = clouds(0), clouds(1)
    assert token_transport(s, s, a, a, **EXACT) == pytest.approx(torch.zeros(2), abs=1e-9)
    assert (token_transport(s, t, a, a, **EXACT) > 0.05).all()
    assert (token_transport(s, s, a, b, **EXACT) > 1e-4).all()


def test_it_is_symmetric():
    (s, a), (t, b) = clouds(0), clouds(1)
    forth, back = token_transport(s, t, a, b, **EXACT), token_transport(t, s, b, a, **EXACT)
    torch.testing.assert_close(forth, back, atol=1e-8, rtol=0)


def test_content_that_lies_further_away_costs_more():
    tokens, logits = clouds(3, batch=1, side=8)
    grid, costs = tokens.view(1, 8, 8, -1), []
    logits = torch.zeros_like(logits)
    for shift in (0, 1, 2, 4):
        moved = grid.roll(shift, dims=2).flatten(1, 2)
        costs.append(token_transport(moved, tokens, logits, logits, **EXACT).item())
    assert costs[0] == pytest.approx(0, abs=1e-8)
    assert costs == sorted(costs)


def test_value_and_gradient_agree_with_single_problems():
    (s, a), (t, b) = clouds(0), clouds(1)
    s = s.requires_grad_()
    value = token_transport(s, t, a, b, **EXACT)
    value.sum().backward()
    ground = 4 * (axis_cost(4)[:, None, :, None] + axis_cost(4)[None, :, None, :]).reshape(16, 16)
    other = s.detach().clone().requires_grad_()
    x, y = (torch.nn.functional.layer_norm(tokens, (6,)) for tokens in (other, t))
    p, q = (logits.flatten(1).softmax(1) for logits in (a, b))

    def single(i, u, v, m, n):
        cost = torch.cdist(u[i], v[i], compute_mode="donot_use_mm_for_euclid_dist").square() / 12 + ground
        exact = {"reg": 0.1, "reg_type": "KL", "tol": 1e-11, "max_iter": 20000, "grad": "envelope"}
        return ot.solve(cost, m[i], n[i], **exact).value

    expected = torch.stack(
        [single(i, x, y, p, q) - single(i, x, x, p, p) / 2 - single(i, y, y, q, q) / 2 for i in (0, 1)]
    )
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=0)
    expected.sum().backward()
    torch.testing.assert_close(s.grad, other.grad, atol=1e-5, rtol=0)


def test_only_the_students_tokens_get_a_gradient():
    (s, a), (t, b) = clouds(0), clouds(1)
    for tensor in (s, a, t, b):
        tensor.requires_grad_()
    token_transport(s, t, a, b, **EXACT).sum().backward()
    assert s.grad.abs().sum() > 0
    assert t.grad is None
    assert a.grad is None
    assert b.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precisions_and_one_hot_maps_are_finite(dtype):
    (s, a), (t, b) = clouds(0), clouds(1)
    one_hot = torch.full_like(b, -1e4)
    one_hot[:, 1, 2] = 1e4
    s = s.to(dtype).requires_grad_()
    value = token_transport(s, t.to(dtype), a.to(dtype), one_hot.to(dtype), epsilon=0.05, balance=4.0)
    value.sum().backward()
    assert value.dtype == dtype
    assert torch.isfinite(value).all()
    assert torch.isfinite(s.grad).all()


def test_no_target_costs_nothing():
    s, a = clouds()
    assert token_transport(s[:0], s[:0], a[:0], a[:0], **EXACT).sum() == 0
