"""What the exchange's records mean to us: each becomes one of the framework's own values."""

from functools import lru_cache
from typing import Final

from framework.model.account import RemoteOrder, RemotePosition, RemoteStatus
from framework.model.events import BookReplaced
from framework.model.fees import FeeSchedule, FeeTerms
from framework.model.market import (
    EventGroup,
    Market,
    MarketStatus,
    PriceGrid,
    PriceRange,
    Series,
    Settlement,
)
from framework.model.orders import Fill
from framework.model.units import (
    E4,
    E6,
    ONE_DOLLAR_E4,
    ONE_DOLLAR_E6,
    Micros,
    Side,
    Ticker,
    complement,
)
from plugins.kalshi.codec import Drift, records
from plugins.kalshi.codec.numbers import PRICES, QUOTES, count_e2, money_e6, time_us

_ONE_CENT_E6: Final = ONE_DOLLAR_E6 // 100
_PAYS: Final = {"yes": ONE_DOLLAR_E4, "no": 0}
_MARKET_STATUSES: Final = {status.value: status for status in MarketStatus}
_plan_us: Final = lru_cache(maxsize=4_096)(time_us)
"""Markets open and close together, so their plans say the same few moments again and again."""
_STATUSES: Final = {
    "resting": RemoteStatus.OPEN,
    "executed": RemoteStatus.FILLED,
    "canceled": RemoteStatus.CANCELLED,
}


def _unknown_status(text: str, drift: Drift) -> MarketStatus:
    drift.count(f"market: unknown status {text}")
    return MarketStatus.UNKNOWN


@lru_cache(maxsize=256)
def _grid(ranges: tuple[records.RangeRecord, ...]) -> PriceGrid:
    """Return the grid of a market; nearly all markets share a handful."""
    parts = tuple(
        PriceRange(PRICES[part.start], PRICES[part.end], PRICES[part.step]) for part in ranges
    )
    if not parts or any(part.step_e4 <= 0 for part in parts):
        raise ValueError(f"price_ranges allow no price: {ranges}")
    return PriceGrid(parts)


def market(
    record: records.MarketRecord, event: EventGroup | None, rates: Series, drift: Drift
) -> Market:
    """Return our market; `rates` are the fees in force.

    Raises:
        ValueError: a price, count or time is not exact.
    """
    volume, interest = record.volume_fp, record.open_interest_fp
    waived = record.fee_waiver_expiration_time is not None
    return Market(
        ticker=record.ticker,
        event_ticker=record.event_ticker,
        series_ticker=event.series_ticker if event else None,
        category=rates.category or None,
        title=record.title or record.yes_sub_title,
        status=_MARKET_STATUSES.get(record.status) or _unknown_status(record.status, drift),
        grid=_grid(record.price_ranges),
        open_us=_plan_us(record.open_time),
        close_us=_plan_us(record.close_time),
        expected_expiration_us=_plan_us(record.expected_expiration_time),
        can_close_early=record.can_close_early,
        mutually_exclusive=event.mutually_exclusive if event else None,
        yes_bid_e4=QUOTES[record.yes_bid_dollars],
        yes_ask_e4=QUOTES[record.yes_ask_dollars],
        last_price_e4=QUOTES[record.last_price_dollars],
        volume_e2=None if volume is None else count_e2(volume),
        open_interest_e2=None if interest is None else count_e2(interest),
        result=record.result or None,
        settlement_e4=_settlement_value(record),
        fee_type=rates.fee_type,
        fee_multiplier=rates.fee_multiplier,
        fees=_waiver(record, rates) if waived else None,
        shard=_shard(record, event),
    )


def _shard(record: records.MarketRecord, event: EventGroup | None) -> int:
    """Return where a market is traded: its own word, else its event's, else the first one."""
    if record.exchange_index is not None:
        return record.exchange_index
    return (event.shard if event else None) or 0


def _waiver(record: records.MarketRecord, rates: Series) -> FeeSchedule | None:
    """Return the schedule of a market that is free for a while; None where nothing changes."""
    until_us = time_us(record.fee_waiver_expiration_time)
    if until_us is None:
        return None
    terms = FeeTerms(rates.fee_type, rates.fee_multiplier)
    return FeeSchedule(series=terms, waived_until_us=until_us)


def _settlement_value(record: records.MarketRecord) -> E4 | None:
    """Return what YES pays, or None before it is final."""
    if record.status != MarketStatus.FINALIZED or record.settlement_value_dollars is None:
        return None
    return PRICES[record.settlement_value_dollars]


def payment(record: records.MarketRecord) -> Settlement | None:
    """Return a finalized market's payment, or None before it pays.

    Raises:
        ValueError: the value or the time is not exact.
    """
    pays, at_us = _settlement_value(record), time_us(record.settlement_ts)
    if pays is None or at_us is None:
        return None
    return Settlement(
        ticker=record.ticker,
        at_us=at_us,
        result=record.result or "",
        yes_pays_e4=pays,
        shard=record.exchange_index,
    )


def group(record: records.EventRecord) -> EventGroup:
    """Return our event group."""
    return EventGroup(
        ticker=record.event_ticker,
        series_ticker=record.series_ticker,
        title=record.title,
        mutually_exclusive=record.mutually_exclusive,
        collateral_return=record.collateral_return_type or "",
        fee_type=record.fee_type_override,
        fee_multiplier=record.fee_multiplier_override,
        shard=record.exchange_index,
    )


def series(record: records.SeriesRecord) -> Series:
    """Return our series."""
    return Series(
        ticker=record.ticker,
        title=record.title,
        category=record.category,
        tags=tuple(record.tags or ()),
        fee_type=record.fee_type,
        fee_multiplier=record.fee_multiplier,
        shard=record.exchange_index,
    )


def of_side(side: Side, yes_price: str) -> E4:
    """Return the price of `side`: the wire always tells the YES price.

    Raises:
        ValueError: the price is not exact.
    """
    price = PRICES[yes_price]
    return price if side is Side.YES else complement(price)


def order(record: records.OrderRecord, drift: Drift) -> RemoteOrder:
    """Return an order of the account.

    Raises:
        ValueError: a price, count or time is not exact.
    """
    status = _STATUSES.get(record.status)
    if status is None:
        drift.count(f"order: unknown status {record.status}")
    return RemoteOrder(
        order_id=record.order_id,
        client_order_id=record.client_order_id or None,
        ticker=record.ticker,
        side=record.outcome_side,
        limit_e4=of_side(record.outcome_side, record.yes_price_dollars),
        status=status or RemoteStatus.UNKNOWN,
        quantity_e2=count_e2(record.initial_count_fp),
        filled_e2=count_e2(record.fill_count_fp),
        remaining_e2=count_e2(record.remaining_count_fp),
        at_us=time_us(record.last_update_time or record.created_time),
        shard=record.exchange_index,
    )


def fill(record: records.FillRecord) -> Fill:
    """Return an execution; its client order id is for the list of orders to tell.

    Raises:
        ValueError: a number or time is not exact, or the trade has no id.
    """
    trade_id, at_us = record.trade_id or record.fill_id, time_us(record.created_time)
    if not trade_id or at_us is None:
        raise ValueError("has no trade id or no time")
    return Fill(
        trade_id=trade_id,
        order_id=record.order_id,
        client_order_id=None,
        ticker=record.ticker,
        side=record.outcome_side,
        price_e4=of_side(record.outcome_side, record.yes_price_dollars),
        quantity_e2=count_e2(record.count_fp),
        fee_e6=money_e6(record.fee_cost),
        is_taker=record.is_taker,
        at_us=at_us,
        shard=record.exchange_index,
    )


def orderbook(ladders: records.Ladders, ticker: Ticker, at_us: Micros) -> BookReplaced:
    """Return a whole book; a side without levels is empty.

    Raises:
        ValueError: a price or count is not exact.
    """
    return BookReplaced(
        at_us=at_us,
        ticker=ticker,
        yes=tuple((PRICES[price], count_e2(size)) for price, size in ladders.yes_dollars or ()),
        no=tuple((PRICES[price], count_e2(size)) for price, size in ladders.no_dollars or ()),
    )


def position(record: records.PositionRecord) -> RemotePosition:
    """Return a net position.

    Raises:
        ValueError: the count is not exact.
    """
    return RemotePosition(
        ticker=record.ticker,
        signed_e2=count_e2(record.position_fp),
        shard=record.exchange_index,
    )


def settlement(record: records.SettlementRecord) -> Settlement:
    """Return a payment to the account.

    Raises:
        ValueError: a number or time is not exact, or a scalar result has no value.
    """
    pays = _PAYS.get(record.market_result)
    if pays is None and record.value is not None:
        pays = record.value * 100  # cents per YES of a scalar result
    at_us = time_us(record.settled_time)
    if pays is None or at_us is None:
        raise ValueError(f"result {record.market_result!r} has no value or no time")
    return Settlement(
        ticker=record.ticker,
        at_us=at_us,
        result=record.market_result,
        yes_pays_e4=pays,
        fee_e6=money_e6(record.fee_cost),
        shard=record.exchange_index,
    )


def balances(record: records.BalanceRecord) -> tuple[tuple[int, E6], ...]:
    """Return cash by shard; accounts without a breakdown keep it all on shard 0.

    Raises:
        ValueError: an amount is not exact.
    """
    if record.balance_breakdown:
        return tuple((b.exchange_index, money_e6(b.balance)) for b in record.balance_breakdown)
    if record.balance_dollars is not None:
        return ((0, money_e6(record.balance_dollars)),)
    return ((0, record.balance * _ONE_CENT_E6),)
