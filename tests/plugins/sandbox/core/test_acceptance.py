"""What the exchange refuses, by its own status and code."""

from types import SimpleNamespace

import pytest

from framework.model.market import Market, MarketStatus
from framework.model.units import Side
from plugins.sandbox.core.acceptance import (
    check_amendment,
    check_cancelling,
    check_new,
    check_trading,
    decreased_e2,
    may_cancel,
)
from plugins.sandbox.core.listings import Listing
from plugins.sandbox.core.rows import Amendment, NewOrder, Pause, Refusal

NOW = 1_000
MARKET = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE)
ROW = SimpleNamespace(
    ticker="M",
    side=Side.YES,
    limit_e4=5_000,
    client_order_id="c",
    filled_e2=300,
    remaining_e2=700,
    shard=0,
)


def order(**terms):
    return NewOrder(
        **{"ticker": "M", "side": Side.YES, "limit_e4": 5_000, "quantity_e2": 100, **terms}
    )


def change(**terms):
    return Amendment(
        **{"ticker": "M", "side": Side.YES, "limit_e4": 5_000, "total_e2": 1_000, **terms}
    )


def answer(check, *asked):
    with pytest.raises(Refusal) as refused:
        check(*asked)
    return refused.value.status, refused.value.code


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"shard": 1}, (404, "not_found")),
        ({"quantity_e2": 0}, (400, "invalid_order_size")),
        ({"quantity_e2": -1}, (400, "invalid_order_size")),
        ({"limit_e4": 5_001}, (400, "invalid_price")),
        ({"limit_e4": 0}, (400, "invalid_price")),
        ({"limit_e4": 10_000}, (400, "invalid_price")),
        ({"self_trade_prevention": "nobody"}, (400, "invalid_parameters")),
        ({"reduce_only": True}, (400, "invalid_parameters")),
        ({"expires_us": NOW}, (400, "invalid_parameters")),
    ],
)
def test_an_order_that_can_not_be_right_is_refused(terms, expected):
    assert answer(check_new, order(**terms), MARKET, NOW) == expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"shard": 1}, (404, "not_found")),
        ({"ticker": "N"}, (400, "order_ticker_mismatch")),
        ({"side": Side.NO}, (400, "order_side_mismatch")),
        ({"client_order_id": "d"}, (400, "order_id_and_client_order_id_mismatch")),
        ({"new_client_order_id": "used"}, (409, "order_already_exists")),
        ({"total_e2": 300}, (400, "invalid_order_size")),
        ({"limit_e4": 5_050}, (400, "invalid_price")),
        ({"expires_us": NOW}, (400, "invalid_parameters")),
    ],
)
def test_an_amendment_that_can_not_be_right_is_refused(terms, expected):
    assert answer(check_amendment, change(**terms), ROW, MARKET, {"used", "c"}, NOW) == expected


def test_an_order_may_keep_its_own_client_id():
    check_amendment(change(new_client_order_id="c"), ROW, MARKET, {"c"}, NOW)


@pytest.mark.parametrize(
    ("by", "to", "code"),
    [
        (None, None, "invalid_parameters"),
        (100, 100, "invalid_parameters"),
        (0, None, "invalid_order_size"),
        (-1, None, "invalid_order_size"),
        (701, None, "invalid_order_size"),
        (None, -1, "invalid_order_size"),
        (None, 701, "invalid_order_size"),
    ],
)
def test_a_decrease_that_makes_no_sense_is_refused(by, to, code):
    assert answer(decreased_e2, ROW, by, to) == (400, code)


def test_a_decrease_goes_by_or_to():
    assert decreased_e2(ROW, 200, None) == decreased_e2(ROW, None, 500) == 500
    assert decreased_e2(ROW, 700, None) == 0


@pytest.mark.parametrize(
    ("pause", "places", "cancels"),
    [
        (Pause.NOTHING, None, None),
        (Pause.TRADING, (409, "trading_is_paused"), None),
        (Pause.EVERYTHING, (409, "exchange_is_paused"), (409, "exchange_is_paused")),
    ],
)
def test_a_pause_of_trading_lets_cancels_pass_and_one_of_everything_nothing(pause, places, cancels):
    listing = Listing(MARKET)
    for check, expected in ((check_trading, places), (check_cancelling, cancels)):
        if expected is None:
            check(listing, pause, NOW)
        else:
            assert answer(check, listing, pause, NOW) == expected


def test_a_closed_market_takes_neither_orders_nor_cancels():
    listing = Listing(Market(ticker="M", event_ticker="E", status=MarketStatus.CLOSED))

    assert answer(check_trading, listing, Pause.NOTHING, NOW) == (409, "MARKET_INACTIVE")
    assert answer(check_cancelling, listing, Pause.NOTHING, NOW) == (409, "MARKET_INACTIVE")
    assert not may_cancel(listing, NOW)
