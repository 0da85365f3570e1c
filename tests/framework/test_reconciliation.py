"""What the exchange's report may change in our books, and what it proves."""

import msgspec
import pytest

from framework.facts import places
from framework.model.account import RemoteOrder, RemotePosition, RemoteStatus
from framework.model.events import LedgerRead, MarketListed, OrderFilled
from framework.model.orders import OrderFact, OrderState
from framework.model.units import Side
from framework.state import State
from framework.testing.builders import NOW_US, TICKER, fill, market, order
from framework.testing.playbook import account_report
from framework.working import LiveOrder

SECOND = 1_000_000
LATER_US = NOW_US + 60 * SECOND
CASH_E6 = 1_000_000_000


def take_in(state, event):
    state.pass_to(event.at_us)
    places(state)[type(event)](event)


@pytest.fixture
def state():
    """An account that was read at NOW_US: $1,000, one market listed, no orders."""
    fresh = State()
    take_in(fresh, LedgerRead(at_us=NOW_US, opening_cash_e6=CASH_E6))
    take_in(fresh, MarketListed(at_us=NOW_US, market=market()))
    take_in(fresh, account_report(at_us=NOW_US, recovery=True))
    return fresh


def sent(state: State, *facts: OrderFact) -> LiveOrder:
    """Put an order of ours at the exchange, with what has been heard of it."""
    live = LiveOrder(order(client_order_id="run-1"), NOW_US)
    state.orders.add(live)
    for fact in facts:
        state.orders.take(live, fact)
    return live


def remote(status: RemoteStatus, *, filled: int = 0, client_order_id: str = "run-1") -> RemoteOrder:
    return RemoteOrder(
        order_id="order-1",
        client_order_id=client_order_id,
        ticker=TICKER,
        side=Side.YES,
        limit_e4=9_300,
        status=status,
        quantity_e2=10_00,
        filled_e2=filled,
        remaining_e2=10_00 - filled,
    )


@pytest.mark.parametrize("quantity_e2", [6_00, 10_00])  # a decrease may leave the first total
def test_at_recovery_the_exchanges_terms_of_an_amended_order_are_taken_over(state, quantity_e2):
    live = sent(state, OrderFact.ACCEPTED)
    terms = {"limit_e4": 9_500, "quantity_e2": quantity_e2, "remaining_e2": 6_00}
    row = msgspec.structs.replace(remote(RemoteStatus.OPEN), **terms)

    take_in(state, account_report(at_us=LATER_US, orders=(row,)))
    before = live.order.limit_e4
    take_in(state, account_report(at_us=LATER_US, orders=(row,), recovery=True))

    assert before == 9_300
    assert (live.order.limit_e4, live.order.quantity_e2) == (9_500, 6_00)


def test_decisions_wait_for_a_recovery_report_that_is_whole():
    state = State()

    take_in(state, account_report(at_us=NOW_US, recovery=True, complete=False))

    assert not state.ready


def test_decisions_wait_for_the_recovery_report():
    state = State()
    take_in(state, account_report(at_us=NOW_US))

    assert not state.ready

    take_in(state, account_report(at_us=NOW_US, recovery=True))

    assert state.ready


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (RemoteStatus.OPEN, OrderState.OPEN),
        (RemoteStatus.FILLED, OrderState.FILLED),
        (RemoteStatus.CANCELLED, OrderState.CANCELLED),
        (RemoteStatus.UNKNOWN, OrderState.UNKNOWN),
    ],
)
def test_an_unknown_order_becomes_what_the_exchange_says(state, status, after):
    live = sent(state, OrderFact.LOST)
    take_in(state, account_report(at_us=LATER_US, orders=(remote(status),)))

    assert live.state is after


def test_an_order_is_found_by_the_exchanges_id_too(state):
    live = sent(state, OrderFact.ACCEPTED)
    state.orders.learn_order_id(live, "order-1")
    row = remote(RemoteStatus.CANCELLED, client_order_id="")
    take_in(state, account_report(at_us=LATER_US, orders=(row,)))

    assert live.state is OrderState.CANCELLED


def test_an_order_that_is_not_ours_changes_nothing(state):
    take_in(state, account_report(at_us=LATER_US, orders=(remote(RemoteStatus.OPEN),)))

    assert list(state.orders.live()) == []


def test_a_filled_order_stays_live_until_its_fills_have_come(state):
    live = sent(state, OrderFact.ACCEPTED)
    row = remote(RemoteStatus.FILLED, filled=10_00)
    take_in(state, account_report(at_us=LATER_US, cash_e6=CASH_E6 - 9_300_000, orders=(row,)))

    assert live.is_live
    assert state.portfolio.external_e6 == 0, "the missing fill explains the cash"

    take_in(state, account_report(at_us=LATER_US, cash_e6=CASH_E6 - 9_300_000, fills=(fill(),)))

    assert not live.is_live
    assert state.portfolio.external_e6 == 0


def test_a_fill_the_report_is_too_old_to_show_is_no_deposit(state):
    sent(state, OrderFact.ACCEPTED)
    bought = fill(quantity=10, at_us=LATER_US + SECOND)
    take_in(state, OrderFilled(at_us=LATER_US + SECOND, fill=bought))

    take_in(state, account_report(at_us=LATER_US))

    assert state.portfolio.external_e6 == 0
    assert state.worst.cash_e6(0) == state.portfolio.cash_e6 < CASH_E6
    assert state.markets[TICKER].mistrusted is None


def test_a_lost_order_is_absent_only_by_a_complete_read(state):
    live = sent(state, OrderFact.LOST)
    take_in(state, account_report(at_us=LATER_US, complete=False))

    assert live.state is OrderState.UNKNOWN

    take_in(state, account_report(at_us=LATER_US))

    assert live.state is OrderState.REJECTED


def test_a_read_as_old_as_the_send_proves_no_absence(state):
    live = sent(state, OrderFact.LOST)
    take_in(state, account_report(at_us=NOW_US + 5 * SECOND))

    assert live.state is OrderState.UNKNOWN


def test_cash_is_external_only_when_no_order_can_explain_it(state):
    sent(state)
    take_in(state, account_report(at_us=LATER_US, cash_e6=CASH_E6 + 5_000_000))

    assert state.portfolio.external_e6 == 0

    state.reject("run-1")
    take_in(state, account_report(at_us=LATER_US, cash_e6=CASH_E6 + 5_000_000))

    assert state.portfolio.external_e6 == 5_000_000
    assert state.portfolio.cash_e6 == CASH_E6 + 5_000_000


def test_an_incomplete_balance_books_nothing(state):
    take_in(state, account_report(at_us=LATER_US, cash_e6=1, complete=False))

    assert state.portfolio.cash_e6 == CASH_E6


def test_a_position_that_differs_is_mistrusted_until_it_agrees(state):
    foreign = RemotePosition(ticker=TICKER, signed_e2=-5_00)
    take_in(state, account_report(at_us=LATER_US, positions=(foreign,)))

    assert state.markets[TICKER].mistrusted == "the exchange holds -500, we 0"

    take_in(state, account_report(at_us=LATER_US))

    assert state.markets[TICKER].mistrusted is None


def test_a_position_only_we_know_is_mistrusted(state):
    state.fill(fill())
    take_in(state, account_report(at_us=LATER_US, cash_e6=CASH_E6 - 9_300_000))

    assert state.markets[TICKER].mistrusted == "the exchange holds 0, we 1000"


def test_a_report_read_twice_counts_once(state):
    report = account_report(at_us=LATER_US, cash_e6=CASH_E6 - 9_300_000, fills=(fill(),))
    for _ in range(2):
        take_in(state, report)

    assert state.portfolio.position(TICKER).quantity == 10
    assert state.portfolio.cash_e6 == CASH_E6 - 9_300_000


@pytest.mark.parametrize(
    ("shown_cents", "external_cents"),
    [(100_000, 0), (99_999, -1), (100_001, 1), (99_900, -100)],
)
def test_cash_told_in_whole_cents_differs_only_by_whole_cents(shown_cents, external_cents):
    """We hold $1,000.0099; an exchange that tells whole cents, rounded down, shows $1,000.00."""
    state = State()
    take_in(state, LedgerRead(at_us=NOW_US, opening_cash_e6=CASH_E6 + 9_900))
    told = account_report(at_us=NOW_US, cash_e6=shown_cents * 10_000, recovery=True)
    balances = msgspec.structs.replace(told.account.balances, step_e6=10_000)
    account = msgspec.structs.replace(told.account, balances=balances)

    take_in(state, msgspec.structs.replace(told, account=account))

    found = state.portfolio.external_e6
    assert (found == 0) == (external_cents == 0)
    assert abs(found - external_cents * 10_000) < 10_000


def test_a_list_the_exchange_does_not_have_is_not_waited_for():
    state = State()
    told = account_report(at_us=NOW_US, recovery=True)
    absent = msgspec.structs.replace(told.account.fills, complete=False, told=False)
    account = msgspec.structs.replace(told.account, fills=absent)

    take_in(state, msgspec.structs.replace(told, account=account))

    assert state.ready
    assert account.missing == ()
