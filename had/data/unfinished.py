"""A file that is still coming: its bytes so far, of which version of the remote file they are, and the room for it.

``.NAME.part`` holds the bytes, ``.NAME.part.json`` says what they are of, and only a whole and checked file gets its
name. ``.NAME.json`` beside a whole file says what was checked.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from had.data.datasets import PublishedFile
from had.errors import DataError
from had.files import atomic_file, read_json

READ_BYTES = 1 << 20
_PAGES = (b"<!doctype", b"<html", b"<?xml", b'{"')
"""How an answer begins that is meant for a browser."""
_TEXTS = (".html", ".json", ".xml")
_CHECKPOINTS = (".pth", ".pt", ".pth.tar")
"""Zip archives, but for the oldest."""
KEPT_FREE = 64 << 20
"""Bytes of a disk that are never claimed."""


class Space:
    """The free bytes of a disk, less those that running downloads will still write.

    Args:
        folder: lies on the disk, and exists.
    """

    def __init__(self, folder: Path):
        self._folder, self._lock = folder, threading.Lock()
        self._claims: dict[Path, int] = {}

    def claim(self, path: Path, needed: int) -> None:
        """Set bytes aside for a file (`DataError` where they are not there); an earlier claim of it is replaced."""
        with self._lock:
            self._claims.pop(path, None)
            free = shutil.disk_usage(self._folder).free - sum(self._claims.values()) - KEPT_FREE
            if needed > free:
                got = f"{max(free, 0):,} on the disk of {self._folder}"
                raise DataError(f"{needed:,} free bytes for {path.name}", got, "make room, or give another --root")
            self._claims[path] = needed

    def used(self, path: Path, count: int) -> None:
        """Tell that so many of a file's bytes are written."""
        with self._lock:
            if path in self._claims:
                self._claims[path] = max(0, self._claims[path] - count)


class Unfinished:
    """The bytes of ``target`` so far, hashed as they come; a context that holds them open.

    Args:
        source: what is published about the file.
        target: its place; its folder exists.
    """

    def __init__(self, source: PublishedFile, target: Path):
        self.source, self.target = source, target
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self.file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        known = read_json(self.note)
        self.validator: str | None = known.get("validator")
        self.total: int | None = known.get("total")
        self.position = os.fstat(self.file.fileno()).st_size
        self.resumed = False
        self._hashes = _hashes(self.source)
        same = known.get("url") == source.url and (self.validator is not None or source.checksum is not None)
        if not same or (self.total is not None and self.position > self.total):
            self.restart()
        elif self.position:
            self.resumed = True
            for chunk in iter(lambda: self.file.read(READ_BYTES), b""):
                self._hash(chunk)

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    @property
    def complete(self) -> bool:
        """Whether the stated number of bytes is there."""
        return self.total is not None and self.position == self.total

    def restart(self) -> None:
        """Forget all bytes."""
        self.file.truncate(0)
        self.file.seek(0)
        self.position, self.total, self.validator, self.resumed = 0, None, None, False
        self._hashes = _hashes(self.source)

    def begin(self, validator: str | None, total: int | None) -> None:
        """Say which version of the remote file the bytes to come are of, before the first of them."""
        self.validator, self.total = validator, total
        with atomic_file(self.note) as temporary:
            temporary.write_text(json.dumps({"url": self.source.url, "validator": validator, "total": total}))

    def write(self, chunk: bytes) -> None:
        """Append bytes (`DataError` where the disk is full; what is there stays)."""
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[self.file.write(rest) :]
        except OSError as error:
            got = f"{error.strerror} after {self.position:,} bytes"
            raise DataError(f"room to write {self.path}", got, "make room and call again: it goes on there") from None
        self._hash(chunk)
        self.position += len(chunk)

    def mismatch(self) -> str | None:
        """What of the published size and checksum the bytes are not; None where they are what they should be."""
        return _mismatch(self.source, self.path, self._hashes)

    def finish(self) -> None:
        """Give the file its name, and leave the record of what was checked beside it.

        Raises:
            DataError: something else has that name by now; it stays.
        """
        os.fsync(self.file.fileno())
        if self.target.exists():
            raise DataError(f"no other file at {self.target}", "one that came meanwhile", "move it away and call again")
        os.rename(self.path, self.target)
        _write_record(self.source, self.target, self._hashes["sha256"].hexdigest())
        self.note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the bytes: they are of no use."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _hash(self, chunk: bytes) -> None:
        for state in self._hashes.values():
            state.update(chunk)


def there(source: PublishedFile, path: Path) -> bool:
    """Whether a whole file has its place; a file without a record is checked once, as far as can be.

    Raises:
        DataError: a file that is not what is published; it stays.
    """
    if not path.is_file():
        return False
    status, record = path.stat(), read_json(_record(path))
    same = (record.get("bytes"), record.get("modified_ns")) == (status.st_size, status.st_mtime_ns)
    if same and record.get("published") == _published(source):
        return True
    hashes, size = _hashes(source), status.st_size
    read = source.checksum is not None and source.bytes in (None, size)  # else there is nothing to learn
    if read:
        with path.open("rb") as file:
            while chunk := file.read(READ_BYTES):
                for state in hashes.values():
                    state.update(chunk)
    problem = _mismatch(source, path, hashes)
    if problem:
        raise DataError(f"{path} as published", problem, "move it away; it is incomplete or another version")
    _write_record(source, path, hashes["sha256"].hexdigest() if read else None)
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file (`DataError` where another process holds it); without effect on disks that know no locks."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{path.parent.parent} for this process", "another `had download`", "wait for it") from None
        except OSError:
            pass
        yield


def _hashes(source: PublishedFile) -> dict[str, Any]:
    names = {"sha256"} | ({source.checksum[0]} if source.checksum else set())
    return {name: hashlib.new(name) for name in sorted(names)}


def _mismatch(source: PublishedFile, path: Path, hashes: dict[str, Any]) -> str | None:
    size = path.stat().st_size
    if source.bytes not in (None, size):
        return f"{size:,} bytes instead of {source.bytes:,}"
    if source.checksum:
        name, digits = source.checksum
        found = hashes[name].hexdigest()
        if not found.startswith(digits):
            return f"{name} {found} instead of {digits}"
        return None
    return _something_else(path, source.name)


def _something_else(path: Path, name: str) -> str | None:
    """What stands in the place of a file of which no checksum tells whether it is the right one."""
    with path.open("rb") as file:
        head = file.read(256)
    if not head:
        return "an empty file"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES) and not name.endswith(_TEXTS):
        return "a web page"
    if name.endswith(_CHECKPOINTS) and head.startswith(b"PK") and not zipfile.is_zipfile(path):
        return "a checkpoint without its end"
    return None


def _published(source: PublishedFile) -> dict[str, Any]:
    return {"bytes": source.bytes, "checksum": list(source.checksum) if source.checksum else None}


def _record(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _write_record(source: PublishedFile, path: Path, sha256: str | None) -> None:
    status = path.stat()
    record = {
        "url": source.url,
        "bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "sha256": sha256,
        "published": _published(source),
    }
    with atomic_file(_record(path)) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
