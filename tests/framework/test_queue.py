"""Where a resting order stands in its level's queue."""

import pytest

from framework.model.units import Side
from framework.placing import Incoming
from framework.queue import RestingOrder


def incoming(**more):
    return Incoming(order_id="a", side=Side.YES, limit_e4=6_000, quantity_e2=1_000, **more)


def order(joined_us=None, ahead=None):
    resting = RestingOrder(incoming(), 1_000, joined_us)
    if ahead is not None:
        resting.see(ahead, None)
    return resting


def test_the_first_look_at_the_level_is_the_queue_ahead():
    assert order(ahead=700).ahead_e2 == 700


def test_growth_stands_behind():
    resting = order(ahead=700)
    resting.see(900, 1)

    assert resting.ahead_e2 == 700


def test_a_print_eats_the_queue_and_passes_on_the_rest():
    resting = order(ahead=700)

    assert resting.pass_queue(500, 1) == 0
    assert resting.pass_queue(500, 2) == 300


def test_a_shrinkage_already_seen_is_not_eaten_again():
    resting = order(ahead=700)
    resting.see(400, 1)

    assert resting.pass_queue(500, 1) == 0
    assert resting.ahead_e2 == 200


def test_a_shrinkage_of_another_moment_does_not_count():
    resting = order(ahead=700)
    resting.see(400, 1)

    assert resting.pass_queue(500, 2) == 100


@pytest.mark.parametrize(("seen", "told"), [(None, 2), (1, None), (None, None)])
def test_without_times_any_shrinkage_may_have_been_the_print(seen, told):
    resting = order(ahead=700)
    resting.see(400, seen)

    assert resting.pass_queue(500, told) == 0
    assert resting.ahead_e2 == 200


@pytest.mark.parametrize(
    ("joined", "happened", "predates"),
    [(5, 6, True), (5, 5, False), (5, 4, False), (None, 4, True), (5, None, True)],
)
def test_an_order_is_older_than_what_happened_later(joined, happened, predates):
    assert order(joined).predates(happened) is predates


def test_a_shrinkage_accounts_for_prints_of_its_own_size_only():
    resting = order(ahead=700)
    resting.see(400, 1)

    assert resting.pass_queue(300, 1) == 0
    assert resting.pass_queue(500, 1) == 100


@pytest.mark.parametrize(
    ("lot", "offered", "share"), [(1, 250, 250), (100, 250, 200), (100, 99, 0), (100, 5_000, 1_000)]
)
def test_an_order_takes_whole_lots_of_what_is_offered(lot, offered, share):
    assert RestingOrder(incoming(lot_e2=lot), 1_000, None).share_e2(offered) == share
