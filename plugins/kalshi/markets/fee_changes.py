"""Which fees apply to a market and when: series, event overrides, both schedules, the waiver.

The exchange lists changes that are to come and forgets them once they are in force; a market's
fills are checked against the terms of their moment. So what has come into force is kept here for
as long as its markets are, and what is withdrawn before its date goes.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from framework.errors import AuthError, ExchangeError
from framework.model.fees import FeeChange, FeeSchedule, FeeTerms
from framework.model.market import EventGroup, Market, Series
from framework.model.units import Micros, Ticker
from framework.run import Clock
from plugins.kalshi.codec import Codec, Query, bodies
from plugins.kalshi.transport.rest import Rest

REREAD_US: Final[Micros] = 900_000_000
"""A change is announced days ahead, so a quarter of an hour is soon enough to learn of it."""
_SERIES: Final = "/series/fee_changes"
_EVENTS: Final = "/events/fee_changes"
_Row = TypeVar("_Row", bodies.SeriesFeeChange, bodies.EventFeeChange)


class FeeChanges:
    """The schedules of all series and events, kept up to date."""

    def __init__(self, rest: Rest, codec: Codec, clock: Clock) -> None:
        self._rest = rest
        self._codec = codec
        self._clock = clock
        self._due_us: Micros = 0
        self._series: dict[str, tuple[Ticker, FeeChange]] = {}
        self._events: dict[str, tuple[Ticker, FeeChange]] = {}
        self._of_series: dict[Ticker, tuple[FeeChange, ...]] = {}
        self._of_event: dict[Ticker, tuple[FeeChange, ...]] = {}
        self._absent: set[str] = set() if codec.reach.fee_changes else {_SERIES, _EVENTS}
        """Lists that this exchange does not have."""

    async def refresh(self, is_kept: Callable[[Ticker], bool]) -> None:
        """Read both schedules again when they are due; what can't be read stays as it was.

        Args:
            is_kept: Whether an event is remembered. The record of one that is not, once it is
                read, says itself what is in force by then.

        Raises:
            AuthError: the exchange refuses the key.
        """
        now_us = self._clock.now_us()
        if now_us < self._due_us:
            return
        self._due_us = now_us + REREAD_US
        series = await self._read(_SERIES, {}, "series_fee_change_arr", bodies.SeriesFeeChange)
        if series is not None:
            told = {row.id: (row.series_ticker, row.change) for row in series}
            self._series = {**_past(self._series, now_us), **told}
            self._of_series = _by_ticker(self._series)
        events = await self._read(
            _EVENTS, {"limit": 1_000}, "event_fee_changes", bodies.EventFeeChange
        )
        if events is not None:
            overrides = {row.id: (row.event_ticker, row.change) for row in events}
            past = _past(self._events, now_us)
            kept = {key: row for key, row in past.items() if is_kept(row[0])}
            self._events = {**kept, **overrides}
            self._of_event = _by_ticker(self._events)

    def note(self, event: Ticker, fee_type: str | None, multiplier: Decimal | None) -> None:
        """Take an override that the stream says is in force from now on."""
        now_us = self._clock.now_us()
        change = FeeChange(at_us=now_us, fee_type=fee_type, multiplier=multiplier)
        self._events[f"stream {event} {now_us}"] = (event, change)
        self._of_event[event] = (*self._of_event.get(event, ()), change)

    def uncertain(self) -> None:
        """Read again at the next occasion: a message about fees may have been missed."""
        self._due_us = 0

    def priced(self, market: Market, group: EventGroup | None, series: Series | None) -> Market:
        """Return a market with everything that decides its fees; most need no schedule."""
        changes = self._of_series.get(group.series_ticker, ()) if group else ()
        overrides = self._of_event.get(market.event_ticker, ())
        if not changes and not overrides:
            return market
        rates = series or Series(ticker="")
        own = None
        if group is not None and (group.fee_type, group.fee_multiplier) != (None, None):
            own = FeeChange(at_us=0, fee_type=group.fee_type, multiplier=group.fee_multiplier)
        schedule = FeeSchedule(
            series=FeeTerms(rates.fee_type, rates.fee_multiplier),
            series_changes=changes,
            event=own,
            event_changes=overrides,
            waived_until_us=None if market.fees is None else market.fees.waived_until_us,
        )
        return msgspec.structs.replace(market, fees=schedule)

    async def _read(self, path: str, query: Query, key: str, into: type[_Row]) -> list[_Row] | None:
        if path in self._absent:
            return None
        found = []
        drift = self._codec.drift
        try:
            async for record in self._rest.pages(path, query, key):
                row = bodies.read(record, into, str(record.get("id")), drift)
                if row is not None:
                    found.append(row)
        except AuthError:
            raise
        except ExchangeError as fault:
            if fault.status == 404:
                self._absent.add(path)
                drift.count(f"{path}: not found")
            else:
                drift.fail("list", path, fault)
            return None
        return found


_Known = Mapping[str, tuple[Ticker, FeeChange]]


def _past(known: _Known, now_us: Micros) -> _Known:
    """Return what has come into force: the exchange leaves it out."""
    return {key: row for key, row in known.items() if row[1].at_us <= now_us}


def _by_ticker(rows: _Known) -> dict[Ticker, tuple[FeeChange, ...]]:
    found: dict[Ticker, tuple[FeeChange, ...]] = {}
    for ticker, change in sorted(rows.values(), key=lambda row: row[1].at_us):
        found[ticker] = (*found.get(ticker, ()), change)
    return found
