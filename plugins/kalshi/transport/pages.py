"""How the typed reads ask: queries written from what is given, pages turned into bodies."""

import re
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeVar

from framework.errors import ConfigError, ExchangeError
from framework.model.units import Ticker
from plugins.kalshi.codec import Drift, Json, Query, Reach
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


class Asked(Protocol):
    """What a typed read needs of the REST side."""

    async def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        template: str = "",
        telling: Collection[int] = (),
        urgent: bool = False,
    ) -> Json:
        """Read one object."""

    def pages(
        self, path: str, query: Query, key: str, *, urgent: bool = False
    ) -> AsyncIterator[Json]:
        """Read a list of objects, every page of it."""


class Spoken:
    """The REST side as far as a dialect reaches: nothing else is asked for, nothing is misread."""

    def __init__(self, rest: Rest, reach: Reach) -> None:
        self._rest = rest
        self._reach = reach

    def check(self, template: str, query: Query | None = None) -> None:
        """Refuse what the dialect has no words for.

        Raises:
            ConfigError: it does not tell this, or not by these parameters.
        """
        if self._reach.reads is None:
            return
        allowed = self._reach.reads.get(template, frozenset())
        surplus = sorted((query or {}).keys() - allowed) if allowed is not None else []
        if template in self._reach.reads and not surplus:
            return
        what = f"{template} by {', '.join(surplus)}" if template in self._reach.reads else template
        raise ConfigError(
            f"plugins.kalshi: {self._reach.setting} has no {what} that could be read; "
            'set api = "fixed-point" for it'
        )

    async def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        template: str = "",
        telling: Collection[int] = (),
        urgent: bool = False,
    ) -> Json:
        """Read one object, as `Rest.get` does.

        Raises:
            ConfigError: as for `check`.
        """
        self.check(template or path, query)
        return await self._rest.get(path, query, template=template, telling=telling, urgent=urgent)

    def pages(
        self, path: str, query: Query, key: str, *, urgent: bool = False
    ) -> AsyncIterator[Json]:
        """Read a list of objects, as `Rest.pages` does.

        Raises:
            ConfigError: as for `check`.
        """
        self.check(path, query)
        return self._rest.pages(path, query, key, urgent=urgent)


async def bodies_of(
    rest: Asked, drift: Drift, path: str, query: Query, key: str, into: type[_Body]
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
