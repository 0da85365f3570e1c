"""How the typed reads ask: queries written from what is given, pages turned into bodies."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final, TypeVar

from framework.errors import ExchangeError
from framework.model.units import Ticker
from plugins.kalshi.codec import Drift, Query
from plugins.kalshi.codec.bodies import Body, in_utc, read
from plugins.kalshi.transport.rest import Rest

PAGE: Final = 1_000
"""Rows of a page; more than the exchange allows is refused, not cut."""
Given = str | int | bool | datetime | Sequence[str] | None
_NAME: Final = re.compile(r"[A-Za-z0-9._~:-]+")
_Body = TypeVar("_Body", bound=Body)
_Found = TypeVar("_Found")


def given(**wanted: Given) -> Query:
    """Return a query of what is given: None is left out, times are Unix seconds."""
    query: dict[str, str | int] = {}
    for name, value in wanted.items():
        if isinstance(value, bool):
            query[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            query[name] = value
        elif isinstance(value, datetime):
            query[name] = int(in_utc(value).timestamp())
        elif value is not None:
            query[name] = ",".join(value)
    return query


def in_path(name: str) -> str:
    """Return a ticker or an id as a part of a path.

    Raises:
        ValueError: it holds what no name of the exchange's does.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name of the exchange's: {name!r}")
    return name


def needed(found: _Found | None, what: str) -> _Found:
    """Return what was read.

    Raises:
        ExchangeError: it could not be read; why stands among the adapter's surprises.
    """
    if found is None:
        raise ExchangeError(f"{what}: the answer can't be read; see surprises for the field")
    return found


async def bodies_of(
    rest: Rest, drift: Drift, path: str, query: Query, key: str, into: type[_Body]
) -> AsyncIterator[_Body]:
    """Yield the rows of a list, every page of it; a row that can't be read is left out, named.

    Raises:
        AuthError: the exchange refuses the key.
        ExchangeError: a page could not be read.
    """
    async for record in rest.pages(path, query, key):
        row = read(record, into, _name(record), drift)
        if row is not None:
            yield row


def _name(record: dict[str, object]) -> str:
    for key in ("ticker", "market_ticker", "trade_id", "id", "transfer_id"):
        if key in record:
            return str(record[key])
    return "without a name"


def split(tickers: Sequence[Ticker], most: int) -> list[Sequence[Ticker]]:
    """Return tickers in parts of at most so many."""
    return [tickers[start : start + most] for start in range(0, len(tickers), most)]
