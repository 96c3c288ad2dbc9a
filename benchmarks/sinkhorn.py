"""Transport on the response grid: our solver beside POT's, in values, gradients and time.

    python benchmarks/sinkhorn.py [--repeats 20] [--threads 1]

One line a problem and epsilon. Both sides compute the debiased divergence of the same maps to the same marginal error,
forwards and backwards, in turn; times are medians. The difference of values is relative to the largest value, that of
gradients to the largest gradient.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings

import ot
import torch

from had.losses.spatial import axis_cost, sinkhorn_divergence
from had.losses.token_transport import token_transport

SIZES = {"embedded default": (12, 8), "published": (36, 16)}
"""Maps a step, and cells along an axis."""
EPSILONS = (0.1, 0.01)
TOLERANCE = 1e-4


def maps(batch: int, side: int, seed: int) -> torch.Tensor:
    """Logits as a network's: a smooth peak over noise."""
    rng = torch.Generator().manual_seed(seed)
    cells = torch.arange(side, dtype=torch.float64)
    x, y = side * torch.rand(2, batch, 1, 1, generator=rng, dtype=torch.float64)
    peak = torch.exp(-((cells - x) ** 2 + (cells[:, None] - y) ** 2) / (side / 4))
    return 6 * peak + 0.5 * torch.randn(batch, side, side, generator=rng, dtype=torch.float64)


def log_masses(logits: torch.Tensor) -> torch.Tensor:
    return logits.flatten(1).log_softmax(1).view(logits.shape)


def ours(student: torch.Tensor, teacher: torch.Tensor, epsilon: float) -> torch.Tensor:
    return sinkhorn_divergence(
        log_masses(student), log_masses(teacher), epsilon=epsilon, iterations=2000, tolerance=TOLERANCE
    )


def pots(student: torch.Tensor, teacher: torch.Tensor, epsilon: float) -> torch.Tensor:
    """`ot.solve` map by map: of POT's solvers the one whose gradient reaches the masses."""
    h, w = student.shape[1:]
    cost = (axis_cost(h)[:, None, :, None] + axis_cost(w)[None, :, None, :]).reshape(h * w, h * w)
    masses = zip(log_masses(student).exp().flatten(1), log_masses(teacher).exp().flatten(1), strict=True)
    options = {"reg": epsilon, "reg_type": "KL", "tol": TOLERANCE, "max_iter": 20000, "grad": "envelope"}

    def value(p, q):
        return ot.solve(cost, p, q, **options).value

    return torch.stack([value(p, q) - (value(p, p) + value(q, q)) / 2 for p, q in masses])


def measured(method, student: torch.Tensor, teacher: torch.Tensor, epsilon: float, repeats: int):
    """Values, gradient, and median milliseconds forwards and backwards."""
    times = []
    for _ in range(repeats):
        leaf = student.clone().requires_grad_()
        begin = time.perf_counter()
        values = method(leaf, teacher, epsilon)
        values.sum().backward()
        times.append(1000 * (time.perf_counter() - begin))
    return values.detach(), leaf.grad, statistics.median(times)


def relative(got: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, POT {ot.__version__}, {arguments.threads} thread(s)\n")
    print("| problem | epsilon | value differs by | gradient by | `ot.solve` ms | ours ms | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, (batch, side) in SIZES.items():
        student, teacher = maps(batch, side, 0), maps(batch, side, 1)
        for epsilon in EPSILONS:
            value, gradient, own = measured(ours, student, teacher, epsilon, arguments.repeats)
            other, theirs, milliseconds = measured(pots, student, teacher, epsilon, max(1, arguments.repeats // 5))
            print(
                f"| {name}: {batch} maps of {side} x {side} | {epsilon} | {relative(value, other):.0e} | "
                f"{relative(gradient, theirs):.0e} | {milliseconds:.0f} | {own:.1f} | {milliseconds / own:.0f} |"
            )
    print("\n| token transport (POT's `solve_batch`) | ms |\n|---|---:|")
    for name, (batch, side) in SIZES.items():
        tokens = torch.randn(2, batch, side * side, 128, generator=torch.Generator().manual_seed(0))
        s, t = maps(batch, side, 0), maps(batch, side, 1)
        times = []
        for _ in range(max(1, arguments.repeats // 5)):
            leaf = tokens[0].clone().requires_grad_()
            begin = time.perf_counter()
            token_transport(leaf, tokens[1], s, t, epsilon=0.05, balance=4.0).sum().backward()
            times.append(1000 * (time.perf_counter() - begin))
        print(f"| {name}: {batch} x {side * side} tokens | {statistics.median(times):.0f} |")


if __name__ == "__main__":
    main()
