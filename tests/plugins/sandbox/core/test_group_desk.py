"""Order groups at the exchange: what they cancel, and what is told of them."""

import pytest

from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.core.rows import GroupNotice, OrderNotice, Refusal


def told(notices):
    return [notice.kind for notice in notices if isinstance(notice, GroupNotice)]


def test_a_group_that_trades_too_much_is_cancelled_until_it_is_reset(core):
    exchange = core.venue()
    group = exchange.groups.create(500)[0].order_group_id
    rests, _, _ = exchange.place(core.buy(cents=70, order_group_id=group))
    free, _, _ = exchange.place(core.buy(cents=70))
    took, _, _ = exchange.place(
        core.buy(
            cents=85,
            contracts=6,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            order_group_id=group,
        )
    )
    with pytest.raises(Refusal, match="order_group_triggered"):
        exchange.place(core.buy(cents=70, order_group_id=group))

    assert (took.status, exchange.orders[rests.order_id].status) == ("executed", "canceled")
    assert exchange.orders[free.order_id].status == "resting"
    exchange.groups.reset(group)
    assert exchange.place(core.buy(cents=70, order_group_id=group))[0].status == "resting"


def test_the_rest_of_the_order_that_triggers_goes_too(core):
    exchange = core.venue()
    group = exchange.groups.create(4_000)[0].order_group_id
    row, _, _ = exchange.place(core.buy(cents=85, contracts=60, order_group_id=group))

    assert (row.status, row.filled_e2) == ("canceled", 5_000)


def test_resting_fills_count_and_fall_out_after_fifteen_seconds(core):
    exchange = core.venue()
    group = exchange.groups.create(500)[0].order_group_id
    row, _, _ = exchange.place(core.buy(cents=81, contracts=12, order_group_id=group))
    exchange.advance(core.printed(81, 5, Side.NO, at_us=core.NOW + 1))
    exchange.advance(core.printed(81, 5, Side.NO, at_us=core.NOW + 1 + 15 * 1_000_000))
    assert exchange.orders[row.order_id].status == "resting"
    exchange.advance(core.printed(81, 1, Side.NO, at_us=core.NOW + 2 + 15 * 1_000_000))

    assert exchange.orders[row.order_id].status == "canceled"
    assert exchange.groups.all[group].triggered


@pytest.mark.parametrize(("how", "kind"), [("trigger", "triggered"), ("delete", "deleted")])
def test_a_trigger_and_a_delete_cancel_the_members(core, how, kind):
    exchange = core.venue()
    group = exchange.groups.create(500)[0].order_group_id
    row, _, _ = exchange.place(core.buy(cents=70, order_group_id=group))
    assert exchange.groups.members(group) == [row]
    notices = getattr(exchange.groups, how)(group)

    assert told(notices) == [kind]
    ended = [notice.order.order_id for notice in notices if isinstance(notice, OrderNotice)]
    assert ended == [row.order_id]
    with pytest.raises(Refusal):
        exchange.place(core.buy(cents=70, order_group_id=group))


def test_a_limit_set_below_what_was_traded_cancels(core):
    exchange = core.venue()
    group = exchange.groups.create(1_000)[0].order_group_id
    exchange.place(core.buy(cents=85, contracts=5, order_group_id=group))
    exchange.place(core.buy(cents=70, order_group_id=group))

    assert told(exchange.groups.limit(group, 500)) == ["limit_updated"]
    notices = exchange.groups.limit(group, 400)
    assert told(notices) == ["limit_updated", "triggered"]
    assert sum(isinstance(notice, OrderNotice) for notice in notices) == 1


def test_a_creation_a_trigger_by_fills_and_a_reset_are_told(core):
    exchange = core.venue()
    group, opened = exchange.groups.create(500)
    _, _, notices = exchange.place(core.buy(contracts=6, order_group_id=group.order_group_id))

    assert (told(opened), told(notices)) == (["created"], ["triggered"])
    assert told(exchange.groups.reset(group.order_group_id)) == ["reset"]
