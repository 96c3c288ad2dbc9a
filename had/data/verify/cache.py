"""What was found about unchanged sequences, kept in one file per user, benchmark and root; never beside the recordings.

Enters and leaves: sequence -> what `had.data.verify.sequence.as_plain` makes. A file that is broken, of other checks or
that cannot be written costs time, not the answer.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from had.errors import DataError
from had.files import atomic_file, read_json
from had.identity import digest

log = logging.getLogger(__name__)


def default_path(benchmark: str, root: Path) -> Path:
    """A file in the user's folder of caches (``$XDG_CACHE_HOME``, else ``~/.cache``)."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "had" / f"verify-{benchmark}-{digest(str(root.resolve()))}.json"


def load(path: Path, key: str) -> dict[str, Any]:
    """The entries that the same checks have left in ``path``; none where there are no such."""
    content = read_json(path)
    entries = content.get("sequences")
    return entries if content.get("key") == key and isinstance(entries, dict) else {}


def save(path: Path, key: str, entries: dict[str, Any]) -> None:
    """Keep entries for the next call."""
    try:
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps({"key": key, "sequences": entries}), encoding="utf-8")
    except (OSError, DataError) as error:
        log.warning("results are not kept for the next call: %s", error)
