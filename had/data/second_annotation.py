"""Two files that both claim to be the boxes of one sequence: which one is right is not known here."""

from __future__ import annotations

import re
from pathlib import Path

from had.errors import DataError
from had.files import shown

_BOX_SUFFIXES = (".txt", ".csv", ".tsv")
_TRUTH = re.compile(r"(ground[ _-]?truth|gt)([ ._-]?rect)?(?P<copy>[ ._-]?\(?\d+\)?)?\.(txt|csv|tsv)", re.IGNORECASE)
"""Names under which benchmarks keep a sequence's boxes in its folder, and which copies of them get."""


def refuse_second(path: Path) -> None:
    """See that no other file beside a sequence's boxes claims to be them with other content.

    Raises:
        DataError: one does; both are named.
    """
    others = [path.with_suffix(suffix) for suffix in _BOX_SUFFIXES]
    own = _TRUTH.fullmatch(path.name)
    if own and not own["copy"]:
        others = [other for other in shown(path.parent) if _TRUTH.fullmatch(other.name)]
    for other in others:
        if other != path and other.is_file() and path.is_file() and other.read_bytes() != path.read_bytes():
            got = f"both {path} and {other}, which differ"
            raise DataError("one annotation of a sequence", got, "remove the wrong one, or give it another name")
