"""What the cents dialect's numbers and records mean to us.

Only here cents become our units. Prices are whole cents from 1 to 99, counts whole contracts.
"""

from collections.abc import Iterable
from typing import Final

from framework.fees import DIRECT_E6, trade_fee_e6
from framework.model.account import RemoteOrder, RemotePosition, RemoteStatus
from framework.model.fees import FeeTerms
from framework.model.market import WHOLE_CENT, EventGroup, Market, MarketStatus, Series, Settlement
from framework.model.orders import Fill
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_CONTRACT_E2,
    ONE_DOLLAR_E4,
    ONE_DOLLAR_E6,
    Micros,
    Side,
    Ticker,
    complement,
    cost_e6,
)
from plugins.kalshi.codec import Drift, cents_records
from plugins.kalshi.codec.numbers import PRICES, money_e6, time_us

ONE_CENT_E4: Final = ONE_DOLLAR_E4 // 100
ONE_CENT_E6: Final = ONE_DOLLAR_E6 // 100
_PAYS: Final = {"yes": ONE_DOLLAR_E4, "no": 0}
_STATUSES: Final = {
    "pending": RemoteStatus.OPEN,  # it has an id, so it is theirs and may still trade
    "resting": RemoteStatus.OPEN,
    "executed": RemoteStatus.FILLED,
    "canceled": RemoteStatus.CANCELLED,
}
_MARKET_STATUSES: Final = {
    "unopened": MarketStatus.INITIALIZED,
    "open": MarketStatus.ACTIVE,
    "paused": MarketStatus.INACTIVE,
    "settled": MarketStatus.FINALIZED,
}
"""Words of the list's filter, which the document uses for the market itself."""
_FIRST_MS: Final = 100_000_000_000
"""A time below this counts seconds (until the year 5138), above it milliseconds (since 1973)."""


def price_e4(cents: int) -> E4:
    """Return a price of whole cents.

    Raises:
        ValueError: it is not between 0 and 1 dollar.
    """
    if not 0 <= cents <= 100:
        raise ValueError(f"not a price between 0 and 100 cents: {cents}")
    return cents * ONE_CENT_E4


def quote_e4(cents: int | None) -> E4 | None:
    """Return a quoted price, or None for an empty side, which stands there as 0 or 100."""
    return cents * ONE_CENT_E4 if cents is not None and 0 < cents < 100 else None


def count_e2(count: int) -> E2:
    """Return a number of whole contracts.

    Raises:
        ValueError: it is negative.
    """
    if count < 0:
        raise ValueError(f"not a count of contracts: {count}")
    return count * ONE_CONTRACT_E2


def optional_e2(count: int | None) -> E2 | None:
    """Return a number of contracts that may not have been told."""
    return None if count is None else count_e2(count)


def of_side(side: Side, yes_cents: int) -> E4:
    """Return the price of `side`: the wire always tells the YES price."""
    price = price_e4(yes_cents)
    return price if side is Side.YES else complement(price)


def acquired(side: Side, action: str) -> Side:
    """Return the outcome that an order buys: selling one is buying the other."""
    return side if action == "buy" else side.opposite


def moment_us(ts: int | None) -> Micros | None:
    """Return a time in seconds or, as the document's trades have it, in milliseconds."""
    if ts is None:
        return None
    return ts * 1_000 if ts >= _FIRST_MS else ts * 1_000_000


def fee_e6(told: str | None, price: E4, quantity: E2, terms: FeeTerms, *, is_taker: bool) -> E6:
    """Return the fee of a fill: what was told, else the model's, as a direct member pays it.

    The founding document has no fees, and the fills of its era do not tell them. The estimate
    depends on the fill alone, so stream and list come to the same; what it is off by, the
    balance shows, and the engine books it as external cash.
    """
    if told is not None:
        return money_e6(told)
    fee = trade_fee_e6(price, quantity, terms.fee_type, terms.multiplier, is_taker=is_taker)
    return fee + -(cost_e6(price, quantity) + fee) % DIRECT_E6


def series_of(event_ticker: Ticker) -> Ticker:
    """Return the series of an event by the form of its ticker: what stands before the first `-`."""
    return event_ticker.partition("-")[0]


def _known_status(text: str, drift: Drift) -> MarketStatus:
    if text in _MARKET_STATUSES:
        return _MARKET_STATUSES[text]
    try:
        return MarketStatus(text)
    except ValueError:
        drift.count(f"market: unknown status {text}")
        return MarketStatus.UNKNOWN


def market(
    record: cents_records.MarketRecord, event: EventGroup | None, rates: Series, drift: Drift
) -> Market:
    """Return our market; `rates` are the fees in force.

    Raises:
        ValueError: a price, count or time is not exact.
    """
    status = _known_status(record.status, drift)
    series = record.series_ticker or (event.series_ticker if event else None)
    return Market(
        ticker=record.ticker,
        event_ticker=record.event_ticker,
        series_ticker=series or series_of(record.event_ticker),
        category=rates.category or None,
        title=record.title or record.subtitle,
        status=status,
        grid=WHOLE_CENT,  # finer prices can't be said here, and whole cents are valid everywhere
        open_us=time_us(record.open_time),
        close_us=time_us(record.close_time),
        expected_expiration_us=time_us(record.expected_expiration_time),
        can_close_early=record.can_close_early,
        mutually_exclusive=event.mutually_exclusive if event else None,
        yes_bid_e4=quote_e4(record.yes_bid),
        yes_ask_e4=quote_e4(record.yes_ask),
        last_price_e4=quote_e4(record.last_price),
        volume_e2=optional_e2(record.volume),
        open_interest_e2=optional_e2(record.open_interest),
        result=record.result or None,
        settlement_e4=_settlement_value(record, status),
        fee_type=rates.fee_type,
        fee_multiplier=rates.fee_multiplier,
    )


def _settlement_value(record: cents_records.MarketRecord, status: MarketStatus) -> E4 | None:
    """Return what YES pays, or None before it is final; a plain result needs no value."""
    if status is not MarketStatus.FINALIZED:
        return None
    if record.settlement_value_dollars is not None:
        return PRICES[record.settlement_value_dollars]
    if record.settlement_value is not None:
        return price_e4(record.settlement_value)
    return _PAYS.get(record.result or "")


def payment(record: cents_records.MarketRecord, drift: Drift) -> Settlement | None:
    """Return a finalized market's payment, or None before it pays.

    Raises:
        ValueError: the value or the time is not exact.
    """
    pays = _settlement_value(record, _known_status(record.status, drift))
    at_us = time_us(record.settlement_ts or record.close_time)
    if pays is None or at_us is None:
        return None
    return Settlement(
        ticker=record.ticker, at_us=at_us, result=record.result or "", yes_pays_e4=pays
    )


def order(record: cents_records.OrderRecord, quantity: E2 | None, drift: Drift) -> RemoteOrder:
    """Return an order of the account; `quantity` is what we know that it was sent for.

    Raises:
        ValueError: a price, count or time is not exact, or no count is told and none known.
    """
    status = _STATUSES.get(record.status)
    if status is None:
        drift.count(f"order: unknown status {record.status}")
    whole = optional_e2(record.count if record.initial_count is None else record.initial_count)
    whole = quantity if whole is None else whole
    if whole is None:
        raise ValueError("has no initial_count")
    filled, remaining = _counts(record, status, whole)
    bought = acquired(record.side, record.action)
    return RemoteOrder(
        order_id=record.order_id,
        client_order_id=record.client_order_id or None,
        ticker=record.ticker,
        side=bought,
        limit_e4=of_side(bought, record.yes_price),
        status=status or RemoteStatus.UNKNOWN,
        quantity_e2=whole,
        filled_e2=filled,
        remaining_e2=remaining,
        at_us=time_us(record.last_update_time or record.created_time),
    )


def _counts(
    record: cents_records.OrderRecord, status: RemoteStatus | None, whole: E2
) -> tuple[E2, E2]:
    """Return what an order has traded and what of it still rests, as far as told."""
    filled, remaining = optional_e2(record.fill_count), optional_e2(record.remaining_count)
    if status is RemoteStatus.FILLED:
        return whole if filled is None else filled, 0
    if status is RemoteStatus.CANCELLED:
        # Without a fill count nobody says how much it had traded: its fills will.
        return filled or 0, 0
    if remaining is None:
        remaining = whole - (filled or 0)
    return whole - remaining if filled is None else filled, remaining


def fill(record: cents_records.FillRecord, terms: FeeTerms) -> Fill:
    """Return an execution; its client order id is for the list of orders to tell.

    Raises:
        ValueError: a number or time is not exact, or the trade has no id.
    """
    trade_id, at_us = record.trade_id or record.fill_id, time_us(record.created_time)
    if not trade_id or at_us is None:
        raise ValueError("has no trade id or no time")
    side = acquired(record.side, record.action)
    price, quantity = of_side(side, record.yes_price), count_e2(record.count)
    return Fill(
        trade_id=trade_id,
        order_id=record.order_id,
        client_order_id=None,
        ticker=record.ticker,
        side=side,
        price_e4=price,
        quantity_e2=quantity,
        fee_e6=fee_e6(record.fee_cost, price, quantity, terms, is_taker=record.is_taker),
        is_taker=record.is_taker,
        at_us=at_us,
    )


def ladder(levels: Iterable[tuple[int, int]] | None) -> tuple[tuple[E4, E2], ...]:
    """Return one side of a book; none is a side without bids.

    Raises:
        ValueError: a price or a count is none.
    """
    return tuple((price_e4(price), count_e2(size)) for price, size in levels or ())


def position(record: cents_records.PositionRecord) -> RemotePosition:
    """Return a net position."""
    return RemotePosition(ticker=record.ticker, signed_e2=record.position * ONE_CONTRACT_E2)


def settlement(record: cents_records.SettlementRecord) -> Settlement:
    """Return a payment to the account.

    Raises:
        ValueError: a number or time is not exact, or a scalar result has no value.
    """
    pays = _PAYS.get(record.market_result)
    if pays is None and record.value is not None:
        pays = price_e4(record.value)
    at_us = time_us(record.settled_time)
    if pays is None or at_us is None:
        raise ValueError(f"result {record.market_result!r} has no value or no time")
    return Settlement(
        ticker=record.ticker,
        at_us=at_us,
        result=record.market_result,
        yes_pays_e4=pays,
        fee_e6=money_e6(record.fee_cost),
    )


def balances(record: cents_records.BalanceRecord) -> tuple[tuple[int, E6], ...]:
    """Return the cash: there is one shard in this dialect."""
    return ((0, record.balance * ONE_CENT_E6),)
