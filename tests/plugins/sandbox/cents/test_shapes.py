"""Our bodies against bodies recorded in January 2026: the same names, of the same types."""

import gzip
import json

import pytest

from framework.model.events import MarketSettled, TradePrinted
from framework.model.market import Settlement
from framework.model.units import Side
from framework.testing.builders import HOUR_US, NOW_US

pytestmark = pytest.mark.recording

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 10, "yes_price": 93}


@pytest.fixture
def recorded(recordings):
    """Return a way to read a recorded body."""

    def read(name):
        path = recordings / "payloads" / "2026-01-both-shapes" / f"{name}_response.json.gz"
        with gzip.open(path, "rt") as file:
            return json.load(file)["response"]

    return read


def kind(value):
    """Return how a value is written; null says nothing."""
    return None if value is None else type(value)


def assert_alike(ours, theirs, *, absent=(), added=()):
    assert set(theirs) - set(ours) == set(absent)
    assert set(ours) - set(theirs) == set(added)
    for name in set(ours) & set(theirs):
        assert kind(ours[name]) in (kind(theirs[name]), None) or theirs[name] is None, name


@pytest.fixture
def traded(cents):
    """Return the door after an order was executed, and another rests."""
    cents.ask("POST /portfolio/orders", ORDER)
    cents.ask("POST /portfolio/orders", ORDER | {"yes_price": 50})
    return cents


def test_orders_are_written_as_recorded(traded, recorded):
    resting, executed = traded.ask("GET /portfolio/orders")[1]["orders"]

    assert_alike(resting, recorded("create_order")["order"])
    assert_alike(executed, recorded("portfolio_orders")["orders"][0])


def test_fills_are_written_as_recorded(traded, recorded):
    ours = traded.ask("GET /portfolio/fills")[1]
    theirs = recorded("portfolio_fills")

    assert set(ours) == set(theirs)
    assert_alike(ours["fills"][0], theirs["fills"][0], added={"fee_cost"})


def test_positions_are_written_as_recorded(traded, recorded):
    ours = traded.ask("GET /portfolio/positions")[1]
    theirs = recorded("portfolio_positions")

    assert set(ours) == set(theirs)
    assert_alike(ours["market_positions"][0], theirs["market_positions"][0])
    assert_alike(ours["event_positions"][0], theirs["event_positions"][0])


def test_settlements_are_written_as_recorded(traded, recorded):
    paid = Settlement(ticker=HIGHNY, at_us=NOW_US + HOUR_US, result="yes", yes_pays_e4=10_000)
    traded.happen(MarketSettled(at_us=NOW_US + HOUR_US, settlement=paid))
    ours = traded.ask("GET /portfolio/settlements")[1]

    assert_alike(ours["settlements"][0], recorded("portfolio_settlements")["settlements"][0])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("GET /portfolio/balance", "portfolio_balance"),
        ("GET /exchange/status", "exchange_status"),
        ("GET /exchange/schedule", "exchange_schedule"),
        ("GET /exchange/user_data_timestamp", "user_data_timestamp"),
        ("GET /portfolio/summary/total_resting_order_value", "portfolio_total_resting_order_value"),
        ("GET /portfolio/orders/queue_positions", "order_queue_positions"),
    ],
)
def test_small_bodies_are_written_as_recorded(traded, recorded, line, name):
    assert_alike(traded.ask(line)[1], recorded(name))


def test_a_market_is_written_as_recorded(cents, recorded):
    theirs = recorded("event_single")["markets"][0]
    ours = cents.ask("GET /events/KXHIGHNY-25JAN09")[1]["markets"][0]

    assert_alike(
        ours,
        theirs,
        absent={"early_close_condition", "expected_expiration_time"},
        added={"series_ticker"},
    )
    assert set(ours["price_ranges"][0]) == set(theirs["price_ranges"][0])


def test_books_events_and_series_are_written_as_recorded(cents, recorded):
    books = [cents.ask(f"GET /markets/{HIGHNY}/orderbook")[1], recorded("orderbook")]
    events = [cents.ask("GET /events")[1], recorded("events_list")]
    series = [cents.ask("GET /series/KXBTC")[1]["series"], recorded("series_single")["series"]]

    assert_alike(*[body["orderbook"] for body in books])
    assert_alike(*events)
    assert_alike(*[body["events"][0] for body in events])
    assert_alike(*series)


def test_trades_are_written_as_recorded(cents, recorded):
    cents.happen(
        TradePrinted(
            at_us=NOW_US,
            ticker=HIGHNY,
            trade_id="t",
            yes_price_e4=9200,
            quantity_e2=300,
            taker_side=Side.NO,
        )
    )
    ours = cents.ask("GET /markets/trades")[1]

    assert_alike(ours["trades"][0], recorded("trades_list")["trades"][0])


def test_changes_and_batches_are_written_as_recorded(cents, recorded):
    order = ORDER | {"yes_price": 50, "client_order_id": "a"}
    created = cents.ask("POST /portfolio/orders/batched", {"orders": [order]})[1]
    order_id = created["orders"][0]["order"]["order_id"]
    smaller = cents.ask(f"POST /portfolio/orders/{order_id}/decrease", {"reduce_by": 1})[1]
    change = {"ticker": HIGHNY, "side": "yes", "yes_price": 51, "count": 5}
    amended = cents.ask(f"POST /portfolio/orders/{order_id}/amend", change)[1]
    canceled = cents.ask("DELETE /portfolio/orders/batched", {"ids": [order_id]})[1]

    assert_alike(created["orders"][0], recorded("batch_create_orders")["orders"][0])
    assert_alike(smaller, recorded("decrease_order"))
    assert_alike(amended, recorded("amend_order"))
    assert_alike(amended["old_order"], recorded("amend_order")["old_order"])
    assert_alike(canceled["orders"][0], recorded("batch_cancel_orders")["orders"][0])
