"""Values to rows and back; nothing is computed here."""

from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

_Value = TypeVar("_Value", bound=msgspec.Struct)


def row_of(value: msgspec.Struct) -> dict[str, Any]:
    """Return a value's columns: words for enums, 0 and 1 for no and yes."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return {name: int(x) if isinstance(x, bool) else x for name, x in plain.items()}


def value_of(row: sa.RowMapping, kind: type[_Value]) -> _Value:
    """Return the value a row was made of; columns it does not know are the table's own."""
    # Plain names, for the row's are a kind of string msgspec refuses;
    # not strict, so that 0 and 1 become no and yes again.
    return msgspec.convert({str(name): x for name, x in row.items()}, kind, strict=False)
