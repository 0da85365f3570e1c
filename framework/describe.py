"""What a plugin's settings are called, take and default to, in words a person writes in TOML."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from inspect import get_annotations
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from framework.model.units import Money, Price, Quantity, Ratio
from framework.plugin import Secret

_WORDS: Final[Mapping[Any, str]] = {
    Price: "dollars, 0 to 1",
    Quantity: "contracts",
    Money: "dollars",
    Ratio: "number",
    Decimal: "number",
    timedelta: "duration",
    bool: "true or false",
    int: "whole number",
    str: "text",
    Path: "path",
    Secret: "secret",
}
_BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds."""


@dataclass(frozen=True)
class Setting:
    """One field of a plugin, or of `[framework]`."""

    name: str
    takes: str
    default: str | None
    """As TOML has it; None when the setting is required, empty when it is off unless set."""
    doc: str


def describe(model: type[BaseModel]) -> tuple[Setting, ...]:
    """Return the settings of a plugin class, in the order of its fields."""
    hints: dict[str, Any] = {}
    for owner in reversed(model.__mro__):
        hints |= get_annotations(owner)
    return tuple(
        setting
        for name, field in model.model_fields.items()
        for setting in _settings(field.alias or name, hints[name], field)
    )


def _settings(name: str, hint: Any, field: FieldInfo) -> tuple[Setting, ...]:
    """Return a field's setting, or those of the table that it is."""
    if isinstance(hint, type) and issubclass(hint, BaseModel) and hint is not Secret:
        return tuple(replace(one, name=f"{name}.{one.name}") for one in describe(hint))
    doc = " ".join((field.description or "").split())
    return (Setting(name, _kind(hint) + _bounds(field), _default(field), doc),)


def toml_of(value: object) -> str:
    """Return a value as it is written in kalshi.toml; a secret only says that it is one."""
    if isinstance(value, timedelta):
        millis = value // timedelta(milliseconds=1)
        unit = next(unit for unit, size in _UNITS.items() if millis % size == 0) if millis else "s"
        return f'"{millis // _UNITS[unit]}{unit}"'
    if isinstance(value, Decimal | Secret):
        return str(value)
    if isinstance(value, tuple | list | frozenset | set):
        return f"[{', '.join(toml_of(item) for item in value)}]"
    if isinstance(value, BaseModel | Mapping):
        items = value if isinstance(value, Mapping) else dict(value)
        if not items:
            return "{}"
        return f"{{ {', '.join(f'{key} = {toml_of(inner)}' for key, inner in items.items())} }}"
    if value is None:
        return ""
    return json.dumps(value if isinstance(value, bool | int) else str(value), ensure_ascii=False)


def _kind(hint: Any) -> str:
    if isinstance(hint, str):
        return hint  # a class under `from __future__ import annotations` shows its source
    if hint in _WORDS:
        return _WORDS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is Literal:
        return " or ".join(toml_of(value) for value in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(_kind(part) for part in arguments if part is not type(None))
    if origin is Mapping:
        return f"table of {_kind(arguments[1])} by {_kind(arguments[0])}"
    if origin in {tuple, list, frozenset, set}:
        return f"list of {_kind(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " or ".join(toml_of(member.value) for member in hint)
    return str(getattr(hint, "__name__", hint))


def _bounds(field: FieldInfo) -> str:
    return "".join(
        f", {word} {toml_of(getattr(rule, name)).strip(chr(34))}"
        for rule in field.metadata
        for name, word in _BOUNDS.items()
        if hasattr(rule, name)
    )


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    return toml_of(field.get_default(call_default_factory=True, validated_data={}))
