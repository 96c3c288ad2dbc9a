"""Whether a folder holds another benchmark than the one that it is checked as."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from had.data.layouts import LAYOUTS, Layout
from had.data.verify.problems import Findings

SAMPLED = 20
"""Folders of a split that are looked at."""


def check_benchmark(layout: Layout, root: Path) -> Findings:
    """Name the layout that the folders below ``root`` have, where it is not ``layout``."""
    findings = Findings(root, "")
    if not _fits(layout, root):
        for other in LAYOUTS.values():
            if other != layout and _fits(other, root):
                what = f"no sequence of {layout.title}, but sequences of {other.title}"
                findings.add("benchmark", what, f"did you mean `had verify {other.name} --root {root}`?")
    return findings


def _fits(layout: Layout, root: Path) -> bool:
    """Whether one of the first sequences has the layout's boxes, and a recording or images where it has them."""
    for place in layout.splits.values():
        folder = root / place
        for sequence in islice(sorted(folder.iterdir()) if folder.is_dir() else [], SAMPLED):
            patterns = [str(Path(pattern).parent) for pattern in layout.images.values()]
            patterns += [layout.raw, *layout.raw_also]
            sources = [sequence / pattern.format(sequence=sequence.name) for pattern in patterns]
            if (sequence / layout.boxes).is_file() and any(source.exists() for source in sources):
                return True
    return False
