from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.ledger import Ledger, open_ledger
from framework.model.events import (
    MarketSettled,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.market import Settlement
from framework.model.orders import Fill, OrderState, Purpose
from framework.model.portfolio import Portfolio
from framework.model.units import Side
from framework.testing.builders import NOW_US, OWNER, fill, order

TICKERS = ("A", "B", "C")


def accepted(order_id="order-1", filled=0, remaining=1000):
    return OrderAccepted(
        at_us=NOW_US,
        client_order_id="run-1",
        order_id=order_id,
        filled_e2=filled,
        remaining_e2=remaining,
    )


class TestOrders:
    @pytest.mark.parametrize("state", ["pending", "unknown"])
    def test_an_unanswered_intent_may_have_been_sent(self, ledger, state):
        ledger.commit_intents([order()], NOW_US)
        if state == "unknown":
            ledger.record_events([OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="")])
        (known,) = ledger.recover(NOW_US).orders

        assert known.state is OrderState.UNKNOWN

    def test_an_open_order_comes_back_with_its_id_and_what_it_filled(self, ledger):
        ledger.commit_intents([order()], NOW_US)
        ledger.record_events([accepted(), OrderFilled(at_us=NOW_US, fill=fill(quantity=4))])
        (known,) = ledger.recover(NOW_US + 9).orders

        assert known.order == order()
        assert (known.state, known.order_id, known.filled_e2) == (OrderState.OPEN, "order-1", 400)
        assert known.sent_us == NOW_US

    @pytest.mark.parametrize(
        "event",
        [
            OrderRejected(at_us=NOW_US, client_order_id="run-1", code="", message=""),
            OrderCancelled(
                at_us=NOW_US, client_order_id="run-1", order_id=None, filled_e2=None, reason=""
            ),
            OrderFilled(at_us=NOW_US, fill=fill(quantity=10)),
        ],
        ids=lambda event: type(event).__name__,
    )
    def test_an_ended_order_does_not_come_back(self, ledger, event):
        ledger.commit_intents([order()], NOW_US)
        ledger.record_events([event])

        assert ledger.recover(NOW_US).orders == ()

    def test_an_ended_order_whose_fills_are_missing_comes_back(self, ledger):
        ledger.commit_intents([order()], NOW_US)
        ledger.record_events([accepted(filled=600, remaining=0)])
        (known,) = ledger.recover(NOW_US).orders
        ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill(quantity=6))])
        later = ledger.recover(NOW_US).orders

        assert (known.state, known.filled_e2) == (OrderState.CANCELLED, 0)
        assert later == ()


def test_an_empty_ledger_says_that_it_knows_nothing(ledger):
    recovered = ledger.recover(NOW_US)

    assert recovered.opened is False
    assert recovered.since_us is None
    assert recovered.counter == 0
    assert recovered.read.fills == ()
    assert recovered.portfolio().cash_e6 == 0


def test_the_counter_goes_on_where_this_run_stopped(ledger, opened):
    sent = [order(client_order_id=f"run-{n}") for n in (9, 10, 2)]
    ledger.commit_intents(sent, NOW_US)
    this = ledger.recover(NOW_US).counter
    ledger.close()
    other = opened(run_id="another").recover(NOW_US).counter

    assert (this, other) == (10, 0)


def test_one_accounts_money_is_not_anothers(ledger, opened):
    ledger.record_opening(7, NOW_US)
    ledger.commit_intents([order()], NOW_US)
    ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill(quantity=1))])
    ledger.close()
    other = opened(account="other", run_id="other").recover(NOW_US)

    assert other.opened is False
    assert other.read.fills == ()
    assert other.orders == ()


# -------------------------------------------------------------- recovered equals live


@dataclass
class Live:
    """The books a bot keeps in memory, beside the ledger it writes."""

    ledger: Ledger
    portfolio: Portfolio = field(default_factory=lambda: Portfolio(1_000_000_000))
    owners: dict[str, str] = field(default_factory=dict)
    batch: list[object] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)

    def submit(self, number, ticker, strategy):
        sent = order(client_order_id=f"run-{number}", ticker=ticker, strategy=strategy)
        self.ledger.commit_intents([sent], NOW_US)
        self.owners[sent.client_order_id] = strategy

    def fill(self, filled: Fill):
        self.portfolio.apply(filled, self.owners.get(filled.client_order_id or ""))
        self.batch.append(OrderFilled(at_us=filled.at_us, fill=filled))

    def settle(self, ticker, pays_e4):
        paid = Settlement(ticker=ticker, at_us=NOW_US, result="x", yes_pays_e4=pays_e4, fee_e6=17)
        if self.portfolio.settle(paid) is not None:
            self.settled.add(ticker)
        self.batch.append(MarketSettled(at_us=NOW_US, settlement=paid))

    def flush(self):
        self.ledger.record_events(self.batch)
        self.batch.clear()


def seen(portfolio):
    """Return everything a decision can see of a portfolio."""
    return (
        portfolio.cash_e6,
        portfolio.realized_e6,
        portfolio.fees_e6,
        portfolio.cost_e6,
        dict(portfolio.positions),
        {ticker: portfolio.activity(ticker) for ticker in TICKERS},
    )


def _filled(trade, ticker, side, cents, hundredths, fee_e6, later_us, owner):
    return Fill(
        trade_id=str(trade),
        order_id=f"order of {owner}",
        client_order_id=owner,
        ticker=ticker,
        side=side,
        price_e4=cents * 100,
        quantity_e2=hundredths,
        fee_e6=fee_e6,
        is_taker=True,
        at_us=NOW_US + later_us,
    )


fills = st.builds(
    _filled,
    st.integers(0, 40),
    st.sampled_from(TICKERS),
    st.sampled_from(Side),
    st.integers(1, 99),
    st.integers(1, 500),
    st.integers(0, 20_000),
    st.integers(0, 1000),
    st.sampled_from(["run-1", "run-2", "by-hand", None]),
)
steps = st.lists(st.one_of(fills, st.sampled_from(TICKERS), st.just("flush")), max_size=40)


@pytest.mark.slow
@settings(max_examples=60)
@given(steps, st.integers(0, 10_000))
def test_the_recovered_portfolio_is_the_live_one(some, pays_e4):
    """Fills (repeated, foreign, through zero), settlements and commits in any order."""
    with open_ledger("sqlite://", durability="process", account="main", run_id="run") as ledger:
        ledger.acquire_lock(NOW_US)
        ledger.record_opening(1_000_000_000, NOW_US)
        live = Live(ledger)
        live.submit(1, "A", OWNER)
        live.submit(2, "B", "another")
        told: dict[str, Fill] = {}
        for step in some:
            if step == "flush":
                live.flush()
            elif isinstance(step, str):
                live.settle(step, pays_e4)
            elif step.ticker not in live.settled:
                live.fill(told.setdefault(step.trade_id, step))
        live.flush()
        recovered = ledger.recover(NOW_US).portfolio()

    assert seen(recovered) == seen(live.portfolio)


def test_the_fills_strategy_is_its_orders(ledger):
    ledger.commit_intents([order(strategy="mine", purpose=Purpose.ENTRY)], NOW_US)
    ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill())])
    position = ledger.recover(NOW_US).portfolio().position(fill().ticker)

    assert position is not None
    assert position.strategy == "mine"
