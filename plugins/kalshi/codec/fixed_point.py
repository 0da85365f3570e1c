"""Today's dialect: dollars as fixed-point strings, orders on the YES book (V2 endpoints).

An order buys an outcome: buying YES at p is a bid at p, buying NO at q is an ask at 1 - q, and
an exit is a purchase of the other outcome, so it needs no third case.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from framework.exchange import Accepted, Capabilities, MarketQuery, Outcome, Unknown
from framework.model.account import RemoteOrder, RemotePosition
from framework.model.commands import CancelOrder
from framework.model.events import BookReplaced
from framework.model.market import EventGroup, Market, Series, Settlement
from framework.model.orders import Fill, Order, TimeInForce
from framework.model.units import E2, E6, Micros, Side, Ticker
from plugins.kalshi.codec import Json, Query, Reach, Request, records, values
from plugins.kalshi.codec.fixed_point_stream import FixedPointStream
from plugins.kalshi.codec.numbers import count_e2, count_text, ms_us, price_text, time_us

ORDERS: Final = "/portfolio/events/orders"
_SECOND_US: Final = 1_000_000
_SIDES: Final = {Side.YES: "bid", Side.NO: "ask"}
_TIMES_IN_FORCE: Final = {
    TimeInForce.GOOD_TILL_CANCELLED: "good_till_canceled",
    TimeInForce.IMMEDIATE_OR_CANCEL: "immediate_or_cancel",
    TimeInForce.FILL_OR_KILL: "fill_or_kill",
}
_Value = TypeVar("_Value")
_Record = TypeVar("_Record", bound=msgspec.Struct)


class _OrderReply(msgspec.Struct):
    """A reply to a write; only the id must be readable (the rest is told again elsewhere)."""

    order_id: str
    fill_count: object = None
    remaining_count: object = None
    reduced_by: object = None
    ts_ms: object = None


class FixedPoint(FixedPointStream):
    """The fixed-point dialect."""

    reach = Reach()

    def __init__(self, *, subaccount: int | None = None) -> None:
        super().__init__(subaccount=subaccount)
        self.capabilities = Capabilities(
            amend=False,
            immediate_or_cancel=True,
            reduce_only=True,
            post_only=True,
            client_order_ids=True,
            fills_by_rest=True,
            fractional_quantities=True,
        )

    # --------------------------------------------------------------------------- orders

    def create(self, order: Order) -> Request:
        """Write an order; its shard is left to the exchange, which routes by ticker."""
        body: dict[str, str | int | bool] = {
            "ticker": order.ticker,
            "side": _SIDES[order.side],
            "count": count_text(order.quantity_e2),
            "price": price_text(order.yes_limit_e4),
            "time_in_force": _TIMES_IN_FORCE[order.time_in_force],
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": order.client_order_id,
        }
        if order.post_only:
            body["post_only"] = True
        if order.reduce_only:
            body["reduce_only"] = True
        if order.expires_us is not None and (
            order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
        ):
            # Whole seconds, and a past one is refused: so round up, by less than a second.
            body["expiration_time"] = -(-order.expires_us // _SECOND_US)
        if self.subaccount is not None:
            body["subaccount"] = self.subaccount
        return Request(method="POST", path=ORDERS, template=ORDERS, body=msgspec.json.encode(body))

    def created(self, order: Order, body: bytes) -> Outcome:  # noqa: ARG002 - the seam's: the reply tells all
        """Read the reply to an order: without an order id nobody can say what it did."""
        reply = self._reply(body)
        if reply is None:
            return Unknown(reason="the reply to the order holds no order id")
        return Accepted(
            order_id=reply.order_id,
            filled_e2=self._count(reply.fill_count),
            remaining_e2=self._count(reply.remaining_count),
            at_us=ms_us(reply.ts_ms) if isinstance(reply.ts_ms, int) else None,
        )

    def cancel(self, cancel: CancelOrder) -> Request:
        """Write a cancel; without the market it would only look on shard 0."""
        return Request(
            method="DELETE",
            path=f"{ORDERS}/{cancel.order_id}",
            template=f"{ORDERS}/{{order_id}}",
            query={"market_ticker": cancel.ticker, **self._account()},
        )

    def cancelled(self, cancel: CancelOrder, body: bytes) -> Outcome:  # noqa: ARG002 - as above
        """Read the reply to a cancel: it tells what was taken out, not what had traded."""
        reply = self._reply(body)
        if reply is None:
            return Unknown(reason="the reply to the cancel holds no order id")
        return Accepted(
            order_id=reply.order_id,
            filled_e2=None,
            remaining_e2=0,
            cancelled_e2=self._count(reply.reduced_by),
            at_us=ms_us(reply.ts_ms) if isinstance(reply.ts_ms, int) else None,
        )

    def cancel_all(self) -> Request:
        """Write a cancel of every order; the exchange sweeps after it has answered."""
        return Request(method="DELETE", path=ORDERS, template=ORDERS, query=self._account())

    def _account(self) -> Query:
        return {} if self.subaccount is None else {"subaccount": self.subaccount}

    def _reply(self, body: bytes) -> _OrderReply | None:
        try:
            reply = msgspec.json.decode(body, type=_OrderReply)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.drift.count("order reply: unreadable")
            return None
        return reply if reply.order_id else None

    def _count(self, text: object) -> E2 | None:
        try:
            return count_e2(text) if isinstance(text, str) else None
        except ValueError:
            self.drift.count("order reply: unreadable count")
            return None

    # ---------------------------------------------------------------------------- lists

    def list_markets(self, query: MarketQuery, *, exclude_combos: bool) -> Query:
        """Write a market query as URL parameters."""
        wanted: dict[str, str | int] = {"limit": 1000}
        if query.open_only:
            wanted["status"] = "open"
        if query.tickers is not None:
            wanted["tickers"] = ",".join(query.tickers)
        elif exclude_combos:
            wanted["mve_filter"] = "exclude"
        if query.series is not None:
            wanted["series_ticker"] = query.series
        if query.event is not None:
            wanted["event_ticker"] = query.event
        return wanted

    def market(
        self, record: Json, group: EventGroup | None, series: Series | None
    ) -> Market | None:
        """Read a market; an event's own fees stand above its series' fees."""
        rates = series or Series(ticker="")
        if group is not None:
            rates = msgspec.structs.replace(
                rates,
                fee_type=group.fee_type or rates.fee_type,
                fee_multiplier=(
                    rates.fee_multiplier if group.fee_multiplier is None else group.fee_multiplier
                ),
            )
        return self._read(
            record,
            "market",
            records.MarketRecord,
            lambda market: values.market(market, group, rates, self.drift),
        )

    def group(self, record: Json) -> EventGroup | None:
        """Read what the exchange calls an event."""
        return self._read(record, "event", records.EventRecord, values.group)

    def series(self, record: Json) -> Series | None:
        """Read a series."""
        return self._read(record, "series", records.SeriesRecord, values.series)

    def orderbook(self, ticker: Ticker, record: Json, at_us: Micros) -> BookReplaced | None:
        """Read a whole book that was asked for."""
        return self._read(
            record,
            "orderbook",
            records.OrderbookRecord,
            lambda book: values.orderbook(book.orderbook_fp, ticker, at_us),
        )

    def payment(self, record: Json) -> Settlement | None:
        """Read what a finalized market pays from its own record; None before it does."""
        return self._read(record, "market", records.MarketRecord, values.payment)

    def order(self, record: Json) -> RemoteOrder | None:
        """Read an order of the account."""
        return self._read(
            record, "order", records.OrderRecord, lambda order: values.order(order, self.drift)
        )

    def fill(self, record: Json) -> Fill | None:
        """Read an execution of the account."""
        return self._read(record, "fill", records.FillRecord, values.fill)

    def position(self, record: Json) -> RemotePosition | None:
        """Read a net position."""
        return self._read(record, "position", records.PositionRecord, values.position)

    def settlement(self, record: Json) -> Settlement | None:
        """Read a payment to the account."""
        return self._read(record, "settlement", records.SettlementRecord, values.settlement)

    def balances(self, record: Json) -> tuple[tuple[int, E6], ...] | None:
        """Read cash by shard."""
        return self._read(record, "balance", records.BalanceRecord, values.balances)

    def as_of(self, record: Json) -> Micros | None:
        """Read which moment of the account the exchange's lists show."""
        try:
            return time_us(str(record.get("as_of_time") or ""))
        except ValueError as fault:
            self.drift.fail("user_data_timestamp", "as_of_time", fault)
            return None

    def _read(
        self,
        record: Json,
        kind: str,
        into: type[_Record],
        value: Callable[[_Record], _Value],
    ) -> _Value | None:
        return records.read_value(record, kind, into, value, self.drift)
