"""Numbers as tables and pictures print them."""

from __future__ import annotations

from collections.abc import Collection


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A rounded number with a true minus, where wanted a plus; what is rounded to zero has no sign."""
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def telling_digits(values: Collection[float]) -> int:
    """The fewest digits behind the point, 1 to 6, with which different values look different."""
    return next((n for n in range(1, 6) if len({f"{value:.{n}f}" for value in values}) == len(set(values))), 6)
