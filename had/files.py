"""Atomic writes: files and folders are written beside their place and renamed; files of others are never overwritten.

What a killed process has left half written is removed when the same path is written again.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from had.errors import DataError, excerpt
from had.pointers import refuse_pointer

LONGEST_NAME, LONGEST_PATH = 255, 3500
"""Bytes of a file's name on usual file systems, and of a folder's path that leaves room for what is in it."""
ABANDONED_SECONDS = 86400
"""Half-written files of other hosts, whose processes cannot be looked up, count as left behind after this time."""


def make_folder(path: Path | str) -> Path:
    """The folder, with all above it, where there is none yet.

    Raises:
        DataError: a file is in its place or above it, or it cannot be written in.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next((place for place in (path, *path.parents) if place.exists() and not place.is_dir()), path)
        raise DataError(f"a folder {path}", f"a file {there}", "give another output, or move that away") from None
    except OSError as error:
        raise DataError(f"a folder {path}", f"none ({error.strerror})", "give another output") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise DataError("a folder to write in", f"{path}, which is not writable", "give another output") from None
    return path


def check_folder(path: Path | str) -> None:
    """See that a folder is at ``path`` or can be made there, and can be written in; nothing is made (`DataError`)."""
    path, expected, remedy = Path(path).absolute(), "a folder that can be made", "give another place"
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    names = [len(os.fsencode(name)) for name in path.relative_to(there).parts]
    if max(names, default=0) > LONGEST_NAME or len(os.fsencode(path)) > LONGEST_PATH:
        raise DataError(expected, f"{excerpt(str(path))}, whose name is too long", remedy)
    if not there.is_dir():
        raise DataError(expected, f"{there}, which is no folder", remedy)
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(expected, f"{path} in {there}, which is not writable", remedy)


def check_file(path: Path | str) -> None:
    """See that a file can be written at ``path`` (`DataError`: a folder, device or pipe is there)."""
    path = Path(path)
    if path.exists() and not path.is_file():
        got = "a folder" if path.is_dir() else "a device or pipe"
        raise DataError(f"a file {path}", got, "give another output, or move that away")


@contextmanager
def atomic_file(path: Path | str, *, replace: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path`` that becomes ``path`` when the block ends without an error.

    The suffix is kept, because writers choose the format by it. After an error nothing is left, and an
    older ``path`` stays as it was.

    Args:
        path: the file; of a link, the file that it leads to.
        replace: False: a file that another process has put there meanwhile stays, and what was written here goes.

    Raises:
        DataError: a folder, device or pipe is in its place, or its own folder cannot be made or written in.
    """
    path = Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)
    check_file(path)
    make_folder(path.parent)
    _remove_leftovers(path, path.stem, path.suffix)
    temporary = path.with_name(f".{path.stem}.{_writer()}.part{path.suffix}")
    try:
        yield temporary
        if replace:
            os.replace(temporary, path)
        else:
            _put(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str, parts: Collection[str] = ("index.json", "*.npy")) -> Iterator[Path]:
    """A temporary folder beside ``path`` that replaces ``path`` when the block ends without an error.

    Args:
        path: the folder.
        parts: names (or patterns) of all that such a product consists of. A folder that is there is replaced only
            if it holds nothing else, whole or not (Snakemake removes files before they are made again).

    Raises:
        DataError: before and after the block, if something else is there; it stays as it is. Or the folder above
            cannot be made or written in.
    """
    path = Path(path)
    _refuse_foreign(path, parts)
    make_folder(path.parent)
    _remove_leftovers(path, path.name, "")
    temporary = path.with_name(f".{path.name}.{_writer()}.part")
    temporary.mkdir()
    try:
        yield temporary
        _refuse_foreign(path, parts)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Say in one sentence that ``folder`` cannot be written, because its disk is full or it is read-only.

    Raises:
        DataError: a write inside the block was refused.
    """
    try:
        yield
    except OSError as error:
        # numpy counts what it could not write and gives no error number.
        reason = error.strerror or (str(error) if _UNWRITTEN.fullmatch(str(error)) else None)
        if reason is None or error.errno not in _REFUSED:
            raise
        got = f"{error.filename or folder} ({reason})"
        remedy = "make room or give another folder, and call again"
        raise DataError(f"a folder {folder} that can be written", got, remedy) from None


_REFUSED = (None, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)
_UNWRITTEN = re.compile(r"\d+ requested and \d+ written")


def _refuse_foreign(path: Path, parts: Collection[str]) -> None:
    """See that nothing of somebody else's would be lost with ``path``."""
    foreign = ""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        foreign = f"something else at {path}"
    elif path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        others = [name for name in names if not any(fnmatchcase(name, part) for part in parts)]
        foreign = f"{others[0]!r} in {path}" if others else ""
    if foreign:
        remedy = "give another --output, or move that away"
        raise DataError("a new folder, or one that an earlier call made", foreign, remedy)


def _put(temporary: Path, path: Path) -> None:
    """Give a finished file its name unless that is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            os.replace(temporary, path)


def _writer() -> str:
    """This process, by its host, because folders are shared between hosts, and its number there."""
    return f"{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]}-{os.getpid()}"


def _remove_leftovers(path: Path, stem: str, suffix: str) -> None:
    """Remove what processes that were killed have left of ``path``, SQLite's journals of it too.

    Of this host those go whose process does not run, or whose number this process has got. Whether a process of another
    host (or of an earlier version, which did not name the host) still writes is not known here: its files go when
    nothing was written to them for a day.
    """
    host, process = _writer().split("-")
    named = re.compile(
        rf"\.{re.escape(stem)}\.(?:([0-9a-f]{{6}})-)?(\d+)\.part{re.escape(suffix)}(-journal|-wal|-shm)?"
    )
    with suppress(OSError):  # a folder that cannot be listed, or somebody else's file in it
        for name in os.listdir(path.parent):
            match = named.fullmatch(name)
            if match is None:
                continue
            entry = path.parent / name
            if match[1] == host:
                left = match[2] == process or not _runs(int(match[2]))
            else:
                left = time.time() - _last_written(entry) > ABANDONED_SECONDS
            if left and entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif left:
                entry.unlink()


def _last_written(path: Path) -> float:
    """When a file, or anything in a folder, was last written; now, where it has just gone."""
    try:
        return max(entry.lstat().st_mtime for entry in (path, *path.rglob("*")))
    except OSError:
        return time.time()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True


def shown(folder: Path, pattern: str = "*") -> list[Path]:
    """A folder's entries by name, without hidden ones: macOS lays ``._<name>`` beside every file, and it is no data."""
    return sorted(entry for entry in folder.glob(pattern) if not entry.name.startswith("."))


def read_text(path: Path, expected: str) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark.

    Raises:
        DataError: bytes that are no text, something else than a file, or a pointer to it.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise DataError(expected, f"{path}, which is no file", "give a file")
    refuse_pointer(path, expected)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        got = f"no UTF-8 text in line {line} of {path}"
        raise DataError(expected, got, "save it as UTF-8 text, or give another file") from None


def read_rows(path: Path, expected: str) -> list[list[str]]:
    """The rows of a CSV file (`DataError` for bytes that are no such text)."""
    try:
        return list(csv.reader(io.StringIO(read_text(path, expected), newline="")))
    except csv.Error as error:
        raise DataError(
            expected, f"no table in {path} ({error})", "write commas between values, quotes in pairs"
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file of ours says; nothing where there is none or it is broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def file_state(file: Path | os.DirEntry[str]) -> tuple[int, int, int]:
    """(bytes, nanoseconds of the last change of its content, of its inode); (-1, 0, 0) where there is no such file.

    Another one in its place has another state, were it of the same size and age (`cp -p`). So has the same one after
    a change of its rights, its name or its links.
    """
    try:
        status = file.stat()
    except OSError:
        return -1, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def file_digest(path: Path | str | None) -> str:
    """SHA-256 of a file in hexadecimal digits, empty where there is none."""
    if path is None or not Path(path).is_file():
        return ""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
