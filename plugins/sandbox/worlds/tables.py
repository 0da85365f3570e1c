"""Recorded tables in Parquet: checked columns, rows by market, a slice in memory at a time.

Needs polars, the only module that does; `levels` says what the rows mean. A table that can't be
read is the user's to fix, so every fault is a DataError that names file and row.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import polars as pl
from polars.exceptions import PolarsError

from framework.errors import DataError
from framework.model.units import Micros, Ticker

SLICE: Final = 8_192
"""Rows in memory at a time, per market."""

Row: TypeAlias = tuple[Any, ...]


class Span(NamedTuple):
    """Where a market's rows stand in a table, and when they begin and end."""

    ticker: Ticker
    first: int
    """Number of the first row, from 0."""
    last: int
    first_us: Micros | None
    last_us: Micros | None
    """None when no row is dated."""
    finest_e4: int
    """The step of the prices: 100 for whole cents, 10 for tenths, 1 below."""
    fine_inside: bool
    """Whether prices between 10 and 90 cents are finer than whole cents too."""


class Table:
    """One Parquet file whose columns are known to be there."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        """Check a file's columns.

        Args:
            path: The file.
            columns: What each column must hold: `integer` or `text`.

        Raises:
            DataError: it can't be read, or a column is absent or of another kind.
        """
        self.path = path
        self._columns = list(columns)
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            schema = self._scan.collect_schema()
        except (PolarsError, OSError) as error:
            raise self._unreadable(error) from None
        problems = []
        for name, kind in columns.items():
            found = schema.get(name)
            if found is None:
                problems.append(f"{path}: has no column {name}; fetch the file again")
            elif not (found.is_integer() if kind == "integer" else found in _TEXT):
                problems.append(f"{path}: column {name} must be {kind} (is {found})")
        if problems:
            raise DataError(*problems)

    def spans(self, times: Sequence[str]) -> list[Span]:
        """Return where each market stands, in the order of the file.

        Args:
            times: Columns of a row's moment, the best first.

        Raises:
            DataError: the file can't be read to its end.
        """
        dated, price = pl.coalesce(*times), pl.col("price_e4")
        inside = price.is_between(1_000, 9_000)
        found = (
            self._scan.with_row_index("row")
            .group_by("ticker", maintain_order=True)
            .agg(
                pl.col("row").first().alias("first"),
                pl.col("row").last().alias("last"),
                dated.drop_nulls().first().alias("first_us"),
                dated.max().alias("last_us"),
                pl.when((price % 100 == 0).all())
                .then(100)
                .when((price % 10 == 0).all())
                .then(10)
                .otherwise(1)
                .alias("finest"),
                (inside & (price % 100 != 0)).any().alias("fine_inside"),
            )
        )
        return [Span(*row) for row in self._rows(found)]

    def rows(self, span: Span) -> Iterator[tuple[int, Row]]:
        """Yield a market's rows with their numbers, counted from 1, a slice at a time.

        Raises:
            DataError: the file can't be read on.
        """
        numbered = self._scan.with_row_index("row", 1).select("row", *self._columns)
        for start in range(span.first, span.last + 1, SLICE):
            part = numbered.slice(start, min(SLICE, span.last + 1 - start))
            for number, *row in self._rows(part.filter(pl.col("ticker") == span.ticker)):
                yield number, tuple(row)

    def fault(self, row: int, what: str) -> DataError:
        """Return the error of one row."""
        return DataError(f"{self.path}: row {row}: {what}")

    def _rows(self, plan: pl.LazyFrame) -> list[Row]:
        try:
            return plan.collect().rows()
        except (PolarsError, OSError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> DataError:
        what = str(error).partition("\n")[0]
        return DataError(f"{self.path}: can't be read as a Parquet table ({what}); fetch it again")


_TEXT: Final = (pl.String, pl.Categorical)
