"""Text of others -> Markdown that shows it as it is: no HTML, no markup, no end of a cell."""

from __future__ import annotations

import re

from had.terminal import printable

_ESCAPED = {"&": "&amp;", "<": "&lt;"} | {sign: f"\\{sign}" for sign in "\\|`*~$[]"}
_CELL = re.compile(r"[&<\\|`*~$\[\]]|(?<!\w)_|_(?!\w)")  # a low line inside a word is no markup
_HTML = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<=\])(?=\()")


def cell(text: str) -> str:
    """A text inside a table."""
    return _CELL.sub(lambda sign: _ESCAPED.get(sign[0], f"\\{sign[0]}"), one_line(text))


def sentence(text: str) -> str:
    """A sentence of ours with names of others in it: our `code` stays, HTML and addresses behind brackets do not."""
    return _HTML.sub(lambda sign: _ESCAPED.get(sign[0], "\\"), one_line(text))


def one_line(text: str) -> str:
    """A text on one line, without control characters."""
    return printable(" ".join(text.split()) if "\n" in text or "\r" in text else text)
