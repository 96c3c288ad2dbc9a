"""Text in a cell of a CSV file -> text that no spreadsheet runs as a formula, and back.

A cell that begins with = + - @ or a control character is run by spreadsheets, a quote before it makes it text. Numbers
are no text and stay as they are. The two functions are inverse to each other.
"""

from __future__ import annotations

_RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
_QUOTE = "'"


def cell_of(text: str) -> str:
    """What is written.

    Example:
        >>> cell_of("=1+1"), cell_of("car")
        ("'=1+1", 'car')
    """
    return _QUOTE + text if text.startswith((*_RUN, _QUOTE)) else text


def text_of(cell: str) -> str:
    """What a cell that was written by `cell_of`, or by anybody else, says."""
    return cell[1:] if cell.startswith(_QUOTE) and cell[1:].startswith((*_RUN, _QUOTE)) else cell
