from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import Side
from framework.testing.builders import market, order, snapshot
from plugins.liquidity import Liquidity

LOOSE = Liquidity(min_volume=0, max_spread_ratio=None)


def code_of(refusal):
    return None if refusal is None else refusal.code


@pytest.mark.parametrize(("volume", "code"), [(10_000, None), ("9999.99", "volume")])
def test_asks_for_the_least_volume(volume, code):
    plugin = Liquidity(min_volume=10_000)

    assert code_of(plugin.filter_market(market(volume=volume))) == code


def test_an_unknown_volume_is_refused_even_where_none_is_asked():
    refusal = LOOSE.filter_market(market(volume=None))

    assert refusal.code == "volume"
    assert "unknown" in refusal.message


@pytest.mark.parametrize(("ask", "code"), [("0.95", None), ("0.96", "spread")])
def test_asks_for_a_spread_in_dollars(ask, code):
    plugin = Liquidity(min_volume=0, max_spread="0.03", max_spread_ratio=None)

    assert code_of(plugin.filter_market(market(yes_bid="0.92", yes_ask=ask))) == code


@pytest.mark.parametrize(
    ("bid", "ask", "code"),
    [
        ("0.99", "0.9999", None),
        ("0.495", "0.505", None),  # 0.01 of 0.50 is exactly the limit
        ("0.4949", "0.5051", "spread_ratio"),
        ("0.92", "0.94", "spread_ratio"),
    ],
)
def test_asks_for_a_spread_as_a_fraction_of_the_mid(bid, ask, code):
    plugin = Liquidity(min_volume=0, max_spread_ratio="0.02")

    assert code_of(plugin.filter_market(market(yes_bid=bid, yes_ask=ask))) == code


def test_names_the_numbers_of_a_refusal():
    refusal = Liquidity(min_volume=0).filter_market(market(yes_bid="0.90", yes_ask="0.95"))

    assert refusal.message == "spread 0.05 is 0.0541 of mid 0.925, above 0.02"


@given(bid=st.integers(1, 98), ask=st.integers(2, 99))
def test_judges_a_market_alike_from_both_outcomes(bid, ask):
    plugin = Liquidity(min_volume=0, max_spread="0.10", max_spread_ratio="0.05")
    seen = market(yes_bid=Decimal(bid) / 100, yes_ask=Decimal(ask) / 100)
    mirrored = market(yes_bid=1 - Decimal(ask) / 100, yes_ask=1 - Decimal(bid) / 100)

    assert code_of(plugin.filter_market(seen)) == code_of(plugin.filter_market(mirrored))


@pytest.mark.parametrize(("bid", "ask"), [(None, "0.93"), ("0.92", None), (None, None)])
def test_a_market_without_both_sides_is_refused(bid, ask):
    assert LOOSE.filter_market(market(yes_bid=bid, yes_ask=ask)).code == "one_sided"


@pytest.mark.parametrize("ask", ["0.92", "0.91"])
def test_a_locked_or_crossed_touch_is_refused(ask):
    plugin = Liquidity(min_volume=0)

    assert plugin.filter_market(market(yes_bid="0.92", yes_ask=ask)).code == "crossed"


@pytest.mark.parametrize(("quantity", "code"), [(500, None), ("500.01", "depth")])
def test_a_taking_order_must_find_all_it_wants(quantity, code):
    seen = snapshot(no=[("0.07", 500), ("0.06", 900)])

    assert code_of(LOOSE.check_risk(order(limit="0.93", quantity=quantity), seen)) == code


@pytest.mark.parametrize(("offered", "code"), [(300, None), (299, "depth")])
def test_a_small_order_must_find_the_least_depth_too(offered, code):
    plugin = Liquidity(min_volume=0, min_depth=300)
    seen = snapshot(no=[("0.07", offered)])

    assert code_of(plugin.check_risk(order(limit="0.93", quantity=1), seen)) == code


def test_counts_every_price_up_to_the_limit_and_none_above():
    seen = snapshot(no=[("0.07", 100), ("0.06", 100), ("0.05", 100)])

    assert LOOSE.check_risk(order(limit="0.94", quantity=200), seen) is None
    refusal = LOOSE.check_risk(order(limit="0.94", quantity=201), seen)
    assert refusal.message == "200 contracts offered at 0.94 or better, 201 are asked"


def test_judges_the_side_that_is_bought():
    seen = snapshot(yes=[("0.10", 40)], no=[("0.89", 500)])

    assert LOOSE.check_risk(order(side=Side.NO, limit="0.90", quantity=40), seen) is None
    assert LOOSE.check_risk(order(side=Side.NO, limit="0.90", quantity=41), seen).code == "depth"


@pytest.mark.parametrize(("waiting", "code"), [(25, None), (24, "depth")])
def test_a_post_only_order_must_join_the_least_depth_whatever_it_wants(waiting, code):
    plugin = Liquidity(min_volume=0, min_depth=25)
    seen = snapshot(yes=[("0.92", waiting), ("0.91", 900)])

    found = plugin.check_risk(order(limit="0.92", quantity=1_000, post_only=True), seen)

    assert code_of(found) == code


def test_judges_the_ratio_of_the_orders_own_side_on_the_live_book():
    plugin = Liquidity(min_volume=0, max_spread_ratio="0.02")
    favourite = snapshot(yes=[("0.07", 500)], no=[("0.92", 500)])

    assert plugin.check_risk(order(side=Side.NO, limit="0.93"), favourite) is None
    assert plugin.check_risk(order(limit="0.08"), favourite).code == "spread_ratio"


def test_an_order_on_a_one_sided_book_is_refused():
    assert LOOSE.check_risk(order(), snapshot(no=[])).code == "one_sided"
