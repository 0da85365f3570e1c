"""The exchange that the sandbox serves: markets, one account, and what the streams tell.

Pure and synchronous: a world's events and requests go in, rows and notices come out; time is what
the last `advance` or `tick` said. History never reacts to our orders: the displayed books stay
what the world says, and our fills are worked out beside them.
"""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from framework.errors import InvariantError
from framework.model.book import OrderBook
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
from framework.model.market import EventGroup, Market, MarketStatus, Series, Settlement
from framework.model.units import E2, E6, Micros, Ticker
from plugins.sandbox.accounts import Accounts
from plugins.sandbox.listings import Listing, MarketsView
from plugins.sandbox.orders import OrderDesk
from plugins.sandbox.rows import (
    FillNotice,
    FillRow,
    LifecycleKind,
    LifecycleNotice,
    NewOrder,
    Notice,
    OrderNotice,
    OrderRow,
    PositionRow,
    Refusal,
    RowStatus,
    SettlementRow,
)
from plugins.sandbox.world import World

__all__ = [
    "FillNotice",
    "FillRow",
    "LifecycleKind",
    "LifecycleNotice",
    "NewOrder",
    "Notice",
    "OrderNotice",
    "OrderRow",
    "PositionRow",
    "Refusal",
    "RowStatus",
    "SandboxExchange",
    "SettlementRow",
]

SWEEP_AFTER_US: Final = 250_000
"""Resting orders outlive the close a little: nothing trades, and a cancel fails as inactive."""

_Timer: TypeAlias = Literal["close", "sweep", "expire"]


class SandboxExchange:
    """One exchange with one account; any number of connections look at it."""

    def __init__(
        self,
        world: World,
        *,
        cash_e6: E6 = 10_000_000_000,
        other_shards: Mapping[int, E6] | None = None,
    ) -> None:
        """Open the exchange before the world's first event.

        Args:
            world: What will happen; its events are handed to `advance` by the caller.
            cash_e6: The account's cash on shard 0.
            other_shards: Its cash elsewhere.
        """
        self.now_us: Micros = world.start_us
        self.series: Mapping[Ticker, Series] = world.series
        self.event_groups: Mapping[Ticker, EventGroup] = world.event_groups
        self.settlements: list[SettlementRow] = []
        """The oldest first."""
        self._listings: dict[Ticker, Listing] = {}
        self.markets: Mapping[Ticker, Market] = MarketsView(self._listings, lambda: self.now_us)
        """Every market listed so far, as it is known now."""
        self._accounts = Accounts({0: cash_e6, **(other_shards or {})})
        self._desk = OrderDesk(self._accounts, str(world.start_us))
        self._timers: list[tuple[Micros, int, _Timer, str]] = []
        self._timers_set = 0

    # ---------------------------------------------------------------------------------- reads

    @property
    def orders(self) -> Mapping[str, OrderRow]:
        """Every order by id, the oldest first."""
        return self._desk.orders

    @property
    def fills(self) -> Sequence[FillRow]:
        """Every execution, the oldest first."""
        return self._desk.fills

    @property
    def cash_e6(self) -> E6:
        """Cash over all shards."""
        return self._accounts.cash_e6

    def cash_by_shard(self) -> Mapping[int, E6]:
        """Return the cash of every shard."""
        return self._accounts.cash_by_shard()

    def available_e6(self, shard: int) -> E6:
        """Return a shard's cash that no resting order holds."""
        return self._desk.available_e6(shard)

    def positions(self) -> Sequence[PositionRow]:
        """Return every market traded and not settled, flat ones too."""
        return self._accounts.positions()

    def portfolio_value_e6(self) -> E6:
        """Return what every position would bring at the best bids; without a bid nothing."""
        return sum(
            position.quantity_e2 * (self.book(position.ticker).bid(position.side) or 0)
            for position in self._accounts.open_positions()
        )

    def book(self, ticker: Ticker) -> OrderBook:
        """Return a market's displayed book.

        Raises:
            KeyError: the market is not listed.
        """
        return self._listings[ticker].matching.book

    # --------------------------------------------------------------------------------- orders

    def place(self, order: NewOrder) -> tuple[OrderRow, list[FillRow], list[Notice]]:
        """Accept an order, match it and rest what remains.

        Raises:
            Refusal: it is not accepted; nothing changed.
        """
        listing = self._listings.get(order.ticker)
        if listing is None:
            raise Refusal(404, "not_found", f"market {order.ticker} not found")
        before = listing.volume_e2
        row, fills, notices = self._desk.place(listing, order, self.now_us)
        if order.expires_us is not None and row.status == "resting":
            self._set_timer(order.expires_us, "expire", row.order_id)
        if listing.volume_e2 != before:
            notices.append(self._quote(listing, self.now_us))
        return row, fills, notices

    def cancel(
        self, order_id: str, market_ticker: Ticker | None = None, shard: int | None = None
    ) -> tuple[OrderRow, E2, list[Notice]]:
        """Cancel an order and return its row and how much was taken out.

        Without a ticker the request goes to `shard`, or to shard 0, and finds nothing elsewhere.

        Raises:
            Refusal: unknown, not resting any more, on another shard, or its market is closed.
        """
        row = self.orders.get(order_id)
        looked_on = 0 if shard in (None, -1) else shard
        if row is None or (market_ticker is None and row.shard != looked_on):
            raise Refusal(404, "not_found", "order not found")
        if market_ticker not in (None, row.ticker):
            raise Refusal(400, "order_ticker_mismatch", f"the order is not in {market_ticker}")
        if market_ticker is not None and shard not in (None, -1, row.shard):
            raise Refusal(404, "not_found", "order not found")
        return self._desk.cancel(order_id, self._listings[row.ticker], self.now_us)

    def cancel_all(self) -> list[Notice]:
        """Cancel every resting order of a market that is not closed."""
        return self._desk.cancel_all(self.now_us)

    # ----------------------------------------------------------------------------------- time

    def next_timer_us(self) -> Micros | None:
        """Return when `tick` has to be called at the latest, or None."""
        return self._timers[0][0] if self._timers else None

    def tick(self, now_us: Micros) -> list[Notice]:
        """Let time pass: closes, sweeps and expiries up to `now_us`, each at its own moment."""
        notices: list[Notice] = []
        while self._timers and self._timers[0][0] <= now_us:
            due_us, _, kind, name = heappop(self._timers)
            self.now_us = max(self.now_us, due_us)
            if kind == "expire":
                notices += self._desk.expire(name, self.now_us)
            elif kind == "close":
                self._close(self._listings[name])
            else:
                notices += self._desk.sweep(self._listings[name], "CloseCancel", self.now_us)
        self.now_us = max(self.now_us, now_us)
        return notices

    def advance(self, event: AnyEvent) -> list[Notice]:
        """Let a world's event happen, after everything that was due before it.

        Raises:
            InvariantError: the event is none that a world may tell.
        """
        notices = self.tick(event.at_us)
        if isinstance(event, BookChanged | BookReplaced | TradePrinted):
            self._feed(event, notices)
        elif isinstance(event, MarketListed):
            self._list(event.market, notices)
        elif isinstance(event, MarketChanged):
            self._change(self._listings[event.market.ticker], event.market, notices)
        elif isinstance(event, MarketSettled):
            self._settle(self._listings[event.settlement.ticker], event.settlement, notices)
        elif isinstance(event, QuoteTicked):
            listing = self._listings[event.ticker]
            listing.told(event)
            notices.append(self._quote(listing, event.at_us, event.exchange_us))
        else:
            raise InvariantError(f"a world does not tell {type(event).__name__}")
        return notices

    # --------------------------------------------------------------------------------- inside

    def _feed(
        self, event: BookChanged | BookReplaced | TradePrinted, notices: list[Notice]
    ) -> None:
        """Tell of news of the book or the tape, and of what it does to our orders."""
        listing = self._listings[event.ticker]
        matching, at = listing.matching, event.exchange_us
        before = (matching.book.touch(), listing.volume_e2)
        notices.append(event)
        public = True
        if isinstance(event, BookChanged):
            executions = matching.change(event.side, event.price_e4, event.change_e2, at)
        elif isinstance(event, BookReplaced):
            executions = matching.replace(dict(event.yes), dict(event.no), at)
        else:
            public = False  # the feed's own print is the public trade
            listing.traded(event.yes_price_e4, event.quantity_e2)
            executions = matching.print_trade(
                event.yes_price_e4, event.quantity_e2, event.taker_side, at
            )
        if executions:
            notices += self._desk.execute(listing, executions, event.at_us, public=public)
        if (matching.book.touch(), listing.volume_e2) != before:
            notices.append(self._quote(listing, event.at_us, at))

    @staticmethod
    def _quote(listing: Listing, at_us: Micros, exchange_us: Micros | None = None) -> QuoteTicked:
        return QuoteTicked(
            at_us=at_us,
            ticker=listing.record.ticker,
            last_price_e4=listing.last_price_e4,
            volume_e2=listing.volume_e2,
            open_interest_e2=listing.record.open_interest_e2,
            exchange_us=exchange_us,
        )

    def _list(self, market: Market, notices: list[Notice]) -> None:
        if market.ticker in self._listings:
            raise InvariantError(f"the world lists {market.ticker} twice")
        self._listings[market.ticker] = Listing(market)
        if market.close_us is not None:
            self._set_timer(market.close_us, "close", market.ticker)
        notices.append(self._step(self._listings[market.ticker], "created"))

    def _change(self, listing: Listing, market: Market, notices: list[Notice]) -> None:
        """Take a new record and announce what the exchange announces of it."""
        old = listing.record
        listing.replace_record(market)
        if market.close_us != old.close_us:
            if market.close_us is not None:
                self._set_timer(market.close_us, "close", market.ticker)
            notices.append(self._step(listing, "close_date_updated"))
        if market.status is MarketStatus.INACTIVE is not old.status:
            notices += self._desk.sweep(listing, "HaltCancel", self.now_us)
            notices.append(self._step(listing, "deactivated"))
        elif old.status is MarketStatus.INACTIVE is not market.status:
            notices.append(self._step(listing, "activated"))
        if market.status is MarketStatus.DETERMINED is not old.status:
            listing.matching.sweep()
            notices += self._desk.sweep(listing, "CloseCancel", self.now_us)
            notices.append(self._step(listing, "determined"))

    def _close(self, listing: Listing) -> None:
        """Stop trading at the close, unless the close has been moved meanwhile."""
        if listing.status(self.now_us) is MarketStatus.CLOSED:
            listing.matching.sweep()
            self._set_timer(self.now_us + SWEEP_AFTER_US, "sweep", listing.record.ticker)

    def _settle(self, listing: Listing, settlement: Settlement, notices: list[Notice]) -> None:
        if listing.settlement is not None:
            raise InvariantError(f"the world settles {settlement.ticker} twice")
        if listing.record.status is not MarketStatus.DETERMINED:
            told = replace(listing.record, status=MarketStatus.DETERMINED, result=settlement.result)
            self._change(listing, told, notices)
        listing.settlement = settlement
        row = self._accounts.settle(listing.record, settlement)
        if row is not None:
            self.settlements.append(row)
        notices.append(self._step(listing, "settled"))

    def _step(self, listing: Listing, kind: LifecycleKind) -> LifecycleNotice:
        market = listing.market(self.now_us)
        return LifecycleNotice(market.ticker, kind, market, self.now_us)

    def _set_timer(self, at_us: Micros, kind: _Timer, name: str) -> None:
        self._timers_set += 1  # equal moments keep the order in which they were set
        heappush(self._timers, (at_us, self._timers_set, kind, name))
