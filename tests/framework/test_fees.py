"""What the exchange charges, against its own examples and for every split of an order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.fees import (
    DIRECT_E6,
    NON_DIRECT_E6,
    OrderFees,
    break_even,
    trade_fee_e6,
    worst_outlay_e6,
)

PRICES = st.integers(1, 9_999)
MULTIPLIERS = st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1), Decimal("1.5"), Decimal(20)])
TYPES = st.sampled_from(["quadratic", "quadratic_with_maker_fees", "something_new"])
STEPS = st.sampled_from([DIRECT_E6, NON_DIRECT_E6])
FILLS = st.lists(st.tuples(PRICES, st.integers(1, 3_000), st.booleans()), min_size=1, max_size=12)


def test_rounds_a_brokers_balance_to_the_cent():
    charge = OrderFees(precision_e6=NON_DIRECT_E6).charge(550, 100, is_taker=True)

    assert charge.trade_fee_e6 == 3_639
    assert charge.rounding_e6 == 1_361
    assert charge.net_e6 == 5_000


def test_three_fills_each_over_rounded_by_four_mills():
    fees = OrderFees(precision_e6=NON_DIRECT_E6)
    price_e4, quantity_e2 = _fill_over_rounded_by(4_000)

    rebates = [fees.charge(price_e4, quantity_e2, is_taker=True).rebate_e6 for _ in range(3)]

    assert rebates == [0, 0, 10_000]
    assert fees.carry_e6 == 2_000


def _fill_over_rounded_by(excess_e6: int) -> tuple[int, int]:
    """Return a fill that pays at least a cent and whose balance change is rounded so much."""
    for price_e4 in range(100, 5_000, 10):
        for quantity_e2 in range(100, 1_000):
            fee = trade_fee_e6(price_e4, quantity_e2)
            over = -(price_e4 * quantity_e2 + fee) % NON_DIRECT_E6
            if over == excess_e6 and fee >= NON_DIRECT_E6:
                return price_e4, quantity_e2
    raise LookupError(excess_e6)


@pytest.mark.parametrize(("price_e4", "net_e6"), [(5_200, 17_500), (9_900, 700)])
def test_charges_a_direct_member_what_was_recorded(price_e4, net_e6):
    assert OrderFees().charge(price_e4, 100, is_taker=True).net_e6 == net_e6


def test_rebate_never_makes_a_fee_negative():
    fees = OrderFees()
    fees.carry_e6 = 95
    charge = fees.charge(1_005, 1, is_taker=False)

    assert (charge.rounding_e6, charge.rebate_e6, charge.net_e6) == (95, 0, 95)


def test_makers_pay_nothing_on_a_quadratic_series():
    assert OrderFees().charge(5_000, 10_000, is_taker=False).net_e6 == 0


def test_makers_pay_a_quarter_where_makers_pay():
    charge = OrderFees("quadratic_with_maker_fees").charge(5_000, 10_000, is_taker=False)

    assert charge.net_e6 == 437_500


def test_multiplier_scales_the_model_fee():
    assert trade_fee_e6(5_000, 10_000, multiplier=Decimal("0.5")) == 875_000


def test_charges_an_unknown_fee_type_like_a_taker():
    unknown = trade_fee_e6(5_000, 100, "something_new", is_taker=False)

    assert unknown == trade_fee_e6(5_000, 100, is_taker=True)


@given(PRICES, st.integers(1, 100_000), MULTIPLIERS)
def test_yes_and_no_of_one_trade_pay_the_same_model_fee(price_e4, quantity_e2, multiplier):
    yes = trade_fee_e6(price_e4, quantity_e2, multiplier=multiplier)
    no = trade_fee_e6(10_000 - price_e4, quantity_e2, multiplier=multiplier)

    assert yes == no


@given(FILLS, TYPES, MULTIPLIERS, STEPS)
def test_balance_stays_on_its_precision_and_no_fill_pays_less_than_nothing(
    fills, fee_type, multiplier, precision_e6
):
    fees = OrderFees(fee_type, multiplier, precision_e6)
    for price_e4, quantity_e2, is_taker in fills:
        charge = fees.charge(price_e4, quantity_e2, is_taker=is_taker)

        assert charge.net_e6 >= 0
        assert (price_e4 * quantity_e2 + charge.net_e6) % precision_e6 == 0
        assert fees.carry_e6 >= 0


@given(PRICES, FILLS, TYPES, MULTIPLIERS, STEPS)
def test_no_split_of_an_order_takes_more_than_the_worst_outlay(
    limit_e4, fills, fee_type, multiplier, step_e6
):
    better = [(min(price_e4, limit_e4), *rest) for price_e4, *rest in fills]
    quantity_e2 = sum(quantity for _, quantity, _ in fills)
    worst = worst_outlay_e6(limit_e4, quantity_e2, fee_type, multiplier, step_e6)

    assert taken_e6(OrderFees(fee_type, multiplier, step_e6), better) <= worst


@given(PRICES, st.integers(1, 400), MULTIPLIERS, STEPS)
def test_the_worst_outlay_holds_for_the_smallest_fills(price_e4, quantity_e2, multiplier, step_e6):
    fees = OrderFees("quadratic", multiplier, step_e6)
    worst = worst_outlay_e6(price_e4, quantity_e2, "quadratic", multiplier, step_e6)

    assert taken_e6(fees, [(price_e4, 1, True)] * quantity_e2) <= worst


@given(PRICES, FILLS, FILLS, STEPS)
def test_the_worst_outlay_of_a_remainder_holds_whatever_the_order_paid_before(
    limit_e4, earlier, fills, step_e6
):
    fees = OrderFees(precision_e6=step_e6)
    taken_e6(fees, earlier)
    better = [(min(price_e4, limit_e4), *rest) for price_e4, *rest in fills]
    quantity_e2 = sum(quantity for _, quantity, _ in fills)

    assert taken_e6(fees, better) <= worst_outlay_e6(limit_e4, quantity_e2, step_e6=step_e6)


def taken_e6(fees, fills):
    """Return the cash that these fills of an order take."""
    return sum(
        price_e4 * quantity_e2 + fees.charge(price_e4, quantity_e2, is_taker=is_taker).net_e6
        for price_e4, quantity_e2, is_taker in fills
    )


def test_behind_a_broker_each_hundredth_of_a_contract_may_take_a_cent():
    taken = taken_e6(OrderFees(precision_e6=NON_DIRECT_E6), [(5_000, 1, True)] * 1_000)

    assert taken == worst_outlay_e6(5_000, 1_000, step_e6=NON_DIRECT_E6) == 10_000_000


def test_worst_outlay_of_a_favourite_is_hardly_more_than_its_cost_and_fee():
    outlay = worst_outlay_e6(9_000, 10_000)

    assert outlay - 9_000 * 10_000 - trade_fee_e6(9_000, 10_000) < 400_000


def test_an_order_of_nothing_costs_nothing():
    assert worst_outlay_e6(5_000, 0) == 0


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [("0.90", "100", "0.9063"), ("0.85", "1", "0.859"), ("0.50", "0.01", "0.52")],
)
def test_break_even_is_cost_plus_fee_rounded_up(price, quantity, expected):
    assert break_even(Decimal(price), Decimal(quantity)) == Decimal(expected)


def test_break_even_of_a_maker_counts_the_makers_fee():
    makers = break_even(Decimal("0.90"), Decimal(100), "quadratic_with_maker_fees", is_taker=False)

    assert break_even(Decimal("0.90"), Decimal(100), is_taker=False) == Decimal("0.90")
    assert makers == Decimal("0.9016")


def test_break_even_behind_a_broker_counts_whole_cents():
    assert break_even(Decimal("0.90"), Decimal(1), step_e6=NON_DIRECT_E6) == Decimal("0.91")


def test_break_even_refuses_an_empty_order():
    with pytest.raises(ValueError, match="must be positive"):
        break_even(Decimal("0.9"), Decimal(0))


@given(PRICES, st.integers(1, 100_000))
def test_break_even_is_never_below_the_price(price_e4, quantity_e2):
    price, quantity = Decimal(price_e4) / 10_000, Decimal(quantity_e2) / 100

    assert break_even(price, quantity) >= price
