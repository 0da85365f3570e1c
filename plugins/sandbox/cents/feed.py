"""From what happens at the exchange to the messages of the cents dialect.

Ladders leave whole, so a market whose book changed is only noted, and told once when the moment is
over: a hundred changes of one moment cost one message.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Raw

from framework.model.events import BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.units import ONE_CONTRACT_E2, Ticker
from plugins.sandbox.audience import Audience
from plugins.sandbox.cents.numbers import is_served
from plugins.sandbox.cents.wire_stream import (
    Message,
    Trouble,
    book_of,
    fill_of,
    order_of,
    ticker_of,
    trade_of,
)
from plugins.sandbox.channels import BUFFER_OVERFLOW, TERMINAL, Outbox
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.rows import FillNotice, Notice, OrderNotice
from plugins.sandbox.fixed_point.wire_stream import raw
from plugins.sandbox.mischief import UnrulyStream
from plugins.sandbox.wire import encode

BOOKS: Final = "orderbook_delta"
TICKERS: Final = "ticker"
TRADES: Final = "trade"
FILLS: Final = "fill"
ORDERS: Final = "order_update"

CHANNELS: Final = frozenset({BOOKS, TICKERS, TRADES, FILLS, ORDERS})


class Subscription:
    """One channel on one connection."""

    __slots__ = ("channel", "outbox", "tickers")

    def __init__(self, channel: str, tickers: Iterable[Ticker] | None, outbox: Outbox) -> None:
        self.channel = channel
        self.tickers = None if tickers is None else set(tickers)
        """None is every market."""
        self.outbox = outbox

    def frame(self, kind: str, body: Raw) -> bytes:
        """Return a message; it carries no number, so none is lost with it."""
        return encode(Message(kind, body))


class CentsFeed:
    """Tells those who subscribed."""

    def __init__(
        self,
        exchange: SandboxExchange,
        sold: set[str],
        unruly: UnrulyStream | None = None,
    ) -> None:
        """Start without subscribers.

        Args:
            exchange: Whose markets they follow.
            sold: The orders that were worded as sales.
            unruly: What goes wrong on purpose between a subscription and its client.
        """
        self.exchange = exchange
        self._unruly = unruly
        self.audience: Audience[Subscription] = Audience(CHANNELS)
        self._sold = sold
        self._changed: dict[Ticker, None] = {}
        self._tell: Mapping[type, Callable[[Any], None]] = {
            BookReplaced: self._book_changed,
            BookChanged: self._book_changed,
            TradePrinted: self._trade_printed,
            QuoteTicked: self._quote_ticked,
            OrderNotice: self._order_changed,
            FillNotice: self._filled,
        }

    def publish(self, notices: Sequence[Notice]) -> None:
        """Tell the subscribers, in order; books wait for the end of the moment.

        What the document has no message for, such as a market's life, is read by REST.
        """
        for notice in notices:
            tell = self._tell.get(type(notice))
            if tell is not None:
                tell(notice)

    def finish(self) -> None:
        """Tell of every book that changed since the last time, once."""
        if not self._changed:
            return
        for ticker in self._changed:
            if self.audience.of(BOOKS, ticker) and self._is_served(ticker):
                self._send(BOOKS, ticker, book_of(ticker, self.exchange.book(ticker)))
        self._changed.clear()

    def show(self, subscription: Subscription, tickers: Iterable[Ticker]) -> None:
        """Send books as they are now."""
        for ticker in tickers:
            body = book_of(ticker, self.exchange.book(ticker))
            subscription.outbox.push(encode(Message(BOOKS, body)))

    def serves(self, ticker: Ticker) -> bool:
        """Return whether a market is listed, with a grid of whole cents."""
        return ticker in self.exchange.markets and self._is_served(ticker)

    def _is_served(self, ticker: Ticker) -> bool:
        return is_served(self.exchange.markets[ticker])

    # ------------------------------------------------------------------------------ notices

    def _send(self, channel: str, ticker: Ticker, body: object) -> None:
        """Send a message to a channel of its name."""
        followers = self.audience.of(channel, ticker)
        text = raw(body) if followers else Raw()
        for subscription in followers:
            if subscription.outbox.full:
                self._end(subscription, BUFFER_OVERFLOW)
            elif self._unruly is None:
                subscription.outbox.push(subscription.frame(channel, text))
            else:
                code = self._unruly.send(subscription, channel, text)
                if code is not None:
                    self._end(subscription, code)

    def _end(self, subscription: Subscription, code: int) -> None:
        """End a subscription by an error, and say of which channel it was."""
        self.audience.unfollow(subscription.channel, subscription, subscription.tickers)
        subscription.tickers = set()
        trouble = Trouble(code, f"{TERMINAL[code]}: {subscription.channel}")
        subscription.outbox.push(encode(Message("error", trouble)))

    def _book_changed(self, event: BookChanged | BookReplaced) -> None:
        if self.audience.of(BOOKS, event.ticker):
            self._changed[event.ticker] = None

    def _trade_printed(self, event: TradePrinted) -> None:
        """Tell of a trade of at least one contract."""
        told = self.audience.of(TRADES, event.ticker) and self._is_served(event.ticker)
        if told and event.quantity_e2 >= ONE_CONTRACT_E2:
            self._send(TRADES, event.ticker, trade_of(event))

    def _quote_ticked(self, event: QuoteTicked) -> None:
        if self.audience.of(TICKERS, event.ticker) and self._is_served(event.ticker):
            market, book = self.exchange.markets[event.ticker], self.exchange.book(event.ticker)
            self._send(TICKERS, event.ticker, ticker_of(market, book))

    def _order_changed(self, notice: OrderNotice) -> None:
        self._send(ORDERS, notice.order.ticker, order_of(notice.order))

    def _filled(self, notice: FillNotice) -> None:
        fill = notice.fill
        body = fill_of(fill, sold=fill.order_id in self._sold)
        self._send(FILLS, fill.ticker, body)
