"""Text of others made harmless for the terminal: control characters are shown as escapes instead of being obeyed.

Names in lists, headers of recordings and contents of files reach errors and log lines. An ESC sequence among them could
rename the window, hide a line or write into the terminal's input; a line feed could forge a log line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING

import typer

from had.errors import DataError

if TYPE_CHECKING:
    from rich.text import Text

_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Control characters of both sets, separators of lines, marks that turn the direction of writing, halves of pairs."""


def printable(text: object, *, keep: str = "") -> str:
    r"""A text with its control characters as escapes, but for those in ``keep``.

    Example:
        >>> printable("\x1b]2;owned\x07")
        '\\x1b]2;owned\\x07'
    """

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape", "surrogatepass").decode("ascii")

    return _OBEYED.sub(escaped, str(text))


def say(text: str, *, newline: bool = True) -> None:
    """Write a text of several lines to the standard output."""
    typer.echo(printable(text, keep="\n\t"), nl=newline)


def refuse_full_output() -> None:
    """See that the standard output takes what is written to it.

    Raises:
        DataError: it does not, for instance because its disk is full; what is still to be written is dropped.
    """
    try:
        print(flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python says so again at its end
        got = f"one that cannot be written ({error.strerror})"
        raise DataError("a standard output with room", got, "give it a place with room") from None


def cell(text: str) -> Text:
    """A text for a table or a line of rich's: its square brackets are no markup."""
    from rich.text import Text

    return Text(printable(text))


class LogFormat(logging.Formatter):
    """Log lines of which the message has no control characters; a traceback keeps its lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback where there is one."""
        return printable(super().format(record), keep="\n\t")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (a method of logging.Formatter)
        """The line; line feeds in the message are escaped, too."""
        record.message = printable(record.message)
        return super().formatMessage(record)
