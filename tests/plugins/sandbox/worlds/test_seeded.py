"""The seeded world: one seed one world, and something in it to win and to lose."""

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache

import msgspec
import pytest

from framework.model.book import OrderBook
from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT, MarketStatus, moment
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.worlds.plans import CENTI_CENT, FEWEST, HALF_CENT, Shape
from plugins.sandbox.worlds.seeded import SeededWorld

pytestmark = pytest.mark.slow  # plays whole worlds

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
        "from plugins.sandbox.worlds.seeded import SeededWorld\n"
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
    assert 24_000 <= len(times) <= 40_000
    assert world.start_us <= times[0]
    assert times[-1] <= world.end_us


def test_there_are_hundreds_of_markets_of_a_dozen_series_on_five_grids():
    markets = [event.market for event in session(1) if isinstance(event, MarketListed)]
    world = SeededWorld(1)

    assert 240 <= len(markets) <= 250
    assert {market.series_ticker for market in markets} == set(world.series)
    assert len(world.series) >= 12
    grids = {WHOLE_CENT, DECI_CENT, TAPERED, HALF_CENT, CENTI_CENT}
    assert {market.grid for market in markets} == grids
    assert {series.fee_type for series in world.series.values()} > {"quadratic"}
    assert sum(group.mutually_exclusive for group in world.event_groups.values()) >= 10


def test_a_world_has_as_many_markets_as_it_is_asked_for():
    for markets in (12, 40, 700):
        groups = SeededWorld(1, MINUTE_US, markets).event_groups

        assert 0 <= sum(len(group.markets) for group in groups.values()) - markets < 12


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

        assert winners <= 1 or not group.mutually_exclusive


@pytest.mark.parametrize("seed", SEEDS)
def test_every_market_settles_soon_after_its_close(seed):
    closes = {
        e.market.ticker: e.market.close_us for e in session(seed) if isinstance(e, MarketListed)
    }
    settled = {e.settlement.ticker: e.at_us for e in session(seed) if isinstance(e, MarketSettled)}

    for event in session(seed):
        if isinstance(event, MarketChanged):
            closes[event.market.ticker] = event.market.close_us

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
    assert sum(traded < 50_000 for traded in volume.values()) >= 50


def test_each_seed_offers_favourites_to_buy():
    assert all(len(entries(seed)[0]) >= 2 for seed in SEEDS)


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

    listed = sum(isinstance(event, MarketListed) for event in events)
    assert sum(isinstance(event, MarketSettled) for event in events) == listed
    exchange = SandboxExchange(SeededWorld(1, 30_000_000))
    for event in events:
        exchange.advance(event)


# ------------------------------------------------------------------------- strikes and their ends


def settlements(seed):
    return {
        e.settlement.ticker: e.settlement for e in session(seed) if isinstance(e, MarketSettled)
    }


def nested(seed):
    """The events whose markets are strikes on one underlying."""
    for group in SeededWorld(seed).event_groups.values():
        if len(group.markets) > 1 and not group.mutually_exclusive:
            yield group


@pytest.mark.parametrize("seed", SEEDS)
def test_a_higher_strike_never_pays_more(seed):
    paid = settlements(seed)
    for group in nested(seed):
        pays = [paid[ticker].yes_pays_e4 for ticker in group.markets]

        assert pays == sorted(pays, reverse=True)


def test_a_higher_strike_is_believed_less_at_every_moment():
    world = SeededWorld(1)
    events = [event for event in world._events() if event.plan.shape is Shape.NESTED]
    for event in events:
        for _ in range(300):
            event.walk.step()
            beliefs = [event.belief_e4(number) for number in range(len(event.markets))]

            assert beliefs == sorted(beliefs, reverse=True)
    assert len(events) >= 5


def test_some_events_pay_a_fraction_and_it_is_told_as_scalar():
    scalars = [s for seed in SEEDS for s in settlements(seed).values() if s.result == "scalar"]

    assert len(scalars) >= 10
    assert all(s.yes_pays_e4 % 100 == 0 for s in scalars)
    assert any(0 < s.yes_pays_e4 < 10_000 for s in scalars)
    for seed in SEEDS:
        for settlement in settlements(seed).values():
            if settlement.result != "scalar":
                assert settlement.yes_pays_e4 == (10_000 if settlement.result == "yes" else 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_paused_market_is_quiet_and_comes_back(seed):
    paused, resumed, tickers = set(), set(), set()
    for event in session(seed):
        if isinstance(event, MarketChanged):
            ticker = event.market.ticker
            if event.market.status is MarketStatus.INACTIVE:
                paused.add(ticker)
                tickers.add(ticker)
            elif event.market.status is MarketStatus.ACTIVE:
                resumed.add(ticker)
                paused.discard(ticker)
        elif isinstance(event, BookChanged | TradePrinted):
            assert event.ticker not in paused

    assert tickers
    assert tickers <= resumed


def test_nobody_trades_while_the_whole_exchange_rests():
    (pause,) = SeededWorld(1).pauses
    crowd = [e.at_us for e in session(1) if isinstance(e, BookChanged | TradePrinted)]

    assert not [at_us for at_us in crowd if pause.from_us <= at_us < pause.until_us]
    assert crowd[0] < pause.from_us
    assert crowd[-1] > pause.until_us


def test_a_session_over_a_thursday_rests_from_three_to_five_eastern():
    (pause,) = SeededWorld(1, 5_000 * MINUTE_US, FEWEST).pauses

    assert f"{moment(pause.from_us):%A %H:%M}" == "Thursday 08:00"
    assert pause.until_us - pause.from_us == 120 * MINUTE_US


@pytest.mark.parametrize("seed", SEEDS)
def test_every_session_shows_what_costs_money(seed):
    listed, books, middles, seen = {}, defaultdict(OrderBook), {}, Counter()
    for event in session(seed):
        if isinstance(event, MarketListed):
            listed[event.market.ticker] = event.market
            seen["opens later"] += event.market.open_us > SeededWorld(seed).start_us
        elif isinstance(event, MarketChanged):
            first = listed[event.market.ticker]
            seen["paused"] += event.market.status is MarketStatus.INACTIVE
            seen["closed early"] += event.market.close_us < first.close_us
        elif isinstance(event, MarketSettled):
            seen[event.settlement.result] += 1
        elif isinstance(event, BookReplaced):
            books[event.ticker].replace(dict(event.yes), dict(event.no))
            seen["one side empty"] += bool(event.yes) != bool(event.no)
        elif isinstance(event, BookChanged):
            books[event.ticker].change(event.side, event.price_e4, event.change_e2)
            bid, ask = books[event.ticker].touch()
            if bid is not None and ask is not None:
                seen["wide"] += ask - bid >= 2_000
                before = middles.get(event.ticker)
                if ask - bid <= 400:
                    middles[event.ticker] = (bid + ask) // 2
                    seen["jump"] += (
                        before is not None and abs(middles[event.ticker] - before) >= 1_000
                    )
    seen["nested"] = len(list(nested(seed)))
    seen["exclusive"] = sum(g.mutually_exclusive for g in SeededWorld(seed).event_groups.values())

    shown = {"opens later", "paused", "closed early", "yes", "no", "scalar", "one side empty"}
    shown |= {"wide", "jump", "nested", "exclusive"}
    assert {what for what, times in seen.items() if times} == shown


@pytest.mark.parametrize("seed", SEEDS)
def test_a_close_that_comes_early_was_announced_as_possible(seed):
    exchange = SandboxExchange(SeededWorld(seed))
    listed, early = {}, []
    for event in session(seed):
        if isinstance(event, MarketListed):
            listed[event.market.ticker] = event.market
        elif isinstance(event, MarketChanged):
            first = listed[event.market.ticker]
            if event.market.close_us < first.close_us:
                early.append(first)
        exchange.advance(event)

    assert early
    assert all(market.can_close_early for market in early)


def test_spreads_are_as_wide_as_recorded_ones():
    """`multi-quotes`: a quarter at 1 cent, half within 3, a quarter above 15, sides missing."""
    spreads, one_sided = [], 0
    for event in session(1):
        if isinstance(event, BookReplaced) and (event.yes or event.no):
            if event.yes and event.no:
                spreads.append(10_000 - event.no[-1][0] - event.yes[-1][0])
            else:
                one_sided += 1
    spreads.sort()

    assert spreads[len(spreads) // 10] <= 150
    assert 200 <= spreads[len(spreads) // 2] <= 600
    assert spreads[len(spreads) * 9 // 10] >= 1_500
    assert one_sided >= 10


def test_opening_prices_come_true_as_often_as_they_say():
    """Thousands of markets, by price: the mean payment is the mean price."""
    priced = [(0, 0)] * 10
    counted = [0] * 10
    for seed in range(100, 116):
        paid, books = {}, {}
        for event in SeededWorld(seed, 2 * MINUTE_US).events():
            if isinstance(event, BookReplaced) and event.yes and event.no:
                middle = (event.yes[-1][0] + 10_000 - event.no[-1][0]) // 2
                books.setdefault(event.ticker, middle)
            elif isinstance(event, MarketSettled):
                paid[event.settlement.ticker] = event.settlement.yes_pays_e4
        for ticker, price in books.items():
            price_sum, paid_sum = priced[price // 1_000]
            priced[price // 1_000] = (price_sum + price, paid_sum + paid[ticker])
            counted[price // 1_000] += 1

    assert sum(counted) >= 3_000
    for (price_sum, paid_sum), count in zip(priced, counted, strict=True):
        if count >= 100:  # three standard errors of a coin, doubled for markets of one event
            assert abs(paid_sum - price_sum) / count < 30_000 / count**0.5


@pytest.mark.slow
def test_favourites_lose_about_as_often_as_their_price_says():
    """Bought at the middle once the bid reaches 85 cents, in thousands of markets."""
    paid = bought = entered = lost = 0
    for seed in range(200, 232):
        books, entries = defaultdict(OrderBook), {}
        for event in SeededWorld(seed, 5 * MINUTE_US).events():
            if isinstance(event, BookReplaced):
                books[event.ticker].replace(dict(event.yes), dict(event.no))
            elif isinstance(event, BookChanged) and event.ticker not in entries:
                books[event.ticker].change(event.side, event.price_e4, event.change_e2)
                bid, ask = books[event.ticker].touch()
                if bid is not None and ask is not None and bid >= 8_500 and ask - bid <= 400:
                    entries[event.ticker] = (bid + ask) // 2
            elif isinstance(event, MarketSettled) and event.settlement.ticker in entries:
                bought += entries[event.settlement.ticker]
                paid += event.settlement.yes_pays_e4
                lost += event.settlement.yes_pays_e4 == 0
                entered += 1

    assert entered >= 300
    assert lost >= 20
    assert abs(paid - bought) / entered < 300
