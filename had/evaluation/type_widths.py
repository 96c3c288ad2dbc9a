"""How wide a text is in LaTeX's Computer Modern: enough to know what fits onto a line without LaTeX."""

from __future__ import annotations

TINY, BOLD = 0.86, 1.14
"""Widths of tiny and of bold digits by those of scriptsize."""
_OF_WIDTH = {
    2.3: "!',.:;[]`il",
    2.5: "|fj",
    2.7: " -",
    2.9: "I_",
    3.15: "()rts",
    3.6: "cez",
    4.1: '"$*/0123456789^ago~–J\\{}?',
    4.2: "kqvxy",
    4.4: "Sbdhnpu",
    4.9: "ZL",
    5.4: "FEP",
    5.75: "BCTwR",
    6.0: "AHNUVXYD",
    6.2: "&+=@KOQG<>−",
    6.6: "#%mΔ✓",
    7.2: "M",
    8.1: "W",
}
"""Points in scriptsize (7 pt) of a plain article, as LaTeX measures them."""
_POINTS = {letter: width for width, letters in _OF_WIDTH.items() for letter in letters} | dict.fromkeys("0123456789", 4)
_OTHER = 6.0


def points(text: str) -> float:
    """Points that a text takes in scriptsize."""
    return sum(_POINTS.get(letter, _OTHER) for letter in text)
