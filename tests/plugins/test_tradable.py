from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.market import (
    DECI_CENT,
    TAPERED,
    MarketStatus,
    PriceGrid,
    PriceRange,
    micros,
    moment,
)
from framework.testing.builders import NOW_US, market, snapshot
from plugins.tradable import Tradable

NOW = moment(NOW_US)


def test_admits_an_active_market_inside_its_hours():
    assert Tradable().filter_market(market(), NOW) is None


@pytest.mark.parametrize("status", [each for each in MarketStatus if each != "active"])
def test_refuses_every_status_but_active(status):
    refusal = Tradable().filter_market(market(status=status), NOW)

    assert refusal.code == "status"
    assert str(status) in refusal.message


def test_admits_from_the_very_moment_of_opening():
    assert Tradable().filter_market(market(open_us=NOW_US), NOW) is None


def test_refuses_a_microsecond_before_opening():
    refusal = Tradable().filter_market(market(open_us=NOW_US + 1), NOW)

    assert refusal.code == "hours"


def test_admits_until_a_microsecond_before_the_close():
    assert Tradable().filter_market(market(close_us=NOW_US + 1), NOW) is None


def test_refuses_from_the_very_moment_of_the_close():
    refusal = Tradable().filter_market(market(close_us=NOW_US), NOW)

    assert refusal.code == "hours"
    assert "2026-01-15T12:00:00+00:00" in refusal.message


def test_admits_a_market_whose_hours_are_unknown():
    assert Tradable().filter_market(market(open_us=None, close_us=None), NOW) is None


@pytest.mark.parametrize("grid", [DECI_CENT, TAPERED, PriceGrid((PriceRange(5_000, 5_000, 1),))])
def test_admits_every_grid_with_a_price(grid):
    assert Tradable().filter_market(market(grid=grid), NOW) is None


@pytest.mark.parametrize(
    "ranges",
    [
        (),
        (PriceRange(0, 10_000, 0),),
        (PriceRange(0, 10_000, -100),),
        (PriceRange(0, 10_000, 10_000),),
    ],
)
def test_refuses_a_grid_without_a_price(ranges):
    refusal = Tradable().filter_market(market(grid=PriceGrid(ranges)), NOW)

    assert refusal.code == "grid"


def test_refuses_an_order_in_a_market_that_closed_since_it_was_admitted():
    late = snapshot(market(close_us=NOW_US), at_us=NOW_US)

    assert Tradable().check_risk(late).code == "hours"


def test_passes_an_order_while_the_market_is_open():
    assert Tradable().check_risk(snapshot(market(close_us=NOW_US + 1), at_us=NOW_US)) is None


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_counts_the_same_microseconds_back(at_us):
    assert micros(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)) == at_us
    assert micros(moment(at_us)) == at_us
