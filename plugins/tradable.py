"""Keeps every strategy out of markets that take no orders."""

from datetime import datetime
from functools import lru_cache

from framework import Market, MarketStatus, Plugin, Rejection, Snapshot, hookimpl
from framework.model.market import PriceGrid, micros, moment
from framework.model.units import Micros


class Tradable(Plugin):
    """Admits markets that are active, inside their opening hours and priced on a known grid.

    A status this version does not know is refused: a new word of the exchange may mean anything.
    Markets are filtered only now and then, so every entry order is asked the same: a market that
    closed a second ago is not traded on.

    Refuses with `status`, `hours` or `grid`.
    """

    @hookimpl
    def filter_market(self, market: Market, now: datetime) -> Rejection | None:
        """Refuse a market that takes no orders now."""
        return _objection(market, micros(now))

    @hookimpl
    def check_risk(self, snapshot: Snapshot) -> Rejection | None:
        """Refuse an entry into a market that closed after it was admitted."""
        return _objection(snapshot.market, snapshot.at_us)


def _objection(market: Market, now_us: Micros) -> Rejection | None:
    if market.status is not MarketStatus.ACTIVE:
        return Rejection("status", f"status is {market.status}, not {MarketStatus.ACTIVE}")
    if not market.is_open(now_us):
        hours = f"{_shown(market.open_us)} to {_shown(market.close_us)}"
        return Rejection("hours", f"open from {hours}, now it is {_shown(now_us)}")
    if not _is_usable(market.grid):
        return Rejection("grid", f"no price stands on the grid {market.grid.ranges}")
    return None


def _shown(at_us: Micros | None) -> str:
    return "unknown" if at_us is None else moment(at_us).isoformat(timespec="seconds")


@lru_cache(maxsize=256)
def _is_usable(grid: PriceGrid) -> bool:
    """Return whether any price stands on a grid; nearly all markets share a handful."""
    return all(part.step_e4 > 0 for part in grid.ranges) and grid.at_or_above(1) is not None
