"""The gate's statements as the driver takes them.

An intent is committed between a decision and its order, so what the toolkit adds to a statement
(a compiled form looked up, contexts, result objects) is paid by every order. Here each statement
is written out once, in the dialect of the store, and its values go straight to the driver.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class Direct:
    """One statement: its text, and the order in which it wants its values."""

    __slots__ = ("_names", "text")

    def __init__(
        self, statement: sa.Executable, dialect: sa.Dialect, columns: list[str] | None = None
    ) -> None:
        """Write a statement out; `columns` are those that an insert sets."""
        made = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
        self.text = str(made)
        self._names: tuple[str, ...] = tuple(made.positiontup)

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return a row's values in the statement's order."""
        return tuple([row[name] for name in self._names])
