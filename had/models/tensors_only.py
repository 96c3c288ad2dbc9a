"""A checkpoint's tensors and plain values, without running what a pickle asks for.

Enters: a file of `torch.save`, zipped or older, or of safetensors. Leaves: its content, in which every object of an
unknown class is an empty `Placeholder` that only knows its class's name. A pickle is a program: an object that is to
be made by calling anything but Python's own plain types and torch's rebuilding functions means that the file holds
code, and it is refused.
"""

from __future__ import annotations

import codecs
import collections
import json
import pickle
import textwrap
import types
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from had.errors import CheckpointError


class _Uncallable(type):
    """Metaclass of placeholders: `__new__` by an opcode makes an empty one, a call is refused."""

    def __call__(cls, *args, **kwargs):
        raise _HoldsCodeError(f"{cls.__module__}.{cls.__name__}")


class Placeholder(metaclass=_Uncallable):
    """Stands for an object of a class that is not known here; whatever it held is forgotten."""

    def __new__(cls, *args, **kwargs):
        """Empty, whatever the arguments are."""
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Forget a member."""

    extend = add = append

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__}>"


class _HoldsCodeError(Exception):
    """A pickle asks to call something."""


def _forgotten(*args: Any) -> Placeholder:
    """Instead of a call that makes a plain value which nobody here reads (numpy's scalars, partial functions)."""
    return Placeholder.__new__(Placeholder)


def _reconstructed(cls: Any, base: Any, state: Any) -> Placeholder:
    """Instead of `copyreg._reconstructor`, for placeholders only."""
    if not isinstance(cls, _Uncallable):
        raise _HoldsCodeError("copyreg._reconstructor")
    return Placeholder.__new__(cls)  # type: ignore[arg-type]


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): codecs.encode,
    ("copyreg", "_reconstructor"): _reconstructed,
    ("copy_reg", "_reconstructor"): _reconstructed,
    ("functools", "partial"): _forgotten,
    ("numpy", "dtype"): _forgotten,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}
for _home, _classes in {
    "pathlib": ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
    "datetime": ("datetime", "date", "timedelta"),
}.items():
    _ALLOWED |= {(_home, name): _forgotten for name in _classes}
for _home in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED |= {(_home, name): _forgotten for name in ("scalar", "_reconstruct")}
for _name in ("dict", "list", "set", "frozenset", "tuple", "int", "float", "bool", "str", "bytes", "bytearray"):
    _ALLOWED |= {(_home, _name): __builtins__[_name] for _home in ("builtins", "__builtin__")}  # type: ignore[index]


class _Unpickler(pickle.Unpickler):
    """Knows what is allowed, and makes a placeholder class of everything else."""

    def find_class(self, module: str, name: str) -> Any:
        known = _ALLOWED.get((module, name))
        if known is not None:
            return known
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        return type.__new__(_Uncallable, name, (Placeholder,), {"__module__": module})


_MODULE = types.ModuleType("tensors_only")
"""What `torch.load` takes for the module `pickle`."""
_MODULE.Unpickler = _Unpickler  # type: ignore[attr-defined]
_MODULE.load = lambda file, **options: _Unpickler(file, **options).load()  # type: ignore[attr-defined]


def read(path: Path | str) -> Any:
    """The content of a checkpoint.

    Raises:
        CheckpointError: no such file, truncated, of another kind, or with code.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("a checkpoint file", f"no file {path}", "correct the path")
    try:
        if zipfile.is_zipfile(path):
            _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about old storages
            return torch.load(path, map_location="cpu", pickle_module=_MODULE, weights_only=False)
    except CheckpointError:
        raise
    except _HoldsCodeError as error:
        got = f"{path}, which asks to call {error}: it holds code"
        raise CheckpointError("tensors only", got, "do not use it; get the file from its publisher") from None
    except Exception as error:  # torch and pickle promise no kinds for broken bytes
        first = textwrap.shorten((str(error) or type(error).__name__).splitlines()[0], 120, placeholder=" ...")
        remedy = "the file is truncated or of another kind; get it again"
        raise CheckpointError("a torch checkpoint", f"{path}: {first}", remedy) from None


def _check_archive(path: Path) -> None:
    """Refuse a zipped checkpoint that is a program, or whose bytes are not those that were written."""
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            remedy = "save its state_dict() with torch.save and give that"
            raise CheckpointError("tensors only", f"a TorchScript program in {path}", remedy)
        damaged = archive.testzip()  # torch itself does not look at the checksums
    if damaged:
        got = f"other bytes in {damaged} of {path}"
        raise CheckpointError("the bytes that the file's checksums promise", got, "the file is damaged; get it again")


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors by name, and what `had.models.weights.save_network` wrote about them (empty for files of others).

    Raises:
        CheckpointError: no such file, truncated, or of another kind.
    """
    if not path.is_file():
        raise CheckpointError("a network file", f"no file {path}", "train the network first or correct the path")
    if path.suffix in (".pth", ".pt", ".tar"):
        remedy = "turn a published checkpoint into one with `had weights convert`"
        raise CheckpointError("a network as *.safetensors", str(path), remedy)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("had", "{}"))
            if not isinstance(header, dict) or not isinstance(header.get("provenance", {}), dict):
                raise ValueError("a header that is none of `had`'s")
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 (not a dictionary)
    except (SafetensorError, OSError, ValueError) as error:
        remedy = "the file is truncated or of another kind; make it again"
        raise CheckpointError("a safetensors file", f"{path}: {error}", remedy) from None
