from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.account import RemoteStatus
from framework.model.market import (
    EventGroup,
    MarketStatus,
    PriceGrid,
    PriceRange,
    Series,
    micros,
)
from framework.model.units import Side
from plugins.kalshi.codec.numbers import price_text
from plugins.kalshi.codec.values import of_side

GROUP = EventGroup(ticker="E", series_ticker="S", mutually_exclusive=True)
MARKET = {
    "ticker": "E-1",
    "event_ticker": "E",
    "status": "active",
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    "yes_sub_title": "Above 3",
    "open_time": "2026-01-01T00:00:00Z",
    "close_time": "2026-02-01T00:00:00Z",
    "can_close_early": True,
    "yes_bid_dollars": "0.8900",
    "yes_ask_dollars": "0.9400",
    "last_price_dollars": "0.9500",
    "volume_fp": "2985.50",
    "open_interest_fp": "12.00",
    "result": "",
    "exchange_index": 2,
}
ORDER = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "E-1",
    "outcome_side": "no",
    "book_side": "ask",
    "status": "resting",
    "yes_price_dollars": "0.8700",
    "initial_count_fp": "10.00",
    "fill_count_fp": "2.50",
    "remaining_count_fp": "7.50",
    "last_update_time": "2026-01-15T12:00:00.5Z",
}
FILL = {
    "fill_id": "t-1",
    "trade_id": "t-1",
    "order_id": "o-1",
    "ticker": "E-1",
    "outcome_side": "no",
    "yes_price_dollars": "0.8700",
    "count_fp": "2.50",
    "fee_cost": "0.017500",
    "is_taker": True,
    "created_time": "2026-01-15T12:00:00Z",
}


def test_a_market_is_read_with_what_event_and_series_tell(codec):
    market = codec.market(
        MARKET, GROUP, Series(ticker="S", fee_type="flat", fee_multiplier=Decimal("0.5"))
    )

    assert (market.series_ticker, market.mutually_exclusive) == ("S", True)
    assert (market.fee_type, market.fee_multiplier) == ("flat", Decimal("0.5"))
    assert (market.yes_bid_e4, market.yes_ask_e4, market.last_price_e4) == (8_900, 9_400, 9_500)
    assert (market.volume_e2, market.open_interest_e2) == (298_550, 1_200)
    assert (market.status, market.result, market.shard) == (MarketStatus.ACTIVE, None, 2)
    assert market.title == "Above 3"
    assert market.close_us == 1_769_904_000_000_000


def test_an_events_own_fees_stand_above_its_series(codec):
    group = EventGroup(
        ticker="E", series_ticker="S", fee_type="flat", fee_multiplier=Decimal("0.25")
    )

    market = codec.market(MARKET, group, Series(ticker="S"))

    assert (market.fee_type, market.fee_multiplier) == ("flat", Decimal("0.25"))


def test_a_fee_waiver_is_read_with_the_terms_that_follow(codec):
    waived = {**MARKET, "fee_waiver_expiration_time": "2026-01-15T00:00:00Z"}
    market = codec.market(waived, GROUP, Series(ticker="S", fee_multiplier=Decimal("0.5")))
    ends_us = micros(datetime(2026, 1, 15, tzinfo=UTC))

    assert market.fee_terms(ends_us - 1).multiplier == 0
    assert market.fee_terms(ends_us).multiplier == Decimal("0.5")
    assert codec.market(MARKET, GROUP, None).fees is None


def test_without_its_event_a_market_has_no_series(codec):
    market = codec.market(MARKET, None, None)

    assert (market.series_ticker, market.mutually_exclusive) == (None, None)


def test_a_status_we_do_not_know_is_unknown_and_counted(codec):
    assert codec.market({**MARKET, "status": "paused"}, None, None).status is MarketStatus.UNKNOWN
    assert codec.drift.counters == {"market: unknown status paused": 1}


def test_a_tapered_grid_is_read_from_its_ranges(codec):
    ranges = [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "1.0000", "step": "0.0100"},
    ]

    market = codec.market({**MARKET, "price_ranges": ranges}, None, None)

    assert market.grid == PriceGrid((PriceRange(0, 1_000, 10), PriceRange(1_000, 10_000, 100)))


@pytest.mark.parametrize(
    "change",
    [
        {"price_ranges": []},
        {"price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0000"}]},
        {"yes_bid_dollars": "0.89005"},
        {"volume_fp": "1.005"},
        {"close_time": "soon"},
    ],
)
def test_a_market_with_an_inexact_number_is_left_out_and_named(codec, change):
    assert codec.market({**MARKET, **change}, None, None) is None
    assert codec.drift.counters == {"market: unreadable": 1}
    assert codec.drift.failures[0].startswith("market E-1 E: ")


def test_absent_volume_is_unknown_not_zero(codec):
    market = codec.market({k: v for k, v in MARKET.items() if k != "volume_fp"}, None, None)

    assert market.volume_e2 is None


def test_a_market_pays_only_once_it_is_finalized(codec):
    decided = {
        **MARKET,
        "result": "yes",
        "settlement_value_dollars": "1.0000",
        "settlement_ts": "2026-01-15T12:00:00Z",
    }

    assert codec.payment({**decided, "status": "determined"}) is None
    assert codec.market({**decided, "status": "determined"}, None, None).settlement_e4 is None
    assert codec.payment({**decided, "status": "finalized"}).yes_pays_e4 == 10_000


def test_an_order_is_read_in_its_own_sides_price(codec):
    order = codec.order(ORDER)

    assert (order.side, order.limit_e4) == (Side.NO, 1_300)
    assert (order.quantity_e2, order.filled_e2, order.remaining_e2) == (1_000, 250, 750)
    assert (order.status, order.client_order_id) == (RemoteStatus.OPEN, "c-1")
    assert order.at_us == 1_768_478_400_500_000


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("resting", RemoteStatus.OPEN),
        ("executed", RemoteStatus.FILLED),
        ("canceled", RemoteStatus.CANCELLED),
        ("pending", RemoteStatus.UNKNOWN),
    ],
)
def test_an_orders_status_is_told_in_our_words(codec, text, status):
    assert codec.order({**ORDER, "status": text}).status is status


def test_an_empty_client_id_is_none(codec):
    assert codec.order({**ORDER, "client_order_id": ""}).client_order_id is None


def test_a_fill_is_read_in_its_own_sides_price(codec):
    fill = codec.fill(FILL)

    assert (fill.side, fill.price_e4, fill.quantity_e2) == (Side.NO, 1_300, 250)
    assert (fill.fee_e6, fill.is_taker, fill.trade_id) == (17_500, True, "t-1")


def test_a_fill_without_a_trade_id_is_no_fill(codec):
    anonymous = {k: v for k, v in FILL.items() if k not in {"trade_id", "fill_id"}}

    assert codec.fill(anonymous) is None
    assert codec.fill({**anonymous, "fill_id": "t-2"}).trade_id == "t-2"


@pytest.mark.parametrize(
    ("result", "value", "pays"),
    [("yes", None, 10_000), ("no", None, 0), ("scalar", 37, 3_700), ("yes", 100, 10_000)],
)
def test_a_settlement_pays_by_its_result(codec, result, value, pays):
    row = {
        "ticker": "E-1",
        "market_result": result,
        "settled_time": "2026-01-15T12:00:00Z",
        "fee_cost": "0.0050",
        "value": value,
    }

    settlement = codec.settlement(row)

    assert (settlement.yes_pays_e4, settlement.fee_e6) == (pays, 5_000)


PAID = {
    "ticker": "E-1",
    "market_result": "yes",
    "settled_time": "2026-01-15T12:00:00Z",
    "fee_cost": "0.0050",
}
FINAL = {
    **MARKET,
    "status": "finalized",
    "settlement_value_dollars": "1.0000",
    "settlement_ts": "2026-01-15T12:00:00Z",
}
EVENT = {"event_ticker": "E", "series_ticker": "S"}
SERIES = {"ticker": "S", "fee_type": "quadratic", "fee_multiplier": 1}


def without_shard(row):
    return {name: value for name, value in row.items() if name != "exchange_index"}


@pytest.mark.parametrize(
    ("kind", "row", "untold"),
    [
        ("settlement", PAID, None),
        ("payment", FINAL, None),
        ("group", EVENT, None),
        ("series", SERIES, None),
        ("order", ORDER, 0),
        ("fill", {**FILL, "is_taker": True, "created_time": "2026-01-15T12:00:00Z"}, 0),
        ("position", {"ticker": "E-1", "position_fp": "1.00"}, 0),
    ],
)
def test_whatever_names_a_shard_keeps_it(codec, kind, row, untold):
    read = getattr(codec, kind)

    assert read({**row, "exchange_index": 3}).shard == 3
    assert read(without_shard(row)).shard == untold


def test_a_market_that_names_no_shard_is_on_its_events(codec):
    group = codec.group({**EVENT, "exchange_index": 3})
    silent = without_shard(MARKET)

    assert codec.market(MARKET, group, None).shard == 2
    assert codec.market(silent, group, None).shard == 3
    assert codec.market(silent, GROUP, None).shard == codec.market(silent, None, None).shard == 0


def test_a_scalar_settlement_without_a_value_can_not_be_read(codec):
    row = {"ticker": "E-1", "market_result": "scalar", "settled_time": "2026-01-15T12:00:00Z"}

    assert codec.settlement({**row, "fee_cost": "0"}) is None


@pytest.mark.parametrize(
    ("row", "cash"),
    [
        ({"balance": 1234}, ((0, 12_340_000),)),
        ({"balance": 1234, "balance_dollars": "12.3456"}, ((0, 12_345_600),)),
        (
            {
                "balance": 1234,
                "balance_dollars": "12.3456",
                "balance_breakdown": [
                    {"exchange_index": 0, "balance": "10.0000"},
                    {"exchange_index": 2, "balance": "2.3456"},
                ],
            },
            ((0, 10_000_000), (2, 2_345_600)),
        ),
    ],
)
def test_cash_is_told_by_shard(codec, row, cash):
    assert codec.balances(row) == cash


@given(st.integers(0, 10_000))
def test_a_yes_price_seen_from_no_and_back_is_itself(price):
    assert of_side(Side.YES, price_text(price)) == price
    assert of_side(Side.NO, price_text(of_side(Side.NO, price_text(price)))) == price
