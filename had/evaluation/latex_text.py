"""Plain text -> LaTeX: what has to be escaped, and what is too long for a line of a cell is broken into several."""

from __future__ import annotations

import re

from had.evaluation.markdown_text import one_line
from had.evaluation.type_widths import points

UNKNOWN = "–"
_BREAK = "\u200b"
"""A place where a line may end and nothing is printed."""
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "Δ": r"$\Delta$", "✓": r"$\surd$", UNKNOWN: "--",
    "−": r"$-$", "<": r"$<$", ">": r"$>$", _BREAK: r"\allowbreak{}",
}  # fmt: skip
EM = 7.97
"""Points of an em in scriptsize."""
CELL, HEAD = 20, 12
"""Ems of the longest line of a cell and of a head."""
_WHOLE, _UNBROKEN = 16, 8
"""Letters of a word, and of a part of a longer one, that stay on one line."""


def escaped(text: str) -> str:
    """Plain text with Markdown's `code` and straight quotes -> LaTeX."""
    text = "".join(_LATEX.get(character) or _known(character) for character in one_line(text))
    text = re.sub(r"`([^`]*)`", r"\\texttt{\1}", text)
    return re.sub(r'"([^"]*)"', r"``\1''", text)


def _known(character: str) -> str:
    """A letter that a plain article knows, or its number: LaTeX ends at one that it does not know."""
    return character if character < "\u0180" else f"[U+{ord(character):04X}]"


def cell(text: str, ems: int = CELL, *, right: bool = False) -> str:
    """A text as it is where it fits onto one line of so many ems, else as a box of several lines."""
    if lines(text, ems) == 1:
        return escaped(text)
    side = r"\raggedleft" if right else r"\raggedright"
    return rf"\parbox[t]{{{ems}em}}{{{side} {escaped(_breakable(text))}\strut}}"


def width(text: str, ems: int = CELL) -> float:
    """Points that `cell` takes in scriptsize."""
    return min(points(text), ems * EM)


def lines(text: str, ems: int = CELL) -> int:
    """How many lines `cell` has, each filled with the pieces that fit."""
    if points(text) <= ems * EM:
        return 1
    count, taken = 1, 0.0
    for piece in _pieces(text):
        if taken and taken + points(piece.rstrip()) > ems * EM:
            count, taken = count + 1, 0.0
        taken += points(piece)
    return count


def _breakable(text: str) -> str:
    """A text that may be broken wherever it is cut; behind a blank it may be anyway."""
    return "".join(piece if piece[-1].isspace() else piece + _BREAK for piece in _pieces(text)).removesuffix(_BREAK)


def _pieces(text: str) -> list[str]:
    """A text cut behind its blanks; a word that is long for a line behind its signs and every few letters, too."""
    return [piece for word in re.findall(r"\S*\s*", text) for piece in _of_word(word) if piece]


def _of_word(word: str) -> list[str]:
    if len(word.rstrip()) <= _WHOLE:
        return [word]
    parts = re.findall(r"\w[^\W_]*[\W_]*|[\W_]+", word)
    return [piece for part in parts for piece in re.findall(rf".{{1,{_UNBROKEN}}}(?:[\W_]+$)?", part, re.DOTALL)]
