"""What the embedded exchange plays: a stream of what happened, seeded or recorded.

A world knows nothing of accounts, orders or wires, and nothing reacts in it to what we do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from framework.model.events import AnyEvent
from framework.model.market import EventGroup, Series
from framework.model.units import Micros, Ticker
from plugins.sandbox.core.pauses import PlannedPause


class World(Protocol):
    """Markets and what happened in them, in the order of `at_us`.

    A market comes as `MarketListed` before anything else of it, with nothing in its record that
    was not known then; a determination is a `MarketChanged` with the result, and the end a
    `MarketSettled` after the settlement timer. Opening and closing by time send no event: the
    record's times say it.
    """

    @property
    def start_us(self) -> Micros:
        """Where virtual time starts: a little before the first event."""

    @property
    def end_us(self) -> Micros | None:
        """When the last event comes, for a progress bar; None when nobody knows."""

    @property
    def series(self) -> Mapping[Ticker, Series]:
        """Every series of the world."""

    @property
    def event_groups(self) -> Mapping[Ticker, EventGroup]:
        """Every event group of the world, with the tickers of its markets."""

    @property
    def pauses(self) -> Sequence[PlannedPause]:
        """When the whole exchange rests, as it is known from the start."""

    def events(self) -> Iterator[AnyEvent]:
        """Return a fresh run through everything that happens, made as it is asked for."""
