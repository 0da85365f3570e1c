"""The exchange that the sandbox serves: markets, one account, and what the streams tell.

Pure and synchronous: a world's events and requests go in, rows and notices come out; time is what
the last `advance` or `tick` said. History never reacts: our fills are worked out beside its books.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush

from framework.errors import InvariantError
from framework.fees import DIRECT_E6
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
from framework.model.market import EventGroup, Market, Series
from framework.model.units import E2, E6, Micros, Ticker
from plugins.sandbox.core.accounts import Accounts
from plugins.sandbox.core.group_desk import GroupDesk
from plugins.sandbox.core.life import SWEEP_AFTER_US, MarketLife, Timer
from plugins.sandbox.core.listings import Listing, MarketsView
from plugins.sandbox.core.orders import OrderDesk
from plugins.sandbox.core.pauses import PlannedPause, changes
from plugins.sandbox.core.rows import (
    Amendment,
    EventNotice,
    FillNotice,
    FillRow,
    LifecycleKind,
    LifecycleNotice,
    NewOrder,
    Notice,
    OrderGroup,
    OrderNotice,
    OrderRow,
    Pause,
    PositionRow,
    Refusal,
    RowStatus,
    SettlementRow,
)
from plugins.sandbox.core.treasury import Treasury
from plugins.sandbox.core.world import World

__all__ = [
    "SWEEP_AFTER_US",
    "Amendment",
    "FillNotice",
    "FillRow",
    "LifecycleKind",
    "LifecycleNotice",
    "NewOrder",
    "Notice",
    "OrderGroup",
    "OrderNotice",
    "OrderRow",
    "Pause",
    "PositionRow",
    "Refusal",
    "RowStatus",
    "SandboxExchange",
    "SettlementRow",
]


class SandboxExchange:
    """One exchange with one account; any number of connections look at it."""

    def __init__(
        self,
        world: World,
        *,
        cash_e6: E6 = 10_000_000_000,
        other_shards: Mapping[int, E6] | None = None,
        balance_step_e6: E6 = DIRECT_E6,
        pauses: Sequence[PlannedPause] = (),
    ) -> None:
        """Open the exchange before the world's first event.

        Args:
            world: What will happen; its events are handed to `advance` by the caller.
            cash_e6: The account's cash on shard 0.
            other_shards: Its cash elsewhere.
            balance_step_e6: What its cash is rounded to.
            pauses: When everything rests; they begin and end by themselves.
        """
        self.now_us: Micros = world.start_us
        self.series: Mapping[Ticker, Series] = world.series
        self.event_groups: Mapping[Ticker, EventGroup] = world.event_groups
        self._listings: dict[Ticker, Listing] = {}
        self.markets = MarketsView(self._listings, lambda: self.now_us)
        self._accounts = Accounts({0: cash_e6, **(other_shards or {})}, balance_step_e6)
        self._desk = OrderDesk(self._accounts, str(world.start_us))
        self.treasury = Treasury(self._accounts, self._desk, lambda: self.now_us)
        self.groups = GroupDesk(self._desk, lambda: self.now_us)
        self._life = MarketLife(self._desk, self._accounts, self._set_timer)
        self._timers: list[tuple[Micros, int, Timer, str]] = []
        self._timers_set = 0
        self._announced: set[Ticker] = set()
        self.pauses = pauses
        for at_us, pause in changes(pauses):
            self._set_timer(at_us, "pause", pause)

    # ---------------------------------------------------------------------------------- reads

    @property
    def orders(self) -> Mapping[str, OrderRow]:
        """Every order by id, the oldest first."""
        return self._desk.blotter.orders

    @property
    def fills(self) -> Sequence[FillRow]:
        """Every execution, the oldest first."""
        return self._desk.blotter.fills

    @property
    def settlements(self) -> Sequence[SettlementRow]:
        """Every payment, the oldest first."""
        return self._life.settlements

    @property
    def pause(self) -> Pause:
        """What of the exchange rests just now."""
        return self._desk.pause

    @property
    def cash_e6(self) -> E6:
        """Cash over all shards."""
        return self._accounts.cash_e6

    def cash_by_shard(self, subaccount: int = 0) -> Mapping[int, E6]:
        """Return a subaccount's cash on every shard."""
        return self._accounts.cash_by_shard(subaccount)

    def available_e6(self, shard: int, subaccount: int = 0) -> E6:
        """Return a shard's cash that no resting order holds."""
        return self._desk.blotter.available_e6(shard, subaccount)

    def positions(self) -> Sequence[PositionRow]:
        """Return every market traded and not settled, flat ones too."""
        return self._accounts.positions()

    def positions_in(self, ticker: Ticker) -> Sequence[PositionRow]:
        """Return one market's positions, one for each subaccount that traded there."""
        return self._accounts.positions_in(ticker)

    @property
    def settled_positions(self) -> Sequence[PositionRow]:
        """Return what became of positions in markets that were paid, the oldest first."""
        return self._accounts.settled

    def portfolio_value_e6(self, subaccount: int = 0, shard: int | None = None) -> E6:
        """Return what every position would bring at the best bids; without a bid nothing."""
        return sum(
            position.quantity_e2 * (self.book(position.ticker).bid(position.side) or 0)
            for place, position in self._accounts.open_positions(subaccount)
            if shard in (None, place)
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
        self.treasury.check(order.subaccount)
        before = listing.volume_e2
        row, fills, notices = self._desk.place(listing, order, self.now_us)
        if order.expires_us is not None and row.status == "resting":
            self._set_timer(order.expires_us, "expire", row.order_id)
        if listing.volume_e2 != before:
            notices.append(listing.quoted(self.now_us))
        return row, fills, notices

    def cancel(
        self,
        order_id: str,
        market_ticker: Ticker | None = None,
        shard: int | None = None,
        subaccount: int = 0,
    ) -> tuple[OrderRow, E2, list[Notice]]:
        """Cancel an order and return its row and how much was taken out.

        Without a ticker the request goes to `shard`, or to shard 0, and finds nothing elsewhere.

        Raises:
            Refusal: unknown, not resting any more, on another shard, or its market is closed.
        """
        row = self._find(order_id, market_ticker, shard, subaccount)
        return self._desk.cancel(row, self._listings[row.ticker], self.now_us)

    def amend(
        self, order_id: str, change: Amendment
    ) -> tuple[OrderRow, list[FillRow], list[Notice]]:
        """Change a resting order's price, size or expiry; return its row and what it bought.

        A pure change of expiry, and less of it at the same price, keep its place in the queue.

        Raises:
            Refusal: it does not rest any more, or the change is not accepted; nothing changed.
        """
        row = self.orders.get(order_id)
        if row is None or row.subaccount != change.subaccount:
            raise Refusal(404, "not_found", "order not found")
        listing = self._listings[row.ticker]
        before = listing.volume_e2
        changed, fills, notices = self._desk.amend(row, listing, change, self.now_us)
        if changed.expires_us not in (None, row.expires_us) and changed.status == "resting":
            self._set_timer(changed.expires_us, "expire", order_id)
        if listing.volume_e2 != before:
            notices.append(listing.quoted(self.now_us))
        return changed, fills, notices

    def decrease(
        self,
        order_id: str,
        *,
        reduce_by_e2: E2 | None = None,
        reduce_to_e2: E2 | None = None,
        market_ticker: Ticker | None = None,
        shard: int | None = None,
        subaccount: int = 0,
    ) -> tuple[OrderRow, list[Notice]]:
        """Take a part out of a resting order, or all of it; the rest keeps its place.

        Raises:
            Refusal: it does not rest any more, or the size makes no sense; nothing changed.
        """
        row = self._find(order_id, market_ticker, shard, subaccount)
        listing = self._listings[row.ticker]
        return self._desk.decrease(row, listing, reduce_by_e2, reduce_to_e2, self.now_us)

    def queue_position_e2(self, order_id: str) -> E2:
        """Return how many contracts stand ahead of a resting order at its price.

        Raises:
            Refusal: no such order rests.
        """
        row = self.orders.get(order_id)
        matching = None if row is None else self._listings[row.ticker].matching
        if matching is None or order_id not in matching.resting:
            raise Refusal(404, "not_found", "order not found")
        return matching.queue_ahead_e2(order_id) or 0

    def queue_positions(self) -> Iterator[tuple[OrderRow, E2]]:
        """Yield every order in a book with what stands ahead of it, by market."""
        for row in self._desk.blotter.resting():
            matching = self._listings[row.ticker].matching
            if row.order_id in matching.resting:
                yield row, matching.queue_ahead_e2(row.order_id) or 0

    def _find(
        self, order_id: str, market_ticker: Ticker | None, shard: int | None, subaccount: int
    ) -> OrderRow:
        """Find an order as a cancel or a decrease is routed."""
        row = self.orders.get(order_id)
        looked_on = 0 if shard in (None, -1) else shard
        if row is None or row.subaccount != subaccount:
            raise Refusal(404, "not_found", "order not found")
        if market_ticker is None and row.shard != looked_on:
            raise Refusal(404, "not_found", "order not found")
        if market_ticker not in (None, row.ticker):
            raise Refusal(400, "order_ticker_mismatch", f"the order is not in {market_ticker}")
        if market_ticker is not None and shard not in (None, -1, row.shard):
            raise Refusal(404, "not_found", "order not found")
        return row

    def cancel_all(self, subaccount: int | None = None) -> list[Notice]:
        """Cancel every resting order of a market that is not closed, of one subaccount or all."""
        return self._desk.cancel_all(self.now_us, subaccount)

    # ----------------------------------------------------------------------------------- time

    def halt(self, pause: Pause) -> list[Notice]:
        """Let the whole exchange rest, or let it go on with `Pause.NOTHING`.

        Orders stay unless they asked to be cancelled. The feed still changes the displayed books,
        which may fill what rests once trading goes on; markets close, settle and expire orders.
        """
        notices = self._desk.halt(pause, self.now_us)
        for listing in self._listings.values():
            if pause is not Pause.NOTHING:
                listing.matching.halted = True
                continue
            executions = listing.matching.resume()
            notices += self._desk.execute(listing, executions, self.now_us, public=True)
            if executions:
                notices.append(listing.quoted(self.now_us))
        return notices

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
                notices += self._desk.expire(name, due_us, self.now_us)
            elif kind == "pause":
                notices += self.halt(Pause(name))
            elif kind == "close":
                self._life.close(self._listings[name], self.now_us)
            elif kind == "fees":
                notices += self._life.charge(self._listings[name], self.now_us)
            else:
                notices += self._life.sweep(self._listings[name], self.now_us)
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
            notices += self._list(event.market)
        elif isinstance(event, MarketChanged):
            told = event.market
            notices += self._life.change(self._listings[told.ticker], told, self.now_us)
            notices += self.tick(self.now_us)  # a close may have been moved to this moment
        elif isinstance(event, MarketSettled):
            paid = event.settlement
            notices += self._life.settle(self._listings[paid.ticker], paid, self.now_us)
        elif isinstance(event, QuoteTicked):
            listing = self._listings[event.ticker]
            listing.told(event)
            notices.append(listing.quoted(event.at_us, event.exchange_us))
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
            notices.append(listing.quoted(event.at_us, at))

    def _list(self, market: Market) -> list[Notice]:
        if market.ticker in self._listings:
            raise InvariantError(f"the world lists {market.ticker} twice")
        listing = self._listings[market.ticker] = Listing(market)
        listing.matching.halted = self.pause is not Pause.NOTHING
        notices: list[Notice] = []
        group = self.event_groups.get(market.event_ticker)
        if group is not None and group.ticker not in self._announced:
            self._announced.add(group.ticker)
            notices.append(EventNotice(group, market.shard, self.now_us))
        return notices + self._life.begin(listing, self.now_us)

    def _set_timer(self, at_us: Micros, kind: Timer, name: str) -> None:
        self._timers_set += 1  # equal moments keep the order in which they were set
        heappush(self._timers, (at_us, self._timers_set, kind, name))
