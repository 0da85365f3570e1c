"""What a run did, counted."""

from decimal import Decimal

from framework.model.commands import SubmitOrder
from framework.model.events import (
    ClockTicked,
    LedgerRead,
    MarketListed,
    MarketSettled,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
)
from framework.model.market import Settlement
from framework.model.orders import Purpose, Urgency
from framework.model.records import Record, Stage, Verdict
from framework.model.units import Side
from framework.tally import Tally
from framework.testing.builders import NOW_US, TICKER, fill, market, order
from framework.testing.playbook import account_report
from framework.working import ENDED_KEPT


def told(event=None, *commands, verdicts=()):
    return Record(
        event=event or ClockTicked(at_us=NOW_US), commands=commands, verdicts=tuple(verdicts)
    )


def verdict(stage, code=None, ticker=TICKER):
    return Verdict(strategy="s", ticker=ticker, stage=stage, plugin="p", code=code)


def filled(**terms):
    return told(OrderFilled(at_us=NOW_US, fill=fill(**terms)))


def paid(result="yes"):
    pays = 10_000 if result == "yes" else 0
    return told(
        MarketSettled(
            at_us=NOW_US,
            settlement=Settlement(ticker=TICKER, at_us=NOW_US, result=result, yes_pays_e4=pays),
        )
    )


def tally(*records):
    counted = Tally()
    for record in records:
        counted.update(record)
    return counted


BUY = told(None, SubmitOrder(order=order(strategy="s")))


def test_a_settled_winner_is_gained_net_of_fees():
    counted = tally(BUY, filled(price="0.90", quantity=10, fee="0.07"), paid("yes"))

    totals = counted.totals()
    assert (totals.bought, totals.settled, totals.fees) == (10, 1, Decimal("0.07"))
    assert (totals.gained, totals.lost) == (Decimal("0.93"), Decimal("0.00"))
    (trip,) = counted.trips()
    assert (trip.ended, trip.pnl, trip.entry_price, trip.strategy) == (
        "settled yes",
        Decimal("0.93"),
        Decimal("0.90"),
        "s",
    )


def test_a_settled_loser_is_lost():
    totals = tally(BUY, filled(price="0.90", quantity=10), paid("no")).totals()

    assert (totals.gained, totals.lost, totals.realized) == (0, Decimal("9.00"), Decimal("-9.00"))


def test_a_sale_is_counted_as_sold_at_the_price_of_the_held_side():
    out = told(
        None,
        SubmitOrder(
            order=order(
                client_order_id="run-2", side=Side.NO, purpose=Purpose.EXIT, urgency=Urgency.STOP
            )
        ),
    )
    sale = filled(trade_id="t2", side=Side.NO, price="0.20", quantity=10, client_order_id="run-2")

    counted = tally(BUY, filled(price="0.90", quantity=10), out, sale)

    assert counted.totals().sold == 10
    assert counted.totals().lost == Decimal("1.00")
    assert counted.trips()[0].ended == "sold"


def test_a_fill_told_twice_counts_once():
    counted = tally(BUY, filled(), filled(), told(account_report(fills=(fill(),))))

    assert counted.totals().fills == 1


def test_an_open_position_is_neither_gained_nor_lost():
    totals = tally(BUY, filled(price="0.90", fee="0.07")).totals()

    assert (totals.gained, totals.lost, totals.open_positions) == (0, 0, 1)


def test_counts_markets_signals_and_refusals_by_stage_and_code():
    counted = tally(
        told(MarketListed(at_us=NOW_US, market=market()), verdicts=[verdict(Stage.FILTER)]),
        told(
            MarketListed(at_us=NOW_US, market=market("B")),
            verdicts=[verdict(Stage.FILTER, "volume", "B")],
        ),
        told(verdicts=[verdict(Stage.SIGNAL), verdict(Stage.RISK, "order_cost")]),
        told(OrderRejected(at_us=NOW_US, client_order_id="x", code="c", message="m")),
    )

    totals = counted.totals()
    assert (totals.markets, totals.admitted, totals.signals, totals.refused_by_exchange) == (
        2,
        1,
        1,
        1,
    )
    assert totals.rejections == {"filter.volume": 1, "risk.order_cost": 1}


def test_starts_from_the_cash_of_the_account_and_follows_it():
    counted = tally(
        told(account_report(recovery=True, cash_e6=100_000_000)),
        BUY,
        filled(price="0.90", quantity=10),
    )

    assert counted.totals().cash == Decimal("91.00")


def test_money_adds_up_with_a_position_still_open():
    opening = Decimal(100)
    counted = tally(
        told(account_report(recovery=True, cash_e6=100_000_000)),
        BUY,
        filled(price="0.90", quantity=10, fee="0.07"),
        filled(trade_id="t2", ticker="OTHER", price="0.50", quantity=4, fee="0.01"),
        paid("yes"),
    )

    totals = counted.totals()
    assert (totals.open_positions, totals.open_cost) == (1, Decimal("2.00"))
    assert opening + totals.realized == totals.cash + totals.open_cost


def test_what_an_earlier_run_settled_is_not_counted_again():
    earlier = told(LedgerRead(at_us=NOW_US, opening_cash_e6=0))

    assert tally(earlier).totals().settled == 0


def test_the_owners_of_orders_long_ended_are_forgotten():
    names = [f"run-{number}" for number in range(ENDED_KEPT + 1)]
    sent = [told(None, SubmitOrder(order=order(client_order_id=name))) for name in names]
    counted = tally(*sent)
    counted.update(filled(trade_id="t-1", ticker="OLD", client_order_id=names[0]))
    counted.update(filled(trade_id="t-2", ticker="NEW", client_order_id=names[1]))

    assert [trip.strategy for trip in counted.trips()] == [None, order().strategy]


def test_a_fill_that_overtakes_the_reply_to_its_order_still_has_an_owner():
    accepted = OrderAccepted(
        at_us=NOW_US, client_order_id="run-1", order_id="order-9", filled_e2=0, remaining_e2=0
    )
    sent = told(None, SubmitOrder(order=order(strategy="s", client_order_id="run-1")))

    counted = tally(sent, filled(order_id="order-9", client_order_id=None), told(accepted))

    (trip,) = counted.trips()
    assert trip.strategy == "s"
