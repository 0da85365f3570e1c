"""The account behind a scripted exchange keeps its own numbers straight."""

import pytest

from framework.exchange import Rejected
from framework.model.account import RemoteStatus
from framework.model.units import Side, to_e6
from framework.testing.builders import NOW_US, TICKER, order
from framework.testing.remote import RemoteAccount


@pytest.fixture
def account():
    return RemoteAccount(to_e6(100))


def row(account):
    (only,) = account.orders.values()
    return only


def test_an_order_that_is_taken_rests_whole(account):
    accepted = account.rest(order(quantity=10))

    assert (accepted.filled_e2, accepted.remaining_e2) == (0, 10_00)
    assert row(account).status is RemoteStatus.OPEN


def test_a_part_that_fills_leaves_the_rest_open(account):
    account.rest(order(quantity=10))
    account.fill(order(quantity=10), quantity=4)

    assert (row(account).filled_e2, row(account).remaining_e2) == (4_00, 6_00)
    assert row(account).status is RemoteStatus.OPEN


def test_a_fill_moves_cash_and_position_and_a_whole_one_ends_the_order(account):
    account.rest(order(limit="0.90", quantity=10))
    account.fill(order(limit="0.90", quantity=10), fee="0.25")

    told = account.report(None)
    assert row(account).status is RemoteStatus.FILLED
    assert told.balances.total_e6 == to_e6("90.75")
    assert [(held.ticker, held.signed_e2) for held in told.positions.rows] == [(TICKER, 10_00)]


def test_nothing_fills_that_was_never_taken(account):
    with pytest.raises(LookupError, match="run-1 was never taken"):
        account.fill(order())


def test_a_cancelled_order_keeps_what_it_traded_and_is_cancelled_once(account):
    taken = account.rest(order(quantity=10))
    account.fill(order(quantity=10), quantity=4)

    assert account.cancel(taken.order_id).filled_e2 == 4_00
    assert isinstance(account.cancel(taken.order_id), Rejected)
    assert row(account).status is RemoteStatus.CANCELLED


def test_a_dropped_order_ends_unfilled(account):
    assert account.drop(order()).remaining_e2 == 0
    assert row(account).status is RemoteStatus.CANCELLED


@pytest.mark.parametrize(("result", "cash"), [(Side.YES, "101.00"), (Side.NO, "91.00")])
def test_a_settlement_pays_what_is_held(account, result, cash):
    account.rest(order(limit="0.90", quantity=10))
    account.fill(order(limit="0.90", quantity=10))

    account.settle(TICKER, result)

    assert account.report(None).balances.total_e6 == to_e6(cash)
    assert account.report(None).positions.rows == ()


def test_a_report_leaves_out_what_happened_before_it_was_asked_for(account):
    account.rest(order())
    account.fill(order())
    account.settle(TICKER, Side.YES)

    later = account.report(NOW_US + 1)
    assert (later.fills.rows, later.settlements.rows) == ((), ())
    assert len(later.orders.rows) == 1
    assert len(account.report(NOW_US).fills.rows) == 1


def test_a_deposit_is_cash_that_nothing_explains(account):
    account.deposit("5.50")

    assert account.report(None).balances.total_e6 == to_e6("105.50")
