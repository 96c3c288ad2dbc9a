"""A pickle of tensors -> its plain values and tensors; no function that it names is ever called.

A pickle is a program for a small stack machine. Here is such a machine that knows Python's plain types and torch's
tensors only. An object of any other class becomes an empty `Placeholder`; a pickle that asks to call anything beyond
the harmless constructors below holds code and is refused. A tensor's values are read afterwards, by
`had.models.tensors_only`, into storages that are allocated here, after their sizes were held against the file's.
"""

from __future__ import annotations

import math
import pickletools
from typing import Any, NamedTuple

import torch

MOST_STEPS = 1_000_000
"""Instructions of one pickle; a published checkpoint has less than 100,000."""
MOST_VIEWS = 8
"""All tensors together have at most so many times the file's bytes: several may share one storage."""
DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
HARMLESS = {
    "builtins": ("dict", "list", "set", "frozenset", "tuple", "int", "float", "bool", "str", "bytes", "bytearray"),
    "pathlib": ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
    "datetime": ("datetime", "date", "timedelta"),
    "_codecs": ("encode",),
    "copyreg": ("_reconstructor",),
    "functools": ("partial",),
    "numpy": ("dtype",),
    "numpy.core.multiarray": ("scalar", "_reconstruct"),
    "torch": ("device",),
}
"""Constructors whose results nobody here reads: they are not called, but they are no reason to refuse a file."""
SAME = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy._core.multiarray": "numpy.core.multiarray"}
"""Modules by their other names."""
VALUES = {
    code.name
    for code in pickletools.opcodes
    if code.arg and not code.stack_before and code.stack_after not in ([], [pickletools.anyobject])
}
"""Instructions whose argument is the value."""


class HoldsCodeError(Exception):
    """A pickle asks to call something."""


class MalformedError(Exception):
    """A pickle that no `torch.save` wrote."""


class Name(NamedTuple):
    """A class or function that a pickle names; it is not imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Placeholder:
    """Stands for an object of a class that is not known here; whatever it held is forgotten."""

    def __init__(self, of: Name):
        self.of = of

    def __repr__(self) -> str:
        return f"<{self.of}>"


class Storages:
    """The storages that a file's tensors lie in, by their keys, none larger than the file.

    Args:
        size: bytes of the file.
    """

    def __init__(self, size: int):
        self.flat: dict[str, torch.Tensor] = {}
        self.left, self.views_left = size, MOST_VIEWS * size

    def add(self, identity: Any) -> torch.Tensor:
        """The storage of a persistent identity: ("storage", class, key, place, number of values)."""
        if not (isinstance(identity, tuple) and len(identity) >= 5 and identity[0] == "storage"):
            raise MalformedError("a reference to something that is no storage")
        _, kind, key, _, count, *view = identity
        dtype = DTYPES.get(kind.name) if isinstance(kind, Name) and kind.module in ("torch", "torch.cuda") else None
        if dtype is None or not isinstance(key, str) or not _is_size(count) or any(part is not None for part in view):
            raise MalformedError("a storage of unknown form")
        if key in self.flat:
            if self.flat[key].dtype != dtype or len(self.flat[key]) != count:
                raise MalformedError(f"two forms of storage {key!r:.40}")
            return self.flat[key]
        self.left -= count * dtype.itemsize
        if self.left < 0:
            raise MalformedError("storages that are larger than the file")
        self.flat[key] = torch.empty(count, dtype=dtype)
        return self.flat[key]

    def tensor(self, flat: Any, offset: Any, size: Any, stride: Any) -> torch.Tensor:
        """A tensor on a storage: inside it, and with no more values than it has."""
        lists = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= 64
        if not isinstance(flat, torch.Tensor) or not lists or not all(map(_is_size, (offset, *size, *stride))):
            raise MalformedError("a tensor of unknown form")
        count = math.prod(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else offset
        if count > len(flat) or (count and last >= len(flat)):
            raise MalformedError(f"a tensor of {count:,} values in a storage of {len(flat):,}")
        self.views_left -= count * flat.dtype.itemsize
        if self.views_left < 0:
            raise MalformedError(f"tensors of more than {MOST_VIEWS} times the file's bytes")
        return flat.as_strided(size, stride, offset)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def unpickle(stream: Any, storages: Storages) -> Any:
    """The value of the pickle that begins at the stream's position, which afterwards is behind it.

    Args:
        stream: bytes, or what has `read`, `readline` and `tell` and never reads more than there is (a memory map).
        storages: gains those that the pickle's tensors lie in, without values.

    Raises:
        HoldsCodeError: it asks to call something.
        MalformedError, or whatever Python raises for broken bytes.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    argument: Any

    def since_mark() -> list:
        place = marks.pop()
        values = stack[place:]
        del stack[place:]
        return values

    for step, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if step == MOST_STEPS:
            raise MalformedError(f"more than {MOST_STEPS:,} instructions")
        if marks and len(stack) < marks[-1]:
            raise MalformedError("a pickle that takes more than it has")
        match code.name:
            case name if name in VALUES:
                stack.append(argument)
            case "MARK":
                marks.append(len(stack))
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(code.name == "NEWTRUE")
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_SET":
                stack.append(Placeholder(Name("builtins", "set")))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(code.name[-1])
                values = tuple(stack[-count:])
                del stack[-count:]
                stack.append(values)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "LIST":
                stack.append(since_mark())
            case "DICT":
                stack.append(_filled({}, since_mark()))
            case "FROZENSET":
                since_mark()
                stack.append(Placeholder(Name("builtins", "frozenset")))
            case "APPEND":
                value = stack.pop()
                _extended(stack[-1], [value])
            case "APPENDS" | "ADDITEMS":
                values_since = since_mark()
                _extended(stack[-1], values_since)
            case "SETITEM":
                pair = stack[-2:]
                del stack[-2:]
                _filled(stack[-1], pair)
            case "SETITEMS":
                pairs = since_mark()
                _filled(stack[-1], pairs)
            case "GLOBAL":
                stack.append(_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack[-2:] = [_name(*stack[-2:])]
            case "BINPERSID":
                stack[-1] = storages.add(stack[-1])
            case "REDUCE":
                arguments = stack.pop()
                stack[-1] = _made(stack[-1], arguments, storages)
            case "NEWOBJ" | "NEWOBJ_EX":
                del stack[-1 if code.name == "NEWOBJ" else -2 :]
                stack[-1] = _placeholder(stack[-1])
            case "BUILD":
                stack.pop()  # attributes, of OrderedDict too, which here is a dictionary
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "POP":
                stack.pop()
            case "POP_MARK":
                since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case _:  # INST and OBJ call, the others are never written for tensors
                raise MalformedError(f"instruction {code.name}")
    raise MalformedError("a pickle without an end")


def _name(module: Any, name: Any) -> Name:
    if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > 200:
        raise MalformedError("a class without a name")
    return Name(module, name)


def _made(function: Any, arguments: Any, storages: Storages) -> Any:
    """What a call stands for."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise MalformedError("a call of what is no function")
    match (SAME.get(function.module, function.module), function.name, arguments):
        case "collections", "OrderedDict", ():
            return {}
        case "collections", "OrderedDict", (list(pairs),) if all(_is_pair(pair) for pair in pairs):
            parts = [part for pair in pairs for part in pair]
            pairs.clear()  # a long list that is named again and again would be copied as often
            return _filled({}, parts)
        case "torch", "Size", (tuple(size),):
            return size
        case "torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2", (flat, offset, size, stride, *_):
            return storages.tensor(flat, offset, size, stride)
        case "torch._utils", "_rebuild_parameter", (torch.Tensor() as tensor, *_):
            return tensor
        case module, name, _ if name in HARMLESS.get(module, ()):
            return Placeholder(function)
    raise HoldsCodeError(str(function))


def _placeholder(of: Any) -> Placeholder:
    if not isinstance(of, Name):
        raise MalformedError("an object of what is no class")
    return Placeholder(of)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def _extended(target: Any, values: list) -> Any:
    if isinstance(target, list):
        target.extend(values)
    elif not isinstance(target, Placeholder):
        raise MalformedError("members of what is no list")
    return target


def _filled(target: Any, pairs: list) -> Any:
    """The dictionary with pairs (key, value, key, value, ...); those under other keys than text and numbers are left
    out, because nobody reads them and comparing nested keys can take for ever."""
    if len(pairs) % 2 or not isinstance(target, dict | Placeholder):
        raise MalformedError("entries of what is no dictionary")
    if isinstance(target, dict):
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(key, str | None) or (type(key) is int and abs(key) < 2**60):
                target[key] = value
    return target
