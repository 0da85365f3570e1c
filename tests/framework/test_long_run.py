"""50,000 markets come, are traded, and go: nothing of the engine's memory grows with them."""

import gc
from collections import deque
from types import FunctionType, ModuleType

import msgspec
import pytest

from framework import Plugin, Rejection, hookimpl
from framework.engine import Engine
from framework.model.events import (
    BookReplaced,
    ClockTicked,
    MarketChanged,
    MarketListed,
    MarketSettled,
    OrderFilled,
)
from framework.model.market import MarketStatus, Settlement
from framework.pipeline import Pipeline
from framework.tally import Tally
from framework.testing.builders import HOUR_US, NOW_US, fill, market
from framework.testing.playbook import EVERYTHING, PluginSet, account_report

MARKETS = 50_000
OF_ROUND = 100
ROUND_US = 2 * HOUR_US
LIFE_ROUNDS = 3
"""After this many rounds a market is final; the engine keeps it for another day."""
ALIVE = OF_ROUND * (LIFE_ROUNDS + 2 + 24 // 2)


class Every(Plugin):
    """Follows every market that is open."""

    @hookimpl
    def filter_market(self, market):
        return None if market.status is MarketStatus.ACTIVE else Rejection("over", "")

    @hookimpl
    def signal_entry(self):
        return None


def containers(root):
    """Yield every container that can be reached, without what belongs to modules and classes."""
    seen, left = {id(root)}, [root]
    while left:
        one = left.pop()
        if isinstance(one, dict | set | list | deque):
            yield one
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, type | ModuleType | FunctionType):
                seen.add(id(other))
                left.append(other)


def round_of(number):
    """Return the events of one round: markets that come, and those of an earlier round that end."""
    now_us = NOW_US + number * ROUND_US
    for index in range(OF_ROUND):
        ticker = f"M-{number}-{index}"
        row = market(
            ticker,
            event_ticker=f"E-{number}-{index // 4}",
            open_us=now_us,
            close_us=now_us + (LIFE_ROUNDS - 1) * ROUND_US,
        )
        yield MarketListed(at_us=now_us, market=row)
        yield BookReplaced(at_us=now_us, ticker=ticker, yes=((9_200, 500),), no=((700, 500),))
        if index % 10 == 0:
            bought = fill(f"t-{ticker}", ticker=ticker, order_id=f"o-{ticker}", at_us=now_us)
            yield OrderFilled(at_us=now_us, fill=bought)
        if number >= LIFE_ROUNDS:
            old = f"M-{number - LIFE_ROUNDS}-{index}"
            final = msgspec.structs.replace(
                row,
                ticker=old,
                event_ticker=f"E-{number - LIFE_ROUNDS}-{index // 4}",
                status=MarketStatus.FINALIZED,
                close_us=now_us - ROUND_US,
            )
            yield MarketChanged(at_us=now_us, market=final)
            pays = Settlement(ticker=old, at_us=now_us, result="yes", yes_pays_e4=10_000)
            yield MarketSettled(at_us=now_us, settlement=pays)
    report = account_report(at_us=now_us, recovery=number == 0)
    yield msgspec.structs.replace(report, told_us=now_us)
    yield ClockTicked(at_us=now_us)


@pytest.mark.slow
def test_the_engine_is_as_large_after_50_000_markets_as_after_a_few():
    pipeline = Pipeline(PluginSet({"every": Every()}))
    engine = Engine(pipeline, run_id="run", capabilities=EVERYTHING)
    for number in range(MARKETS // OF_ROUND):
        for event in round_of(number):
            engine.handle(event)

    portfolio = engine.state.portfolio
    assert len(portfolio._closed) == 1_000
    assert max(map(len, containers(engine))) <= ALIVE
    assert len(portfolio._trades) <= ALIVE // 10


def test_the_totals_keep_the_names_of_a_day_of_trades():
    tally = Tally()
    engine = Engine(Pipeline(PluginSet({})), run_id="run", capabilities=EVERYTHING)
    for number in range(50):
        for event in round_of(number):
            tally.update(engine.handle(event))

    assert len(tally._books._trades) <= ALIVE // 10
