"""Today's dialect, whole: dollars as fixed-point strings; what the account's lists say."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from framework.exchange import Capabilities, MarketQuery
from framework.model.account import RemoteOrder, RemotePosition
from framework.model.events import BookReplaced
from framework.model.market import EventGroup, Market, Series, Settlement
from framework.model.orders import Fill
from framework.model.units import E6, Micros, Ticker
from plugins.kalshi.codec import Json, Query, Reach, Row, records, values
from plugins.kalshi.codec.extras import Extras
from plugins.kalshi.codec.fixed_point_groups import FixedPointGroups
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.codec.market_page import market_page

_Value = TypeVar("_Value")
_Record = TypeVar("_Record", bound=msgspec.Struct)
_NO_SERIES: Final = Series(ticker="")


class FixedPoint(FixedPointGroups):
    """The fixed-point dialect."""

    reach = Reach()

    def __init__(self, *, subaccount: int | None = None, terms: Terms | None = None) -> None:
        super().__init__(subaccount=subaccount, terms=terms)
        self.extras: Extras = self
        self.capabilities = Capabilities(
            amend=True,
            immediate_or_cancel=True,
            reduce_only=True,
            post_only=True,
            client_order_ids=True,
            fills_by_rest=True,
            fractional_quantities=True,
        )

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

    def market_page(self, body: bytes) -> Any:
        """Decode a page of markets: records, as long as the page holds nothing new."""
        return market_page(body)

    def market(self, row: Row, group: EventGroup | None, series: Series | None) -> Market | None:
        """Read a market; an event's own fees stand above its series' fees."""
        rates = series or _NO_SERIES
        if group is not None and (group.fee_type or group.fee_multiplier is not None):
            rates = msgspec.structs.replace(
                rates,
                fee_type=group.fee_type or rates.fee_type,
                fee_multiplier=(
                    rates.fee_multiplier if group.fee_multiplier is None else group.fee_multiplier
                ),
            )
        if not isinstance(row, records.MarketRecord):
            return self._read(
                row,
                "market",
                records.MarketRecord,
                lambda market: values.market(market, group, rates, self.drift),
            )
        try:
            return values.market(row, group, rates, self.drift)
        except ValueError as fault:
            self.drift.fail("market", f"{row.ticker} {row.event_ticker}", fault)
            return None

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
        return records.as_of(record, self.drift)

    def _read(
        self,
        record: Json,
        kind: str,
        into: type[_Record],
        value: Callable[[_Record], _Value],
    ) -> _Value | None:
        return records.read_value(record, kind, into, value, self.drift)
