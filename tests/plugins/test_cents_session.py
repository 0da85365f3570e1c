"""Whole runs in the founding document's dialect: both sides of the wire in whole cents."""

from decimal import Decimal

import pytest

from framework.cli.project import load
from framework.model.units import money_of
from framework.run import RunOptions
from framework.session import RunRequest, run_session

pytestmark = pytest.mark.slow

SETTINGS = {
    "plugins.kalshi.api": "cents",
    "plugins.take_profit.target": Decimal("0.97"),
    "strategies.high_probability.side": "both",
    "strategies.high_probability.min_price": Decimal("0.60"),
    "plugins.liquidity.min_volume": 10,
    "plugins.liquidity.max_spread_ratio": Decimal("0.10"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Return the result of one session and the exchange that it was played on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("session"))
        settings, plugins = load(None, overrides=SETTINGS)
        result = run_session(settings, plugins, RunRequest(options=RunOptions(seed=2)))
    return result, plugins.instances["sandbox"].exchange


def test_a_session_trades_to_its_end_without_trouble(played):
    result, _ = played

    assert result.reason == "session over"
    assert result.totals.fills > 0
    assert result.totals.open_positions == 0
    assert not result.troubles


def test_the_ledgers_cash_is_the_exchanges_to_the_last_unit(played):
    result, exchange = played

    assert result.totals.cash == Decimal(10_000) + result.totals.realized
    assert result.totals.cash == money_of(exchange.cash_e6)


def test_only_whole_contracts_at_whole_cents_were_traded(played):
    result, exchange = played

    assert result.totals.fills == len(exchange.fills)
    assert not any(fill.quantity_e2 % 100 or fill.price_e4 % 100 for fill in exchange.fills)


def test_every_contract_bought_was_sold_or_settled(played):
    for trip in played[0].trips:
        assert trip.ended.startswith("settled") or trip.bought == trip.sold
