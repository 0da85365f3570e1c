"""Orders in and out through the exchange's own bodies, and the reads of the portfolio."""

import msgspec
import pytest

from framework.model.events import BookChanged, MarketChanged, MarketSettled
from framework.model.market import MarketStatus, Settlement
from framework.model.units import Side
from framework.testing.builders import HOUR_US, NOW_US

ORDERS = "/portfolio/events/orders"


def order(**changes):
    terms = {
        "ticker": "KXT-E-A",
        "side": "bid",
        "count": "10.00",
        "price": "0.9200",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "run-1",
    }
    return {name: value for name, value in (terms | changes).items() if value is not None}


def place(door, **changes):
    return door.ask(f"POST {ORDERS}", order(**changes))


def placed(door, **changes):
    status, body = place(door, **changes)

    assert status == 201, body
    return body


def resting(door, **changes):
    return placed(door, **{"price": "0.9100", **changes})


# ---------------------------------------------------------------------------------- creating


def test_a_create_that_trades_tells_what_it_paid(door):
    body = placed(door)

    assert (body["fill_count"], body["remaining_count"]) == ("10.00", "0.00")
    assert body["average_fill_price"] == "0.9200"
    assert body["client_order_id"] == "run-1"
    assert body["ts_ms"] == NOW_US // 1_000
    assert "status" not in body


def test_a_create_that_rests_has_no_averages(door):
    body = resting(door)

    assert (body["fill_count"], body["remaining_count"]) == ("0.00", "10.00")
    assert not {"average_fill_price", "average_fee_paid"} & set(body)


def test_an_immediate_order_leaves_nothing_resting(door):
    body = placed(door, price="0.9100", time_in_force="immediate_or_cancel")

    assert (body["fill_count"], body["remaining_count"]) == ("0.00", "0.00")
    assert door.ask(f"GET /portfolio/orders/{body['order_id']}")[1]["order"]["status"] == "canceled"


def test_an_ask_buys_the_no_side_at_the_complement(door):
    body = placed(door, side="ask", price="0.9000")
    shown = door.ask(f"GET /portfolio/orders/{body['order_id']}")[1]["order"]

    assert body["average_fill_price"] == "0.9000"
    assert (shown["outcome_side"], shown["book_side"]) == ("no", "ask")
    assert (shown["yes_price_dollars"], shown["no_price_dollars"]) == ("0.9000", "0.1000")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"time_in_force": "day"}, 400, "invalid_parameters"),
        ({"self_trade_prevention_type": "none"}, 400, "invalid_parameters"),
        ({"price": "0.925"}, 400, "invalid_price"),
        ({"price": "92"}, 400, "invalid_price"),
        ({"price": "1.0100"}, 400, "invalid_price"),
        ({"price": "0.00"}, 400, "invalid_price"),
        ({"price": "1e-1"}, 400, "invalid_price"),
        ({"count": "0.00"}, 400, "invalid_order_size"),
        ({"count": "1.005"}, 400, "invalid_order_size"),
        ({"count": "-1"}, 400, "invalid_order_size"),
        ({"count": "NaN"}, 400, "invalid_order_size"),
        ({"client_order_id": "run.1"}, 400, "invalid_parameters"),
        ({"reduce_only": True}, 400, "invalid_parameters"),
        ({"expiration_time": 1}, 400, "invalid_parameters"),
        ({"expiration_time": 10**18}, 400, "invalid_parameters"),
        ({"ticker": "NONE"}, 404, "not_found"),
        ({"ticker": "KXT-F-C"}, 409, "MARKET_INACTIVE"),
        ({"exchange_index": 1}, 404, "not_found"),
        ({"count": "100000"}, 400, "insufficient_balance"),
        ({"ticker": "KXT-F-D", "price": "0.5"}, 400, "invalid_price"),
        ({"ticker": "KXT-F-D", "price": "0.505"}, 400, "insufficient_balance"),
        ({"post_only": True}, 400, "invalid_order"),
    ],
)
def test_a_wrong_create_is_refused_by_its_code(door, changes, status, code):
    found, body = place(door, **changes)

    assert (found, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("field", ["price", "count"])
def test_a_number_where_a_string_belongs_is_a_bad_request(door, field):
    status, body = place(door, **{field: 1})

    assert (status, body["code"]) == (400, "bad_request")


@pytest.mark.parametrize("field", ["time_in_force", "self_trade_prevention_type", "price"])
def test_what_is_mandatory_must_be_there(door, field):
    status, body = place(door, **{field: None})

    assert (status, body["code"]) == (400, "bad_request")


def test_a_client_order_id_is_used_once_and_for_all(door):
    first = resting(door)
    door.ask(f"DELETE {ORDERS}/{first['order_id']}")
    status, body = place(door)

    assert (status, body["error"]["code"]) == (409, "order_already_exists")


# -------------------------------------------------------------------------------- cancelling


def test_a_cancel_tells_what_it_took_out(door):
    body = resting(door)
    status, reply = door.ask(f"DELETE {ORDERS}/{body['order_id']}?market_ticker=KXT-E-A")

    assert status == 200
    assert (reply["order_id"], reply["reduced_by"]) == (body["order_id"], "10.00")


@pytest.mark.parametrize("again", ["canceled", "executed", "unknown"])
def test_what_does_not_rest_cannot_be_cancelled(door, again):
    order_id = "nobody"
    if again == "executed":
        order_id = placed(door)["order_id"]
    elif again == "canceled":
        order_id = resting(door)["order_id"]
        door.ask(f"DELETE {ORDERS}/{order_id}")
    status, body = door.ask(f"DELETE {ORDERS}/{order_id}")

    assert (status, body["error"]["code"]) == (404, "not_found")


def test_after_the_close_even_a_cancel_fails(door):
    order_id = resting(door)["order_id"]
    door.time.at_us = NOW_US + HOUR_US
    status, body = door.ask(f"DELETE {ORDERS}/{order_id}")

    assert (status, body["error"]["code"]) == (409, "MARKET_INACTIVE")


def test_cancel_all_empties_the_book(door):
    resting(door)
    resting(door, client_order_id="run-2", price="0.8000")
    status, _ = door.ask(f"DELETE {ORDERS}")

    assert status == 200
    assert door.ask("GET /portfolio/orders?status=resting")[1]["orders"] == []
    assert len(door.ask("GET /portfolio/orders?status=canceled")[1]["orders"]) == 2


# --------------------------------------------------------------------------------- reads


def test_an_order_shows_its_fills_and_fees(door):
    order_id = placed(door, count="400")["order_id"]
    shown = door.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]

    assert shown["status"] == "resting"
    assert shown["initial_count_fp"] == "400.00"
    assert (shown["fill_count_fp"], shown["remaining_count_fp"]) == ("300.00", "100.00")
    assert shown["taker_fill_cost_dollars"] == "276.000000"
    assert float(shown["taker_fees_dollars"]) > 0
    assert shown["maker_fees_dollars"] == "0.000000"
    assert shown["created_time"] == "2026-01-15T12:00:00Z"
    assert shown["expiration_time"] is None


def test_an_unknown_order_is_not_found(door):
    assert door.ask("GET /portfolio/orders/none")[0] == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["run-3", "run-2", "run-1"]),
        ("?status=resting", ["run-3", "run-2"]),
        ("?status=executed", ["run-1"]),
        ("?ticker=KXT-E-B", ["run-3"]),
        ("?event_ticker=KXT-E,KXT-F", ["run-3", "run-2", "run-1"]),
        ("?event_ticker=KXT-F", []),
        ("?exchange_index=2", []),
        ("?limit=1", ["run-3"]),
        (f"?min_ts={NOW_US // 1_000_000 + 1}", []),
    ],
)
def test_orders_are_listed_newest_first(door, query, found):
    placed(door)
    resting(door, client_order_id="run-2")
    resting(door, client_order_id="run-3", ticker="KXT-E-B", price="0.0300")
    body = door.ask(f"GET /portfolio/orders{query}")[1]

    assert [row["client_order_id"] for row in body["orders"]] == found


@pytest.mark.parametrize("query", ["?status=open", "?event_ticker=" + ",".join("ABCDEFGHIJK")])
def test_a_filter_the_exchange_does_not_know_is_refused(door, query):
    assert door.ask(f"GET /portfolio/orders{query}")[0] == 400


def test_a_fill_shows_the_trade_but_not_the_clients_id(door):
    order_id = placed(door, side="ask", price="0.9000")["order_id"]
    fill = door.ask("GET /portfolio/fills")[1]["fills"][0]

    assert fill["fill_id"] == fill["trade_id"]
    assert fill["order_id"] == order_id
    assert (fill["outcome_side"], fill["yes_price_dollars"]) == ("no", "0.9000")
    assert (fill["count_fp"], fill["is_taker"]) == ("10.00", True)
    assert len(fill["fee_cost"].partition(".")[2]) == 6
    assert "client_order_id" not in fill


@pytest.mark.parametrize(
    ("query", "found"), [("", 2), ("?ticker=KXT-E-B", 0), ("?order_id=none", 0), ("?limit=1", 1)]
)
def test_fills_are_found_by_market_and_order(door, query, found):
    placed(door)
    placed(door, client_order_id="run-2")

    assert len(door.ask(f"GET /portfolio/fills{query}")[1]["fills"]) == found


def test_a_fill_and_the_public_trade_share_their_id(door):
    placed(door)
    fill = door.ask("GET /portfolio/fills")[1]["fills"][0]
    trade = door.ask("GET /markets/trades")[1]["trades"][0]

    assert fill["trade_id"] == trade["trade_id"]


def test_positions_are_signed_and_summed_by_event(door):
    placed(door, side="ask", price="0.9000")
    body = door.ask("GET /portfolio/positions")[1]

    assert body["market_positions"][0]["position_fp"] == "-10.00"
    assert body["market_positions"][0]["market_exposure_dollars"] == "1.000000"
    assert body["event_positions"][0]["event_ticker"] == "KXT-E"
    assert body["event_positions"][0]["event_exposure_dollars"] == "1.000000"


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 1), ("?count_filter=position", 0), ("?count_filter=total_traded", 1), ("?ticker=X", 0)],
)
def test_a_closed_position_is_found_by_what_it_traded(door, query, found):
    placed(door)
    placed(door, client_order_id="run-2", side="ask", price="0.9000")

    assert len(door.ask(f"GET /portfolio/positions{query}")[1]["market_positions"]) == found


def test_a_balance_is_truncated_to_cents_and_told_by_shard(door):
    placed(door)
    cash_e6 = door.venue.exchange.cash_e6
    body = door.ask("GET /portfolio/balance")[1]

    assert body["balance"] == cash_e6 // 10_000
    assert body["balance_dollars"] == f"{cash_e6 // 1_000_000}.{cash_e6 % 1_000_000 // 100:04d}"
    assert body["portfolio_value"] == 900
    assert body["balance_breakdown"] == [{"exchange_index": 0, "balance": body["balance_dollars"]}]
    assert body["updated_ts"] == NOW_US // 1_000_000


def test_limits_show_the_basic_tier(door):
    body = door.ask("GET /account/limits")[1]

    assert body["usage_tier"] == "basic"
    assert body["read"] == {"refill_rate": 200, "bucket_capacity": 600}
    assert body["write"] == {"refill_rate": 100, "bucket_capacity": 100}


def test_a_settlement_tells_what_was_held_and_paid(door):
    placed(door)
    market = door.venue.exchange.markets["KXT-E-A"]
    determined = msgspec.structs.replace(market, status=MarketStatus.DETERMINED, result="yes")
    settlement = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    door.happen(
        MarketChanged(at_us=NOW_US, market=determined),
        MarketSettled(at_us=NOW_US, settlement=settlement),
    )
    row = door.ask("GET /portfolio/settlements")[1]["settlements"][0]

    assert (row["ticker"], row["event_ticker"], row["market_result"]) == ("KXT-E-A", "KXT-E", "yes")
    assert (row["yes_count_fp"], row["yes_total_cost_dollars"]) == ("10.00", "9.200000")
    assert (row["revenue"], row["value"]) == (1_000, 100)
    assert door.ask("GET /portfolio/settlements?ticker=KXT-E-B")[1]["settlements"] == []


def test_an_order_sees_the_market_as_it_is_at_that_moment(door):
    resting(door, expiration_time=NOW_US // 1_000_000 + 10)
    door.time.pass_seconds(10)
    body = door.ask("GET /portfolio/orders")[1]

    assert body["orders"][0]["status"] == "canceled"


def test_a_resting_order_is_filled_by_what_happens_later(door):
    order_id = resting(door)["order_id"]
    door.happen(
        BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.NO, price_e4=900, change_e2=5_000)
    )
    shown = door.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]

    assert shown["status"] == "executed"
    assert shown["maker_fill_cost_dollars"] == "9.100000"
