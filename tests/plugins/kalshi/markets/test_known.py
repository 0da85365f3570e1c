import msgspec
import pytest

from framework.model.market import EventGroup, MarketStatus
from framework.testing.builders import market
from plugins.kalshi.markets.known import (
    CLOSED_KEPT_US,
    EVENTS_OF_LOOK,
    FINAL_KEPT_US,
    ROUND_EVERY_US,
    Known,
)

NOW_US = 1_768_478_400_000_000


def one(ticker="M-1", event="E-1", *, closes_us=NOW_US, status=MarketStatus.ACTIVE):
    row = market(ticker, event_ticker=event)
    return msgspec.structs.replace(row, close_us=closes_us, status=status)


@pytest.fixture
def groups():
    return {"E-1": EventGroup(ticker="E-1", series_ticker="S")}


@pytest.fixture
def known(groups):
    """A memory that has begun its rounds an hour ago, with an open market of one event."""
    known = Known()
    known.take(one(), NOW_US)
    known.forget_over(NOW_US - ROUND_EVERY_US, groups)
    return known


def test_a_market_that_was_given_out_is_known_with_its_event(known):
    assert "M-1" in known
    assert "M-2" not in known
    assert known.markets_of("E-1") == ("M-1",)
    assert list(known.events_of(["M-1", "M-2"])) == ["E-1"]


def test_a_market_is_kept_for_a_month_after_its_close(known, groups):
    known.forget_over(NOW_US + CLOSED_KEPT_US, groups)

    assert "M-1" in known
    assert "E-1" in groups

    known.forget_over(NOW_US + CLOSED_KEPT_US + ROUND_EVERY_US, groups)
    assert "M-1" not in known
    assert groups == {}
    assert known.markets_of("E-1") == ()


def test_a_close_that_moves_moves_its_end(known, groups):
    later_us = NOW_US + CLOSED_KEPT_US
    known.take(one(closes_us=later_us), NOW_US)
    known.forget_over(later_us + ROUND_EVERY_US, groups)

    assert "M-1" in known


def test_a_final_market_is_kept_for_a_day_however_often_it_is_read(known, groups):
    final = one(status=MarketStatus.FINALIZED, closes_us=NOW_US + CLOSED_KEPT_US)
    known.take(final, NOW_US)
    known.take(final, NOW_US + FINAL_KEPT_US)
    known.forget_over(NOW_US + FINAL_KEPT_US, groups)

    assert "M-1" in known

    known.forget_over(NOW_US + FINAL_KEPT_US + ROUND_EVERY_US, groups)
    assert "M-1" not in known


def test_a_market_without_a_close_is_kept(groups):
    known = Known()
    known.take(one(closes_us=None), NOW_US)
    for hour in range(3):
        known.forget_over(NOW_US + CLOSED_KEPT_US * 99 + hour * ROUND_EVERY_US, groups)

    assert "M-1" in known


def test_an_event_stays_while_one_of_its_markets_does(known, groups):
    known.take(one("M-2", closes_us=NOW_US + CLOSED_KEPT_US), NOW_US)
    known.forget_over(NOW_US + CLOSED_KEPT_US + ROUND_EVERY_US, groups)

    assert known.markets_of("E-1") == ("M-2",)
    assert "E-1" in groups


def test_events_learned_without_a_market_go_with_a_round_but_not_in_the_first_hour(groups):
    known = Known()
    known.forget_over(NOW_US, groups)
    known.forget_over(NOW_US + ROUND_EVERY_US - 1, groups)

    assert "E-1" in groups

    known.forget_over(NOW_US + ROUND_EVERY_US, groups)
    assert groups == {}


def test_one_look_takes_some_events_only():
    known, groups = Known(), dict.fromkeys(map(str, range(EVENTS_OF_LOOK + 5)))
    known.forget_over(NOW_US, groups)
    known.forget_over(NOW_US + ROUND_EVERY_US, groups)

    assert len(groups) == 5

    known.forget_over(NOW_US + ROUND_EVERY_US + 1, groups)
    assert len(groups) == 5

    known.forget_over(NOW_US + 2 * ROUND_EVERY_US, groups)
    assert groups == {}
