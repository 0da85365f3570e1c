from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from framework import MarketStatus, Side
from framework.model.book import BookState
from framework.model.market import moment
from framework.testing.builders import (
    NOW_US,
    SECOND_US,
    TICKER,
    book,
    fill,
    market,
    order,
    portfolio_view,
    position,
    snapshot,
)


def test_now_is_noon():
    assert moment(NOW_US) == datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_market_is_open_and_liquid_unless_told_otherwise():
    listed = market()

    assert listed.is_open(NOW_US)
    assert listed.status is MarketStatus.ACTIVE
    assert (listed.yes_bid, listed.yes_ask) == (Decimal("0.92"), Decimal("0.93"))
    assert listed.volume == 20_000


def test_a_market_may_lack_what_is_none():
    bare = market(yes_bid=None, yes_ask=None, volume=None, close_us=None)

    assert (bare.yes_bid, bare.yes_ask, bare.volume, bare.close_time) == (None,) * 4


def test_a_book_offers_yes_at_a_dollar_less_the_no_bid():
    built = book(yes=[("0.92", 5)], no=[("0.07", "2.5")])

    assert built.state is BookState.VALID
    assert built.asks(Side.YES) == [(9_300, 250)]


def test_a_book_keeps_an_impossible_level_out():
    assert book(yes=[("0.92", 0)]).state is BookState.INVALID


def test_a_snapshot_shows_its_book_and_its_market():
    seen = snapshot(market(volume=7), yes=[("0.50", 1)], no=[])

    assert (seen.yes.bid, seen.yes.ask) == (Decimal("0.50"), None)
    assert seen.volume == 7
    assert seen.time_to_close == timedelta(hours=6)


def test_a_snapshot_takes_a_book_of_the_tests_own():
    live = book(yes=[("0.40", 1)])

    before = snapshot(held=live)
    live.change(Side.YES, 4_500, 100)

    assert (before.yes.bid, snapshot(held=live).yes.bid) == (Decimal("0.40"), Decimal("0.45"))


def test_orders_fills_and_positions_are_of_the_same_market():
    assert order().ticker == fill().ticker == position().ticker == TICKER


def test_a_position_costs_its_entry_price():
    held = position(entry="0.93", quantity=10)

    assert (held.cost, held.entry_price) == (Decimal("9.30"), Decimal("0.93"))


def test_a_portfolio_books_its_fills():
    view = portfolio_view(fill(price="0.93", quantity=10, fee="0.05"), cash=100)

    assert view.cash == Decimal("90.65")
    assert view.position(TICKER).quantity == 10
    assert view.activity(TICKER).entries == 1


def test_exposure_is_what_the_test_states():
    view = portfolio_view(
        market_exposure=1,
        event_exposure=2,
        total_exposure=3,
        open_orders=4,
        pnl_of_day="-5.50",
        sent_us=[NOW_US - 61 * SECOND_US, NOW_US - 60 * SECOND_US],
    )

    assert (view.exposure(TICKER), view.event_exposure("E"), view.exposure()) == (1, 2, 3)
    assert view.open_orders == 4
    assert view.pnl_of_day == Decimal("-5.50")
    assert view.orders_within(timedelta(minutes=1)) == 1


def test_buying_power_is_cash_less_what_is_reserved_shard_by_shard():
    assert portfolio_view(cash=100, reserved=30).buying_power(3) == 70
    split = portfolio_view(cash_by_shard={1: 50})
    assert (split.buying_power(0), split.buying_power(1)) == (0, 50)


def test_refuses_a_float_like_everything_else():
    with pytest.raises(ValueError, match="exact decimal"):
        fill(price=0.93)
