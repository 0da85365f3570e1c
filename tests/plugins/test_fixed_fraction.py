from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import EntrySignal, Side
from framework.model.units import money_of, price_of
from framework.testing.builders import market, portfolio_view, snapshot
from plugins.fixed_fraction import FixedFraction, Of


def signal(limit="0.92"):
    return EntrySignal(Side.YES, limit=Decimal(limit), reason="test")


def sized(plugin, *, at="0.92", seen=None, **portfolio):
    return plugin.size_entry(signal(at), seen or snapshot(), portfolio_view(**portfolio))


def test_spends_a_fraction_of_the_bankroll():
    plugin = FixedFraction(fraction="0.02")

    assert sized(plugin, at="0.50", cash=600, bankroll=1_000) == 40


def test_spends_a_fraction_of_the_cash_that_is_free():
    plugin = FixedFraction(fraction="0.10", of="cash")

    assert sized(plugin, at="0.50", cash=600, bankroll=9_000) == 120
    assert sized(plugin, at="0.50", cash=600, reserved=100) == 100


def test_counts_the_cash_of_the_markets_own_shard():
    plugin = FixedFraction(fraction="0.10", of="cash")
    shards = {0: 1_000, 1: 50}

    assert sized(plugin, at="0.50", cash_by_shard=shards) == 200
    assert sized(plugin, at="0.50", cash_by_shard=shards, seen=snapshot(market(shard=1))) == 10


def test_never_spends_more_than_the_cap():
    plugin = FixedFraction(fraction="0.5", max_dollars=20)

    assert sized(plugin, at="0.50", bankroll=10_000) == 40
    assert sized(plugin, at="0.50", bankroll=20) == 20


def test_rounds_down_to_whole_contracts():
    assert sized(FixedFraction(fraction="0.02"), at="0.93", bankroll=1_000) == 21


def test_rounds_down_to_hundredths_where_that_is_asked():
    plugin = FixedFraction(fraction="0.02", fractional=True)

    assert sized(plugin, at="0.93", bankroll=1_000) == Decimal("21.50")


@pytest.mark.parametrize("bankroll", [0, "-5", "40"])
def test_a_stake_that_buys_nothing_is_zero_and_no_absence_of_an_answer(bankroll):
    assert sized(FixedFraction(fraction="0.02"), bankroll=bankroll) == 0


@given(
    bankroll=st.integers(0, 10**12).map(money_of),
    fraction=st.integers(1, 10_000).map(lambda n: Decimal(n) / 10_000),
    limit=st.integers(1, 9_999).map(price_of),
    of=st.sampled_from(Of),
)
def test_the_cost_never_exceeds_the_fraction_and_one_contract_more_would(
    bankroll, fraction, limit, of
):
    plugin = FixedFraction(fraction=fraction, of=of)

    count = sized(plugin, at=limit, cash=bankroll)

    assert count * limit <= bankroll * fraction
    assert (count + 1) * limit > bankroll * fraction - Decimal("0.000001")


@pytest.mark.parametrize(
    "settings", [{"fraction": 0}, {"fraction": "1.01"}, {"max_dollars": 0}, {"of": "luck"}]
)
def test_refuses_settings_that_are_no_stake(settings):
    with pytest.raises(ValidationError):
        FixedFraction(**settings)
