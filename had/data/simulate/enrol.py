"""A recording joins a split that may hold others: its name, the list, its row among the attributes.

Other recordings' lines stay as they are, be they simulated here or a downloaded benchmark's. Rendered scenes
that are simulated anew keep the recordings that joined them (`joined`).
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from had.data.annotations import read_attributes
from had.data.layouts import Layout
from had.data.names import wrong_with
from had.data.simulate.recording import FLAGS
from had.errors import DataError, excerpt
from had.files import atomic_file, read_text

IMAGE_FOLDERS = ("frames", "images", "img", "imgs")
"""Folders that are called like this hold the images of the video that the folder above is named after."""
SCENE_NAME = re.compile(r"sim_(train|val|test)_\d+")
"""Names of rendered scenes, which come and go with the options of the simulation."""


def name_of(frames: Path) -> str:
    """A recording's name where none is given: that of its film or of its folder of images."""
    frames = frames.absolute()
    if frames.is_file():
        return frames.stem
    return frames.parent.name if frames.name.lower() in IMAGE_FOLDERS else frames.name


def check_name(folder: Path, name: str) -> None:
    """See that ``name`` can become a recording of the split in ``folder``.

    Raises:
        DataError: not the name of a folder on a line of its own, or one that is taken.
    """
    lines = name.strip().splitlines()
    if lines != [name] or not name.isprintable() or wrong_with(name):
        wrong = f", {wrong_with(name)}" if wrong_with(name) else ""
        raise DataError("the name of a folder, on one line", f"{excerpt(name)}{wrong}", "give another one with --name")
    if SCENE_NAME.fullmatch(name):
        raise DataError("a name unlike those of rendered scenes", repr(name), "give another one with --name")
    if (folder / name).exists():
        remedy = "give another one with --name, or remove that folder"
        raise DataError("a name that no recording has yet", f"{name!r}, which is in {folder}", remedy)


def enrol(folder: Path, layout: Layout, name: str) -> None:
    """Add a recording without attributes to the split in ``folder``, in its list and where its attributes are."""
    _add_attributes(folder, layout, name)
    path = folder / layout.list_file
    lines = read_text(path, "a list of sequences").splitlines() if path.is_file() else []
    names = [line.strip() for line in lines if line.strip()]
    if name not in names:
        _write(path, [*names, name])


def joined(folder: Path, layout: Layout) -> list[str]:
    """The recordings of real videos in the split in ``folder``.

    In the order of its list. Where there is no list, because Snakemake removes it before it is made again,
    all that are in the folder.

    Raises:
        DataError: the list names a recording that was not made here, as those of a downloaded benchmark.
    """
    path = folder / layout.list_file
    if not path.is_file():
        found = (flags.parent.name for flags in sorted(folder.glob(f"*/{FLAGS}")))
        return [name for name in found if not name.startswith(".") and not SCENE_NAME.fullmatch(name)]
    listed = (line.strip() for line in read_text(path, "a list of sequences").splitlines())
    names = [name for name in listed if name and not SCENE_NAME.fullmatch(name)]
    for name in names:
        if not (folder / name / FLAGS).is_file():
            expected, got = f"simulated recordings only in {path}", f"{name!r}, which was not simulated here"
            raise DataError(expected, got, "give another --output, or remove that line")
    return names


def write_attributes(folder: Path, layout: Layout, names: list[str]) -> None:
    """``attributes.csv`` of a split of simulated recordings: rows that are there for joined ones, else their flags."""
    known = read_attributes(layout, folder)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", *layout.attributes])
    for name in names:
        if name in known and not SCENE_NAME.fullmatch(name):
            row = [str(int(known[name].get(attribute, False))) for attribute in layout.attributes]
        else:
            row = (folder / name / FLAGS).read_text(encoding="utf-8").split()
        writer.writerow([name, *row])
    _write(folder / "attributes.csv", text.getvalue().splitlines())


def _add_attributes(folder: Path, layout: Layout, name: str) -> None:
    """All flags 0, in the place where `had.data.annotations.read_attributes` finds the other recordings'."""
    for place in (folder, folder.parent):
        table = place / "attributes.csv"
        if table.is_file():
            lines = [line for line in read_text(table, "a table of attributes").splitlines() if line.strip()]
            _write(table, _with_row(lines or [_header(layout)], name))
            return
        if (place / "att").is_dir() and layout.attributes:
            _write(place / "att" / f"{name}.txt", ["0"] * len(layout.attributes))
            return
    _write(folder / "attributes.csv", _with_row([_header(layout)], name))


def _header(layout: Layout) -> str:
    return ",".join(("sequence", *layout.attributes))


def _with_row(lines: list[str], name: str) -> list[str]:
    """A table's lines and the row of ``name``, which replaces one that a recording removed by hand has left."""
    rows = list(csv.reader(lines))
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow([name, *["0"] * (len(rows[0]) - 1)])
    others = [line for line, fields in zip(lines[1:], rows[1:], strict=True) if fields[0] != name]
    return [lines[0], *others, row.getvalue()]


def _write(path: Path, lines: list[str]) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
