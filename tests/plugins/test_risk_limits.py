from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import Side
from framework.fees import NON_DIRECT_E6, worst_outlay_e6
from framework.model.units import money_of
from framework.testing.builders import (
    MINUTE_US,
    NOW_US,
    SECOND_US,
    market,
    order,
    portfolio_view,
    snapshot,
)
from plugins.risk_limits import RiskLimits

AMPLE = {
    "max_order_cost": 1_000_000,
    "max_market_exposure": 1_000_000,
    "max_event_exposure": 1_000_000,
    "max_total_exposure": 1_000_000,
}
COST = Decimal("9.30")  # of the default order: 10 contracts at 0.93


def codes(refusal):
    if refusal is None:
        return []
    others = refusal.message.split("; ")[1:]
    return [refusal.code, *(other.partition(":")[0] for other in others)]


def checked(plugin, *, of=None, seen=None, **portfolio):
    return plugin.check_risk(of or order(), seen or snapshot(), portfolio_view(**portfolio))


def test_passes_an_order_within_every_limit():
    assert checked(RiskLimits()) is None


@pytest.mark.parametrize(("limit", "broken"), [("9.30", []), ("9.299999", ["order_cost"])])
def test_limits_the_cost_of_one_order(limit, broken):
    assert codes(checked(RiskLimits(max_order_cost=limit))) == broken


@pytest.mark.parametrize("name", ["market", "event", "total"])
@pytest.mark.parametrize(("held", "is_broken"), [("90.70", False), ("90.700001", True)])
def test_limits_an_exposure_with_the_order_on_top(name, held, is_broken):
    plugin = RiskLimits(**AMPLE | {f"max_{name}_exposure": 100})

    refusal = checked(plugin, **{f"{name}_exposure": held})

    assert codes(refusal) == ([f"{name}_exposure"] if is_broken else [])


@pytest.mark.parametrize(("already", "broken"), [(4, []), (5, ["open_orders"])])
def test_limits_the_orders_open_at_once(already, broken):
    assert codes(checked(RiskLimits(max_open_orders=5), open_orders=already)) == broken


@pytest.mark.parametrize(("sent", "broken"), [(2, []), (3, ["orders_per_minute"])])
def test_limits_the_orders_sent_within_a_minute(sent, broken):
    refusal = checked(RiskLimits(max_orders_per_minute=3), sent_us=[NOW_US - SECOND_US] * sent)

    assert codes(refusal) == broken


def test_forgets_orders_older_than_a_minute():
    plugin = RiskLimits(max_orders_per_minute=1)

    assert checked(plugin, sent_us=[NOW_US - MINUTE_US - 1]) is None
    assert codes(checked(plugin, sent_us=[NOW_US - MINUTE_US])) == ["orders_per_minute"]


@pytest.mark.parametrize(
    ("pnl", "broken"),
    [("-99.999999", []), ("-100", ["daily_loss"]), ("-250", ["daily_loss"]), ("250", [])],
)
def test_stops_once_the_daily_loss_is_reached(pnl, broken):
    assert codes(checked(RiskLimits(max_daily_loss=100), pnl_of_day=pnl)) == broken


@pytest.mark.parametrize(
    ("price", "broken"),
    [
        ("0.90", []),
        ("0.95", []),
        ("0.89", ["price_band"]),
        ("0.96", ["price_band"]),
        ("0.8999", ["price_band"]),
    ],
)
def test_limits_the_price_to_a_band(price, broken):
    plugin = RiskLimits(min_price="0.90", max_price="0.95")

    assert codes(checked(plugin, of=order(limit=price))) == broken


def test_judges_the_price_of_the_side_that_is_bought():
    plugin = RiskLimits(min_price="0.90")

    assert checked(plugin, of=order(side=Side.NO, limit="0.93")) is None
    assert checked(plugin, of=order(side=Side.NO, limit="0.07")).code == "price_band"


@pytest.mark.parametrize(
    ("lag_us", "broken"),
    [
        (5 * SECOND_US, []),
        (5 * SECOND_US + 1, ["data_age"]),
        (-5 * SECOND_US, []),
        (-5 * SECOND_US - 1, ["data_age"]),
    ],
)
def test_limits_the_age_of_the_book(lag_us, broken):
    assert codes(checked(RiskLimits(max_data_age="5s"), seen=snapshot(lag_us=lag_us))) == broken


def test_passes_a_book_without_a_time_unless_times_are_required():
    untimed = snapshot(lag_us=None)

    assert checked(RiskLimits(), seen=untimed) is None
    assert codes(checked(RiskLimits(require_timestamps=True), seen=untimed)) == ["data_age"]


def test_asks_for_cash_for_the_cost_and_the_highest_fee():
    needed = money_of(worst_outlay_e6(order().limit_e4, order().quantity_e2))

    assert needed > COST
    assert checked(RiskLimits(), cash=needed) is None
    assert codes(checked(RiskLimits(), cash=needed - Decimal("0.000001"))) == ["buying_power"]


def test_behind_a_broker_asks_for_what_whole_cents_may_take():
    needed = money_of(worst_outlay_e6(order().limit_e4, order().quantity_e2, step_e6=NON_DIRECT_E6))

    assert checked(RiskLimits(), cash=needed, balance_step_e6=NON_DIRECT_E6) is None
    short = needed - Decimal("0.000001")
    refused = checked(RiskLimits(), cash=short, balance_step_e6=NON_DIRECT_E6)
    assert codes(refused) == ["buying_power"]


def test_counts_what_other_orders_have_reserved_as_spent():
    assert checked(RiskLimits(), cash=100, reserved=80) is None
    assert checked(RiskLimits(), cash=100, reserved=95).code == "buying_power"


def test_counts_the_fee_of_the_markets_own_series():
    cash = money_of(worst_outlay_e6(order().limit_e4, order().quantity_e2))
    dearer = snapshot(market(fee_multiplier=4))

    assert checked(RiskLimits(), cash=cash, seen=dearer).code == "buying_power"


def test_counts_the_cash_of_the_markets_own_shard():
    shards = {0: 10_000, 1: 5}

    assert checked(RiskLimits(), cash_by_shard=shards) is None
    assert checked(RiskLimits(), cash_by_shard=shards, of=order(shard=1)).code == "buying_power"


def test_keeps_every_objection_in_a_fixed_order():
    plugin = RiskLimits(max_price="0.90", max_order_cost=5, max_open_orders=1, max_daily_loss=1)

    refusal = checked(plugin, open_orders=1, pnl_of_day=-2, cash=1, seen=snapshot(lag_us=10**9))

    assert codes(refusal) == [
        "price_band",
        "order_cost",
        "open_orders",
        "daily_loss",
        "data_age",
        "buying_power",
    ]


def test_names_both_numbers_of_each_broken_limit():
    plugin = RiskLimits(max_order_cost=5, max_open_orders=1)

    assert checked(plugin, open_orders=1).message == (
        "9.30 dollars, 5.00 are allowed; open_orders: 2 orders, 1 are allowed"
    )


@given(
    held=st.integers(0, 2_000_000_000).map(money_of),
    limit=st.integers(1, 2_000_000_000).map(money_of),
)
def test_an_exposure_is_broken_exactly_when_held_plus_cost_is_above_it(held, limit):
    plugin = RiskLimits(**AMPLE | {"max_total_exposure": limit})

    assert (checked(plugin, total_exposure=held) is None) == (held + COST <= limit)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_order_cost": 0},
        {"max_daily_loss": "-1"},
        {"max_open_orders": 0},
        {"max_price": "1.01"},
        {"max_data_age": "0s"},
        {"min_price": "0.9", "max_price": "0.8"},
        {"max_order_costs": 5},
    ],
)
def test_refuses_settings_that_limit_nothing_sensible(settings):
    with pytest.raises(ValidationError):
        RiskLimits(**settings)
