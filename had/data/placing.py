"""Unpacked archives -> the published layout: where the sequences lie in an archive is found, not assumed.

The folders with the layout's ground-truth file are sequences; the folder that holds them becomes the split's. Folders
are moved, nothing is overwritten, and what lies beside them in the archive is kept.
"""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

from had.data.archives import is_archive
from had.data.layouts import Layout
from had.errors import DataError
from had.files import shown


def place(layout: Layout, unpacked: Path, target: Path, aside: Path, *, whole: bool = False) -> None:
    """Move an unpacked archive to its place.

    Args:
        unpacked: its folder, on the disk of ``target``; gone afterwards.
        target: a split's folder, or the root for an archive of all splits.
        aside: where files go that lie outside of the sequences' folder.
        whole: whether it is an archive of all splits.

    Raises:
        DataError: sequences in several folders, archives in place of sequences, or another file in the place of one;
            everything stays.
    """
    base = _base(layout, unpacked, whole)
    _merge(base, target)
    while base != unpacked and not any(base.iterdir()):
        base.rmdir()
        base = base.parent
    if any(unpacked.iterdir()):
        _merge(unpacked, aside)
    unpacked.rmdir()


def _base(layout: Layout, unpacked: Path, whole: bool) -> Path:
    """The folder whose content belongs into the target."""
    sequences = {path.parent.parent for path in unpacked.rglob(layout.boxes)}
    splits = set(layout.splits.values())
    if whole:  # the folder of the splits' folders
        sequences = {path.parent if path.name in splits else path for path in sequences}
    if len(sequences) > 1:
        got = ", ".join(sorted(str(path.relative_to(unpacked)) for path in sequences)[:3])
        remedy = f"put an archive of one split into archives/<split>/; it is unpacked in {unpacked}"
        raise DataError("sequences in one folder of the archive", got, remedy)
    if sequences:
        return next(iter(sequences))
    if inner := sorted(path for path in unpacked.rglob("[!.]*") if is_archive(path)):
        remedy = "move what is in it into the folder of the archives, and the archive around it away"
        raise DataError("sequences in an archive", f"another archive, {inner[0]}", remedy)
    entries = shown(unpacked)
    if len(entries) == 1 and entries[0].is_dir() and entries[0].name in splits:
        return entries[0]
    return unpacked


def _merge(source: Path, target: Path) -> None:
    """Move what is in ``source`` into ``target``, folder by folder."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        if not os.path.lexists(there):
            entry.rename(there)
        elif entry.is_dir() and there.is_dir():
            _merge(entry, there)
            entry.rmdir()
        elif entry.is_file() and there.is_file() and filecmp.cmp(entry, there, shallow=False):
            entry.unlink()
        else:
            remedy = f"nothing was overwritten: move one of them away ({entry}) and call again"
            raise DataError(f"no other file at {there}", "one with other content", remedy)
