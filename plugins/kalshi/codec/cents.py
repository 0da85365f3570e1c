"""The founding document's dialect: whole cents, whole contracts, the older order endpoints.

An order buys an outcome, and its price is always said as the YES price: buying NO at 8 cents is
`side` no with `yes_price` 92. An exit is a purchase of the other outcome, which nets, so the
document's five fields are enough. What else its era knew is used unless `founding_only` forbids.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from framework.exchange import Accepted, Capabilities, MarketQuery, Outcome, Rejected, Unknown
from framework.model.account import RemoteOrder, RemotePosition
from framework.model.commands import CancelOrder
from framework.model.events import BookReplaced
from framework.model.fees import FeeTerms
from framework.model.market import EventGroup, Market, Series, Settlement
from framework.model.orders import Fill, Order, TimeInForce
from framework.model.units import E2, E6, ONE_CONTRACT_E2, Micros, Ticker, price_of
from plugins.kalshi.codec import (
    Json,
    Query,
    Reach,
    Request,
    Row,
    as_json,
    cents_records,
    cents_values,
    records,
)
from plugins.kalshi.codec import values as todays_values
from plugins.kalshi.codec.cents_stream import CentsStream
from plugins.kalshi.codec.cents_values import ONE_CENT_E4, ONE_CENT_E6, ladder, optional_e2
from plugins.kalshi.codec.extras import Extras
from plugins.kalshi.codec.refusals import not_done

ORDERS: Final = "/portfolio/orders"
_SECOND_US: Final = 1_000_000
_TIMES_IN_FORCE: Final = {
    TimeInForce.GOOD_TILL_CANCELLED: "good_till_canceled",
    TimeInForce.IMMEDIATE_OR_CANCEL: "immediate_or_cancel",
    TimeInForce.FILL_OR_KILL: "fill_or_kill",
}
_Value = TypeVar("_Value")
_Record = TypeVar("_Record", bound=msgspec.Struct)


class _OrderReply(msgspec.Struct):
    """What a reply says of an order; only the id must be readable."""

    order_id: str
    status: str = ""
    fill_count: object = None
    remaining_count: object = None


class _Created(msgspec.Struct):
    order: _OrderReply


class _Cancelled(msgspec.Struct):
    reduced_by: int | None = None


_OF_LISTS: Final = frozenset({"status", "cursor"})
_READ_IN_THE_DOCUMENT: Final[Mapping[str, frozenset[str] | None]] = {
    "/markets/{ticker}/orderbook": frozenset(),
    "/portfolio/balance": frozenset(),
    "/portfolio/orders": _OF_LISTS,
}
_READ_IN_ITS_ERA: Final[Mapping[str, frozenset[str] | None]] = dict.fromkeys(
    (
        "/exchange/status",
        "/exchange/schedule",
        "/exchange/user_data_timestamp",
        "/series",
        "/series/{series_ticker}",
        "/events",
        "/events/{event_ticker}",
        "/markets",
        "/markets/{ticker}/orderbook",
        "/portfolio/balance",
        "/portfolio/orders",
        "/portfolio/fills",
        "/portfolio/settlements",
    )
)
"""Whose bodies of that era are read: trades, candles and positions had other fields then."""


class Cents(CentsStream):
    """The cents dialect."""

    extras: Extras | None = None

    def __init__(self, *, founding_only: bool = False) -> None:
        """Speak it.

        Args:
            founding_only: Use no field or endpoint that the founding document does not show.
        """
        super().__init__(founding_only=founding_only)
        era = not founding_only
        self.capabilities = Capabilities(
            amend=False,
            immediate_or_cancel=era,
            reduce_only=False,
            post_only=era,
            client_order_ids=era,
            fills_by_rest=era,
            fractional_quantities=False,
        )
        self.reach = Reach(
            as_of=era,
            fills=era,
            positions=era,
            settlements=era,
            ended_orders=era,
            groups=era,
            lists_by_name=era,
            status=era,
            fee_changes=False,
            archive=False,
            lifecycle=False,
            confirms=era,
            page_rows=1_000 if era else None,
            cash_step_e6=ONE_CENT_E6,
            reads=_READ_IN_ITS_ERA if era else _READ_IN_THE_DOCUMENT,
            setting='api = "cents"' if era else "founding_only = true",
        )

    # --------------------------------------------------------------------------- orders

    def create(self, order: Order) -> Request | Rejected:
        """Write an order; what whole cents, whole contracts or this era can't say is refused."""
        refused = self._unsayable(order)
        if refused is not None:
            return refused
        body: dict[str, str | int | bool] = {
            "ticker": order.ticker,
            "side": order.side.value,
            "type": "limit",
            "count": order.quantity_e2 // ONE_CONTRACT_E2,
            "yes_price": order.yes_limit_e4 // ONE_CENT_E4,
        }
        if not self.founding_only:
            body["action"] = "buy"
            body["client_order_id"] = order.client_order_id
            body["time_in_force"] = _TIMES_IN_FORCE[order.time_in_force]
            if order.post_only:
                body["post_only"] = True
            rests = order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
            if order.expires_us is not None and rests:
                # Whole seconds, and a past one is refused: so round up, by less than a second.
                body["expiration_ts"] = -(-order.expires_us // _SECOND_US)
        return Request(method="POST", path=ORDERS, template=ORDERS, body=msgspec.json.encode(body))

    def _unsayable(self, order: Order) -> Rejected | None:
        """Return why an order can't be said in this dialect, naming the parameter."""
        count, price = order.quantity_e2, order.yes_limit_e4
        if count <= 0 or count % ONE_CONTRACT_E2:
            return _refused(
                "invalid_order_size", f"count: {order.quantity} is not a whole number of contracts"
            )
        if price % ONE_CENT_E4 or not 1 <= price // ONE_CENT_E4 <= 99:
            return _refused(
                "invalid_price", f"yes_price: {price_of(price)} is not 1 to 99 whole cents"
            )
        rests = order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED and not order.post_only
        if order.reduce_only or (self.founding_only and not rests):
            return _refused("unsupported", "the founding document knows plain limit orders only")
        return None

    def created(self, order: Order, body: bytes) -> Outcome:
        """Read the reply to an order: without an order id nobody can say what it did.

        The stream may have told of the order before; its word is the newer one.
        """
        try:
            reply = msgspec.json.decode(body, type=_Created).order
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.drift.count("order reply: unreadable")
            reply = _OrderReply("")
        if not reply.order_id:
            return Unknown(reason="the reply to the order holds no order id")
        self._orders.learn(reply.order_id, order.client_order_id, order.quantity_e2)
        said = self._orders.early(reply.order_id)
        status, filled = reply.status, self._count(reply.fill_count)
        remaining = self._count(reply.remaining_count)
        if said is not None:
            status, filled, remaining = said.status, None, said.remaining_e2
        if status == "executed":
            filled, remaining = order.quantity_e2, 0
        elif status == "canceled":
            remaining = 0
        elif filled is None and remaining is not None:
            filled = max(order.quantity_e2 - remaining, 0)
        return Accepted(order_id=reply.order_id, filled_e2=filled, remaining_e2=remaining)

    def cancel(self, cancel: CancelOrder) -> Request:
        """Write a cancel."""
        return Request(
            method="DELETE",
            path=f"{ORDERS}/{cancel.order_id}",
            template=f"{ORDERS}/{{order_id}}",
        )

    def cancelled(self, cancel: CancelOrder, body: bytes) -> Outcome:
        """Read the reply to a cancel: 204 has no body.

        The exchange of that era answered 200 with the order and what was taken out of the book.
        A body that is an error, or no object at all, is no word of the exchange on a cancel.
        """
        doubt = not_done(body, "cancel")
        if doubt is not None:
            return doubt
        taken_out = None
        if body:
            try:
                taken_out = optional_e2(msgspec.json.decode(body, type=_Cancelled).reduced_by)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
                self.drift.count("cancel reply: unreadable")
        return Accepted(
            order_id=cancel.order_id, filled_e2=None, remaining_e2=0, cancelled_e2=taken_out
        )

    def cancel_all(self) -> Request | None:
        """Write nothing: this dialect cancels order by order."""
        return None

    def _count(self, count: object) -> E2 | None:
        try:
            return optional_e2(count) if isinstance(count, int) else None
        except ValueError:
            self.drift.count("order reply: unreadable count")
            return None

    # ---------------------------------------------------------------------------- lists

    def list_markets(self, query: MarketQuery, *, exclude_combos: bool) -> Query:
        """Write a market query as URL parameters; the document knows `status` and `cursor`."""
        wanted: dict[str, str | int] = {"status": "open"} if query.open_only else {}
        if self.founding_only:
            return wanted
        wanted["limit"] = 1000
        if query.tickers is not None:
            wanted["tickers"] = ",".join(query.tickers)
        elif exclude_combos:
            wanted["mve_filter"] = "exclude"
        if query.series is not None:
            wanted["series_ticker"] = query.series
        if query.event is not None:
            wanted["event_ticker"] = query.event
        return wanted

    def market_page(self, body: bytes) -> Any:
        """Decode a page of markets: plain objects."""
        return as_json(body)

    def market(self, row: Row, group: EventGroup | None, series: Series | None) -> Market | None:
        """Read a market, and keep its fees for fills that do not tell theirs."""
        rates = series or Series(ticker="")
        market = self._read(
            row,
            "market",
            cents_records.MarketRecord,
            lambda market: cents_values.market(market, group, rates, self.drift),
        )
        if market is not None:
            self._fees[market.ticker] = FeeTerms(market.fee_type, market.fee_multiplier)
        return market

    def group(self, record: Json) -> EventGroup | None:
        """Read what the exchange calls an event."""
        return self._read(record, "event", records.EventRecord, todays_values.group)

    def series(self, record: Json) -> Series | None:
        """Read a series."""
        return self._read(record, "series", records.SeriesRecord, todays_values.series)

    def orderbook(self, ticker: Ticker, record: Json, at_us: Micros) -> BookReplaced | None:
        """Read a whole book that was asked for."""
        return self._read(
            record,
            "orderbook",
            cents_records.OrderbookRecord,
            lambda book: BookReplaced(
                at_us=at_us,
                ticker=ticker,
                yes=ladder(book.orderbook.yes),
                no=ladder(book.orderbook.no),
            ),
        )

    def payment(self, record: Json) -> Settlement | None:
        """Read what a finalized market pays from its own record; None before it does."""
        return self._read(
            record,
            "market",
            cents_records.MarketRecord,
            lambda market: cents_values.payment(market, self.drift),
        )

    def order(self, record: Json) -> RemoteOrder | None:
        """Read an order of the account, and keep its name for the stream."""
        return self._read(record, "order", cents_records.OrderRecord, self._order)

    def _order(self, record: cents_records.OrderRecord) -> RemoteOrder:
        if self.founding_only:
            record.client_order_id = None
        known = self._orders.find(record.order_id)
        order = cents_values.order(record, known.quantity_e2 if known else None, self.drift)
        self._orders.learn(order.order_id, order.client_order_id, order.quantity_e2)
        return order

    def fill(self, record: Json) -> Fill | None:
        """Read an execution of the account."""
        return self._read(
            record,
            "fill",
            cents_records.FillRecord,
            lambda fill: cents_values.fill(fill, self._fees.get(fill.ticker, FeeTerms())),
        )

    def position(self, record: Json) -> RemotePosition | None:
        """Read a net position."""
        return self._read(record, "position", cents_records.PositionRecord, cents_values.position)

    def settlement(self, record: Json) -> Settlement | None:
        """Read a payment to the account."""
        return self._read(
            record, "settlement", cents_records.SettlementRecord, cents_values.settlement
        )

    def balances(self, record: Json) -> tuple[tuple[int, E6], ...] | None:
        """Read cash by shard, of which there is one."""
        return self._read(record, "balance", cents_records.BalanceRecord, cents_values.balances)

    def as_of(self, record: Json) -> Micros | None:
        """Read which moment of the account the exchange's lists show."""
        return records.as_of(record, self.drift)

    def _read(
        self,
        record: Json,
        kind: str,
        into: type[_Record],
        value: Callable[[_Record], _Value],
    ) -> _Value | None:
        return records.read_value(record, kind, into, value, self.drift, cents_records.DOCUMENTED)


def _refused(code: str, message: str) -> Rejected:
    return Rejected(code=code, message=f"{message}; not sent")
