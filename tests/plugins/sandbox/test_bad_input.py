"""Every kind of order that can't be right, over the wire: the exchange's code, and no trace."""

import msgspec
import pytest

from framework.errors import InvariantError
from framework.model.events import MarketChanged, MarketSettled
from framework.model.market import MarketStatus, Settlement
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.core.rows import Pause

ORDERS = "/portfolio/events/orders"
TICKER = "KXT-E-A"
READS = (
    "/portfolio/orders",
    "/portfolio/fills",
    "/portfolio/positions",
    "/portfolio/settlements",
    "/portfolio/balance",
    "/markets/trades",
    f"/markets/{TICKER}",
    f"/markets/{TICKER}/orderbook",
)


def order(**changes):
    return {
        "ticker": TICKER,
        "side": "bid",
        "count": "10.00",
        "price": "0.9100",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "run-2",
        **changes,
    }


def told(door, **changes):
    record = msgspec.structs.replace(door.venue.exchange.markets[TICKER], **changes)
    door.happen(MarketChanged(at_us=NOW_US, market=record))


def paid(door, result="yes", pays=10_000):
    settlement = Settlement(ticker=TICKER, at_us=NOW_US, result=result, yes_pays_e4=pays)
    door.happen(MarketSettled(at_us=NOW_US, settlement=settlement))


def close(door):
    door.time.at_us = NOW_US + HOUR_US


ROWS = {
    "off the grid": (None, {"price": "0.9150"}, 400, "invalid_price"),
    "of zero size": (None, {"count": "0.00"}, 400, "invalid_order_size"),
    "of negative size": (None, {"count": "-10.00"}, 400, "invalid_order_size"),
    "of huge size": (None, {"count": "1000000000.00"}, 400, "insufficient_balance"),
    "of a size past all numbers": (None, {"count": "9" * 40}, 400, "invalid_order_size"),
    "for an unknown market": (None, {"ticker": "KXT-E-X"}, 404, "not_found"),
    "for a paused market": (
        lambda door: told(door, status=MarketStatus.INACTIVE), {}, 409, "trading_is_paused",
    ),
    "while trading rests": (
        lambda door: door.venue.exchange.halt(Pause.TRADING), {}, 409, "trading_is_paused",
    ),
    "while the whole exchange rests": (
        lambda door: door.venue.exchange.halt(Pause.EVERYTHING), {}, 409, "exchange_is_paused",
    ),
    "for a closed market": (close, {}, 409, "MARKET_INACTIVE"),
    "for a determined market": (
        lambda door: told(door, status=MarketStatus.DETERMINED, result="yes"),
        {}, 409, "MARKET_INACTIVE",
    ),
    "for a settled market": (paid, {}, 409, "MARKET_INACTIVE"),
    "that crosses and is post-only": (
        None, {"price": "0.9200", "post_only": True}, 400, "invalid_order",
    ),
    "with an id used before": (None, {"client_order_id": "run-1"}, 409, "order_already_exists"),
}  # fmt: skip


def state(door):
    """Return all that a client can read, with the clock as it is."""
    return {path: door.ask(f"GET {path}") for path in READS}


@pytest.fixture
def door(door):
    """The small world with a position, a resting order and the id run-1 used."""
    for terms in ({"price": "0.9200"}, {"client_order_id": "run-0", "price": "0.9000"}):
        assert door.ask(f"POST {ORDERS}", order(**{"client_order_id": "run-1", **terms}))[0] == 201
    return door


@pytest.mark.parametrize("row", ROWS)
def test_an_order_is_refused_by_its_code_and_leaves_no_trace(door, row):
    happens, changes, status, code = ROWS[row]
    if happens is not None:
        happens(door)
    before = state(door)
    found, body = door.ask(f"POST {ORDERS}", order(**changes))

    assert (found, body["error"]["code"]) == (status, code)
    assert state(door) == before


def test_an_order_without_a_fault_is_taken(door):
    assert door.ask(f"POST {ORDERS}", order())[0] == 201


@pytest.mark.parametrize(
    "contradict",
    [
        lambda door: paid(door, "no", 0),
        lambda door: paid(door, "yes", 0),
        lambda door: told(door, status=MarketStatus.DETERMINED, result="no"),
        lambda door: told(door, status=MarketStatus.ACTIVE, result=None),
    ],
    ids=["paid otherwise", "paid nothing", "determined otherwise", "open again"],
)
def test_a_result_that_contradicts_is_refused_and_leaves_no_trace(door, contradict):
    told(door, status=MarketStatus.DETERMINED, result="yes")
    before = state(door)
    with pytest.raises(InvariantError):
        contradict(door)

    assert state(door) == before
    paid(door)
    assert door.ask("GET /portfolio/settlements")[1]["settlements"][0]["market_result"] == "yes"


def test_a_market_is_paid_once(door):
    paid(door)
    before = state(door)
    with pytest.raises(InvariantError, match="twice"):
        paid(door)

    assert state(door) == before
