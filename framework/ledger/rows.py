"""Values to rows and back; nothing is computed here."""

from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from framework.model.market import Settlement
from framework.model.orders import Fill, Order

_Value = TypeVar("_Value", Order, Fill, Settlement)


def row_of(value: Order | Fill | Settlement) -> dict[str, Any]:
    """Return a value's columns: words for enums, 0 and 1 for no and yes."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return {name: int(x) if isinstance(x, bool) else x for name, x in plain.items()}


def value_of(row: sa.RowMapping, kind: type[_Value]) -> _Value:
    """Return the value a row was made of; columns it does not know are the table's own."""
    # Not strict: 0 and 1 become no and yes again.
    return msgspec.convert(dict(row), kind, strict=False)
