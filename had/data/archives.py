"""Archives in one piece or many: found by their names, read as one file without being copied together.

Known: ``a.zip``, ``a.tar`` (``.gz``, ``.tgz``, ``.bz2``, ``.xz``); split zip archives, ``a.z01`` ... ``a.zip``; files
cut into pieces, ``a.zip.001`` ... or ``a.tar.gz.aa`` ... (also ``.partaa``, ``.part-aa``, ``.000`` ...). Not known: rar
and 7z, in one piece or many; they are named, never skipped.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from had.data.pieces import Pieces
from had.data.split_zip import one_zip
from had.errors import DataError

KINDS = {".zip": "zip", ".tar": "tar", ".tar.gz": "tar", ".tgz": "tar", ".tar.bz2": "tar", ".tar.xz": "tar"}
_UNKNOWN = re.compile(r"\.(rar|7z|r\d\d)(\.\d+)?$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<name>.+)\.(?P<number>\d{2,4})")
_LETTERED = re.compile(r"(?P<name>.+)\.(?:part[._-]?)?(?P<number>[a-z]{2,3})")
_SPLIT_ZIP = re.compile(r"(?P<name>.+)\.[zZ](?P<number>\d{2,5})")


@dataclass(frozen=True)
class Archive:
    """One archive.

    Attributes:
        name: its name without the marks of its pieces.
        kind: ``zip`` or ``tar``.
        parts: its pieces in order.
    """

    name: str
    kind: Literal["zip", "tar"]
    parts: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Size of all pieces."""
        return sum(path.stat().st_size for path in self.parts)

    def open(self) -> io.BufferedReader:
        """All pieces as one file; of a split zip archive with the places that one file would have."""
        if self.kind == "zip" and len(self.parts) > 1 and _SPLIT_ZIP.fullmatch(self.parts[0].name):
            return one_zip(self.parts)
        return io.BufferedReader(Pieces([(path, path.stat().st_size) for path in self.parts]))


def find_archives(folder: Path) -> list[Archive]:
    """The archives in a folder, each once, by name; files that begin with a dot are left out.

    Raises:
        DataError: a kind that is not known, a piece that is missing, or a file that is no archive.
    """
    pieces: dict[str, list[tuple[int | str, Path]]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or not path.is_file():
            continue
        if _UNKNOWN.search(path.name):
            remedy = (
                f"unpack it with a program of your own, and move the sequences to {folder.parents[1] / folder.name}"
            )
            raise DataError("zip or tar archives", f"{path}", remedy)
        name, number = _piece_of(path)
        pieces.setdefault(name, []).append((number, path))
    return [_archive(name, found) for name, found in sorted(pieces.items())]


def _piece_of(path: Path) -> tuple[str, int | str]:
    """(archive's name, number of the piece); a whole archive is piece "" of itself."""
    if _kind(path.name):
        return path.name, ""
    if found := _SPLIT_ZIP.fullmatch(path.name):
        return f"{found['name']}.zip", int(found["number"])
    for pattern in (_NUMBERED, _LETTERED):
        found = pattern.fullmatch(path.name)
        if found and _kind(found["name"]):
            number = found["number"]
            return found["name"], int(number) if number.isdigit() else number
    remedy = "wait for the end of its download, move it away, or unpack it by hand"
    raise DataError("zip or tar archives, or pieces of them", f"{path}", remedy)


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of a zip or tar archive in one piece."""
    return bool(_kind(path.name)) and path.is_file()


def _kind(name: str) -> str:
    endings = [ending for ending in KINDS if name.lower().endswith(ending)]
    return KINDS[max(endings, key=len)] if endings else ""


def _archive(name: str, found: list[tuple[int | str, Path]]) -> Archive:
    """The archive of these pieces, none of which is missing between the first and the last."""
    whole = [path for number, path in found if number == ""]
    numbered = sorted((number, path) for number, path in found if number != "")  # type: ignore[type-var]
    folder = found[0][1].parent
    split_zip = bool(numbered) and bool(_SPLIT_ZIP.fullmatch(numbered[0][1].name))
    if whole and numbered and not split_zip:
        got = f"{whole[0].name} and {numbered[0][1].name} in {folder}"
        raise DataError("an archive whole or in pieces", got, "move one of the two away")
    numbers = [number for number, _ in numbered]
    first = numbers[0] if numbers else ""
    begins = ("a" * len(first),) if isinstance(first, str) else (1,) if split_zip else (0, 1)
    expected = _following(first, len(numbers)) if numbers else []
    if numbers and (first not in begins or numbers != expected):
        missing = next((e for e, n in zip(expected, numbers, strict=True) if e != n), begins[-1])
        got = f"{len(numbers)} pieces without number {missing} in {folder}"
        raise DataError(f"all pieces of {name}", got, "fetch the missing ones, too")
    if split_zip and not whole:
        raise DataError(f"all pieces of {name}", f"no {name} in {folder}", "fetch it, too: it is the last piece")
    kind: Literal["zip", "tar"] = "zip" if _kind(name) == "zip" else "tar"
    return Archive(name, kind, (*(path for _, path in numbered), *whole))


def _following(first: int | str, count: int) -> list[int | str]:
    """``count`` numbers of pieces from the first on."""
    if isinstance(first, int):
        return list(range(first, first + count))
    result: list[int | str] = [first]
    while len(result) < count:
        letters = list(str(result[-1]))
        place = len(letters) - 1
        while place >= 0 and letters[place] == "z":
            letters[place] = "a"
            place -= 1
        if place >= 0:
            letters[place] = chr(ord(letters[place]) + 1)
        result.append("".join(letters))
    return result
