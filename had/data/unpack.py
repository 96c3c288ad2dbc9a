"""Archives -> files in a folder, safely: nothing outside it, no links, no devices, no bombs, nothing overwritten.

A member is written beside the folder and renamed into it when it is whole and its checksum is right, so that a further
call after a kill goes on: what is there with the same content stays. Refused, of a zip archive before anything is
written: absolute and climbing names, links, devices, passwords, names that come twice, more than `MOST_MEMBERS`, and
more than `MOST_RATIO` times the archive's size (beyond `FREE_BYTES`).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from had.data.archives import Archive
from had.data.unfinished import KEPT_FREE
from had.errors import DataError
from had.pointers import refuse_pointer

MOST_MEMBERS = 20_000_000
MOST_RATIO = 100
"""Recordings as CSV shrink to about a tenth, flags alone to a thousandth."""
FREE_BYTES = 256 << 20
"""An archive may become so large whatever its own size."""
BLOCK = 1 << 20
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, struct.error),
    *(IndexError, KeyError, OverflowError, RecursionError),  # what the library says of some headers
)
_OPENERS: dict[str, Callable[..., Any]] = {"gz": gzip.open, "tgz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
_MOST_NAME = 1 << 16
"""Bytes of a tar header that only names the next member; a path has at most 4,096."""
_MOST_NAMES = 8
"""Such headers before one member."""
_TAR_END = 1024
"""A tar archive ends with two blocks of zeros."""


@dataclass
class _Budget:
    """What an archive may still bring, and the names that it brought."""

    archive: Archive
    names: set[str] = field(default_factory=set)
    left: int = 0

    def __post_init__(self) -> None:
        self.left = max(FREE_BYTES, MOST_RATIO * self.archive.bytes)

    def admit(self, name: str, size: int) -> Path:
        """The path of a member inside the folder (`DataError` where it may not be unpacked)."""
        path = _inside(name, self.archive)
        if path.as_posix() in self.names:
            raise _unsafe(self.archive, f"{name!r} twice")
        self.names.add(path.as_posix())
        self.left -= size
        if self.left < 0 or size < 0 or len(self.names) > MOST_MEMBERS:
            raise _unsafe(self.archive, f"more than {MOST_RATIO} times its size, or {MOST_MEMBERS:,} members")
        return path


def unpack(archive: Archive, folder: Path, show: Callable[[str, int, int | None], None]) -> int:
    """Unpack an archive into a folder of its own.

    Args:
        archive: a zip or tar archive, in one piece or many.
        folder: is made where it is missing.
        show: told (archive, bytes read, its bytes) as members are written.

    Returns:
        The number of files.

    Raises:
        DataError: unsafe, broken, truncated or encrypted; no room; or another file in the place of a member.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        refuse_pointer(archive.parts[0], "a whole archive")
        with archive.open() as file:
            return (_unpack_zip if archive.kind == "zip" else _unpack_tar)(archive, file, folder, show)
    except BROKEN as error:
        got = f"{archive.parts[-1]}: {error or type(error).__name__}"
        remedy = "delete it and fetch it again, with all its pieces; what was unpacked stays"
        raise DataError("a whole archive", got, remedy) from None
    except (NotImplementedError, ValueError) as error:
        remedy = f"unpack it with another program, and move the sequences to {folder.parent}"
        raise DataError("an archive that Python can read", f"{archive.parts[-1]}: {error}", remedy) from None
    except OSError as error:
        got = f"{error.strerror or error} while {archive.name} was unpacked"
        raise DataError(
            f"to read {archive.parts[0].parent} and to write {folder}", got, "mend that; call again"
        ) from None


def _unpack_zip(archive: Archive, file: IO[bytes], folder: Path, show) -> int:
    with zipfile.ZipFile(file) as content:
        budget, members = _Budget(archive), []
        for info in content.infolist():
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(archive, f"the link or device {info.filename!r}")
            if info.flag_bits & 1:
                raise DataError("an archive without a password", f"{archive.name}", "unpack it by hand")
            if not info.is_dir():
                members.append((budget.admit(info.filename, info.file_size), info))
        _no_file_is_a_folder(budget)
        missing = [(path, info) for path, info in members if not (folder / path).exists()]
        _room(folder, sum(info.file_size for _, info in missing), archive)
        done = 0
        for path, info in members:
            with content.open(info) as member:
                _write(member, folder / path, info.file_size, _beside(folder))
            done += info.compress_size
            show(archive.name, done, archive.bytes)
    return len(members)


def _unpack_tar(archive: Archive, file: IO[bytes], folder: Path, show) -> int:
    opener = _OPENERS.get(archive.name.lower().rpartition(".")[2])
    watched = _Watched(opener(file) if opener else file, limit=max(FREE_BYTES, MOST_RATIO * archive.bytes))
    budget, count = _Budget(archive), 0
    try:
        with tarfile.open(fileobj=watched, mode="r|", tarinfo=_Member) as content:
            for info in content:
                if info.isdir():
                    continue
                if not info.isreg():
                    raise _unsafe(archive, f"the link or device {info.name!r}")
                path = budget.admit(info.name, info.size)
                member = content.extractfile(info)
                if member is None:
                    raise tarfile.ReadError(f"no content of {info.name!r}")
                _room(folder, info.size, archive)
                _write(member, folder / path, info.size, _beside(folder))
                count += 1
                show(archive.name, file.tell(), archive.bytes)
        while watched.read(BLOCK):  # to its end, where the checksums are
            pass
    except _BombError:
        raise _unsafe(archive, f"more than {MOST_RATIO} times its size") from None
    if watched.tail.strip(b"\0") or len(watched.tail) < _TAR_END:
        raise tarfile.ReadError("its end is missing")
    return count


class _Member(tarfile.TarInfo):
    """A member of a tar archive before which no more and no longer headers come than a name needs."""

    def _proc_member(self, tarfile_: Any) -> Any:
        naming = self.type in (*tarfile.GNU_TYPES, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        naming = naming and self.type != tarfile.GNUTYPE_SPARSE
        tarfile_.headers_in_a_row = getattr(tarfile_, "headers_in_a_row", 0) + 1 if naming else 0
        if naming and (self.size > _MOST_NAME or tarfile_.headers_in_a_row > _MOST_NAMES):
            raise tarfile.ReadError("a header that names the next member is too long, or one of too many")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


class _BombError(Exception):
    """An archive becomes too large."""


class _Watched(io.RawIOBase):
    """A stream that is read once; remembers its last bytes, and ends where there are too many."""

    def __init__(self, stream, limit: int):
        self._stream, self._left = stream, limit
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise _BombError
        self.tail = (self.tail + block)[-_TAR_END:]
        return block


def _inside(name: str, archive: Archive) -> Path:
    """A member's path relative to the folder, which it does not leave."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or not parts or ":" in parts[0] or "\0" in name:
        raise _unsafe(archive, f"the name {name!r}")
    if any(len(part.encode(errors="surrogateescape")) > 255 for part in parts):
        raise _unsafe(archive, f"the long name {name[:40]!r}...")
    return Path(*parts)


def _no_file_is_a_folder(budget: _Budget) -> None:
    for name in budget.names:
        for parent in Path(name).parents:
            if parent.as_posix() in budget.names:
                raise _unsafe(budget.archive, f"{parent.as_posix()!r} both as a file and as a folder")


def _room(folder: Path, needed: int, archive: Archive) -> None:
    free = shutil.disk_usage(folder).free - KEPT_FREE
    if needed > free:
        got = f"{max(free, 0):,} on the disk of {folder}"
        raise DataError(f"{needed:,} free bytes to unpack {archive.name}", got, "make room and call again")


def _write(member: IO[bytes], path: Path, size: int, temporary: Path) -> None:
    """A member's content to its place, or the proof that it is there already."""
    if os.path.lexists(path):
        if path.is_symlink() or not path.is_file() or not _same(member, path, size):
            remedy = "nothing was overwritten: move it away and call again"
            raise DataError(f"no other file at {path}", "one with other content", remedy)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            shutil.copyfileobj(member, file, BLOCK)
        if temporary.stat().st_size != size:
            raise EOFError(f"{path.name} is cut")
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(folder: Path) -> Path:
    """What a file is called while it is written."""
    return folder.with_name(f"{folder.name}.part")


def _same(member: IO[bytes], path: Path, size: int) -> bool:
    if path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        while block := member.read(BLOCK):
            if block != file.read(len(block)):
                return False
    return True


def _unsafe(archive: Archive, what: str) -> DataError:
    remedy = "do not unpack it; tell its publisher, or take it from another place"
    return DataError("an archive of plain files", f"{what} in {archive.name}", remedy)
