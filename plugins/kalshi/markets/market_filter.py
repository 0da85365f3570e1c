"""Which markets to list, by every filter the exchange has."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from framework.model.units import Ticker
from plugins.kalshi.codec import Query
from plugins.kalshi.transport.pages import PAGE, given

MarketState = Literal["unopened", "open", "paused", "closed", "settled"]
"""What a list of markets can be restricted to; not the words of a market's own status."""
_TIMES: Final = {
    "created": {None, "unopened", "open"},
    "close": {None, "closed"},
    "settled": {None, "settled"},
}
"""Which states go with which family of times (REST reference of `GET /markets`)."""


class MarketFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which markets to list; None does not restrict.

    Of the times only one family may be given, and only with the states that it goes with.
    """

    status: MarketState | None = None
    event: Ticker | None = None
    series: Ticker | None = None
    tickers: tuple[Ticker, ...] | None = None
    combos: Literal["only", "exclude"] | None = "exclude"
    min_created_ts: datetime | None = None
    max_created_ts: datetime | None = None
    min_close_ts: datetime | None = None
    max_close_ts: datetime | None = None
    min_settled_ts: datetime | None = None
    max_settled_ts: datetime | None = None
    min_updated_ts: datetime | None = None

    def __post_init__(self) -> None:
        families = [
            name
            for name in _TIMES
            if getattr(self, f"min_{name}_ts") or getattr(self, f"max_{name}_ts")
        ]
        if len(families) + (self.min_updated_ts is not None) > 1:
            raise ValueError("only one family of times can be given: " + ", ".join(_TIMES))
        if families and self.status not in _TIMES[families[0]]:
            raise ValueError(f"{families[0]} times do not go with status {self.status}")
        if self.min_updated_ts is not None and self.combos != "exclude":
            raise ValueError('min_updated_ts needs combos="exclude"')

    def query(self) -> Query:
        """Return the filter as the query of a list."""
        times = {name: getattr(self, name) for name in self.__struct_fields__ if "_ts" in name}
        return given(
            limit=PAGE,
            status=self.status,
            event_ticker=self.event,
            series_ticker=self.series,
            tickers=self.tickers,
            mve_filter=None if self.tickers is not None else self.combos,
            **times,
        )
