"""Who follows what: subscriptions by channel and market."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from framework.model.units import Ticker

_Follower = TypeVar("_Follower")


class Audience(Generic[_Follower]):
    """The followers of every channel, in the order in which they came."""

    def __init__(self, channels: Iterable[str]) -> None:
        self._places: dict[str, dict[Ticker | None, tuple[_Follower, ...]]] = {
            channel: {} for channel in channels
        }

    @property
    def deserted(self) -> bool:
        """Whether nobody follows anything."""
        return not any(self._places.values())

    def follow(self, channel: str, follower: _Follower, tickers: Iterable[Ticker] | None) -> None:
        """Have a follower told of these markets, or of all."""
        places = self._places[channel]
        for ticker in (None,) if tickers is None else tickers:
            places[ticker] = (*places.get(ticker, ()), follower)

    def unfollow(self, channel: str, follower: _Follower, tickers: Iterable[Ticker] | None) -> None:
        """Stop what `follow` started."""
        places = self._places[channel]
        for ticker in (None,) if tickers is None else tickers:
            rest = tuple(one for one in places.get(ticker, ()) if one is not follower)
            if rest:
                places[ticker] = rest
            else:
                places.pop(ticker, None)

    def of(self, channel: str, ticker: Ticker) -> tuple[_Follower, ...]:
        """Return who is told of a market."""
        places = self._places[channel]
        return places.get(ticker, ()) + places.get(None, ())

    def unfiltered(self, channel: str) -> tuple[_Follower, ...]:
        """Return who is told of every market: all there are, on a channel without filters."""
        return self._places[channel].get(None, ())
