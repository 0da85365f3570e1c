"""The seeded world: one seed one world, and something in it to win and to lose."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from functools import cache

import msgspec
import pytest

from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT, MarketStatus
from plugins.sandbox.exchange import SandboxExchange
from plugins.sandbox.seeded import SeededWorld

MINUTE_US = 60_000_000
SEEDS = [1, 2, 3, 4, 5]


@cache
def session(seed):
    return tuple(SeededWorld(seed).events())


@cache
def entries(seed):
    """What a buyer of liquid favourites would have paid, and how each market went on."""
    exchange = SandboxExchange(SeededWorld(seed))
    bought, stopped, won = {}, set(), {}
    for event in session(seed):
        exchange.advance(event)
        if isinstance(event, BookChanged):
            bid, ask = exchange.book(event.ticker).touch()
            volume = exchange.markets[event.ticker].volume_e2
            if bid is None or ask is None:
                continue
            tight = (ask - bid) * 100 < ask + bid  # spread over mid below 0.02
            if bid >= 8_500 and tight and volume >= 1_000_000:
                bought.setdefault(event.ticker, ask)
            if event.ticker in bought and bid <= bought[event.ticker] * 95 // 100:
                stopped.add(event.ticker)
        elif isinstance(event, MarketSettled):
            won[event.settlement.ticker] = event.settlement.result == "yes"
    return bought, stopped, won


def digest(seed):
    content = msgspec.json.encode(list(SeededWorld(seed, 3 * MINUTE_US).events()))
    return hashlib.sha256(content).hexdigest()


def test_one_seed_gives_one_world():
    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_world_does_not_depend_on_the_hash_seed(hash_seed, project):
    program = (
        "import hashlib, msgspec\n"
        "from plugins.sandbox.seeded import SeededWorld\n"
        "events = list(SeededWorld(1, 180_000_000).events())\n"
        "print(hashlib.sha256(msgspec.json.encode(events)).hexdigest())\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=project,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )

    assert found.stdout.strip() == digest(1)


def test_asking_twice_gives_the_same_session():
    world = SeededWorld(3, MINUTE_US)

    assert list(world.events()) == list(world.events())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_is_in_order_and_of_a_playable_size(seed):
    times = [event.at_us for event in session(seed)]
    world = SeededWorld(seed)

    assert times == sorted(times)
    assert 18_000 <= len(times) <= 40_000
    assert world.start_us <= times[0]
    assert times[-1] <= world.end_us


def test_there_are_a_dozen_markets_of_four_series_on_three_grids():
    markets = [event.market for event in session(1) if isinstance(event, MarketListed)]
    world = SeededWorld(1)

    assert len(markets) == 12
    assert {market.series_ticker for market in markets} == set(world.series)
    assert {market.grid for market in markets} == {WHOLE_CENT, DECI_CENT, TAPERED}
    assert sum(group.mutually_exclusive for group in world.event_groups.values()) == 2


def test_the_groups_name_their_markets():
    markets = [event.market for event in session(1) if isinstance(event, MarketListed)]
    groups = SeededWorld(1).event_groups

    assert {t for group in groups.values() for t in group.markets} == {m.ticker for m in markets}
    assert all(market.ticker in groups[market.event_ticker].markets for market in markets)


def test_no_listing_knows_the_future():
    for event in session(1):
        if isinstance(event, MarketListed):
            market = event.market

            assert (market.result, market.settlement_e4, market.volume_e2) == (None, None, None)
            assert market.status is MarketStatus.ACTIVE


@pytest.mark.parametrize("seed", SEEDS)
def test_at_most_one_market_of_an_exclusive_event_wins(seed):
    _, _, won = entries(seed)
    for group in SeededWorld(seed).event_groups.values():
        winners = sum(won[ticker] for ticker in group.markets)

        assert winners <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_every_market_settles_soon_after_its_close(seed):
    closes = {
        e.market.ticker: e.market.close_us for e in session(seed) if isinstance(e, MarketListed)
    }
    settled = {e.settlement.ticker: e.at_us for e in session(seed) if isinstance(e, MarketSettled)}

    assert settled.keys() == closes.keys()
    assert all(0 < settled[t] - closes[t] < MINUTE_US for t in closes)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_event_leaves_a_book_that_can_not_be_traded_on(seed):
    exchange = SandboxExchange(SeededWorld(seed))
    for event in session(seed):
        exchange.advance(event)
        if isinstance(event, BookChanged | BookReplaced):
            assert exchange.book(event.ticker).valid


@pytest.mark.parametrize("seed", SEEDS)
def test_several_markets_trade_more_than_ten_thousand_contracts(seed):
    volume = Counter()
    for event in session(seed):
        if isinstance(event, TradePrinted):
            volume[event.ticker] += event.quantity_e2

    assert sum(traded > 1_000_000 for traded in volume.values()) >= 5
    assert min(volume.values()) < 200_000


def test_each_seed_offers_favourites_to_buy():
    assert all(len(entries(seed)[0]) >= 3 for seed in SEEDS)


def test_bought_favourites_win_lose_and_stop_out():
    won = lost = stopped = 0
    for seed in SEEDS:
        bought, stops, results = entries(seed)
        won += sum(results[ticker] for ticker in bought)
        lost += sum(not results[ticker] for ticker in bought)
        stopped += len(stops)

    assert won > lost > 0
    assert 0 < stopped < won + lost


def test_a_short_session_is_whole():
    events = list(SeededWorld(1, 30_000_000).events())

    assert sum(isinstance(event, MarketSettled) for event in events) == 12
    exchange = SandboxExchange(SeededWorld(1, 30_000_000))
    for event in events:
        exchange.advance(event)
