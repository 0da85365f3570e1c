"""The gate's statements as the driver takes them.

An intent is committed between a decision and its order, so what the toolkit adds to a statement
(a compiled form looked up, contexts, result objects) is paid by every order. Here each statement
is written out once, in the dialect of the store, and its values go straight to the driver.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa


class Direct:
    """One statement: its text, and the order in which it wants its values.

    Attributes:
        text: As the driver takes it.
        values: Returns a row's values, given in the order of its names, in the statement's order.
    """

    __slots__ = ("text", "values")

    def __init__(self, statement: sa.Executable, dialect: sa.Dialect, names: Sequence[str]) -> None:
        """Write a statement out.

        Args:
            statement: With at least two values.
            dialect: The store's.
            names: The columns that an insert sets, or the parameters, in the order of rows.
        """
        made = statement.compile(dialect=dialect, column_keys=list(names))  # type: ignore[attr-defined]
        self.text = str(made)
        self.values: itemgetter[tuple[Any, ...]] = itemgetter(*map(names.index, made.positiontup))
