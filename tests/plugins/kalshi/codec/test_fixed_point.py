import gzip
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.exchange import Accepted, MarketQuery, Unknown
from framework.model.commands import CancelOrder
from framework.model.market import WHOLE_CENT, MarketStatus
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.numbers import PRICES, count_e2

CANCEL = CancelOrder(client_order_id="c-1", order_id="o-1", ticker="A-1", shard=2, reason="")


def order(side=Side.YES, limit=5_600, **terms):
    return Order(
        client_order_id="t-1",
        ticker="A-1",
        side=side,
        limit_e4=limit,
        quantity_e2=terms.pop("quantity_e2", 1_050),
        purpose=Purpose.ENTRY,
        strategy="s",
        **terms,
    )


def body_of(request):
    return json.loads(request.body)


def test_an_order_is_written_as_the_exchange_documents_it(codec):
    request = codec.create(order())

    assert (request.method, request.path) == ("POST", "/portfolio/events/orders")
    assert body_of(request) == {
        "ticker": "A-1",
        "side": "bid",
        "count": "10.50",
        "price": "0.5600",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "t-1",
    }


def test_buying_no_is_selling_yes_at_the_complement(codec):
    body = body_of(codec.create(order(Side.NO, 1_300)))

    assert (body["side"], body["price"]) == ("ask", "0.8700")


@given(st.sampled_from(Side), st.integers(1, 9_999), st.integers(1, 10**8))
def test_an_order_keeps_its_meaning_on_the_yes_book(side, limit, quantity):
    body = body_of(FixedPoint().create(order(side, limit, quantity_e2=quantity)))

    bought = Side.YES if body["side"] == "bid" else Side.NO
    yes_price = PRICES[body["price"]]
    assert bought is side
    assert limit == (yes_price if side is Side.YES else 10_000 - yes_price)
    assert count_e2(body["count"]) == quantity


def test_flags_are_written_only_when_set(codec):
    body = body_of(
        codec.create(order(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, reduce_only=True))
    )

    assert body["reduce_only"] is True
    assert body["time_in_force"] == "immediate_or_cancel"
    assert "post_only" not in body


def test_a_lifetime_is_written_in_whole_seconds_never_shorter(codec):
    assert body_of(codec.create(order(expires_us=1_000_000_001)))["expiration_time"] == 1_001
    assert body_of(codec.create(order(expires_us=1_000_000_000)))["expiration_time"] == 1_000


def test_an_immediate_order_carries_no_lifetime(codec):
    terms = order(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, expires_us=1_000_000_000)

    assert "expiration_time" not in body_of(codec.create(terms))


def test_a_subaccount_goes_with_every_write():
    codec = FixedPoint(subaccount=3)

    assert body_of(codec.create(order()))["subaccount"] == 3
    assert codec.cancel(CANCEL).query["subaccount"] == 3
    assert codec.cancel_all().query == {"subaccount": 3}


def test_the_shard_is_left_to_the_exchange(codec):
    assert "exchange_index" not in body_of(codec.create(order(shard=2)))


def test_a_cancel_names_its_market_so_that_the_right_shard_is_asked(codec):
    request = codec.cancel(CANCEL)

    assert (request.method, request.path) == ("DELETE", "/portfolio/events/orders/o-1")
    assert request.query == {"market_ticker": "A-1"}


def test_the_reply_to_an_order_tells_id_and_counts(codec):
    body = {"order_id": "o-1", "fill_count": "2.00", "remaining_count": "8.50", "ts_ms": 5}

    assert codec.created(order(), msgspec.json.encode(body)) == Accepted(
        order_id="o-1", filled_e2=200, remaining_e2=850, at_us=5_000
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"order_id": ""}',
        b'{"order_id": 7}',
        b'{"error": {"code": "deprecated_v1_order_endpoint"}}',
        b'{"order": {"order_id": "o-1"}}',
        b'{"order_id": "o-1"',
        b"\xff\xfe",
    ],
)
def test_success_without_an_order_id_is_unknown(codec, body):
    assert isinstance(codec.created(order(), body), Unknown)
    assert isinstance(codec.cancelled(CANCEL, body), Unknown)


@pytest.mark.parametrize("field", ["fill_count", "remaining_count", "ts_ms"])
@pytest.mark.parametrize("value", [None, 7.5, "x", [], {"a": 1}])
def test_an_odd_field_beside_the_order_id_loses_only_itself(codec, field, value):
    body = {"order_id": "o-1", "fill_count": "2.00", "remaining_count": "8.50", "ts_ms": 5}
    body[field] = value

    outcome = codec.created(order(), msgspec.json.encode(body))

    assert isinstance(outcome, Accepted)
    assert outcome.order_id == "o-1"


def test_a_cancelled_order_rests_no_more(codec):
    body = {"order_id": "o-1", "reduced_by": "3.00", "ts_ms": 5}

    assert codec.cancelled(CANCEL, msgspec.json.encode(body)) == Accepted(
        order_id="o-1", filled_e2=None, remaining_e2=0, cancelled_e2=3_00, at_us=5_000
    )


def test_a_market_list_leaves_out_combos_unless_told(codec):
    everything = MarketQuery(open_only=False)

    assert codec.list_markets(MarketQuery(), exclude_combos=True) == {
        "limit": 1_000,
        "status": "open",
        "mve_filter": "exclude",
    }
    assert codec.list_markets(everything, exclude_combos=False) == {"limit": 1_000}


def test_named_markets_are_asked_for_whatever_they_are(codec):
    query = MarketQuery(open_only=False, tickers=("A", "B"))

    assert codec.list_markets(query, exclude_combos=True) == {"limit": 1_000, "tickers": "A,B"}


def recorded(recordings, name):
    with gzip.open(recordings / "payloads" / "2026-08-fixed-point" / name) as file:
        return json.load(file)


@pytest.mark.recording
def test_recorded_settled_markets_decode(codec, recordings):
    rows = recorded(recordings, "markets_settled.json.gz")["markets"]

    markets = [codec.market(row, None, None) for row in rows]
    payments = [codec.payment(row) for row in rows]

    assert codec.drift.counters == {}
    assert [m.status.value for m in markets] == [row["status"] for row in rows]
    paid = {m.result: p.yes_pays_e4 for m, p in zip(markets, payments, strict=True) if p}
    assert paid == {"yes": 10_000, "no": 0}
    assert all(p is not None for m, p in zip(markets, payments, strict=True) if m.result)


@pytest.mark.recording
def test_recorded_market_decodes_alike_alone_and_nested(codec, recordings):
    body = recorded(recordings, "market_single.json.gz")

    alone = codec.market(body["single"]["market"], None, None)
    nested = codec.market(body["nested"], None, None)

    assert alone == nested
    assert (alone.status, alone.grid) == (MarketStatus.ACTIVE, WHOLE_CENT)
    assert (alone.yes_bid_e4, alone.yes_ask_e4) == (8_900, 9_400)
    assert codec.drift.counters == {}


@pytest.mark.recording
def test_recorded_series_decode_with_exact_fees(codec, recordings):
    bodies = recorded(recordings, "series_fee_fields.json.gz")["payloads"]

    series = {name: codec.series(body["series"]) for name, body in bodies.items()}

    assert str(series["KXMLBGAME"].fee_multiplier) == "0.5"
    assert series["KXMLBGAME"].fee_type == "quadratic_with_maker_fees"
    assert all(series.values())


def test_a_book_that_was_asked_for_decodes(codec):
    record = {"orderbook_fp": {"yes_dollars": [["0.4700", "3.00"]], "no_dollars": None}}

    book = codec.orderbook("A", record, 7)

    assert (book.ticker, book.yes, book.no) == ("A", ((4_700, 300),), ())
    assert codec.orderbook("A", {"orderbook_fp": {"yes_dollars": [["47", "3"]]}}, 7) is None
