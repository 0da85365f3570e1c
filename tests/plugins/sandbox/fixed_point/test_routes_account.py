"""The reads of the portfolio."""

import msgspec
import pytest

from framework.model.events import BookChanged, MarketChanged, MarketSettled
from framework.model.market import MarketStatus, Settlement
from framework.model.units import Side
from framework.testing.builders import NOW_US


def placed(door, **changes):
    return door.placed(**{"client_order_id": "run-1", **changes})


def resting(door, **changes):
    return placed(door, **{"price": "0.9100", **changes})


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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", []),
        ("?settlement_status=settled", ["KXT-E-A"]),
        ("?settlement_status=all", ["KXT-E-A"]),
    ],
)
def test_positions_of_paid_markets_are_shown_on_request(door, query, found):
    placed(door)
    paid = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    door.happen(MarketSettled(at_us=NOW_US, settlement=paid))
    rows = door.ask(f"GET /portfolio/positions{query}")[1]["market_positions"]

    assert [row["ticker"] for row in rows] == found
    assert all(row["realized_pnl_dollars"] == "0.800000" for row in rows)


def test_an_unknown_settlement_status_is_refused(door):
    assert door.ask("GET /portfolio/positions?settlement_status=some")[0] == 400
