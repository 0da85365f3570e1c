"""A table of settings against its model: a validated instance, or one line per fault.

Words pydantic's errors the way a person fixes them; knows nothing about files or plugins.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from framework.describe import toml_of
from framework.model.units import to_duration
from framework.plugin import Secret

_Model = TypeVar("_Model", bound=BaseModel)

_TYPES: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "date_from_datetime_parsing": "must be a date",
    "datetime_from_date_parsing": "must be a date and time",
    "decimal_parsing": "must be a number",
    "decimal_type": "must be a number",
    "dict_type": "must be a table",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "frozen_set_type": "must be a list",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path",
    "set_type": "must be a list",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}
_LIMITS: Final = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_SCALARS: Final = {bool: "true or false", int: "a whole number", str: "text"}


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` for the closest known name, or nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def unsaid(faults: Iterable[str], said: Iterable[str]) -> list[str]:
    """Return the faults of keys about which nothing was said yet; a line is `key: reason`."""
    keys = {line.partition(": ")[0] for line in said}
    return [line for line in faults if line.partition(": ")[0] not in keys]


def shown(value: object) -> str:
    """Return a value of a TOML file as a person wrote it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def validated(
    model: type[_Model], raw: Mapping[str, Any], table: str
) -> tuple[_Model | None, list[str]]:
    """Return the model of a table, or None and each fault as `table.key: what is wrong`."""
    ready, wrong = _read_words(model, raw)
    faults = [f"{table}.{key}: {reason}" for key, reason in wrong.items()]
    try:
        instance = model.model_validate(ready)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = _key(detail["loc"], raw)
            if key not in wrong:
                faults.append(f"{table}{key and '.'}{key}: {_reason(model, raw, dict(detail))}")
        return None, list(dict.fromkeys(faults))
    return (None if faults else instance), faults


def _read_words(
    model: type[BaseModel], raw: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a table ready for its model, and what pydantic would wrongly let pass, by key.

    A bool is no number and a text no whole number, and a plain `timedelta` field reads the same
    words as `Duration`; pydantic by itself would take `30` for half a minute.
    """
    ready, wrong = dict(raw), {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in raw:
            continue
        types = _alternatives(field.annotation)
        if types == {timedelta}:
            try:
                ready[key] = to_duration(raw[key])
            except ValueError as error:
                wrong[key] = str(error)
        elif (wanted := _wrong_scalar(types, raw[key])) is not None:
            wrong[key] = f"must be {wanted} (was {shown(raw[key])})"
        if key in wrong:
            del ready[key]
    return ready, wrong


def _wrong_scalar(types: set[Any], value: object) -> str | None:
    """Return what a scalar field wants when a TOML value is of another kind."""
    wanted = types & _SCALARS.keys()
    if len(wanted) != 1 or types - wanted or type(value) in wanted:
        return None
    return _SCALARS[wanted.pop()]


def _key(loc: Sequence[int | str], raw: Mapping[str, Any]) -> str:
    """Return a dotted key; tags that pydantic adds for unions are left out."""
    key = ""
    inside: object = raw
    for position, part in enumerate(loc):
        if isinstance(part, int) and isinstance(inside, list):
            key, inside = f"{key}[{part}]", inside[part]
            continue
        if not isinstance(inside, Mapping):
            break
        if part not in inside and position < len(loc) - 1:
            continue
        key, inside = f"{key}.{part}" if key else str(part), inside.get(str(part), {})
    return key


def _reason(model: type[BaseModel], raw: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    kind, details = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown key{near_miss(str(detail['loc'][-1]), _known(model, detail['loc']))}"
    if kind == "value_error":
        return str(details["error"])
    was = _was(model, raw, detail)
    if kind in _LIMITS:
        word, name = _LIMITS[kind]
        return f"must be {word} {_limit(model, detail['loc'], name, details[name])}{was}"
    if kind in {"enum", "literal_error"}:
        choices = str(details["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        near = near_miss(str(detail["input"]), choices) if was else ""
        return f"must be one of {', '.join(choices)}{was}{near}"
    text = str(detail["msg"])
    return _TYPES.get(kind, text[:1].lower() + text[1:]) + was


def _limit(model: type[BaseModel], loc: Sequence[int | str], name: str, told: object) -> str:
    """Return a limit as a person writes it; pydantic shows a duration as Python does."""
    field = model.model_fields.get(str(loc[0])) if len(loc) == 1 else None
    rules = field.metadata if field else []
    return toml_of(
        next((getattr(rule, name) for rule in rules if hasattr(rule, name)), told)
    ).strip('"')


def _was(model: type[BaseModel], raw: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    """Return ` (was VALUE)`, and nothing where the value might be a secret."""
    loc = detail["loc"]
    if not loc:
        return ""
    top = model.model_fields.get(str(loc[0]))
    if top is not None and Secret in _alternatives(top.annotation):
        return ""
    written = raw.get(str(loc[0])) if len(loc) == 1 else detail["input"]
    return f" (was {shown(written)})"


def _alternatives(annotation: Any) -> set[Any]:
    """Return the types a field takes: those of a union, or the one."""
    if get_origin(annotation) in {Union, UnionType}:
        return {part for part in get_args(annotation) if part is not type(None)}
    return {annotation}


def _known(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Return the keys of the (perhaps nested) model that refused one."""
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        types = _alternatives(field.annotation) if field else set()
        inner = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if len(inner) != 1:
            return []
        model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]
