"""Wanted orders against working orders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.orders import OrderFact, OrderState, Purpose, TimeInForce, Urgency
from framework.model.units import Side, to_e4
from framework.testing.builders import NOW_US, order
from framework.working import (
    ENDED_KEPT,
    LiveOrder,
    Patience,
    Wanted,
    WorkingOrders,
    compare,
    crosses,
)

SECOND = 1_000_000
PATIENCE = Patience(reprice_us=5 * SECOND)


def entry_wish(limit="0.90", **changes):
    terms = {
        "strategy": "under_test",
        "side": Side.YES,
        "limit_e4": to_e4(limit),
        "purpose": Purpose.ENTRY,
        "reason": "why",
    }
    return Wanted(**(terms | changes))


def exit_wish(limit_e4=1_000, quantity_e2=10_00, urgency=Urgency.TAKE_PROFIT, **changes):
    terms = {
        "strategy": "under_test",
        "side": Side.NO,
        "limit_e4": limit_e4,
        "quantity_e2": quantity_e2,
        "purpose": Purpose.EXIT,
        "reason": "why",
        "urgency": urgency,
    }
    return Wanted(**(terms | changes))


def working(limit="0.90", *, state=OrderState.OPEN, sent_us=NOW_US, **changes):
    live = LiveOrder(order(limit=limit, **changes), sent_us)
    live.state = state
    live.order_id = None if state is OrderState.PENDING else f"x-{live.order.client_order_id}"
    return live


def working_exit(limit="0.10", *, urgency=Urgency.TAKE_PROFIT, quantity=10, **changes):
    return working(
        limit, side=Side.NO, purpose=Purpose.EXIT, urgency=urgency, quantity=quantity, **changes
    )


def test_submits_what_is_wanted_and_not_working():
    wish = entry_wish()

    plan = compare([wish], [], NOW_US, PATIENCE)

    assert plan.submit == (wish,)
    assert not plan.cancel


def test_leaves_a_working_order_that_is_still_wanted():
    plan = compare([entry_wish()], [working()], NOW_US + 60 * SECOND, PATIENCE)

    assert not plan.submit
    assert not plan.cancel


def test_cancels_a_working_order_that_nobody_wants():
    live = working()

    plan = compare([], [live], NOW_US, PATIENCE)

    assert plan.cancel == ((live, "no longer wanted"),)


def test_reprices_by_cancelling_first_and_never_sends_beside_the_old_order():
    live = working("0.90")

    plan = compare([entry_wish("0.91")], [live], NOW_US + 5 * SECOND, PATIENCE)

    assert plan.cancel == ((live, "re-priced"),)
    assert not plan.submit


def amends(wish, live, *others):
    plan = compare([wish], [live, *others], NOW_US + 5 * SECOND, PATIENCE, amends=True)
    return plan.amend != (), plan


def test_amends_instead_of_cancelling_where_the_exchange_can():
    live, wish = working(limit="0.90"), entry_wish("0.91")

    _, plan = amends(wish, live)

    assert plan.amend == ((live, wish, "re-priced"),)
    assert plan.submit == plan.cancel == ()


@pytest.mark.parametrize(
    "wish",
    [
        entry_wish("0.91", post_only=True),
        entry_wish("0.91", time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL),
        entry_wish("0.91", quantity_e2=10_01),
    ],
)
def test_only_price_and_a_smaller_size_can_be_amended(wish):
    amended, plan = amends(wish, working(limit="0.90"))

    assert not amended
    assert [why for _, why in plan.cancel] == ["re-priced"]


@pytest.mark.parametrize(("lifetime_s", "can"), [(55, True), (54, False), (None, True)])
def test_an_order_that_would_live_too_long_is_not_amended(lifetime_s, can):
    live = working(limit="0.90")
    live.expires_us = NOW_US + 60 * SECOND
    lifetime_us = None if lifetime_s is None else lifetime_s * SECOND

    amended, plan = amends(entry_wish("0.91", lifetime_us=lifetime_us), live)

    assert (amended, bool(plan.cancel)) == (can, not can)


@pytest.mark.parametrize(
    "change",
    [
        {"is_amendable": False},
        {"booked_e2": 1_00, "reported_e2": 1_00},
        {"reported_e2": 1_00},
        {"cancel_us": NOW_US - 60 * SECOND},
    ],
)
def test_an_order_in_doubt_is_cancelled_not_amended(change):
    live = working(limit="0.90")
    for name, value in change.items():
        setattr(live, name, value)

    amended, plan = amends(entry_wish("0.91"), live)

    assert not amended
    assert [other for other, _ in plan.cancel] == [live]


limits = st.integers(1, 9).map(lambda cents: f"0.{cents}0")
some_orders = st.lists(
    st.builds(
        lambda limit, side, state, name: working(
            limit, side=side, state=state, client_order_id=name
        ),
        limits,
        st.sampled_from(Side),
        st.sampled_from([OrderState.OPEN, OrderState.PENDING, OrderState.UNKNOWN]),
        st.sampled_from("abc"),
    ),
    max_size=3,
    unique_by=lambda live: live.order.client_order_id,
)
some_wishes = st.lists(
    st.builds(lambda limit, side: entry_wish(limit, side=side), limits, st.sampled_from(Side)),
    max_size=2,
    unique_by=lambda wish: wish.side,
)


@given(some_wishes, some_orders)
def test_whatever_works_no_two_orders_of_ours_can_come_to_meet(wishes, orders):
    plan = compare(wishes, orders, NOW_US + 60 * SECOND, PATIENCE, amends=True)

    amended = [live for live, _, _ in plan.amend]
    coming = [wish for _, wish, _ in plan.amend] + list(plan.submit)
    staying = [live.order for live in orders if live not in amended]
    assert not {id(live) for live in amended} & {id(live) for live, _ in plan.cancel}
    assert not any(crosses(order, wish) for order in staying for wish in coming)
    assert not any(crosses(other, wish) for other in coming for wish in coming)


def test_of_two_orders_for_one_wish_none_is_amended_to_all_of_it():
    two = [working_exit(quantity=7), working_exit(quantity=5, client_order_id="b")]

    plan = compare([exit_wish(quantity_e2=4_00)], two, NOW_US + 5 * SECOND, PATIENCE, amends=True)

    assert not plan.amend
    assert len(plan.cancel) == 2


def test_new_terms_never_meet_another_order_of_ours():
    other = working("0.09", side=Side.NO, client_order_id="b")
    wishes = [entry_wish("0.91"), entry_wish("0.09", side=Side.NO)]

    plan = compare(wishes, [working("0.90"), other], NOW_US + 5 * SECOND, PATIENCE, amends=True)

    assert not plan.amend
    assert [why for _, why in plan.cancel] == ["re-priced"]


def test_two_amendments_at_once_never_meet_each_other():
    wishes = [entry_wish("0.92"), entry_wish("0.08", side=Side.NO)]
    working_now = [working("0.90"), working("0.07", side=Side.NO, client_order_id="b")]

    plan = compare(wishes, working_now, NOW_US + 5 * SECOND, PATIENCE, amends=True)

    assert [live.order.client_order_id for live, _, _ in plan.amend] == ["run-1"]
    assert [live.order.client_order_id for live, _ in plan.cancel] == ["b"]


def test_an_order_left_out_is_not_counted_meanwhile():
    orders = WorkingOrders()
    live, other = working(), working(client_order_id="b")
    orders.add(live)
    orders.add(other)

    with orders.without(live):
        inside = orders.in_market(live.order.ticker), tuple(orders.live())

    assert inside == ((other,), (other,))
    assert tuple(orders.live()) == (live, other)


def test_does_not_reprice_before_its_patience_ends():
    plan = compare([entry_wish("0.91")], [working("0.90")], NOW_US + 5 * SECOND - 1, PATIENCE)

    assert not plan.cancel
    assert not plan.submit


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.UNKNOWN])
def test_neither_cancels_nor_repeats_an_order_that_has_not_been_answered(state):
    plan = compare([entry_wish("0.91")], [working("0.90", state=state)], NOW_US * 2, PATIENCE)

    assert not plan.cancel
    assert not plan.submit


def test_sends_a_cancel_once_until_its_patience_ends():
    live = working()
    live.cancel_us = NOW_US

    soon = compare([], [live], NOW_US + PATIENCE.cancel_us - 1, PATIENCE)
    late = compare([], [live], NOW_US + PATIENCE.cancel_us, PATIENCE)

    assert not soon.cancel
    assert len(late.cancel) == 1


def test_a_more_urgent_exit_cancels_the_working_one_at_once_and_waits_for_its_end():
    live = working_exit(urgency=Urgency.TAKE_PROFIT)
    stop = exit_wish(1_500, urgency=Urgency.STOP, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    plan = compare([stop], [live], NOW_US, PATIENCE)

    assert plan.cancel == ((live, "more urgent exit"),)
    assert not plan.submit


def test_an_exit_larger_than_the_position_is_cancelled_at_once():
    live = working_exit(quantity=10)

    plan = compare([exit_wish(quantity_e2=4_00)], [live], NOW_US, PATIENCE)

    assert plan.cancel == ((live, "exit larger than the position"),)


def test_one_exit_per_position_whoever_wants_the_second():
    live = working_exit()

    plan = compare([exit_wish(strategy="another")], [live], NOW_US, PATIENCE)

    assert not plan.submit


def test_an_exit_that_would_trade_with_our_own_entry_waits_until_the_entry_has_ended():
    entry = working("0.90")
    stop = exit_wish(limit_e4=1_500, urgency=Urgency.STOP)

    plan = compare([stop], [entry], NOW_US, PATIENCE)

    assert plan.cancel == ((entry, "no longer wanted"),)
    assert not plan.submit


@given(st.integers(1, 9_999), st.integers(1, 9_999))
def test_orders_cross_when_their_prices_add_up_to_a_dollar(yes_e4, no_e4):
    buyer = LiveOrder(order(), NOW_US).order
    yes = type(buyer)(
        **{f: getattr(buyer, f) for f in buyer.__struct_fields__} | {"limit_e4": yes_e4}
    )

    assert crosses(yes, exit_wish(no_e4)) is (yes_e4 + no_e4 >= 10_000)


def test_a_closed_order_with_fills_under_way_stays_live():
    orders = WorkingOrders()
    live = working(quantity=10)
    orders.add(live)

    orders.report(live, 10_00)
    orders.take(live, OrderFact.FULLY_FILLED)

    assert live.is_live
    assert live.remaining_e2 == 10_00
    orders.book(live, 10_00)
    assert not live.is_live
    assert not orders.has(live.order.ticker)


def test_an_order_is_found_by_either_id_after_its_end():
    orders = WorkingOrders()
    live = working()
    orders.add(live)

    orders.take(live, OrderFact.CANCELLED)

    assert orders.find(live.order.client_order_id) is live
    assert orders.find(None, live.order_id) is live
    assert orders.find("somebody else's", "unknown") is None


def test_only_the_newest_ended_orders_are_remembered_and_every_live_one():
    orders = WorkingOrders()
    first = LiveOrder(order(client_order_id="live"), NOW_US)
    orders.add(first)
    for number in range(ENDED_KEPT + 10):
        live = LiveOrder(order(client_order_id=f"run-{number}"), NOW_US)
        orders.add(live)
        orders.learn_order_id(live, f"x-{number}")
        orders.take(live, OrderFact.CANCELLED)

    assert orders.find("live") is first
    assert orders.find("run-9", "x-9") is None
    assert orders.find("run-10") is orders.find(None, "x-10") is not None


def test_two_wishes_for_one_leg_never_send_a_second_order():
    first, second = entry_wish("0.90"), entry_wish("0.88")

    fresh = compare([first, second], [], NOW_US, PATIENCE)
    later = compare([first, second], [working("0.90")], NOW_US, PATIENCE)

    assert fresh.submit == (first,)
    assert not later.submit


def test_exits_that_are_kept_are_never_sent_again():
    lives = [working_exit(quantity=4), working_exit(quantity=4, client_order_id="run-2")]
    kept = [exit_wish(quantity_e2=live.remaining_e2) for live in lives]

    assert not compare(kept, lives, NOW_US, PATIENCE).submit


def test_exits_that_together_exceed_the_position_are_cut_down_to_it():
    first = working_exit(quantity=10)
    second = working_exit(quantity=10, client_order_id="run-2")

    plan = compare([exit_wish(quantity_e2=10_00)], [first, second], NOW_US, PATIENCE)

    assert plan.cancel == ((second, "exit larger than the position"),)


def test_wishes_that_would_trade_with_each_other_are_not_sent_together():
    yes, no = entry_wish("0.60"), entry_wish("0.45", side=Side.NO)

    assert compare([yes, no], [], NOW_US, PATIENCE).submit == (yes,)


def test_an_exit_does_not_wait_for_an_order_that_has_ended_but_whose_fill_is_late():
    bought = working("0.90", state=OrderState.FILLED)
    bought.reported_e2 = 10_00
    bought.booked_e2 = 4_00
    stop = exit_wish(1_500, quantity_e2=4_00, urgency=Urgency.STOP)

    assert compare([stop], [bought], NOW_US, PATIENCE).submit == (stop,)
