"""The public reads in cents."""

import pytest

from framework.model.events import TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.core.rows import Pause

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
BTC = "KXBTC-26FEB09-B95000"
FINE = "KXFINE-26FEB09-T1"


def names(rows, key="ticker"):
    return [row[key] for row in rows]


def test_markets_with_finer_grids_do_not_exist(cents):
    markets = cents.ask("GET /markets")[1]["markets"]
    events = cents.ask("GET /events")[1]["events"]

    assert names(markets) == [HIGHNY, BTC]
    assert names(events, "event_ticker") == ["KXHIGHNY-25JAN09", "KXBTC-26FEB09"]
    for path in (f"/markets/{FINE}", f"/markets/{FINE}/orderbook", "/events/KXFINE-26FEB09"):
        assert cents.ask(f"GET {path}")[0] == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"tickers={BTC}", [BTC]),
        ("event_ticker=KXHIGHNY-25JAN09", [HIGHNY]),
        ("series_ticker=KXBTC", [BTC]),
        ("status=settled", []),
        ("status=open", [HIGHNY, BTC]),
    ],
)
def test_markets_are_found_by_what_they_are(cents, query, found):
    assert names(cents.ask(f"GET /markets?{query}")[1]["markets"]) == found


def test_nobodys_quotes_are_zero_and_a_dollar(cents):
    market = cents.ask(f"GET /markets/{BTC}")[1]["market"]

    assert (market["yes_bid"], market["yes_ask"]) == (40, 100)
    assert (market["no_bid"], market["no_ask"], market["last_price"]) == (0, 60, 0)


def test_an_empty_side_of_a_book_is_null_and_a_depth_keeps_the_best(cents):
    empty = cents.ask(f"GET /markets/{BTC}/orderbook")[1]["orderbook"]
    best = cents.ask(f"GET /markets/{HIGHNY}/orderbook?depth=1")[1]["orderbook"]

    assert (empty["yes"], empty["no"], empty["no_dollars"]) == ([[40, 100]], None, None)
    assert (best["yes"], best["no"]) == ([[91, 250]], [[7, 150]])
    assert best["yes_dollars"] == [["0.9100", 250]]


@pytest.mark.parametrize("nested", [True, False])
def test_an_event_comes_with_its_markets(cents, nested):
    query = "?with_nested_markets=true" if nested else ""
    body = cents.ask(f"GET /events/KXBTC-26FEB09{query}")[1]
    inside, beside = body["event"].get("markets"), body.get("markets")

    assert names(inside if nested else beside) == [BTC]
    assert (beside if nested else inside) is None


def test_a_series_tells_its_fees(cents):
    series = cents.ask("GET /series/KXBTC")[1]["series"]

    assert (series["fee_type"], series["fee_multiplier"]) == ("quadratic", 1)
    assert names(cents.ask("GET /series")[1]["series"]) == ["KXHIGHNY", "KXBTC", "KXFINE"]
    assert cents.ask("GET /series/NONE")[0] == 404


def test_trades_of_served_markets_are_listed(cents):
    for ticker in (HIGHNY, FINE):
        cents.happen(
            TradePrinted(
                at_us=NOW_US,
                ticker=ticker,
                trade_id=ticker,
                yes_price_e4=500,
                quantity_e2=300,
                taker_side=Side.NO,
            )
        )
    (trade,) = cents.ask("GET /markets/trades")[1]["trades"]

    assert (trade["trade_id"], trade["count"], trade["taker_side"]) == (HIGHNY, 3, "no")
    assert (trade["yes_price"], trade["no_price"], trade["price"]) == (5, 95, 0.05)


@pytest.mark.parametrize(
    ("pause", "exchange", "trading"),
    [
        (Pause.NOTHING, True, True),
        (Pause.TRADING, True, False),
        (Pause.EVERYTHING, False, False),
    ],
)
def test_the_status_tells_what_rests(cents, pause, exchange, trading):
    cents.venue.publish(cents.venue.exchange.halt(pause))
    body = cents.ask("GET /exchange/status")[1]

    assert (body["exchange_active"], body["trading_active"]) == (exchange, trading)


def test_the_clock_and_the_hours_are_told(cents):
    assert set(cents.ask("GET /exchange/user_data_timestamp")[1]) == {"as_of_time"}
    assert set(cents.ask("GET /exchange/schedule")[1]["schedule"]) == {
        "standard_hours",
        "maintenance_windows",
    }
