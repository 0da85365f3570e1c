"""How far each market got, and what stopped it."""

from decimal import Decimal

import pytest

from framework.funnel import EXCHANGE, FILL, Ended, Refusal, Way, funnel_of
from framework.model.commands import SubmitOrder
from framework.model.events import (
    ClockTicked,
    IntentRefused,
    MarketListed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.orders import Purpose
from framework.model.records import NO_SIGNAL, OFF_GRID, Record, Stage, Verdict
from framework.testing.builders import NOW_US, fill, market, order

PLACES = ["tradable", "liquidity", "fade", "signal", "size", "risk", "exchange", "fill"]


def funnel(header, records):
    counted = funnel_of(header)
    for record in records:
        counted.update(record)
    (one,) = counted.report()
    return one


def removed(one):
    return {row.plugin or row.stage: row.reasons for row in one.rows if row.removed}


def verdict(stage, plugin=None, code=None, ticker="M"):
    return Verdict(strategy="fade", ticker=ticker, stage=stage, plugin=plugin, code=code)


def listed(*verdicts, ticker="M"):
    return Record(event=MarketListed(at_us=NOW_US, market=market(ticker)), verdicts=verdicts)


def later(*verdicts, commands=()):
    return Record(event=ClockTicked(at_us=NOW_US), verdicts=verdicts, commands=commands)


def sent(**terms):
    wish = order(client_order_id="c1", ticker="M", strategy="fade", **terms)
    passed = [verdict(stage) for stage in (Stage.FILTER, Stage.SIGNAL, Stage.SIZE, Stage.RISK)]
    return [listed(*passed), later(commands=(SubmitOrder(order=wish),))]


def test_counts_each_market_once_where_it_got_furthest(header, small_run):
    one = funnel(header, small_run)

    assert [row.plugin or row.stage for row in one.rows] == PLACES
    assert [row.left for row in one.rows] == [4, 3, 3, 2, 2, 1, 1, 1]
    assert removed(one) == {
        "liquidity": {"volume": 1},
        "signal": {NO_SIGNAL: 1},
        "risk": {"risk_limits.order_cost": 1},
    }


def test_counts_how_often_verdicts_were_recorded(header, small_run):
    rows = {row.plugin or row.stage: row for row in funnel(header, small_run).rows}

    assert [(rows[name].passes, rows[name].refusals) for name in PLACES] == [
        (4, 1),
        (3, 1),
        (3, 0),
        (2, 0),
        (2, 0),
        (1, 1),
        (1, 0),
        (1, 0),
    ]


def test_tells_how_positions_ended(header, small_run):
    one = funnel(header, small_run)

    assert one.ends == {"settled yes": Ended(markets=1, pnl=Decimal("0.65"))}


def test_every_market_is_left_or_removed_somewhere(header, small_run):
    one = funnel(header, small_run)

    assert one.rows[0].markets == one.markets == 4
    for row, following in zip(one.rows, one.rows[1:], strict=False):
        assert row.markets == row.removed + row.left
        assert sum(row.reasons.values()) == row.removed
        assert row.left == following.markets


def test_the_newest_refusal_at_the_furthest_place_counts(header):
    wide = verdict(Stage.FILTER, "liquidity", "spread")
    thin = verdict(Stage.FILTER, "liquidity", "volume")
    shut = verdict(Stage.FILTER, "tradable", "status")

    assert removed(funnel(header, [listed(thin), later(wide), later(shut)])) == {
        "liquidity": {"spread": 1}
    }


def test_a_market_nobody_asked_about_is_told_so(header):
    admitted = listed(verdict(Stage.FILTER))

    assert removed(funnel(header, [admitted])) == {"signal": {"not_asked": 1}}
    assert removed(funnel(header, [listed()])) == {"tradable": {"not_asked": 1}}


def test_a_price_off_the_grid_stops_between_signal_and_size(header):
    line = listed(
        verdict(Stage.FILTER), verdict(Stage.SIGNAL, "fade"), verdict(Stage.SIGNAL, None, OFF_GRID)
    )

    assert removed(funnel(header, [line])) == {"size": {OFF_GRID: 1}}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (None, {"exchange": {"no_answer": 1}}),
        (
            OrderRejected(at_us=NOW_US, client_order_id="c1", code="closed", message=""),
            {"exchange": {"exchange.closed": 1}},
        ),
        (
            IntentRefused(at_us=NOW_US, client_order_id="c1", reason="halted"),
            {"exchange": {"ledger.intent_refused": 1}},
        ),
        (
            OrderUnknown(at_us=NOW_US, client_order_id="c1", reason="lost"),
            {"exchange": {"unknown": 1}},
        ),
        (
            OrderAccepted(
                at_us=NOW_US, client_order_id="c1", order_id="x", filled_e2=0, remaining_e2=1
            ),
            {"fill": {"not_filled": 1}},
        ),
    ],
)
def test_an_order_that_is_not_filled_stops_where_it_was_answered(header, event, found):
    answers = [] if event is None else [Record(event=event)]

    assert removed(funnel(header, sent() + answers)) == found


def test_a_cancelled_order_was_taken_but_not_filled(header):
    terms = {"at_us": NOW_US, "client_order_id": "c1", "order_id": "x"}
    accepted = OrderAccepted(filled_e2=0, remaining_e2=1, **terms)
    gone = OrderCancelled(filled_e2=0, reason="expired", **terms)

    one = funnel(header, [*sent(), Record(event=accepted), Record(event=gone)])

    assert removed(one) == {"fill": {"cancelled": 1}}


def test_an_exit_is_no_entry(header):
    refused = OrderRejected(at_us=NOW_US, client_order_id="c1", code="closed", message="")

    one = funnel(header, [*sent(purpose=Purpose.EXIT), Record(event=refused)])

    assert removed(one) == {"exchange": {"no_answer": 1}}


def test_a_journal_that_names_no_filters_has_them_counted_as_one(header):
    old = {"strategies": ["fade"]}
    thin = verdict(Stage.FILTER, "liquidity", "volume")

    one = funnel(old, [listed(thin), listed(verdict(Stage.FILTER, ticker="N"), ticker="N")])

    assert removed(one) == {"filters": {"volume": 1}, "signal": {"not_asked": 1}}


def test_a_way_without_filters_begins_at_the_signal():
    way = Way(())

    assert (way.place, way.refusal) == (0, Refusal(None, "not_asked", ""))
    way.pass_stage(EXCHANGE)
    assert way.refusal.code == "not_filled"
    way.pass_stage(FILL)
    assert (way.place, way.refusal) == (None, None)


def test_a_fill_without_an_order_of_this_run_is_nobodys(header):
    foreign = OrderFilled(at_us=NOW_US, fill=fill(ticker="M", client_order_id=None))

    assert removed(funnel(header, [listed(verdict(Stage.FILTER)), Record(event=foreign)])) == {
        "signal": {"not_asked": 1}
    }
