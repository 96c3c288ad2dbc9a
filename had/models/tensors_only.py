"""Files of `torch.save`, zipped or older, and of safetensors -> tensors and plain values.

Nothing in a file is executed (`had.models.pickles`), and no more memory is asked for than a file is large: storages
and archive members are held against its size first, tensors against their storages. A zipped file's bytes are held
against its checksums (CRC-32) as they are read.
"""

from __future__ import annotations

import json
import mmap
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from had.errors import CheckpointError
from had.models.pickles import HoldsCodeError, MalformedError, Storages, unpickle
from had.pointers import refuse_pointer

MOST_TENSORS = 100_000
"""Of a safetensors file; a network has some hundreds."""
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""The first value of an older file."""


def read(path: Path | str) -> Any:
    """The content of a checkpoint.

    Raises:
        CheckpointError: no such file, not readable, truncated, damaged, of another kind, or with code.
    """
    path = _file(Path(path), "a checkpoint file", "correct the path")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read_zipped(path) if is_zipped(path) else _read_older(file.fileno())
    except HoldsCodeError as error:
        got = f"{path}, which asks to call {error}: it holds code"
        raise CheckpointError("tensors only", got, "do not use it; get the file from its publisher") from None
    except (CheckpointError, KeyboardInterrupt):
        raise
    except Exception as error:  # pickletools, zipfile and torch promise no kinds for broken bytes
        if isinstance(error, zipfile.BadZipFile) and "CRC-32" in str(error):
            got = f"{path}: {_reason(error)}"
            expected = "the bytes that the file's checksums promise"
            raise CheckpointError(expected, got, "the file is damaged; get it again") from None
        remedy = "the file is truncated or of another kind; get it again"
        raise CheckpointError("a torch checkpoint", f"{path}: {_reason(error)}", remedy) from None


def is_zipped(path: Path) -> bool:
    """Whether a file is an archive, whose parts have checksums."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _read_zipped(path: Path) -> Any:
    """A file of torch 1.6 or later: an archive of a pickle and a member a storage."""
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: entry for entry in archive.infolist()}
        if any(name.endswith("/constants.pkl") for name in members):
            remedy = "save its state_dict() with torch.save and give that"
            raise CheckpointError("tensors only", f"a TorchScript program in {path}", remedy)
        size = path.stat().st_size
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in members.values()):
            raise MalformedError("a compressed archive")
        if sum(entry.file_size for entry in archive.infolist()) > size:
            raise MalformedError("members that are larger than the file")
        (pickled,) = (name for name in members if name.endswith("/data.pkl") and name.count("/") == 1)
        folder = pickled.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in members and archive.read(order) != b"little":
            raise MalformedError("numbers of a big-endian machine")
        storages = Storages(size)
        content = unpickle(archive.read(pickled), storages)
        for key, flat in storages.flat.items():
            _fill(flat, archive.read(f"{folder}data/{key}"))
        return content


def _read_older(descriptor: int) -> Any:
    """A file of torch before 1.6: pickles one after another, then the storages' values."""
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as file:
        storages = Storages(len(file))
        if unpickle(file, storages) != MAGIC_NUMBER:
            raise MalformedError("none of its numbers at the beginning")
        unpickle(file, storages)  # the format's version
        facts = unpickle(file, storages)
        if not isinstance(facts, dict) or facts.get("little_endian") is not True:
            raise MalformedError("numbers of a big-endian machine")
        content, keys = unpickle(file, storages), unpickle(file, storages)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise MalformedError("no list of storages")
        if len(keys) != len(storages.flat) or set(keys) != storages.flat.keys():
            raise MalformedError("other storages than its tensors need")
        for key in keys:
            flat = storages.flat[key]
            if int.from_bytes(file.read(8), "little") != len(flat):
                raise MalformedError(f"another number of values in storage {key!r:.40}")
            _fill(flat, file.read(flat.nbytes))
        return content


def _fill(flat: torch.Tensor, content: bytes) -> None:
    """Give a storage its values."""
    if len(content) != flat.nbytes:
        raise MalformedError(f"{len(content):,} bytes of a storage of {flat.nbytes:,}")
    flat.view(torch.uint8).numpy()[:] = np.frombuffer(content, np.uint8)


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors by name, and what `had.models.weights.save_network` wrote about them (empty for files of others).

    Raises:
        CheckpointError: no such file, not readable, truncated, or of another kind.
    """
    path = _file(path, "a network file", "train the network first or correct the path")
    if path.suffix in (".pth", ".pt", ".tar"):
        remedy = "turn a published checkpoint into one with `had weights convert`"
        raise CheckpointError("a network as *.safetensors", str(path), remedy)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("had", "{}"))
            if not isinstance(header, dict) or not isinstance(header.get("provenance", {}), dict):
                raise ValueError("a header that is none of `had`'s")
            names = file.keys()
            if len(names) > MOST_TENSORS:
                raise ValueError(f"{len(names):,} tensors, more than {MOST_TENSORS:,}")
            return {name: file.get_tensor(name) for name in names}, header
    except Exception as error:  # json, torch and safetensors promise no kinds for strange values
        remedy = "the file is truncated or of another kind; make it again"
        raise CheckpointError("a safetensors file", f"{path}: {_reason(error)}", remedy) from None


def _file(path: Path, expected: str, remedy: str) -> Path:
    """``path``, if a file that can be read is there."""
    try:
        if path.is_file():
            refuse_pointer(path, expected, CheckpointError)
            return path
    except OSError as error:
        raise CheckpointError(expected, f"{path}: {error.strerror}", "ask its owner, or give another file") from None
    kind = "something else than a file at" if path.exists() else "no file"
    raise CheckpointError(expected, f"{kind} {path}", remedy)


def _reason(error: Exception) -> str:
    """An error of a library in a line; Python's own errors at broken bytes say nothing to a user."""
    if isinstance(error, LookupError | TypeError | AttributeError):
        return "broken, or no checkpoint at all"
    lines = str(error).splitlines() or [type(error).__name__]
    return textwrap.shorten(lines[0], 120, placeholder=" ...") or type(error).__name__
