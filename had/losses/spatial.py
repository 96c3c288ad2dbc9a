"""Spatial alignment (SA): entropic optimal transport between two response distributions on the grid.

Enters: log-masses (B, h, w) of two distributions. Leaves: the debiased Sinkhorn divergence (B,), or the plan.

    OT(a, b) = min_P <P, C> + eps KL(P | a b^T)  with marginals a and b
    S(a, b)  = OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2                        (Feydy et al., AISTATS 2019)

C is the squared distance of two cell centres in search-region widths, eps is in the same unit. The potentials
F = f / eps and G = g / eps solve

    F_i = -log sum_j exp(G_j + log b_j - C_ij / eps)     and the same for G with a

and are iterated without gradient, in the log domain, each map with its own over-relaxation (Lehmann et al.,
Optimization Letters 2021, from Young's theory of SOR). By the envelope theorem the gradient of S with respect
to the masses a is f_ab - f_aa: one product with the masses carries it.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from had.errors import ConfigError

DENSE_EPSILON = 0.005
"""Regularisation from which on exp(2 max C / eps) is a normal double, so that a soft minimum is a matrix product."""
DENSE_CELLS = 256
"""Cells up to which that matrix is used."""
CHECK_EVERY = 8
"""Iterations between two looks at the marginal error."""
STRONGEST_RELAXATION = 1.97
LOWERING = 0.9
"""Of what a relaxation exceeds 1 by, where it was too strong."""
EXPLOSION = 100.0
PATIENCE = 12
"""An error above the least one by this factor is not waited for, nor are this many looks without a new least one."""
ANNEALING = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
"""Regularisations through which a smaller one is reached; the potentials of each start the next."""


class Grid:
    """Ground cost on h x w cells and the soft minimum over it, in units of epsilon.

    Args:
        h, w: cells.
        epsilon: regularisation in squared search-region widths.
        device: of the tensors.
    """

    def __init__(self, h: int, w: int, epsilon: float, device: torch.device):
        self.rows, self.columns = axis_cost(h, device) / epsilon, axis_cost(w, device) / epsilon
        self.dense = epsilon >= DENSE_EPSILON and h * w <= DENSE_CELLS
        self.kernel = torch.exp(-self.cost()) if self.dense else None

    def cost(self) -> Tensor:
        """C / eps between row-major cells, (h w, h w)."""
        h, w = len(self.rows), len(self.columns)
        return (self.rows[:, None, :, None] + self.columns[None, :, None, :]).reshape(h * w, h * w)

    def softmin(self, scaled: Tensor) -> Tensor:
        """``-log sum_j exp(scaled_j - C_ij / eps)``, (B, h w) -> (B, h w).

        Where the kernel would underflow, the sum is taken in the log domain over columns, then over rows.
        """
        if self.kernel is not None:
            return -torch.log(torch.exp(scaled) @ self.kernel)
        grid = scaled.unflatten(1, (len(self.rows), len(self.columns)))
        grid = torch.logsumexp(grid[:, :, None, :] - self.columns, dim=3)  # B h w
        return -torch.logsumexp(grid[:, None, :, :] - self.rows[:, :, None], dim=2).flatten(1)


def axis_cost(n: int, device: torch.device | str = "cpu") -> Tensor:
    """Squared distance of n cell centres along an axis of length 1, (n, n) float64."""
    centres = torch.arange(n, dtype=torch.float64, device=device) / n
    return (centres[:, None] - centres) ** 2


def sinkhorn_divergence(
    student: Tensor, teacher: Tensor, *, epsilon: float, iterations: int = 200, tolerance: float = 1e-4
) -> Tensor:
    """Debiased entropic transport cost from each student map to its teacher map.

    Args:
        student, teacher: (B, h, w) log-masses (log-softmax over the grid).
        epsilon: regularisation in squared search-region widths.
        iterations: most iterations; a warning says when they did not suffice.
        tolerance: summed absolute error of the marginals at which to stop.

    Returns:
        (B,) in squared search-region widths, differentiable in ``student``; zero iff the maps are equal.

    >>> maps = torch.zeros(1, 8, 8).flatten(1).log_softmax(1).view(1, 8, 8)
    >>> sinkhorn_divergence(maps, maps, epsilon=0.01).item()
    0.0
    """
    _check(epsilon)
    if len(student) == 0:
        return student.sum(dim=(1, 2))
    log_a, log_b = _normalised(student), _normalised(teacher.detach())
    with torch.no_grad():
        h, w = student.shape[1:]
        grid = Grid(h, w, epsilon, student.device)
        f, g = _potentials(log_a, log_b, (h, w), epsilon, iterations, tolerance)
        both = _self_potential(grid, torch.cat([log_a, log_b]), iterations, tolerance)
        gain, back = epsilon * (f - both[: len(log_a)]), epsilon * (g - both[len(log_a) :])
        constant = (log_b.exp() * back).sum(dim=1)
    value = (log_a.exp() * gain).sum(dim=1) + constant
    return value.to(student.dtype)


def sinkhorn_plan(
    source: Tensor, target: Tensor, *, epsilon: float, iterations: int = 2000, tolerance: float = 1e-6
) -> Tensor:
    """The transport plan between two maps, (B, h w, h w), row-major cells; arguments as `sinkhorn_divergence`."""
    _check(epsilon)
    with torch.no_grad():
        h, w = source.shape[1:]
        log_a, log_b = _normalised(source), _normalised(target)
        f, g = _potentials(log_a, log_b, (h, w), epsilon, iterations, tolerance)
        cost = Grid(h, w, epsilon, source.device).cost()
        return torch.exp((log_a + f)[:, :, None] + (log_b + g)[:, None, :] - cost)


def _normalised(log_masses: Tensor) -> Tensor:
    """(B, h w) in double, of mass 1 to the last digit, which a lower precision does not reach."""
    return log_masses.double().flatten(1).log_softmax(dim=1)


def _potentials(
    log_a: Tensor, log_b: Tensor, shape: tuple[int, int], epsilon: float, iterations: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Potentials of OT(a, b) over epsilon, extended to every cell, (B, h w) each."""
    f = torch.zeros_like(log_a)
    for larger in ANNEALING if epsilon < DENSE_EPSILON else ():
        if larger <= epsilon:
            break
        grid = Grid(*shape, larger, log_a.device)
        f, _ = _iterate(grid, log_a, log_b, f / larger, 4 * CHECK_EVERY, tolerance)
        f = f * larger
    grid = Grid(*shape, epsilon, log_a.device)
    f, error = _iterate(grid, log_a, log_b, f / epsilon, iterations, tolerance)
    if error > tolerance:
        _warn(iterations, error, tolerance)
    return f, grid.softmin(log_a + f)


def _iterate(
    grid: Grid, log_a: Tensor, log_b: Tensor, f: Tensor, iterations: int, tolerance: float
) -> tuple[Tensor, float]:
    """Over-relaxed Sinkhorn from ``f``; the new ``f`` and the largest marginal error.

    Over-relaxation is no contraction far from the solution: a map whose error explodes, or does not fall for long,
    goes back to where it was best and never again exceeds a lower relaxation. At 1 this is Sinkhorn, which always
    converges.
    """
    relaxation = torch.ones_like(f[:, :1])
    limit = torch.full_like(relaxation, STRONGEST_RELAXATION)
    best, least = f, torch.full_like(relaxation, torch.inf)
    before, waited = least, torch.zeros_like(relaxation)
    g = grid.softmin(log_a + f)
    for i in range(1, iterations + 1):
        step = grid.softmin(log_b + g) - f
        if i % CHECK_EVERY == 0 or i == iterations:
            now = _marginal_error(grid, log_a, log_b, f + step)  # B 1
            better = now < least
            best, least = torch.where(better, f + step, best), torch.where(better, now, least)
            error = float(least.amax())
            if error <= tolerance:
                return best, error
            waited = torch.where(better, 0, waited + 1)
            failed = (now > EXPLOSION * least) | (waited > PATIENCE)
            limit = torch.where(failed, 1 + LOWERING * (relaxation - 1), limit)
            relaxation = torch.minimum(_relaxation(relaxation, (now / before) ** (1 / CHECK_EVERY)), limit)
            before, waited = torch.where(failed, least, now), torch.where(failed, 0, waited)
            if failed.any():
                f = torch.where(failed, best, f)
                g = torch.where(failed, grid.softmin(log_a + f), g)
                step = torch.where(failed, 0, step)
        f = f + relaxation * step
        g = torch.lerp(g, grid.softmin(log_a + f), relaxation)
    return best, error


def _marginal_error(grid: Grid, log_a: Tensor, log_b: Tensor, f: Tensor) -> Tensor:
    """Summed absolute error of a's marginal under the plan of ``f`` and the ``g`` that meets b's, (B, 1)."""
    after = grid.softmin(log_b + grid.softmin(log_a + f))  # a's marginal is off by the factor from f to this
    return (log_a.exp() * torch.expm1(f - after).abs()).sum(dim=1, keepdim=True).nan_to_num(nan=torch.inf)


def _relaxation(relaxation: Tensor, rate: Tensor) -> Tensor:
    """A better over-relaxation w for each map, from the rate at which its error fell under the present one.

    Young: ``(rate + w - 1)^2 / (rate w^2)`` is the plain iteration's rate p, for which ``2 / (1 + sqrt(1 - p))`` is
    best. A rate of w - 1 means that w is past its best: it is lowered. Above 1 the error still swings from the last
    change of w: it is kept.
    """
    rate = torch.nan_to_num(rate, nan=1.0, posinf=1.0).clamp(min=1e-6)
    plain = ((rate + relaxation - 1) ** 2 / (rate * relaxation**2)).clamp(max=1)
    better = 2 / (1 + torch.sqrt(1 - plain))
    better = torch.where(rate < relaxation - 1 + 0.01, 1 + LOWERING * (relaxation - 1), better)
    return torch.where(rate < 1, better, relaxation)


def _self_potential(grid: Grid, log_a: Tensor, iterations: int, tolerance: float) -> Tensor:
    """The symmetric potential of OT(a, a) over epsilon, by averaged iterations, whose error halves each time."""
    a = log_a.exp()
    f = torch.zeros_like(log_a)
    error = torch.inf
    for i in range(1, iterations + 1):
        new = grid.softmin(log_a + f)
        if i % CHECK_EVERY == 0 or i == iterations:
            error = float((a * torch.expm1(f - new).abs()).sum(dim=1).amax())
            if error <= tolerance:
                return new
        f = (f + new) / 2
    _warn(iterations, error, tolerance)
    return f


def _check(epsilon: float) -> None:
    if not epsilon > 0:
        raise ConfigError("distillation.epsilon above 0", str(epsilon), "use 0.01, or switch the term off")


def _warn(iterations: int, error: float, tolerance: float) -> None:
    warnings.warn(
        f"Sinkhorn stopped after {iterations} iterations at a marginal error of {error:.1e}, above {tolerance:.1e}; "
        "raise distillation.sinkhorn_iterations or distillation.epsilon",
        RuntimeWarning,
        stacklevel=4,
    )
