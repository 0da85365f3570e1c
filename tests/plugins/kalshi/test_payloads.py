"""Bodies recorded from the exchange, in each era: read, or refused by record and by name.

Each body is given to what reads its page today. Today's fixed-point bodies must be read whole;
older ones are read as far as they carry today's fields, and what they lack is named.
"""

import gzip
import json
from decimal import Decimal

import msgspec
import pytest

from framework.exchange import Accepted, Unknown
from framework.testing import builders
from plugins.kalshi.account import portfolio
from plugins.kalshi.codec import Deltas, Snapshot, Subscribed, Updated, bodies
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.refusals import refusal
from plugins.kalshi.markets import schedule
from plugins.kalshi.markets.candles import Candle

pytestmark = pytest.mark.recording

_read = msgspec.json.Decoder(float_hook=Decimal).decode
TODAY = "2026-08-fixed-point"
BOTH = "2026-01-both-shapes"
CENTS = "2025-02-cents"


@pytest.fixture
def body(recordings):
    """Return one recorded body of an era."""

    def body(era, name):
        found = _read(
            gzip.decompress((recordings / "payloads" / era / f"{name}.json.gz").read_bytes())
        )
        return found["response"] if era == BOTH else found

    return body


@pytest.fixture
def codec():
    return FixedPoint()


def failures(codec):
    return list(codec.drift.failures)


# ------------------------------------------------------------------------------------- today


def test_todays_market_is_read_whole_alone_and_in_its_event(body, codec):
    found = body(TODAY, "market_single")
    rows = [found["nested"], found["single"]["market"]]

    assert all(codec.market(row, None, None) for row in rows)
    assert not codec.drift.counters


def test_todays_settled_markets_are_read_with_what_they_pay(body, codec):
    rows = body(TODAY, "markets_settled")["markets"]

    markets = [codec.market(row, None, None) for row in rows]
    payments = [codec.payment(row) for row in rows]

    assert len(markets) == len(rows) > 40
    assert {market.ticker for market in markets if market.settlement_e4 is not None} == {
        payment.ticker for payment in payments if payment is not None
    }
    assert not codec.drift.counters


def test_todays_series_and_grids_are_read(body, codec):
    payloads = body(TODAY, "series_fee_fields")["payloads"]
    series = [codec.series(row["series"]) for row in payloads.values()]
    row = body(TODAY, "markets_settled")["markets"][0]

    assert {str(one.fee_multiplier) for one in series} >= {"0.5", "1"}
    for grid in body(TODAY, "price_grids")["grids"]:
        assert codec.market({**row, "price_ranges": grid["price_ranges"]}, None, None) is not None
    assert not codec.drift.counters


def test_todays_candles_are_read_whole(body, codec):
    for ticker, told in body(TODAY, "candlesticks_mlb")["markets"].items():
        for row in told["candlesticks"]:
            candle = bodies.read(row, Candle, ticker, codec.drift)

            assert candle.volume is not None
            assert candle.yes_bid.close is None or candle.yes_bid.close < 1
    assert not codec.drift.counters


def test_todays_stream_is_read_frame_by_frame(body, codec):
    frames = [
        frame
        for row in body(TODAY, "ws_orderbook_stream")["frames"]
        for frame in codec.read([json.dumps(row["frame"])], row["received_ms"] * 1_000)
    ]

    kinds = {type(frame) for frame in frames}
    assert kinds == {Subscribed, Updated, Snapshot, Deltas}
    assert not codec.drift.counters


# ------------------------------------------------------------------- January, in both shapes


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("market_single_response", lambda found: [found["market"]]),
        ("markets_list_response", lambda found: found["markets"]),
        ("event_single_response", lambda found: found["markets"]),
    ],
)
def test_januarys_markets_are_read_from_their_dollars_without_counts(body, codec, name, rows):
    markets = [codec.market(row, None, None) for row in rows(body(BOTH, name))]

    assert markets
    assert all(market.volume_e2 is None for market in markets)
    assert any(what.startswith("market: unknown field") for what in codec.drift.counters)
    assert failures(codec) == []


@pytest.mark.parametrize("name", ["events_list", "events_multivariate_list"])
def test_januarys_events_are_read(body, codec, name):
    assert all(codec.group(row) for row in body(BOTH, f"{name}_response")["events"])


def test_januarys_series_are_read(body, codec):
    rows = body(BOTH, "series_list_response")["series"]

    assert all(codec.series(row) for row in (*rows, body(BOTH, "series_single_response")["series"]))


def test_januarys_exchange_pages_are_read(body, codec):
    drift = codec.drift
    status = body(BOTH, "exchange_status_response")
    plan = body(BOTH, "exchange_schedule_response")["schedule"]

    assert bodies.read(status, bodies.ExchangeStatus, "status", drift).trading_active
    assert bodies.read(plan, schedule.Schedule, "schedule", drift).standard_hours
    assert codec.as_of(body(BOTH, "user_data_timestamp_response")) is not None
    assert body(BOTH, "series_fee_changes_response") == {"series_fee_change_arr": []}
    assert failures(codec) == []


def test_januarys_candles_are_read_in_dollars_without_counts(body, codec):
    lists = [
        body(BOTH, "series_candlesticks_response")["candlesticks"],
        *body(BOTH, "event_candlesticks_response")["market_candlesticks"],
        *(row["candlesticks"] for row in body(BOTH, "candlesticks_batch_response")["markets"]),
    ]

    for row in (row for rows in lists for row in rows):
        candle = bodies.read(row, Candle, "A", codec.drift)

        assert candle.volume is None
        assert candle.price.open is None or 0 < candle.price.open < 1
    assert failures(codec) == []


def test_januarys_balance_is_read_in_cents(body, codec):
    record = body(BOTH, "portfolio_balance_response")

    assert codec.balances(record) == ((0, 100_000_000),)
    assert bodies.read(record, portfolio.Balance, "balance", codec.drift).cash == 100


@pytest.mark.parametrize(
    ("name", "rows", "kind", "field"),
    [
        ("portfolio_orders", lambda b: b["orders"], "order", "outcome_side"),
        ("portfolio_order_single", lambda b: [b["order"]], "order", "outcome_side"),
        ("create_order", lambda b: [b["order"]], "order", "outcome_side"),
        ("cancel_order", lambda b: [b["order"]], "order", "outcome_side"),
        ("decrease_order", lambda b: [b["order"]], "order", "outcome_side"),
        ("amend_order", lambda b: [b["order"], b["old_order"]], "order", "outcome_side"),
        (
            "batch_create_orders",
            lambda b: [row["order"] for row in b["orders"]],
            "order",
            "outcome_side",
        ),
        (
            "batch_cancel_orders",
            lambda b: [row["order"] for row in b["orders"]],
            "order",
            "outcome_side",
        ),
        ("portfolio_fills", lambda b: b["fills"], "fill", "outcome_side"),
        ("portfolio_positions", lambda b: b["market_positions"], "position", "position_fp"),
    ],
)
def test_januarys_account_is_refused_record_by_record_with_the_missing_field(
    body, codec, name, rows, kind, field
):
    records = rows(body(BOTH, f"{name}_response"))

    assert [getattr(codec, kind)(record) for record in records] == [None] * len(records)
    assert len(failures(codec)) == len(records)
    for record, told in zip(records, failures(codec), strict=True):
        assert told.startswith(f"{kind} {record['ticker']}")
        assert f"missing required field `{field}`" in told


def test_januarys_settlement_is_read_because_it_lacks_nothing(body, codec):
    (record,) = body(BOTH, "portfolio_settlements_response")["settlements"]

    assert codec.settlement(record).result == record["market_result"]


def test_januarys_trades_are_refused_by_name(body, codec):
    for row in body(BOTH, "trades_list_response")["trades"]:
        assert bodies.read(row, bodies.PublicTrade, row["trade_id"], codec.drift) is None

    assert "missing required field `count_fp`" in failures(codec)[0]


@pytest.mark.parametrize("name", ["create_order", "amend_order", "decrease_order", "cancel_order"])
def test_a_reply_of_january_to_a_write_proves_nothing(body, codec, name):
    reply = msgspec.json.encode(body(BOTH, f"{name}_response"))

    outcome = codec.created(builders.order(), reply)

    assert isinstance(outcome, Unknown)
    assert not isinstance(outcome, Accepted)


def test_januarys_refusal_is_read_by_its_code(body):
    found = body(BOTH, "portfolio_total_resting_order_value_response")

    assert refusal(403, msgspec.json.encode(found)).code == "permission_denied"


# ------------------------------------------------------------------------- February 2025, cents


def test_the_events_of_the_cents_era_are_read(body, codec):
    rows = body(CENTS, "events_20250221")["events"]

    groups = [codec.group(row) for row in rows]

    assert len(groups) > 1_900
    assert all(group is not None for group in groups)
