"""Pointers of Git LFS and git-annex, which a clone has in the place of files that it did not fetch."""

from __future__ import annotations

import re
from pathlib import Path

from had.errors import DataError, HadError

POINTERS = (
    (rb"(\xef\xbb\xbf)?version https?://\S*git-?(lfs|media)", "Git LFS", "git lfs pull"),
    (rb"\.?[./\\]*(\.git/annex/objects|annex/objects)/", "git-annex", "git annex get"),
)
"""How they begin, whose they are, and what fetches the file."""


def refuse_pointer(path: Path, expected: str, error: type[HadError] = DataError) -> None:
    """See that a file is no pointer of Git LFS or git-annex: a clone has these in place of files that it did not fetch.

    Raises:
        HadError: it is one, where ``expected`` should be; of the kind ``error``.
    """
    with path.open("rb") as file:
        start = file.read(64)
    for pattern, maker, fetch in POINTERS:
        if re.match(pattern, start, re.IGNORECASE):
            raise error(expected, f"a pointer of {maker} to it: {path}", f"get the file with `{fetch}`")
