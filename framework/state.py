"""The engine's memory: markets, portfolio and orders as the events so far make them.

Knows nothing of plugins and sends nothing. What a decision must look at again is collected in
`touched`. Which event goes where stands in `framework.facts`.
"""

from decimal import Decimal
from typing import Final

from framework.fees import DIRECT_E6
from framework.model.account import GRACE_US
from framework.model.events import (
    AmendRefused,
    BookChanged,
    BookInvalidated,
    BookReplaced,
    CancelRefused,
    ClockTicked,
    ExchangeStatusChanged,
    MarketChanged,
    MarketListed,
    ObservationArrived,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderUnknown,
    Pause,
    QuoteTicked,
    RunStopping,
    StreamLost,
    TradePrinted,
)
from framework.model.market import Market, Settlement
from framework.model.orders import Fill, OrderFact, OrderState
from framework.model.portfolio import Portfolio
from framework.model.units import E2, E4, E6, Micros, Side, Ticker
from framework.risk import WorstCase
from framework.watched import Watched
from framework.working import LiveOrder, WorkingOrders

_FORGOTTEN_AFTER_US: Final[Micros] = 86_400_000_000
"""A market is remembered for a day after its close: closes move, and results come late."""


class State:
    """Markets, portfolio and orders as the events so far make them."""

    def __init__(self, *, names_orders: bool = True, balance_step_e6: E6 = DIRECT_E6) -> None:
        """Start empty.

        Args:
            names_orders: Whether the exchange repeats our names of orders.
            balance_step_e6: What the account's cash is rounded to at each fill.
        """
        self._names_orders = names_orders
        self.now_us: Micros = 0
        self.markets: dict[Ticker, Watched] = {}
        self.events: dict[Ticker, tuple[Ticker, ...]] = {}
        """The markets of each event, in the order they were listed."""
        self.portfolio = Portfolio()
        self.orders = WorkingOrders()
        self.worst = WorstCase(
            self.portfolio, self.orders, self.market, self.mark_e4, balance_step_e6
        )
        self.observations: dict[str, Decimal] = {}
        self.halted: str | None = None
        self.stopping: str | None = None
        self.connected = True
        self.pauses: dict[int | None, Pause] = {}
        """What of the exchange takes no orders now, by shard."""
        self.ready = False
        """Whether the account has been read: nothing is decided before."""
        self.realized_earlier_today_e6: E6 = 0
        """What earlier runs of this UTC day realized, told by the ledger."""
        self.touched: dict[Ticker, None] = {}
        """Markets to decide on, in the order they were touched."""
        self.relisted: dict[Ticker, None] = {}
        """Markets whose filters must be asked again."""
        self.questions: dict[str, None] = {}
        """Orders the exchange must be asked about."""
        self.moved_us: Micros = 0
        """When a fill or a settlement last moved money, by the exchange's clock."""
        self._unclaimed: dict[str, E2] = {}
        """Contracts filled, by the exchange's id of an order that may turn out to be ours."""

    # --------------------------------------------------------------------------- lookups

    def market(self, ticker: Ticker) -> Market | None:
        """Return a market's record, or None when it was never listed."""
        watched = self.markets.get(ticker)
        return None if watched is None else watched.market

    def mark_e4(self, ticker: Ticker, side: Side) -> E4 | None:
        """Return a market's last good bid; 0 when nobody bid, None before any good book."""
        watched = self.markets.get(ticker)
        return None if watched is None else watched.mark_e4(side)

    def pause_of(self, shard: int) -> Pause | None:
        """Return what keeps the exchange from taking orders there; None when nothing does."""
        return self.pauses.get(None) or self.pauses.get(shard)

    def is_undecidable(self, live: LiveOrder) -> bool:
        """Return whether only a person can say what became of an order.

        It was sent, no answer named it, and no list of this exchange tells our name of it.
        """
        lost = live.state is OrderState.UNKNOWN and live.order_id is None
        return lost and not self._names_orders

    def undecidable(self) -> list[LiveOrder]:
        """Return the orders that wait for a person."""
        return [live for live in self.orders.live() if self.is_undecidable(live)]

    def is_engaged(self, ticker: Ticker) -> bool:
        """Return whether a position or a live order holds us in a market."""
        return ticker in self.portfolio.positions or self.orders.has(ticker)

    # --------------------------------------------------------------------------- markets

    def list_market(self, event: MarketListed | MarketChanged) -> None:
        """Take a new or newer record."""
        market = event.market
        watched = self.markets.get(market.ticker)
        if watched is None:
            self.markets[market.ticker] = Watched(market)
            known = self.events.get(market.event_ticker, ())
            self.events[market.event_ticker] = (*known, market.ticker)
        else:
            watched.relist(market)
            self.touched[market.ticker] = None
        self.relisted[market.ticker] = None

    def forget_if_over(self, ticker: Ticker) -> bool:
        """Drop a market that closed long ago and holds nothing of ours; say whether it is gone.

        New ones are listed all the time, so what is over must go. One that is opened again is
        listed again, because its record has changed.
        """
        watched = self.markets.get(ticker)
        if watched is None:
            return True
        closed = watched.market.close_us
        is_over = closed is not None and self.now_us - closed >= _FORGOTTEN_AFTER_US
        if not is_over or watched.subscribed or self.is_engaged(ticker):
            return False
        del self.markets[ticker]
        self.portfolio.forget(ticker)
        event = watched.market.event_ticker
        self.events[event] = tuple(known for known in self.events[event] if known != ticker)
        if not self.events[event]:
            del self.events[event]
        return True

    def settle(self, settlement: Settlement) -> None:
        """Book a finalized market's payment."""
        before = self.portfolio.cash_e6
        if self.portfolio.settle(settlement) is not None:
            self.moved_us = max(self.moved_us, settlement.at_us)
            market = self.market(settlement.ticker)
            shard = settlement.shard
            if shard is None:
                shard = market.shard if market else 0
            self.worst.move_cash(shard, self.portfolio.cash_e6 - before)

    def replace_book(self, event: BookReplaced) -> None:
        """Take a whole book."""
        watched = self.markets.get(event.ticker)
        if watched is not None:
            if event.exchange_us is not None:
                watched.lag_us = event.at_us - event.exchange_us
            watched.book.replace(dict(event.yes), dict(event.no))
            if watched.touch_moved():
                self.touched[event.ticker] = None
            elif watched.book.is_impossible:
                self.relisted[event.ticker] = None

    def change_book(self, event: BookChanged) -> None:
        """Take one level's change."""
        watched = self.markets.get(event.ticker)
        if watched is None:
            return
        exchange_us = event.exchange_us
        if exchange_us is not None:
            watched.lag_us = event.at_us - exchange_us
        if watched.book.change(event.side, event.price_e4, event.change_e2):
            if watched.touch_moved():
                self.touched[event.ticker] = None
            elif watched.book.is_impossible:
                self.relisted[event.ticker] = None

    def invalidate_book(self, event: BookInvalidated) -> None:
        """Stop trusting a book until its next snapshot."""
        watched = self.markets.get(event.ticker)
        if watched is not None:
            watched.forget_feed(event.reason)

    def print_trade(self, event: TradePrinted) -> None:
        """Remember a public trade."""
        watched = self.markets.get(event.ticker)
        if watched is not None:
            watched.print_trade(event)

    def quote(self, event: QuoteTicked) -> None:
        """Take a market's statistics."""
        watched = self.markets.get(event.ticker)
        if watched is not None:
            watched.quote(event.last_price_e4, event.volume_e2, event.open_interest_e2)

    def lose_stream(self, event: StreamLost) -> None:
        """Stop trusting every book."""
        self.connected = False
        for watched in self.markets.values():
            if watched.subscribed:
                watched.forget_feed(event.reason)

    # ---------------------------------------------------------------------------- orders

    def accept(self, event: OrderAccepted) -> None:
        """An order is at the exchange; it may have filled, or ended, at once."""
        live = self.orders.find(event.client_order_id, event.order_id)
        if live is None:
            return
        self.learn(live, event.order_id)
        self.orders.report(live, event.filled_e2)
        if event.remaining_e2 == 0:
            whole = event.filled_e2 >= live.order.quantity_e2
            self.take(live, OrderFact.FULLY_FILLED if whole else OrderFact.CANCELLED)
        else:
            self.take(live, OrderFact.ACCEPTED)

    def reject(self, client_order_id: str) -> None:
        """An order was never taken, provably."""
        live = self.orders.find(client_order_id)
        if live is not None:
            self.take(live, OrderFact.REJECTED)
            watched = self.markets.get(live.order.ticker)
            if watched is not None and live.is_entry:
                watched.refused_us = self.now_us

    def fill(self, fill: Fill) -> None:
        """Book a fill once, whatever state its order is in."""
        live = self.orders.find(fill.client_order_id, fill.order_id)
        before = self.portfolio.cash_e6
        strategy = live.order.strategy if live else None
        if self.portfolio.apply(fill, strategy) is None:
            return
        self.moved_us = max(self.moved_us, fill.at_us)
        self.worst.move_cash(fill.shard, self.portfolio.cash_e6 - before)
        if live is None:
            self._set_aside(fill)
        else:
            self.learn(live, fill.order_id)
            self.orders.book(live, fill.quantity_e2)
        self.touched[fill.ticker] = None

    def _set_aside(self, fill: Fill) -> None:
        """Remember a fill that may be of an order whose exchange id we do not know yet."""
        if any(live.order_id is None for live in self.orders.in_market(fill.ticker)):
            known_e2 = self._unclaimed.get(fill.order_id, 0)
            self._unclaimed[fill.order_id] = known_e2 + fill.quantity_e2

    def learn(self, live: LiveOrder, order_id: str | None) -> None:
        """Remember the exchange's id of an order, and give it the fills that came before."""
        self.orders.learn_order_id(live, order_id)
        filled_e2 = self._unclaimed.pop(order_id, 0) if order_id else 0
        if filled_e2:
            self.orders.book(live, filled_e2)
            self.portfolio.adopt(live.order.ticker, live.order.strategy)

    def cancelled(self, event: OrderCancelled) -> None:
        """An order left the book; who does not say what it had traded is asked."""
        live = self.orders.find(event.client_order_id, event.order_id)
        if live is not None:
            self.learn(live, event.order_id)
            self.orders.report(live, event.filled_e2)
            self.take(live, OrderFact.CANCELLED)
            if event.filled_e2 is None:
                self.questions[live.order.client_order_id] = None

    def lose_order(self, event: OrderUnknown) -> None:
        """Nobody can say what became of a write."""
        live = self.orders.find(event.client_order_id)
        if live is not None:
            live.is_amendable = live.is_amendable and live.amendment is None
            self.take(live, OrderFact.LOST)
            self.questions[event.client_order_id] = None

    def miss_order(self, client_order_id: str, as_of_us: Micros) -> None:
        """A healthy read does not know an order: proof only when newer than the send."""
        live = self.orders.find(client_order_id)
        if live is None or self.is_undecidable(live):
            return
        if as_of_us > live.sent_us + GRACE_US:
            known = live.state is OrderState.UNKNOWN and live.order_id is not None
            # What has been at the exchange was not refused: it has ended there.
            self.take(live, OrderFact.CANCELLED if known else OrderFact.ABSENT)
        if live.state is OrderState.UNKNOWN:
            self.questions[client_order_id] = None

    def refuse_cancel(self, event: CancelRefused) -> None:
        """A cancel was not done: the order has ended, or nobody can say."""
        if self.orders.find(event.client_order_id) is not None:
            self.questions[event.client_order_id] = None

    def amended(self, event: OrderAmended) -> None:
        """An order has other terms; one that does not rest any more must say how it ended."""
        live = self.orders.find(event.client_order_id, event.order_id)
        if live is None:
            return
        live.revise(event.limit_e4, event.quantity_e2)
        if event.remaining_e2 == 0:
            self.questions[live.order.client_order_id] = None
        self.touched[live.order.ticker] = None

    def refuse_amendment(self, event: AmendRefused) -> None:
        """An order kept its terms, or has ended: what is wanted of it now takes a cancel."""
        live = self.orders.find(event.client_order_id)
        if live is not None:
            live.amendment = None
            live.is_amendable = False
            self.questions[event.client_order_id] = None
            self.touched[live.order.ticker] = None

    def take(self, live: LiveOrder, fact: OrderFact) -> None:
        """Move an order along the table and look at its market again."""
        self.orders.take(live, fact)
        self.touched[live.order.ticker] = None

    # ------------------------------------------------------------------------------- run

    def halt(self, reason: str | None) -> None:
        """Stop or resume taking new risk."""
        self.halted = reason
        self._touch_engaged()

    def stop(self, event: RunStopping) -> None:
        """The run ends."""
        self.stopping = event.reason
        self._touch_engaged()

    def pass_to(self, at_us: Micros) -> None:
        """It is later now; a new UTC day counts its own profit."""
        self.now_us = at_us
        if not self.worst.day_from_us <= at_us < self.worst.day_to_us:
            self.worst.start_day(at_us)

    def tick(self, _: ClockTicked) -> None:
        """Time passed: exits, lifetimes and cancels without effect are looked at again."""
        self._touch_engaged()

    def restore_stream(self) -> None:
        """The connection is back; books become usable with their next snapshot."""
        self.connected = True

    def change_status(self, event: ExchangeStatusChanged) -> None:
        """The exchange, or a part of it, pauses or goes on; followed markets are looked at."""
        self.pauses = {pause.shard: pause for pause in event.pauses}
        for ticker, watched in self.markets.items():
            if watched.subscribed:
                self.touched[ticker] = None

    def observe(self, event: ObservationArrived) -> None:
        """Remember outside data, the newest of each key."""
        seen = event.observation
        self.observations[f"{seen.source}.{seen.key}"] = seen.value

    def _touch_engaged(self) -> None:
        for ticker in (*self.portfolio.positions, *self.orders.tickers()):
            self.touched[ticker] = None
