"""The seeded crowd: books that are never wrong, trades that happened."""

from itertools import pairwise
from random import Random  # noqa: TID251 - a seeded world is randomness by its seed

import pytest

from framework.model.book import OrderBook
from framework.model.events import BookChanged, TradePrinted
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT, Market, MarketStatus
from framework.model.units import Side
from plugins.sandbox.worlds.quoting import Crowd, Quoting

CROWD = Crowd(
    half_spread_e4=30,
    depth=6,
    size_e2=(500, 9_000),
    visit_us=1_000_000,
    trades_e2=50,
    taken_e2=(100, 9_000),
)


def played(grid, seed=1, visits=400):
    """Visit a market whose belief jumps about; return the events with the book before each."""
    rng = Random(seed)
    market = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE, grid=grid)
    quoting, book, history = Quoting(rng, market, CROWD), OrderBook(), []
    opening = quoting.open(0, 8_000)
    book.replace(dict(opening.yes), dict(opening.no))
    for visit in range(visits):
        for event in quoting.visit(visit * 1_000_000 + 20_000_000, rng.randint(30, 9_970)):
            if isinstance(event, BookChanged):
                book.change(event.side, event.price_e4, event.change_e2)
            history.append((event, book.valid))
    return market, history


@pytest.mark.parametrize("grid", [WHOLE_CENT, DECI_CENT, TAPERED])
def test_no_step_leaves_a_crossed_or_impossible_book(grid):
    _, history = played(grid)

    assert all(valid for _, valid in history)


@pytest.mark.parametrize("grid", [WHOLE_CENT, DECI_CENT, TAPERED])
def test_every_price_stands_on_the_markets_grid(grid):
    market, history = played(grid)

    assert all(
        market.grid.contains(event.price_e4, event.side)
        for event, _ in history
        if isinstance(event, BookChanged)
    )


def test_every_trade_has_its_change_at_the_same_moment():
    _, history = played(WHOLE_CENT)
    changes = [event for event, _ in history if isinstance(event, BookChanged)]
    trades = [event for event, _ in history if isinstance(event, TradePrinted)]
    eaten = {
        (
            change.exchange_us,
            change.price_e4 if change.side is Side.YES else 10_000 - change.price_e4,
            -change.change_e2,
        )
        for change in changes
    }

    assert trades
    assert all(
        (trade.exchange_us, trade.yes_price_e4, trade.quantity_e2) in eaten for trade in trades
    )


def test_the_exchanges_time_never_runs_back_and_is_before_the_arrival():
    _, history = played(WHOLE_CENT)
    times = [event.exchange_us for event, _ in history]

    assert times == sorted(times)
    assert all(event.exchange_us < event.at_us for event, _ in history)


def test_the_print_comes_first_now_and_then():
    _, history = played(WHOLE_CENT)
    events = [event for event, _ in history]
    firsts = sum(
        isinstance(event, TradePrinted)
        and isinstance(after, BookChanged)
        and -after.change_e2 == event.quantity_e2
        for event, after in pairwise(events)
    )

    assert 0 < firsts < sum(isinstance(event, TradePrinted) for event in events) / 2


def test_the_closed_book_is_empty():
    market = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE)
    quoting = Quoting(Random(1), market, CROWD)
    quoting.open(0, 8_000)

    assert (quoting.close(9).yes, quoting.close(9).no) == ((), ())
