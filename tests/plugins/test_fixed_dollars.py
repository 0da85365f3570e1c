from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import EntrySignal, Side
from framework.model.units import money_of, price_of
from plugins.fixed_dollars import FixedDollars


def sized(plugin, limit):
    return plugin.size_entry(EntrySignal(Side.YES, Decimal(limit), "a test"))


@pytest.mark.parametrize(
    ("dollars", "limit", "contracts"),
    [
        ("920", "0.92", 1000),  # the founding document's example
        ("919.99", "0.92", 999),
        ("0.92", "0.92", 1),
        ("0.91", "0.92", 0),
        ("50", "0.9201", 54),
        ("1", "0.0001", 10_000),
    ],
)
def test_buys_the_whole_contracts_the_sum_pays_for(dollars, limit, contracts):
    assert sized(FixedDollars(dollars=dollars), limit) == contracts


@pytest.mark.parametrize(
    ("dollars", "limit", "contracts"),
    [("0.91", "0.92", "0.98"), ("0.0092", "0.92", "0.01"), ("0.0091", "0.92", "0")],
)
def test_buys_hundredths_of_a_contract_when_told_to(dollars, limit, contracts):
    plugin = FixedDollars(dollars=dollars, fractional=True)

    assert sized(plugin, limit) == Decimal(contracts)


def test_answers_zero_and_not_none_when_the_sum_buys_nothing():
    answer = sized(FixedDollars(dollars="0.50"), "0.92")

    assert answer == Decimal(0)
    assert isinstance(answer, Decimal)


@given(
    dollars=st.integers(1, 10_000_000_000).map(money_of),
    limit=st.integers(1, 9_999).map(price_of),
    fractional=st.booleans(),
)
def test_never_costs_more_than_the_sum_and_leaves_less_than_one_step(dollars, limit, fractional):
    step = Decimal("0.01") if fractional else Decimal(1)

    contracts = sized(FixedDollars(dollars=dollars, fractional=fractional), limit)

    assert contracts % step == 0
    assert contracts * limit <= dollars < (contracts + step) * limit


@pytest.mark.parametrize("dollars", [0, "-1", 50.0])
def test_refuses_a_sum_that_is_not_money_to_spend(dollars):
    with pytest.raises(ValidationError):
        FixedDollars(dollars=dollars)
