"""Which markets have been given out: what is over is forgotten after a while.

New markets are listed all the time, so a run of months would remember millions. A market is kept
for as long as the exchange may say something about it: a day after it is final, a month after it
closed without being final, because closes move and disputes take weeks.
"""

from collections.abc import Collection, Iterable
from typing import Final

from framework.model.market import EventGroup, Market, MarketStatus
from framework.model.units import Micros, Ticker

FINAL_KEPT_US: Final[Micros] = 86_400_000_000
CLOSED_KEPT_US: Final[Micros] = 30 * 86_400_000_000
LOOK_EVERY_US: Final[Micros] = 60_000_000
EVENTS_OF_LOOK: Final = 1_000
"""As many in a minute as no exchange lists, and as few as hold nothing up."""
ROUND_EVERY_US: Final[Micros] = 3_600_000_000
_NEVER_US: Final[Micros] = 2**62


class Known:
    """The markets that were given out, by event."""

    def __init__(self) -> None:
        self.events: dict[Ticker, dict[Ticker, Micros]] = {}
        """The known markets of each event, and until when each is kept."""
        self._event_of: dict[Ticker, Ticker] = {}
        self._round: list[Ticker] = []
        """The events that are still to be looked at in this round."""
        self._round_us: Micros | None = None
        self._look_us: Micros = 0

    def __contains__(self, ticker: object) -> bool:
        return ticker in self._event_of

    def __len__(self) -> int:
        return len(self._event_of)

    def markets_of(self, event: Ticker) -> tuple[Ticker, ...]:
        """Return the known markets of an event."""
        return tuple(self.events.get(event, ()))

    def events_of(self, tickers: Collection[Ticker]) -> Iterable[Ticker]:
        """Return the events of those of these markets that are known."""
        return {self._event_of[ticker] for ticker in tickers if ticker in self._event_of}

    def take(self, market: Market, now_us: Micros) -> None:
        """Remember a market, or until when it is to be remembered."""
        ticker, closes_us = market.ticker, market.close_us
        event = self._event_of.setdefault(ticker, market.event_ticker)
        kept = self.events.setdefault(event, {})
        if market.status is MarketStatus.FINALIZED:
            kept[ticker] = min(kept.get(ticker, _NEVER_US), now_us + FINAL_KEPT_US)
        else:
            after_us = None if closes_us is None else max(closes_us, now_us) + CLOSED_KEPT_US
            kept[ticker] = after_us or _NEVER_US

    def forget_over(self, now_us: Micros, groups: dict[Ticker, EventGroup | None]) -> None:
        """Forget markets that are over, and from `groups` the events that have no other.

        A minute's look takes some events, so that none takes long, and a round begins once an
        hour: what was learned just now stays until its markets are given out.
        """
        if self._round_us is None:
            self._round_us = now_us + ROUND_EVERY_US
        if now_us < self._look_us or (not self._round and now_us < self._round_us):
            return
        self._look_us = now_us + LOOK_EVERY_US
        if not self._round:
            self._round_us = now_us + ROUND_EVERY_US
            self._round = list({**self.events, **groups})
        for event in self._round[-EVENTS_OF_LOOK:]:
            markets = self.events.get(event, {})
            for ticker in [one for one, until_us in markets.items() if until_us < now_us]:
                del markets[ticker], self._event_of[ticker]
            if not markets:
                self.events.pop(event, None)
                groups.pop(event, None)
        del self._round[-EVENTS_OF_LOOK:]
