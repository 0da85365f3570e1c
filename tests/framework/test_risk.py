"""Worst-case exposure."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.fees import DIRECT_E6, NON_DIRECT_E6, worst_outlay_e6
from framework.model.orders import OrderFact, OrderState, Purpose
from framework.model.portfolio import Portfolio
from framework.model.units import Side
from framework.risk import WorstCase
from framework.testing.builders import NOW_US, fill, market, order
from framework.working import LiveOrder, WorkingOrders

DOLLAR = 1_000_000


class Desk:
    """A portfolio, its orders and the worst case over both."""

    def __init__(self, *, exclusive=False, balance_step_e6=DIRECT_E6):
        self.portfolio = Portfolio()
        self.orders = WorkingOrders()
        self.exclusive = exclusive
        self.marks = {}
        self.numbers = iter(range(10_000))
        self.worst = WorstCase(
            self.portfolio,
            self.orders,
            self.market,
            lambda t, side: self.marks.get((t, side)),
            balance_step_e6,
        )

    def market(self, ticker):
        return msgspec.structs.replace(market(ticker), mutually_exclusive=self.exclusive)

    def hold(self, ticker, side, price, quantity):
        number = next(self.numbers)
        self.portfolio.apply(
            fill(f"t{number}", ticker=ticker, side=side, price=price, quantity=quantity, fee=0)
        )

    def send(
        self,
        ticker,
        price,
        quantity,
        *,
        side=Side.YES,
        state=OrderState.OPEN,
        purpose=Purpose.ENTRY,
    ):
        number = next(self.numbers)
        live = LiveOrder(
            order(
                client_order_id=f"c{number}",
                ticker=ticker,
                side=side,
                limit=price,
                quantity=quantity,
                purpose=purpose,
            ),
            NOW_US,
        )
        live.state = state
        self.orders.add(live)
        return live


def fee(price_e4, quantity_e2):
    return worst_outlay_e6(price_e4, quantity_e2) - price_e4 * quantity_e2


def test_a_position_can_lose_its_cost():
    desk = Desk()

    desk.hold("A", Side.YES, "0.90", 10)

    assert desk.worst.in_market_e6("A") == 9 * DOLLAR


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.OPEN, OrderState.UNKNOWN])
def test_an_order_counts_whole_with_its_worst_fee_until_its_end_is_known(state):
    desk = Desk()

    live = desk.send("A", "0.90", 10, state=state)

    assert desk.worst.in_market_e6("A") == 9 * DOLLAR + fee(9_000, 10_00)
    desk.orders.take(
        live, OrderFact.REJECTED if state is not OrderState.OPEN else OrderFact.CANCELLED
    )
    assert desk.worst.in_market_e6("A") == 0


def test_behind_a_broker_an_order_may_cost_a_cent_for_each_hundredth_of_a_contract():
    desk = Desk(balance_step_e6=NON_DIRECT_E6)

    desk.send("A", "0.50", 10)

    assert desk.worst.in_market_e6("A") == desk.worst.reserved_e6(0) == 10 * DOLLAR


def test_an_exit_order_does_not_reduce_what_a_position_can_lose():
    desk = Desk()
    desk.hold("A", Side.YES, "0.90", 10)

    desk.send("A", "0.05", 10, side=Side.NO, purpose=Purpose.EXIT)

    assert desk.worst.in_market_e6("A") == 9 * DOLLAR


def test_markets_of_an_ordinary_event_add_up():
    desk = Desk(exclusive=False)
    desk.hold("A", Side.NO, "0.90", 10)
    desk.hold("B", Side.NO, "0.80", 10)

    assert desk.worst.in_event_e6(market("A").event_ticker) == 17 * DOLLAR
    assert desk.worst.total_e6() == 17 * DOLLAR


def test_only_one_of_mutually_exclusive_no_positions_can_lose():
    desk = Desk(exclusive=True)
    desk.hold("A", Side.NO, "0.90", 10)
    desk.hold("B", Side.NO, "0.80", 10)

    # A pays YES: lose 9, and B's NO wins 2.
    assert desk.worst.in_event_e6(market("A").event_ticker) == 7 * DOLLAR


def test_an_order_that_would_hedge_is_not_counted_on():
    desk = Desk(exclusive=True)
    desk.hold("A", Side.NO, "0.90", 10)

    desk.send("B", "0.80", 10, side=Side.NO)

    assert desk.worst.in_event_e6(market("A").event_ticker) == 9 * DOLLAR


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABC"), st.sampled_from(Side), st.integers(1, 99), st.integers(1, 50)
        ),
        max_size=8,
    )
)
def test_no_outcome_of_an_exclusive_event_loses_more_than_the_worst_case(orders):
    """Whatever fills, and whoever wins, the loss stays within the figure."""
    desk = Desk(exclusive=True)
    for ticker, side, cents, quantity in orders:
        desk.send(ticker, f"0.{cents:02}", quantity, side=side)
    worst = desk.worst.in_event_e6(market("A").event_ticker)

    for winner in ("A", "B", "C", None):
        loss = sum(
            cents * quantity * 10_000
            - (quantity * DOLLAR if (ticker == winner) == (side is Side.YES) else 0)
            for ticker, side, cents, quantity in orders
        )
        assert loss <= worst


def test_entries_reserve_cash_on_their_own_shard_and_exits_do_not():
    desk = Desk()
    desk.worst.set_cash(0, 100 * DOLLAR)
    desk.hold("A", Side.YES, "0.90", 10)
    desk.send("A", "0.05", 10, side=Side.NO, purpose=Purpose.EXIT)

    desk.send("B", "0.50", 10)

    assert desk.worst.reserved_e6(0) == 5 * DOLLAR + fee(5_000, 10_00)
    assert desk.worst.reserved_e6(1) == 0


def test_counts_orders_sent_within_a_span():
    desk = Desk()
    for second in (0, 10, 20):
        desk.worst.note_sent(NOW_US + second * 1_000_000)

    assert desk.worst.orders_since(NOW_US) == 2
    assert desk.worst.orders_since(NOW_US - 1) == 3
    assert desk.worst.orders_since(NOW_US + 20_000_000) == 0


def test_an_order_told_late_is_never_left_out_of_the_rate():
    desk = Desk()
    for second in (10, 9, 11):
        desk.worst.note_sent(NOW_US + second * 1_000_000)

    assert desk.worst.orders_since(NOW_US + 9_500_000) == 3
    assert desk.worst.orders_since(NOW_US + 10_000_000) == 1


def test_the_days_loss_counts_what_positions_have_lost_at_their_bid():
    desk = Desk()
    desk.worst.start_day(NOW_US)
    desk.hold("A", Side.YES, "0.90", 10)

    desk.marks["A", Side.YES] = 8_000

    assert desk.worst.pnl_of_day_e6() == -1 * DOLLAR


def test_a_position_without_any_book_yet_counts_at_cost_and_one_without_bids_at_nothing():
    desk = Desk()
    desk.worst.start_day(NOW_US)
    desk.hold("A", Side.YES, "0.90", 10)
    before = desk.worst.pnl_of_day_e6()

    desk.marks["A", Side.YES] = 0

    assert before == 0
    assert desk.worst.pnl_of_day_e6() == -9 * DOLLAR


def test_deposits_are_no_profit_and_a_new_day_starts_at_zero():
    desk = Desk()
    desk.worst.start_day(NOW_US)
    desk.portfolio.book_external(50 * DOLLAR)
    desk.hold("A", Side.YES, "0.90", 10)
    desk.marks["A", Side.YES] = 8_000

    desk.worst.start_day(NOW_US + 86_400_000_000)

    assert desk.worst.pnl_of_day_e6() == 0


def test_the_bankroll_is_all_cash_with_positions_at_their_bid():
    desk = Desk()
    desk.portfolio.book_external(50 * DOLLAR)
    desk.hold("A", Side.YES, "0.90", 10)
    at_cost = desk.worst.bankroll_e6()
    desk.marks["A", Side.YES] = 8_000

    assert at_cost == 50 * DOLLAR
    assert desk.worst.bankroll_e6() == 49 * DOLLAR
    assert desk.worst.equity_e6() == -1 * DOLLAR
