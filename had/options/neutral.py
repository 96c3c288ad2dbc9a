"""Options -> those that differ from their defaults: what the identities of results are made of.

An option that is added with a default changes no identity of what was made without it. The neutral value of an option,
which is left out, is its default; where a default is changed later, the former one is declared beside it,
`Field(new, json_schema_extra={"neutral": former})`, and results that rest on either stay told apart. A test holds the
defaults against the committed list tests/neutral_options.json.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic.fields import FieldInfo

from had.options.base import Options


def decisive(value: Any, without: Collection[str] = ()) -> Any:
    """Options as a mapping of those that differ from their neutral values, sections of sections too; else the value.

    Args:
        without: names of options that are left out.
    """
    if isinstance(value, dict):
        return {key: decisive(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [decisive(inner) for inner in value]
    if not isinstance(value, Options):
        return value
    kept = {}
    for name, field in type(value).model_fields.items():
        inner, usual = getattr(value, name), neutral(field)
        plain = decisive(inner)
        section = isinstance(inner, Options) and isinstance(usual, Options)
        if name not in without and (plain if section else inner != usual):
            kept[name] = plain
    return kept


def neutral(field: FieldInfo) -> Any:
    """The value that is left out of identities: the declared one, else the default; none where there is no default."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "neutral" in extra:
        return extra["neutral"]
    return field.get_default(call_default_factory=True)
