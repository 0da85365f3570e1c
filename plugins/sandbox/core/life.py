"""The steps of a market's life: what the world tells, checked, applied and announced.

What the exchange does to orders on each step, and which steps it announces, is as Kalshi's market
life-cycle page says. A dispute has no announcement of its own; an amendment is announced like the
determination it replaces. A void market settles as `scalar` at its fair value.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from framework.errors import InvariantError
from framework.model.market import MARKET_LIFE, Market, MarketStatus, Settlement
from framework.model.units import ONE_DOLLAR_E4, Micros, Ticker
from plugins.sandbox.core.accounts import Accounts
from plugins.sandbox.core.listings import DECIDED, Listing
from plugins.sandbox.core.orders import OrderDesk
from plugins.sandbox.core.rows import (
    EventFeeNotice,
    FeeOverride,
    LifecycleKind,
    LifecycleNotice,
    Notice,
    SettlementRow,
)

SWEEP_AFTER_US: Final = 250_000
"""Resting orders outlive the close a little: nothing trades, and a cancel fails as inactive."""

Timer: TypeAlias = Literal["close", "sweep", "expire", "fees", "pause"]
_RESULTS: Final = frozenset({"yes", "no", "scalar"})
_PAYS: Final = {"yes": ONE_DOLLAR_E4, "no": 0}
_NOTHING: Final = FeeOverride()
_TOLD: Final = frozenset({MarketStatus.DETERMINED, MarketStatus.AMENDED})


class MarketLife:
    """Moves markets along."""

    def __init__(
        self,
        desk: OrderDesk,
        accounts: Accounts,
        set_timer: Callable[[Micros, Timer, str], None],
    ) -> None:
        """Connect to what a step touches.

        Args:
            desk: Whose orders a step cancels.
            accounts: Who is paid.
            set_timer: Has `close` or `sweep` called at a moment.
        """
        self.settlements: list[SettlementRow] = []
        """What was paid, the oldest first."""
        self._desk = desk
        self._accounts = accounts
        self._set_timer = set_timer
        self._overrides: dict[Ticker, FeeOverride] = {}

    def begin(self, listing: Listing, now_us: Micros) -> list[Notice]:
        """Begin a market's life."""
        market = listing.record
        if market.close_us is not None:
            self._set_timer(market.close_us, "close", market.ticker)
        self._plan_fees(listing, now_us)
        self._overrides.setdefault(market.event_ticker, override_now(market, now_us) or _NOTHING)
        return [_step(listing, "created", now_us)]

    def change(self, listing: Listing, market: Market, now_us: Micros) -> list[Notice]:
        """Take a new record and announce what the exchange announces of it.

        Raises:
            InvariantError: it contradicts what was told before; nothing changed.
        """
        _check_change(listing, market)
        old = listing.record
        listing.replace_record(market)
        notices: list[Notice] = []
        if market.close_us != old.close_us:
            if market.close_us is not None:
                self._set_timer(max(market.close_us, now_us), "close", market.ticker)
            notices.append(_step(listing, "close_date_updated", now_us))
        if market.fees != old.fees:
            self._plan_fees(listing, now_us)
            notices += self.charge(listing, now_us)
        if market.title != old.title:
            notices.append(_step(listing, "metadata_updated", now_us))
        if market.grid != old.grid:
            notices.append(_step(listing, "price_level_structure_updated", now_us))
        if market.status is MarketStatus.INACTIVE is not old.status:
            notices += self._desk.sweep(listing, "HaltCancel", now_us)
            notices.append(_step(listing, "deactivated", now_us))
        elif old.status is MarketStatus.INACTIVE and market.status is MarketStatus.ACTIVE:
            notices.append(_step(listing, "activated", now_us))
        if market.status in DECIDED and old.status not in DECIDED:
            notices += self._desk.sweep(listing, "CloseCancel", now_us)
        if market.status in _TOLD and market.status is not old.status:
            notices.append(_step(listing, "determined", now_us))
        return notices

    def charge(self, listing: Listing, now_us: Micros) -> list[Notice]:
        """Announce an event's override of fees when it is another than the last one told."""
        event = listing.record.event_ticker
        override = override_now(listing.record, now_us) or _NOTHING
        if override == self._overrides[event]:
            return []
        self._overrides[event] = override
        return [EventFeeNotice(event, override, now_us)]

    def _plan_fees(self, listing: Listing, now_us: Micros) -> None:
        fees = listing.record.fees
        for change in () if fees is None else fees.event_changes:
            if change.at_us > now_us:
                self._set_timer(change.at_us, "fees", listing.record.ticker)

    def close(self, listing: Listing, now_us: Micros) -> None:
        """Stop trading at the close, unless the close has been moved meanwhile."""
        if listing.status(now_us) is MarketStatus.CLOSED:
            listing.matching.sweep()
            self._set_timer(now_us + SWEEP_AFTER_US, "sweep", listing.record.ticker)

    def sweep(self, listing: Listing, now_us: Micros) -> list[Notice]:
        """End the orders that the close took out; those of a market reopened since stay."""
        return self._desk.sweep(listing, "CloseCancel", now_us, but=listing.matching.resting)

    def settle(self, listing: Listing, settlement: Settlement, now_us: Micros) -> list[Notice]:
        """Pay a market's positions, once.

        Raises:
            InvariantError: it contradicts what was told before; nothing changed.
        """
        _check_settlement(listing, settlement)
        notices: list[Notice] = []
        if listing.record.status not in DECIDED:
            told = replace(listing.record, status=MarketStatus.DETERMINED, result=settlement.result)
            notices += self.change(listing, told, now_us)
        listing.settlement = settlement
        self.settlements += self._accounts.settle(listing.record, settlement)
        notices.append(_step(listing, "settled", now_us))
        return notices


def override_now(market: Market, now_us: Micros) -> FeeOverride | None:
    """Return an event's override in force; None where nothing is known of one."""
    fees = market.fees
    if fees is None:
        return None
    due = [change for change in fees.event_changes if change.at_us <= now_us]
    found = max(due, key=lambda change: change.at_us) if due else fees.event
    return _NOTHING if found is None else FeeOverride(found.fee_type, found.multiplier)


def _check_change(listing: Listing, market: Market) -> None:
    """Refuse a record that takes back what was final, or decides nothing."""
    old, ticker = listing.record, market.ticker
    if listing.settlement is not None:
        raise InvariantError(f"the world changes {ticker} after it settled")
    if market.status is MarketStatus.FINALIZED:
        raise InvariantError(f"the world finalizes {ticker} without a settlement")
    if market.status in _TOLD and market.result not in _RESULTS:
        raise InvariantError(f"{ticker} is {market.status} with the result {market.result!r}")
    if old.status not in DECIDED:
        return
    if market.status is old.status:
        if market.result != old.result:
            raise InvariantError(f"{ticker} changes its result without an amendment")
    elif market.status not in MARKET_LIFE[old.status]:
        raise InvariantError(f"{ticker} goes from {old.status} to {market.status}")


def _check_settlement(listing: Listing, settlement: Settlement) -> None:
    """Refuse a payment that does not follow from the result."""
    ticker, told, pays = settlement.ticker, listing.record, settlement.yes_pays_e4
    if listing.settlement is not None:
        raise InvariantError(f"the world settles {ticker} twice")
    if settlement.result not in _RESULTS:
        raise InvariantError(f"{ticker} settles with the result {settlement.result!r}")
    if told.status in DECIDED and told.result not in (None, settlement.result):
        raise InvariantError(f"{ticker} was {told.result} and settles {settlement.result}")
    if not 0 <= pays <= ONE_DOLLAR_E4 or pays != _PAYS.get(settlement.result, pays):
        raise InvariantError(f"{ticker} settles {settlement.result} and pays YES {pays}")


def _step(listing: Listing, kind: LifecycleKind, now_us: Micros) -> LifecycleNotice:
    market = listing.market(now_us)
    return LifecycleNotice(market.ticker, kind, market, now_us)
