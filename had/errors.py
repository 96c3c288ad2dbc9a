"""The three ways in which a user's input can be wrong.

Each error is one sentence in three parts: what was expected, what came, what to do about it.
`had.cli` prints that sentence and ends with exit status 2; nothing else catches these errors.
"""

import difflib
from collections.abc import Iterable, Sequence


class HadError(Exception):
    """A user's input cannot be used.

    Args:
        expected: what should have been there, e.g. ``"boxes.txt with one x,y,w,h a frame"``.
        got: what was there instead, with the file and line where that is known.
        remedy: what the user can do.
    """

    def __init__(self, expected: str, got: str, remedy: str):
        super().__init__(expected, got, remedy)
        self.expected, self.got, self.remedy = expected, got, remedy

    def __str__(self) -> str:
        expected, got, remedy = map(clipped, (self.expected, self.got, self.remedy))
        return f"expected {expected}, got {got}; {remedy}"


class ConfigError(HadError):
    """The configuration contradicts itself or names something that does not exist."""


class DataError(HadError):
    """A recording, an annotation or a prepared file is missing, broken or not what it says."""


class CheckpointError(HadError):
    """A checkpoint is missing, broken or belongs to another network."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name: the most similar known one, or all of them where none is near."""
    known = list(known)
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {match[0]!r}?" if match else f"valid are {', '.join(known)}" if known else "there are none"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names side by side; of many the first ones, and how many more there are."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


def counted(number: int, noun: str = "sequence") -> str:
    """A number with its noun: 1 sequence, 2 sequences."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clipped(text: str, most: int = 1500) -> str:
    """A text whose middle is left out where it has more than ``most`` characters, as names in files of others can."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]} ... {text[-most // 3 :]}"


def excerpt(text: str, most: int = 60) -> str:
    """A file's text in quotes, as an error shows it; three dots where more than ``most`` characters were cut."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."
