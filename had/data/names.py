"""Names of sequences, read from lists and checked: folders and result files are called after them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from pathlib import Path

from had.errors import DataError, excerpt
from had.files import read_text

_SHARED_SUFFIXES = ("_time", ".npy")
"""Result files of the sequence ``car`` are car.txt, car_time.txt and, inside of archives, car.npy."""
MOST_NAME = 255 - len("._time.123456-1234567.part.txt")
"""Bytes of a sequence's name: a file system takes 255 for the longest that is made of it (`had.files`), while the times
of its track are written."""
_INDEX = "index.json"
"""What preparation writes beside the folders of sequences; files of tracks have suffixes after a sequence's name."""


def read_list(path: Path) -> list[str]:
    """The names in a list of sequences, one a line.

    Raises:
        DataError: no file, no name, a name twice, one as `wrong_with` says, or as `refuse_shared_files`.
    """
    if not path.is_file():
        remedy = "check the root, or write it: one sequence name a line"
        if not path.parent.is_dir():
            remedy = "check the root, or get the recordings: `had download` fetches them or says how"
        raise DataError("a list of sequences", f"no file {path}", remedy)
    lines = [line.strip() for line in read_text(path, "a list of sequences").splitlines()]
    names = [line for line in lines if line]
    for number, name in enumerate(lines, 1):
        if wrong := wrong_with(name):
            got = f"{excerpt(name)} in line {number} of {path}, {wrong}"
            raise DataError("names of folders", got, "rename the sequence, here and on disk")
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if not names:
        remedy = "write one sequence name a line, or leave the list out"
        raise DataError("the names of sequences", f"none in {path}, which is empty", remedy)
    if doubled:
        again = lines.index(doubled[0], lines.index(doubled[0]) + 1) + 1
        got = f"{doubled[0]!r} more than once in {path} (line {again} of it)"
        raise DataError("each sequence once", got, "correct that list")
    refuse_shared_files(names, path)
    return names


def wrong_with(name: str) -> str:
    """Why no sequence can be called so, as a sentence ends; empty where one can."""
    if name.startswith(".") or set(name) & set("/\\\0"):
        return "which is a path or begins with a dot"
    if (length := len(name.encode(errors="replace"))) > MOST_NAME:
        return f"which has {length} bytes, of which {MOST_NAME} leave room for names that are made of it"
    return "which is the name of a file that `had prepare` writes there" if name.casefold() == _INDEX else ""


def refuse_shared_files(names: list[str], path: Path) -> None:
    """See that no two sequences would be written to the same file.

    Args:
        names: of the sequences whose folders lie beside ``path``.
        path: what names them.

    Raises:
        DataError: one is called like the other's times, or like its array in an archive; or, where a file system does
            not tell capitals, they are the same folder.
    """
    known, alike = set(names), dict[str, str]()
    for name in names:
        other = alike.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        folders = path.parent / name, path.parent / other
        if other != name and all(map(os.path.isdir, folders)) and os.path.samefile(*folders):
            got = f"{other!r} and {name!r} in {path}, which are the same folder"
            raise DataError("a folder for each sequence", got, "rename one of them, here and on disk")
        for suffix in _SHARED_SUFFIXES:
            if name + suffix in known:
                got = f"{name!r} and {name + suffix!r} in {path}, which both mean the file {name}{suffix}"
                raise DataError("sequences with result files of their own", got, "rename one, here and on disk")
