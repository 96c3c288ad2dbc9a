"""What can be wrong with a downloaded folder: a problem's kind, how bad it is, where it is, what to do.

An ``error`` is what makes `had prepare`, training or tracking fail later; a ``note`` is what they leave out, pass over
or never read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from had.errors import HadError

Severity = Literal["error", "note"]

KINDS = {
    "benchmark": "Another benchmark",
    "list": "Lists that are missing or broken",
    "split-size": "Another number of sequences than published",
    "two-splits": "Sequences in two splits",
    "no-folder": "Listed sequences without a folder",
    "unlisted": "Folders that no list names",
    "attributes": "Attributes that are broken",
    "statement": "Statements about a sequence that are broken",
    "boxes": "Boxes that are missing or broken",
    "box-outside": "Boxes outside the image",
    "box-empty": "Visible targets without an area",
    "box-units": "Boxes that look like shares of the image",
    "flags": "Presence flags that are missing or broken",
    "flags-meaning": "Presence flags that look the other way round",
    "no-target": "Sequences without a usable target",
    "start-end": "Frame ranges that disagree with the boxes",
    "no-source": "Neither a raw recording nor images",
    "raw-name": "Raw recordings that no run finds",
    "raw-broken": "Raw recordings that are broken",
    "raw-short": "Raw recordings with fewer frames than boxes",
    "raw-long": "Raw recordings with more frames than boxes",
    "options": "Options that do not fit the recordings",
    "first-frame": "Recordings of which the first frame with a box is not known",
    "camera": "Camera frames of another size than the sensor, or on another clock than the events",
    "raw-gap": "Recordings with long times without events",
    "raw-silent": "Raw recordings without events",
    "image-missing": "Images that are missing",
    "image-extra": "Images without a box",
    "numbering": "Streams that are numbered differently",
    "image-broken": "Images that cannot be read",
    "image-depth": "Images of more than 8 bits a channel",
    "image-size": "Images of another size",
    "voxel-missing": "Voxel files that are missing",
    "voxel-extra": "Voxel files without a box",
    "voxel-broken": "Voxel files that are broken",
    "voxel-silent": "Voxel files without a cell",
    "no-access": "Files that cannot be opened",
}
"""Kind -> heading, in the order of the report."""

NAMED = 12
"""Files that one line names at most."""

_LINE = re.compile(r"\b(?:line|row) (\d+) of ")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        severity: ``"error"`` or ``"note"``.
        kind: one of `KINDS`.
        split, sequence: where; empty where it belongs to none.
        file: path under the root; empty where it is about no file.
        line: number of the line in a text file, from 1, where it is about one.
        what: the sentence.
        remedy: what the user can do.
    """

    severity: Severity
    kind: str
    split: str
    sequence: str
    file: str
    line: int | None
    what: str
    remedy: str


@dataclass
class Findings:
    """Problems of one sequence, or of a split (then ``sequence`` is empty), as they are found."""

    root: Path
    split: str
    sequence: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many errors there are."""
        return sum(problem.severity == "error" for problem in self.problems)

    def add(
        self,
        kind: str,
        what: str,
        remedy: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note a problem down; ``file`` lies under the root."""
        assert kind in KINDS, kind
        place = self._under_root(str(file)) if file is not None else ""
        what = self._under_root(what)
        self.problems.append(Problem(severity, kind, self.split, self.sequence, place, line, what, remedy))

    def refused(self, kind: str, error: HadError, *, file: Path | None = None, severity: Severity = "error") -> None:
        """Note down what a reader refused; the line is taken from its sentence."""
        lines = _LINE.findall(error.got)
        what = f"expected {error.expected}, got {error.got}"
        self.add(kind, what, error.remedy, file=file, line=int(lines[-1]) if lines else None, severity=severity)

    def _under_root(self, text: str) -> str:
        text = text if self.root == Path() else text.replace(f"{self.root}/", "")
        return text.encode("utf-8", "backslashreplace").decode()  # names of files may be no text at all


def some_of(names: list[str]) -> str:
    """Names for a sentence, the first `NAMED` of them."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
