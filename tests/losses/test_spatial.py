"""Entropic optimal transport on the grid: agreement with POT, and the laws of a divergence."""

import warnings
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from had.errors import ConfigError
from had.losses.spatial import Grid, axis_cost, sinkhorn_divergence, sinkhorn_plan


def log_masses(logits: torch.Tensor) -> torch.Tensor:
    return logits.flatten(1).log_softmax(1).view(logits.shape)


def random_maps(seed: int, batch: int = 2, h: int = 5, w: int = 4, sharpness: float = 2.0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return log_masses(sharpness * torch.randn(batch, h, w, generator=rng, dtype=torch.float64))


def peak(x: int, y: int, n: int = 16, sharpness: float = 12.0) -> torch.Tensor:
    row, column = torch.arange(n)[:, None], torch.arange(n)
    return log_masses(sharpness * torch.exp(-((row - y) ** 2 + (column - x) ** 2) / 2.0)[None])


def pot_divergence(a: torch.Tensor, b: torch.Tensor, cost: torch.Tensor, epsilon: float) -> torch.Tensor:
    ot = pytest.importorskip("ot")

    def value(p, q):
        exact = {"reg": epsilon, "reg_type": "KL", "tol": 1e-10, "max_iter": 20000, "grad": "envelope"}
        return ot.solve(cost, p, q, **exact).value

    return value(a, b) - (value(a, a) + value(b, b)) / 2


@pytest.mark.parametrize("epsilon", [0.3, 0.05, 0.01, 0.003, 0.001])
@pytest.mark.filterwarnings("ignore")
def test_value_and_gradient_agree_with_pot(epsilon):
    h, w = 5, 4
    cost = (axis_cost(h)[:, None, :, None] + axis_cost(w)[None, :, None, :]).reshape(h * w, h * w)
    for seed in range(1 if epsilon < 0.05 else 2):
        logits = torch.randn(1, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
        teacher = random_maps(seed + 10, 1, h, w)
        value = sinkhorn_divergence(log_masses(ours), teacher, epsilon=epsilon, iterations=20000, tolerance=1e-10)[0]
        value.backward()
        expected = pot_divergence(log_masses(theirs).exp().flatten(), teacher.exp().flatten(), cost, epsilon)
        expected.backward()
        assert float(value) == pytest.approx(float(expected), abs=1e-7)
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5 * float(theirs.grad.abs().max()), rtol=0)


@given(seed=st.integers(0, 10**6), epsilon=st.sampled_from([0.2, 0.03, 0.01]))
@settings(max_examples=15, deadline=None)
def test_divergence_laws(seed, epsilon):
    a, b = random_maps(seed), random_maps(seed + 1)
    exact = {"epsilon": epsilon, "iterations": 5000, "tolerance": 1e-9}
    forth, back = sinkhorn_divergence(a, b, **exact), sinkhorn_divergence(b, a, **exact)
    assert (forth > 1e-6).all()
    torch.testing.assert_close(forth, back, atol=1e-8, rtol=1e-6)
    torch.testing.assert_close(sinkhorn_divergence(a, a, **exact), torch.zeros(2, dtype=a.dtype), atol=1e-10, rtol=0)


@given(seed=st.integers(0, 10**6), epsilon=st.sampled_from([0.1, 0.01, 0.003]))
@settings(max_examples=10, deadline=None)
def test_plan_meets_its_marginals(seed, epsilon):
    a, b = random_maps(seed), random_maps(seed + 1)
    plan = sinkhorn_plan(a, b, epsilon=epsilon, iterations=20000, tolerance=1e-8)
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(2), a.exp().flatten(1), atol=1e-6, rtol=0)
    torch.testing.assert_close(plan.sum(1), b.exp().flatten(1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_further_costs_more(epsilon, axis):
    moved = [peak(2 + d, 5) if axis == "x" else peak(5, 2 + d) for d in (0, 1, 2, 4, 8)]
    costs = [float(sinkhorn_divergence(map_, moved[0], epsilon=epsilon)[0]) for map_ in moved]
    assert costs[0] == pytest.approx(0, abs=1e-6)
    assert all(far > near * 1.5 + 1e-5 for near, far in pairwise(costs))


def test_cost_of_two_points_is_their_squared_distance():
    ends = torch.full((2, 1, 8), -1e4)
    ends[0, 0, 0] = ends[1, 0, 6] = 0
    value = sinkhorn_divergence(ends[:1], ends[1:], epsilon=0.01)
    assert float(value) == pytest.approx((6 / 8) ** 2, abs=1e-6)


@pytest.mark.parametrize("epsilon", [1.0, 0.01, 0.001, 1e-4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.filterwarnings("ignore:Sinkhorn stopped")
def test_finite_for_one_hot_and_flat_maps(epsilon, dtype):
    one_hot = torch.full((2, 4, 4), -100.0, dtype=dtype)
    one_hot[0, 0, 0] = one_hot[1, 3, 3] = 100
    flat = torch.zeros(2, 4, 4, dtype=dtype)
    for student, teacher in ((one_hot, flat), (flat, one_hot), (one_hot, one_hot.flip(0))):
        logits = student.clone().requires_grad_()
        value = sinkhorn_divergence(log_masses(logits), log_masses(teacher), epsilon=epsilon, iterations=100)
        value.sum().backward()
        assert value.dtype == dtype
        assert value.isfinite().all()
        assert logits.grad.isfinite().all()


def test_the_two_ways_to_a_soft_minimum_agree():
    scaled = 20 * torch.randn(3, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grid = Grid(5, 6, 0.01, torch.device("cpu"))
    assert grid.dense
    product = grid.softmin(scaled)
    grid.kernel = None
    torch.testing.assert_close(product, grid.softmin(scaled), atol=1e-10, rtol=1e-12)


def test_no_gradient_reaches_the_teacher():
    student, teacher = (random_maps(seed).requires_grad_() for seed in (0, 1))
    sinkhorn_divergence(student, teacher, epsilon=0.05).sum().backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_a_warning_says_that_it_did_not_converge():
    a, b = random_maps(0), random_maps(1)
    with pytest.warns(RuntimeWarning, match="sinkhorn_iterations"):
        sinkhorn_divergence(a, b, epsilon=0.006, iterations=3, tolerance=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sinkhorn_divergence(a, b, epsilon=0.05)


def test_no_regularisation_is_refused():
    with pytest.raises(ConfigError, match="epsilon"):
        sinkhorn_divergence(random_maps(0), random_maps(1), epsilon=0.0)


@pytest.mark.parametrize("epsilon", [0.01, 0.003])
def test_over_relaxation_never_diverges(epsilon):
    """Seed 561266 is a map on which plain over-relaxation runs into NaN."""
    for seed in (561266, *range(40)):
        a, b = random_maps(seed, 8, sharpness=3.0), random_maps(seed + 1, 8, sharpness=3.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            value = sinkhorn_divergence(a, b, epsilon=epsilon, iterations=10000, tolerance=1e-4)
        assert torch.isfinite(value).all()
