"""A world moved in time, so that one of the past can be served to clients of today.

Clients sign with their own clocks and compare a market's close with them; both would fail in a
world of last year. Tickers keep their old dates.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from framework.model.events import (
    AnyEvent,
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.market import EventGroup, Market, Series
from framework.model.units import Micros, Ticker
from plugins.sandbox.core.pauses import PlannedPause
from plugins.sandbox.core.world import World


class RebasedWorld:
    """The same world, starting at another moment."""

    def __init__(self, world: World, start_us: Micros) -> None:
        self._world = world
        self._ahead_us = start_us - world.start_us

    @property
    def start_us(self) -> Micros:
        """Where it starts now."""
        return self._world.start_us + self._ahead_us

    @property
    def end_us(self) -> Micros | None:
        """When its last event comes now."""
        return self._moved(self._world.end_us)

    @property
    def series(self) -> Mapping[Ticker, Series]:
        """Every series of the world."""
        return self._world.series

    @property
    def event_groups(self) -> Mapping[Ticker, EventGroup]:
        """Every event group of the world."""
        return self._world.event_groups

    @property
    def pauses(self) -> Sequence[PlannedPause]:
        """When the whole exchange rests now."""
        ahead_us = self._ahead_us
        return [
            PlannedPause(from_us + ahead_us, until_us + ahead_us, pause)
            for from_us, until_us, pause in self._world.pauses
        ]

    def events(self) -> Iterator[AnyEvent]:
        """Return a fresh run through everything that happens."""
        return map(self._event, self._world.events())

    def _moved(self, at_us: Micros | None) -> Micros | None:
        return None if at_us is None else at_us + self._ahead_us

    def _event(self, event: AnyEvent) -> AnyEvent:
        at_us = event.at_us + self._ahead_us
        if isinstance(event, BookChanged | BookReplaced | QuoteTicked | TradePrinted):
            return replace(event, at_us=at_us, exchange_us=self._moved(event.exchange_us))
        if isinstance(event, MarketListed | MarketChanged):
            return replace(event, at_us=at_us, market=self._market(event.market))
        if isinstance(event, MarketSettled):
            settled_us = event.settlement.at_us + self._ahead_us
            settlement = replace(event.settlement, at_us=settled_us)
            return replace(event, at_us=at_us, settlement=settlement)
        return replace(event, at_us=at_us)

    def _market(self, market: Market) -> Market:
        return replace(
            market,
            open_us=self._moved(market.open_us),
            close_us=self._moved(market.close_us),
            expected_expiration_us=self._moved(market.expected_expiration_us),
        )
