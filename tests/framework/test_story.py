"""What happened to one market, step by step."""

from decimal import Decimal

import pytest

from framework.model.account import OwnedFill
from framework.model.commands import AmendOrder, CancelOrder, SubmitOrder, Unsubscribe
from framework.model.events import (
    AmendRefused,
    BookInvalidated,
    CancelRefused,
    ClockTicked,
    ExchangeStatusChanged,
    IntentRefused,
    LedgerRead,
    OrderAbsent,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Pause,
    PluginQuarantined,
    TradingHalted,
    TradingResumed,
)
from framework.model.orders import Purpose, Urgency
from framework.model.records import STAY, Record, Stage, Verdict
from framework.model.units import Side
from framework.story import Story
from framework.testing.builders import NOW_US, TICKER, fill, order
from framework.testing.playbook import account_report


def told(ticker, header, records):
    story = Story(ticker, header)
    for record in records:
        story.update(record)
    return story


def happened(*events, **follow):
    return [Record(event=event, **follow) for event in events]


def test_tells_a_trade_from_listing_to_settlement(header, small_run):
    story = told("A", header, small_run)

    assert [(step.kind, step.text) for step in story.steps] == [
        (
            "listed",
            "A; event E; series E; News; active, closes 2026-01-15 18:00:00",
        ),
        ("filter", "passed tradable, liquidity, fade"),
        ("followed", "its book is followed"),
        ("signal", "YES bid 0.92"),
        ("size", "sized"),
        ("risk", "passed liquidity, risk_limits"),
        ("order", "buy 10 YES A at 0.93"),
        ("accepted", "buy 10 YES A at 0.93: accepted as x1"),
        ("fill", "bought 10 YES at 0.93, fee 0.05"),
        ("settled", "yes: 10 YES were held"),
        ("run", "the run ends: session over"),
    ]


def test_gives_the_numbers_of_each_step(header, small_run):
    numbers = {step.kind: step.numbers for step in told("A", header, small_run).steps}

    assert numbers["listed"] == {
        "bid": Decimal("0.92"),
        "ask": Decimal("0.93"),
        "volume": Decimal(20_000),
    }
    assert numbers["signal"] == {"limit": Decimal("0.93"), "break_even": Decimal("0.94")}
    assert numbers["size"] == {"contracts": Decimal(10)}
    assert numbers["fill"]["fee"] == Decimal("0.05")
    assert numbers["settled"] == {"yes_pays": Decimal("1.00"), "pnl": Decimal("0.70")}


def test_a_refusal_names_who_refused_and_who_had_not(header, small_run):
    story = told("B", header, small_run)

    steps = {step.code: step for step in story.steps if step.kind == "filter"}
    assert steps["volume"].text == "volume: volume 5 is below 100; tradable had let it pass"
    assert (steps["volume"].plugin, steps["volume"].passed) == ("liquidity", False)
    assert steps["status"].text == "status: status is closed, not active"


def test_a_change_of_the_market_is_told_once(header, small_run):
    texts = [step.text for step in told("B", header, small_run).steps if step.kind == "changed"]

    assert texts == ["status active is now closed"]


def test_no_opinion_is_neither_passed_nor_refused(header, small_run):
    (step,) = [step for step in told("C", header, small_run).steps if step.kind == "signal"]

    assert (step.passed, step.text) == (None, "the strategy wants nothing")
    assert step.numbers == {"bid": Decimal("0.40")}


@pytest.mark.parametrize(
    ("ticker", "place", "refusal"),
    [
        ("A", None, None),
        ("B", "filter", "liquidity.volume"),
        ("C", "signal", "no_signal"),
        ("D", "risk", "risk_limits.order_cost"),
    ],
)
def test_says_where_each_market_ended(header, small_run, ticker, place, refusal):
    (outcome,) = told(ticker, header, small_run).outcomes()

    assert outcome.place == place
    assert outcome.bought is (place is None)
    assert (refusal is None) == (outcome.refusal is None)
    assert str(outcome.refusal or None) == str(refusal)


def test_gives_what_the_market_brought(header, small_run):
    assert told("A", header, small_run).trip().pnl == Decimal("0.65")
    assert told("B", header, small_run).trip() is None


def test_knows_only_the_markets_of_the_run(header, small_run):
    assert told("A", header, small_run).is_known
    story = told("Z", header, small_run)
    assert not story.is_known
    assert story.listed == {"A", "B", "C", "D"}


@pytest.mark.parametrize(
    ("event", "kind", "code", "text"),
    [
        (
            OrderRejected(at_us=1, client_order_id="c", code="closed", message="too late"),
            "rejected",
            "closed",
            "the exchange refused it, closed: too late",
        ),
        (
            IntentRefused(at_us=1, client_order_id="c", reason="halted"),
            "rejected",
            "intent_refused",
            "the ledger refused it: halted",
        ),
        (
            OrderUnknown(at_us=1, client_order_id="c", reason="no reply"),
            "unknown",
            "unknown",
            "nobody knows what became of it: no reply",
        ),
        (
            OrderAbsent(at_us=1, client_order_id="c", as_of_us=1),
            "absent",
            "absent",
            "the exchange does not know it",
        ),
        (
            OrderCancelled(
                at_us=1, client_order_id="c", order_id="x", filled_e2=0, reason="expired"
            ),
            "cancelled",
            None,
            "cancelled: expired",
        ),
        (
            CancelRefused(at_us=1, client_order_id="c", code="gone", message="filled"),
            "cancel_refused",
            "gone",
            "not cancelled, gone: filled",
        ),
    ],
)
def test_tells_what_became_of_an_order(header, event, kind, code, text):
    wish = order(client_order_id="c")
    sent = happened(ClockTicked(at_us=0), commands=(SubmitOrder(order=wish),))

    step = told(TICKER, header, sent + happened(event)).steps[-1]

    assert (step.kind, step.code, step.strategy) == (kind, code, "under_test")
    assert step.text == f"{wish}: {text}"


def test_an_exit_is_a_sale_at_the_prices_of_what_is_held(header):
    sale = order(
        client_order_id="c",
        side=Side.NO,
        limit="0.20",
        purpose=Purpose.EXIT,
        urgency=Urgency.STOP,
    )
    records = [
        *happened(OrderFilled(at_us=1, fill=fill("a"))),
        *happened(ClockTicked(at_us=2), commands=(SubmitOrder(order=sale),)),
        *happened(OrderFilled(at_us=3, fill=fill("b", side=Side.NO, price="0.15"))),
    ]

    _, sent, sold = told(TICKER, header, records).steps

    assert (sent.text, sent.numbers["limit"]) == (f"sell 10 YES {TICKER} at 0.80", Decimal("0.80"))
    assert sold.text == "sold 10 YES at 0.85, fee 0.00"
    assert sold.numbers["pnl"] == Decimal("-0.80")


def test_staying_is_told_without_blame(header):
    stay = Verdict(strategy="s", ticker=TICKER, stage=Stage.EXIT, plugin=None, code=STAY)

    (step,) = told(TICKER, header, happened(ClockTicked(at_us=1), verdicts=(stay,))).steps

    assert (step.text, step.passed) == ("no exit is wanted", None)


def test_a_fill_that_a_report_told_first_is_told_once(header):
    report = account_report(fills=(fill("a"),))
    records = happened(report, report, OrderFilled(at_us=NOW_US, fill=fill("a")))

    (step,) = told(TICKER, header, records).steps

    assert step.text.endswith("; told by the account's report")


def test_tells_what_an_earlier_run_left(header):
    left = LedgerRead(
        at_us=1, opening_cash_e6=0, fills=(OwnedFill(fill=fill("a"), strategy="fade"),)
    )

    (step,) = told(TICKER, header, happened(left)).steps

    assert (step.kind, step.text) == ("held", "10 YES held from earlier runs")


def test_tells_what_stops_every_market(header):
    events = [
        TradingHalted(at_us=1, reason="by hand"),
        TradingResumed(at_us=2),
        ExchangeStatusChanged(at_us=2, pauses=(Pause(shard=2, reason="trading pauses"),)),
        ExchangeStatusChanged(at_us=2),
        PluginQuarantined(at_us=3, plugin="p", reason="faults"),
        BookInvalidated(at_us=4, ticker=TICKER, reason="a gap"),
    ]

    assert [step.text for step in told(TICKER, header, happened(*events)).steps] == [
        "halted, nothing is bought: by hand",
        "the halt is released",
        "the exchange pauses: trading pauses",
        "the exchange takes orders again",
        "p is quarantined: faults",
        "not to be trusted: a gap",
    ]


def test_tells_what_an_order_is_to_become_and_then_is(header):
    sent = order(client_order_id="c", limit="0.93")
    terms = {"client_order_id": "c", "order_id": "x", "limit_e4": 9_400, "quantity_e2": 5_00}
    answers = (
        OrderAmended(at_us=3, remaining_e2=None, **terms),
        AmendRefused(at_us=4, client_order_id="c", code="no", message="m"),
    )
    commands = SubmitOrder(order=sent), AmendOrder(order=sent, **terms)

    records = happened(ClockTicked(at_us=1), commands=commands) + happened(*answers)
    steps = told(TICKER, header, records).steps

    assert [step.kind for step in steps] == ["order", "amend", "amended", "amend_refused"]
    assert "is to become buy 5" in steps[1].text
    assert steps[2].numbers == {"limit": Decimal("0.94"), "contracts": 5}
    assert steps[3].code == "no"


def test_tells_cancels_and_the_end_of_following(header):
    commands = (
        CancelOrder(client_order_id="c", order_id="x", ticker=TICKER, shard=0, reason="re-priced"),
        Unsubscribe(tickers=(TICKER,)),
    )

    story = told(TICKER, header, happened(ClockTicked(at_us=1), commands=commands))

    assert [step.kind for step in story.steps] == ["cancel", "unfollowed"]
