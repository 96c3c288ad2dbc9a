"""What all sections of the configuration have in common, and how values are laid over them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

LARGEST, SMALLEST = 1e9, 1e-9
"""Between them all numbers lie, seeds and zero left out: jobs multiply several of them."""
LARGEST_SEED = 2**63 - 1
"""What the generators of random numbers and the tables of results can hold."""


class Options(BaseModel):
    """Base of every section: frozen, no key that it does not know, finite numbers of a usual size, printable text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Yes and no are no numbers; text can be printed. Sections, and overrides of them, are checked as such."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        inner = any(kind is Any or (isinstance(kind, type) and issubclass(kind, Options)) for kind in kinds)
        for one in () if inner else _leaves(value):
            if isinstance(one, bool) and bool not in kinds:
                raise PydanticCustomError("unusual", "input should be no yes or no")
            if isinstance(one, str) and not _printable(one):
                raise PydanticCustomError("unusual", "input should be text that can be printed")
        return value

    @field_validator("*")
    @classmethod
    def _of_usual_size(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        unbounded = "seed" in name or Any in _kinds(cls.model_fields[name].annotation)
        for one in () if unbounded else _leaves(value):
            if isinstance(one, int | float) and one and not SMALLEST <= abs(one) <= LARGEST:
                message = f"input should be 0, or a number from {SMALLEST:g} to {LARGEST:g}"
                raise PydanticCustomError("unusual", message)
        return value


def _kinds(annotation: Any) -> set:
    """All types that an annotation is made of."""
    return {annotation}.union(*map(_kinds, get_args(annotation)))


def _leaves(value: Any) -> Iterator[Any]:
    """The values in lists and mappings, or the value itself."""
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


def shown(value: Any) -> str:
    """A value as an error shows it, cut after 80 characters; Python writes no number of more than 4,300 digits."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of too many digits"
    return text if len(text) <= 80 else f"{text[:80]}..."


def _printable(text: str) -> bool:
    """Without control characters, beside tabs and line feeds, and without halves of characters."""
    return all(letter in "\t\n" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in text)


def at_home(path: Path) -> Path:
    """The path with the home folder in the place of `~` or `~somebody` at its begin.

    Raises:
        PydanticCustomError: nobody of that name, or signs that stand for something else in the workflow's rules.
    """
    if set(str(path)) & set("\n\t"):
        raise PydanticCustomError("unusual", "input should be a path of one line without tabs")
    if set(str(path)) & set("{}<>"):
        raise PydanticCustomError("unusual", "input should be a path without braces, < and >, which Snakemake reads")
    if re.match(r"\$\w+(/|$)", str(path)):
        raise PydanticCustomError("unusual", "input should begin with `~` for the home folder: no variable is read")
    try:
        return path.expanduser()
    except RuntimeError:
        raise PydanticCustomError("unusual", "input should have the name of a user behind `~`") from None


FilePath = Annotated[Path, AfterValidator(at_home)]
"""A file or folder, as it is written in a shell."""


def merge(base: dict, changes: dict) -> dict:
    """``base`` with ``changes`` laid over it, dictionary by dictionary; neither is altered."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def merged(options: Options, changes: dict) -> Any:
    """``options`` with the nested ``changes`` applied and checked."""
    return type(options).model_validate(merge(options.model_dump(), changes))


def with_nulls(values: Any) -> Any:
    """The same with None where the text ``null`` stands: Snakemake reads all that follows `--config` as text."""
    if isinstance(values, dict):
        return {key: with_nulls(value) for key, value in values.items()}
    if isinstance(values, list):
        return [with_nulls(value) for value in values]
    return None if values == "null" else values
