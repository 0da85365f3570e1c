"""The portfolio in cents: fills, positions, settlements and money."""

import pytest

from framework.model.events import BookReplaced, MarketSettled
from framework.model.market import Settlement
from framework.testing.builders import HOUR_US, NOW_US

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 10, "yes_price": 93}


@pytest.fixture
def bought(cents):
    """Return the door after ten contracts were bought at 93 cents."""
    assert cents.ask("POST /portfolio/orders", ORDER)[1]["order"]["status"] == "executed"
    return cents


def test_a_fill_has_both_prices_and_its_fee(bought):
    (fill,) = bought.ask("GET /portfolio/fills")[1]["fills"]

    assert (fill["yes_price"], fill["no_price"], fill["price"]) == (93, 7, 0.93)
    assert (fill["yes_price_fixed"], fill["no_price_fixed"]) == ("0.9300", "0.0700")
    assert (fill["count"], fill["side"], fill["action"], fill["is_taker"]) == (
        10,
        "yes",
        "buy",
        True,
    )
    assert fill["fee_cost"] == "0.045600"


def test_an_order_shows_what_its_fills_cost(bought):
    (order,) = bought.ask("GET /portfolio/orders")[1]["orders"]

    assert (order["taker_fill_cost"], order["taker_fill_cost_dollars"]) == (930, "9.3000")
    assert (order["taker_fees"], order["taker_fees_dollars"]) == (5, "0.0456")
    assert (order["maker_fees"], "maker_fees_dollars" in order) == (0, False)


def test_a_position_is_shown_by_market_and_by_event(bought):
    bought.ask("POST /portfolio/orders", ORDER | {"yes_price": 50})
    body = bought.ask("GET /portfolio/positions?count_filter=position")[1]
    (market,), (event,) = body["market_positions"], body["event_positions"]

    assert (market["position"], market["market_exposure"], market["total_traded"]) == (10, 930, 930)
    assert (market["fees_paid"], market["fees_paid_dollars"]) == (5, "0.0456")
    assert market["resting_orders_count"] == 1
    assert (event["event_ticker"], event["total_cost_shares"]) == ("KXHIGHNY-25JAN09", 10)
    assert event["event_exposure_dollars"] == "9.3000"


def test_the_balance_is_cut_to_cents(bought):
    body = bought.ask("GET /portfolio/balance")[1]

    assert body == {
        "balance": 999_065,
        "portfolio_value": 910,
        "updated_ts": NOW_US // 1_000_000,
    }


@pytest.mark.parametrize(
    ("result", "pays_e4", "revenue", "value"),
    [("yes", 10_000, 1_000, 100), ("no", 0, 0, 0), ("scalar", 4_000, 400, 40)],
)
def test_a_settlement_pays_in_cents(bought, result, pays_e4, revenue, value):
    paid = Settlement(ticker=HIGHNY, at_us=NOW_US + HOUR_US, result=result, yes_pays_e4=pays_e4)
    bought.happen(MarketSettled(at_us=NOW_US + HOUR_US, settlement=paid))
    (row,) = bought.ask("GET /portfolio/settlements")[1]["settlements"]
    market = bought.ask(f"GET /markets/{HIGHNY}")[1]["market"]

    assert (row["market_result"], row["revenue"], row["value"]) == (result, revenue, value)
    assert (row["yes_count"], row["yes_total_cost"], row["no_count"]) == (10, 930, 0)
    assert (market["status"], market["result"]) == ("finalized", result)
    assert market["settlement_value"] == value
    assert bought.ask("GET /portfolio/positions")[1]["market_positions"] == []


def test_what_another_client_did_in_finer_units_is_rounded_and_not_left_out(cents):
    order = {
        "ticker": HIGHNY,
        "side": "bid",
        "count": "2.50",
        "price": "0.9300",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "maker",
    }
    todays = type(cents)(cents.venue, cents.keys, cents.time)
    assert todays.ask("POST /portfolio/events/orders", order)[0] == 201
    fills = cents.ask("GET /portfolio/fills")[1]["fills"]
    positions = cents.ask("GET /portfolio/positions")[1]["market_positions"]

    assert [fill["count"] for fill in fills] == [2]
    assert [row["position"] for row in positions] == [2]


def test_both_dialects_see_one_account(cents):
    todays = type(cents)(cents.venue, cents.keys, cents.time)
    cents.ask("POST /portfolio/orders", ORDER | {"action": "sell", "yes_price": 95})
    (seen,) = todays.ask("GET /portfolio/orders")[1]["orders"]

    assert (seen["book_side"], seen["yes_price_dollars"]) == ("ask", "0.9500")
    assert seen["remaining_count_fp"] == "10.00"


def test_a_book_without_bids_gives_a_position_no_value(bought):
    bought.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=()))

    assert bought.ask("GET /portfolio/balance")[1]["portfolio_value"] == 0
