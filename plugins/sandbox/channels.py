"""Who hears what: subscriptions, their numbering, and the way from a notice to frames.

A notice of the core is encoded once and wrapped per subscription. `seq` counts per subscription
over all its markets and starts at 1; replies about a numbered subscription take numbers of the
same counter, as recorded (one counter a subscription). Nothing here waits: frames go to an outbox.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw

from framework.model.events import BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.units import E2, Side, Ticker
from plugins.sandbox.audience import Audience
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.rows import (
    EventFeeNotice,
    EventNotice,
    FillNotice,
    GroupNotice,
    LifecycleNotice,
    Notice,
    OrderNotice,
    PositionRow,
)
from plugins.sandbox.fixed_point.wire_private import fill_of, group_of, order_of, position_of
from plugins.sandbox.fixed_point.wire_stream import (
    Frame,
    Trouble,
    delta_of,
    event_fees_of,
    event_of,
    lifecycle_of,
    raw,
    replacement_of,
    snapshot_of,
    ticker_of,
    trade_of,
)
from plugins.sandbox.wire import encode, milliseconds

BOOKS: Final = "orderbook_delta"
TICKERS: Final = "ticker"
TRADES: Final = "trade"
FILLS: Final = "fill"
ORDERS: Final = "user_orders"
POSITIONS: Final = "market_positions"
LIFECYCLE: Final = "market_lifecycle_v2"
GROUPS: Final = "order_group_updates"

CHANNELS: Final = frozenset({BOOKS, TICKERS, TRADES, FILLS, ORDERS, POSITIONS, LIFECYCLE, GROUPS})
UNFILTERED: Final = frozenset({LIFECYCLE, GROUPS})
"""Channels that know no market filter."""
_NUMBERED: Final = frozenset({BOOKS, TRADES, LIFECYCLE, GROUPS})

CHANNEL_ERROR: Final = 10
BUFFER_OVERFLOW: Final = 25
TERMINAL: Final = {
    CHANNEL_ERROR: "Channel error",
    BUFFER_OVERFLOW: "Subscription buffer overflow",
}
"""Errors after which a subscription is dead, with their words."""


class Outbox(Protocol):
    """Where the frames of one connection wait for its socket."""

    @property
    def full(self) -> bool:
        """Whether the client is too slow for more data."""

    def push(self, text: bytes) -> None:
        """Take one message."""


class StreamMischief(Protocol):
    """What may go wrong on purpose between a subscription and its client."""

    def send(self, subscription: "Subscription", kind: str, body: Raw) -> int | None:
        """Send a message, or not, or wrongly; return the error that ends the subscription."""


class Subscription:
    """One channel on one connection."""

    __slots__ = (
        "_exchange",
        "_numbered",
        "alive",
        "channel",
        "outbox",
        "seq",
        "sid",
        "tickers",
        "use_yes_price",
    )

    def __init__(
        self,
        sid: int,
        channel: str,
        tickers: Iterable[Ticker] | None,
        outbox: Outbox,
        exchange: SandboxExchange,
        *,
        use_yes_price: bool = False,
    ) -> None:
        self._exchange = exchange
        self.sid = sid
        self.channel = channel
        self.tickers = None if tickers is None else set(tickers)
        """None is every market."""
        self.outbox = outbox
        self.use_yes_price = use_yes_price
        self.seq = 0
        self.alive = True
        """False once it overflowed: the exchange sends nothing more on it."""
        self._numbered = channel in _NUMBERED

    def data(self, kind: str, body: Raw, reply_to: int = 0) -> None:
        """Send a channel message."""
        self.outbox.push(self.frame(kind, body, reply_to))

    def frame(self, kind: str, body: Raw, reply_to: int = 0) -> bytes:
        """Return a channel message; it carries the next number, on numbered channels only."""
        seq = 0
        if self._numbered:
            seq = self.seq = self.seq + 1
        return self._encoded(kind, reply_to, seq, body)

    def control(self, kind: str, reply_to: int, body: object) -> None:
        """Send a reply about this subscription; it takes the next number."""
        self.seq += 1
        self.outbox.push(self._encoded(kind, reply_to, self.seq, body))

    def _encoded(self, kind: str, reply_to: int, seq: int, body: object) -> bytes:
        sent_ms = milliseconds(self._exchange.now_us)
        return encode(Frame(kind, reply_to, self.sid, seq, body, sent_ms))


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may ask for (Kalshi's WebSocket limits)."""

    markets: int | None = None
    """Of one subscription; the exchange has a limit and does not publish it."""
    commands: int = 10_000
    """A second."""


class Feed:
    """Turns what happens at the exchange into frames for those who subscribed."""

    def __init__(
        self,
        exchange: SandboxExchange,
        limits: StreamLimits | None = None,
        mischief: StreamMischief | None = None,
    ) -> None:
        self.exchange = exchange
        self.limits = limits or StreamLimits()
        self._mischief = mischief
        self.audience: Audience[Subscription] = Audience(CHANNELS)
        self._last_size: dict[Ticker, E2] = {}
        self._traded: dict[tuple[Ticker, int], E2] = {}
        self._tell: Mapping[type, Callable[[Any], None]] = {
            BookReplaced: self._book_replaced,
            BookChanged: self._book_changed,
            TradePrinted: self._trade_printed,
            QuoteTicked: self._quote_ticked,
            OrderNotice: self._order_changed,
            FillNotice: self._filled,
            LifecycleNotice: self._life_went_on,
            GroupNotice: self._group_changed,
            EventNotice: self._event_began,
            EventFeeNotice: self._event_charges,
        }

    def publish(self, notices: Iterable[Notice]) -> None:
        """Tell the subscribers, in order."""
        for notice in notices:
            self._tell[type(notice)](notice)

    # ------------------------------------------------------------------------ subscriptions

    def follow(self, subscription: Subscription, tickers: Iterable[Ticker] | None) -> None:
        """Send a subscription the messages of these markets, or of all."""
        self.audience.follow(subscription.channel, subscription, tickers)

    def unfollow(self, subscription: Subscription, tickers: Iterable[Ticker] | None) -> None:
        """Stop what `follow` started."""
        self.audience.unfollow(subscription.channel, subscription, tickers)

    def snapshot(self, subscription: Subscription, ticker: Ticker, reply_to: int = 0) -> None:
        """Send one book as it is now."""
        book = self.exchange.book(ticker)
        body = snapshot_of(ticker, book, use_yes_price=subscription.use_yes_price)
        subscription.data("orderbook_snapshot", raw(body), reply_to)

    def statistics(self, subscription: Subscription, ticker: Ticker) -> None:
        """Send one market's statistics as they are now."""
        subscription.data("ticker", self._statistics(ticker, self.exchange.now_us))

    # ------------------------------------------------------------------------------ notices

    def _send(self, subscription: Subscription, kind: str, body: Raw) -> None:
        if subscription.outbox.full:
            self._end(subscription, BUFFER_OVERFLOW)
        elif self._mischief is None:
            subscription.data(kind, body)
        else:
            code = self._mischief.send(subscription, kind, body)
            if code is not None:
                self._end(subscription, code)

    def _end(self, subscription: Subscription, code: int) -> None:
        """End a subscription by an error that the exchange calls terminal."""
        self.unfollow(subscription, subscription.tickers)
        subscription.alive = False
        subscription.control("error", 0, Trouble(code, TERMINAL[code]))

    def _send_all(self, channel: str, ticker: Ticker, kind: str, content: object) -> None:
        body = raw(content)
        for subscription in self.audience.of(channel, ticker):
            self._send(subscription, kind, body)

    def _send_everywhere(self, channel: str, kind: str, content: object) -> None:
        """Send to a channel that knows no market filter."""
        body = raw(content)
        for subscription in self.audience.unfiltered(channel):
            self._send(subscription, kind, body)

    def _book_replaced(self, event: BookReplaced) -> None:
        for subscription in self.audience.of(BOOKS, event.ticker):
            body = replacement_of(event, use_yes_price=subscription.use_yes_price)
            self._send(subscription, "orderbook_snapshot", raw(body))

    def _book_changed(self, event: BookChanged) -> None:
        bodies: dict[bool, Raw] = {}
        for subscription in self.audience.of(BOOKS, event.ticker):
            turned = subscription.use_yes_price and event.side is Side.NO
            body = bodies.get(turned)
            if body is None:
                body = bodies[turned] = raw(delta_of(event, use_yes_price=turned))
            self._send(subscription, "orderbook_delta", body)

    def _trade_printed(self, event: TradePrinted) -> None:
        self._last_size[event.ticker] = event.quantity_e2
        if self.audience.of(TRADES, event.ticker):
            self._send_all(TRADES, event.ticker, "trade", trade_of(event))

    def _quote_ticked(self, event: QuoteTicked) -> None:
        subscriptions = self.audience.of(TICKERS, event.ticker)
        if not subscriptions:
            return
        body = self._statistics(event.ticker, event.exchange_us or event.at_us)
        for subscription in subscriptions:
            self._send(subscription, "ticker", body)

    def _statistics(self, ticker: Ticker, at_us: int) -> Raw:
        market, book = self.exchange.markets[ticker], self.exchange.book(ticker)
        return raw(ticker_of(market, book, self._last_size.get(ticker, 0), at_us))

    def _order_changed(self, notice: OrderNotice) -> None:
        self._send_all(ORDERS, notice.order.ticker, "user_order", order_of(notice.order))

    def _filled(self, notice: FillNotice) -> None:
        fill = notice.fill
        place = (fill.ticker, fill.subaccount)
        self._traded[place] = self._traded.get(place, 0) + fill.quantity_e2
        self._send_all(FILLS, fill.ticker, "fill", fill_of(fill))
        for row in self.exchange.positions_in(fill.ticker):
            if row.subaccount == fill.subaccount:
                self._position_changed(row)

    def _position_changed(self, row: PositionRow) -> None:
        body = position_of(row, self._traded[row.ticker, row.subaccount])
        self._send_all(POSITIONS, row.ticker, "market_position", body)

    def _life_went_on(self, notice: LifecycleNotice) -> None:
        body = lifecycle_of(notice.kind, notice.market, notice.at_us)
        self._send_everywhere(LIFECYCLE, "market_lifecycle_v2", body)
        if notice.kind == "settled":
            for row in reversed(self.exchange.settled_positions):
                if row.ticker != notice.ticker:
                    break
                self._position_changed(row)

    def _event_began(self, notice: EventNotice) -> None:
        self._send_everywhere(LIFECYCLE, "event_lifecycle", event_of(notice))

    def _event_charges(self, notice: EventFeeNotice) -> None:
        self._send_everywhere(LIFECYCLE, "event_fee_update", event_fees_of(notice))

    def _group_changed(self, notice: GroupNotice) -> None:
        self._send_everywhere(GROUPS, "order_group_updates", group_of(notice))
