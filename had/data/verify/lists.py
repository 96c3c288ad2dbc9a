"""The lists of a benchmark's splits against one another, against the folders on disk, against the published counts."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import NamedTuple

from had.data.annotations import read_attributes
from had.data.layouts import Layout
from had.data.names import read_list
from had.data.verify.problems import Findings
from had.errors import DataError

_NO_SEQUENCES = {"att"}
"""Folders beside the sequences."""


class Split(NamedTuple):
    """What a split's list says.

    Attributes:
        listed: number of names in its list, None where it cannot be read.
        names: of the sequences that a run would use and that have a folder; of all folders where there is no list.
        folders: number of sequence folders on disk.
        attributed: number of sequences with attributes.
        findings: what is wrong with the split as a whole.
    """

    listed: int | None
    names: list[str]
    folders: int
    attributed: int
    findings: Findings


def check_lists(layout: Layout, root: Path, splits: list[str]) -> dict[str, Split]:
    """Split -> what its list says, for each of ``splits``; the others' lists are read because training needs them."""
    lists: dict[str, list[str] | DataError] = {}
    for split, folder in layout.splits.items():
        try:
            lists[split] = read_list(root / folder / layout.list_file)
        except DataError as error:
            lists[split] = error
    return {split: _check(layout, root, split, lists) for split in splits}


def _check(layout: Layout, root: Path, split: str, lists: dict[str, list[str] | DataError]) -> Split:
    findings = Findings(root, split)
    folder, listed = root / layout.splits[split], lists[split]
    on_disk = _folders(folder, layout)
    if isinstance(listed, DataError):
        _list_problem(findings, layout, folder, listed, on_disk)
        names, count = on_disk, None
    else:
        count = len(listed)
        names = _without_doubled(findings, layout, split, listed, lists)
        if (wanted := layout.published.get(split, count)) != count:
            what = f"{count} sequences listed, {wanted} published"
            findings.add(
                "split-size",
                what,
                "nothing to do if that is on purpose",
                file=folder / layout.list_file,
                severity="note",
            )
        names = _with_folder(findings, layout, split, names, on_disk)
        for name in sorted(set(on_disk) - set(listed)):
            remedy = "it is left out; add it to the list if it belongs there"
            findings.add(
                "unlisted", f"{name} is not in {layout.list_file}", remedy, file=folder / name, severity="note"
            )
    attributed = 0
    try:
        attributed = len(read_attributes(layout, folder).keys() & set(names))
    except DataError as error:
        findings.refused("attributes", error, file=_attributes_place(folder))
    return Split(count, names, len(on_disk), attributed, findings)


def _list_problem(findings: Findings, layout: Layout, folder: Path, error: DataError, on_disk: list[str]) -> None:
    path = folder / layout.list_file
    if folder.is_dir() and not path.is_file():
        what = f"no list of the sequences, but {len(on_disk)} folders"
        remedy = f"write it, one name a line; it is published apart from the recordings, see {layout.home}"
        findings.add("list", what, remedy, file=path)
    elif not folder.is_dir():
        nested = next((entry for entry in sorted(folder.parent.iterdir()) if (entry / folder.name).is_dir()), None)
        source = f"`had download {layout.name} --show` says where its sequences are"
        remedy = f"did you mean --root {nested}?" if nested else source
        findings.add("list", f"no folder of the split {findings.split}", remedy, file=folder)
    else:
        findings.refused("list", error, file=path)


def _without_doubled(
    findings: Findings, layout: Layout, split: str, listed: list[str], lists: dict[str, list[str] | DataError]
) -> list[str]:
    """The names that a run uses: a training sequence that another split lists, too, is left out."""
    file = findings.root / layout.splits[split] / layout.list_file
    taken: set[str] = set()
    for other, names in lists.items():
        path = findings.root / layout.splits[other] / layout.list_file
        if other == split:
            continue
        if isinstance(names, DataError):
            if split == "train" and path.is_file():  # which preparation reads, too
                findings.refused("list", names, file=path)
            continue
        for name in sorted(set(listed) & set(names)):
            remedy = "it is left out of train" if "train" in (split, other) else "both use it"
            line = listed.index(name) + 1
            what = f"{name} is listed in {split} and in {other}"
            findings.add("two-splits", what, remedy, file=file, line=line, severity="note")
            taken.add(name)
    if split != "train":
        return listed
    names = [name for name in listed if name not in taken]
    if not names:
        findings.add("list", "no sequence is left for training", "correct the lists", file=file)
    return names


def _with_folder(findings: Findings, layout: Layout, split: str, names: list[str], on_disk: list[str]) -> list[str]:
    """Those of ``names`` that have a folder; the others are problems."""
    there = {_comparable(name): name for name in on_disk}
    lines = {name: number for number, name in enumerate(_raw_lines(findings.root, layout, split), 1)}
    found = []
    for name in names:
        folder = findings.root / layout.splits[split] / name
        if folder.is_dir():
            found.append(name)
            continue
        remedy = "complete the download, or leave it out of the list"
        if similar := there.get(_comparable(name)):
            remedy = f"rename the folder {similar!r}, which is written otherwise"
        for other, place in layout.splits.items():
            if other != split and (findings.root / place / name).is_dir():
                remedy = f"move it here from {place}, or correct the lists"
        what = f"no folder {folder}"
        file = findings.root / layout.splits[split] / layout.list_file
        findings.add("no-folder", what, remedy, file=file, line=lines.get(name))
    return found


def _raw_lines(root: Path, layout: Layout, split: str) -> list[str]:
    text = (root / layout.splits[split] / layout.list_file).read_text(encoding="utf-8-sig")
    return [line.strip() for line in text.splitlines()]


def _comparable(name: str) -> str:
    """A name without what a file system or an archiver may have changed: accents' form, case, outer spaces."""
    return unicodedata.normalize("NFC", name).casefold().strip()


def _folders(folder: Path, layout: Layout) -> list[str]:
    if not folder.is_dir():
        return []
    names = (entry.name for entry in folder.iterdir() if entry.is_dir())
    return sorted(name for name in names if not name.startswith(".") and name not in {*_NO_SEQUENCES, layout.list_file})


def _attributes_place(folder: Path) -> Path:
    """The file or folder that `read_attributes` chose."""
    candidates = [place / name for place in (folder, folder.parent) for name in ("attributes.csv", "att")]
    return next((path for path in candidates if path.exists()), folder)
