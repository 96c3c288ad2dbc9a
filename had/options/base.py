"""What all sections of the configuration have in common, and how values are laid over them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Base of every section: frozen, no key that it does not know, and finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


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
