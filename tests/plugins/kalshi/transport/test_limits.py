from decimal import Decimal
from functools import partial

import anyio
import pytest

from framework.clock import run_virtual
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from plugins.kalshi.codec import Request
from plugins.kalshi.transport.buckets import BucketSize
from plugins.kalshi.transport.limits import (
    FOUNDING,
    AccountLimits,
    EndpointCost,
    EndpointCosts,
    Limits,
    is_urgent,
)

ORDERS = "/portfolio/events/orders"
ORDER = Request(method="POST", path=ORDERS, template=ORDERS, shard=0)
CANCEL = Request(method="DELETE", path=f"{ORDERS}/o", template=f"{ORDERS}/{{order_id}}", shard=0)
SWEEP = Request(method="DELETE", path=ORDERS, template=ORDERS)


def batch(items, method="POST"):
    path = f"{ORDERS}/batched"
    return Request(method=method, path=path, template=path, shard=0, items=items)


def on(shard):
    return Request(method="POST", path=ORDERS, template=ORDERS, shard=shard)


@pytest.fixture
def spend():
    """Run `test(limits, clock)` on virtual time."""

    def spend(test):
        async def main(clock):
            return await test(Limits(clock), clock)

        return run_virtual(main)

    return spend


def test_the_basic_tier_is_in_force_until_the_account_tells(spend):
    async def main(limits, clock):
        assert (limits.read.capacity, limits.write.capacity) == (200, 100)
        assert limits.cost(ORDER) == 10
        assert limits.cost(CANCEL) == 2

    spend(main)


def test_reads_flow_freely_until_the_bucket_is_empty_then_at_its_rate(spend):
    async def main(limits, clock):
        for _ in range(20):
            await limits.take_read(10)
        at_once = clock.now_us()
        for _ in range(20):
            await limits.take_read(10)
        return at_once, clock.now_us()

    assert spend(main) == (0, 1_000_000)


def test_an_urgent_read_does_not_queue_behind_the_others(spend):
    async def main(limits, clock):
        async def read_much():
            for _ in range(500):
                await limits.take_read(10)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_much)
            await clock.sleep(1)
            await limits.take_read(10, urgent=True)
            took_us = clock.now_us() - 1_000_000
            tasks.cancel_scope.cancel()
        return took_us

    assert spend(main) <= 150_000


def test_entries_stop_where_the_reserve_begins(spend):
    async def main(limits, clock):
        sent = 0
        while clock.now_us() == 0:
            await limits.take_write(ORDER, urgent=False)
            sent += clock.now_us() == 0
        return sent, limits.write.tokens

    assert spend(main) == (7, 30)


def test_cancels_and_exits_use_the_reserve_at_once(spend):
    async def main(limits, clock):
        for _ in range(7):
            await limits.take_write(ORDER, urgent=False)
        for _ in range(15):
            await limits.take_write(CANCEL, urgent=True)
        return clock.now_us()

    assert spend(main) == 0


def test_an_exit_does_not_queue_behind_waiting_entries(spend):
    async def main(limits, clock):
        order = []

        async def entry(name):
            await limits.take_write(ORDER, urgent=False)
            order.append(name)

        async with anyio.create_task_group() as tasks:
            for name in range(9):
                tasks.start_soon(entry, name)
            await clock.sleep(0.001)
            await limits.take_write(ORDER, urgent=True)
            order.append("exit")
        return order

    assert spend(main).index("exit") == 7


def test_an_entry_that_would_wait_too_long_is_given_up_after_two_seconds(spend):
    async def main(limits, clock):
        limits.write.take(400)
        sent = await limits.take_write(ORDER, urgent=False)
        return sent, clock.now_us()

    assert spend(main) == (False, 2_000_000)


def test_a_given_up_entry_costs_nothing(spend):
    async def main(limits, clock):
        limits.write.take(400)
        await limits.take_write(ORDER, urgent=False)
        return limits.write.wait_us(0)

    assert spend(main) == 1_000_000


def test_a_cancel_waits_as_long_as_it_must(spend):
    async def main(limits, clock):
        limits.write.take(1_100)
        sent = await limits.take_write(CANCEL, urgent=True)
        return sent, clock.now_us()

    assert spend(main) == (True, 10_020_000)


def test_after_a_refusal_the_bucket_counts_as_empty(spend):
    async def main(limits, clock):
        limits.read.empty()
        await limits.take_read(10)
        return clock.now_us()

    assert spend(main) == 50_000


def test_the_account_may_have_larger_buckets_and_other_costs(spend):
    async def main(limits, clock):
        await limits.take_read(10)
        limits.adopt(
            AccountLimits(read=BucketSize(300, 900), write=BucketSize(300, 900)),
            EndpointCosts(
                default_cost=11,
                endpoint_costs=[EndpointCost("get", "/trade-api/v2/portfolio/orders", 5)],
            ),
        )
        assert limits.read.tokens == 890
        assert limits.cost(Request(method="GET", path="", template="/portfolio/orders")) == 5
        assert limits.cost(CANCEL) == 11

    spend(main)


def test_a_request_larger_than_the_bucket_is_sent_from_a_full_one(spend):
    async def main(limits, clock):
        await limits.take_read(300)
        await limits.take_read(10)
        return clock.now_us()

    assert spend(main) == 550_000


@pytest.mark.parametrize(("purpose", "urgent"), [(Purpose.ENTRY, False), (Purpose.EXIT, True)])
def test_only_exits_are_urgent_orders(purpose, urgent):
    order = Order(
        client_order_id="c",
        ticker="A",
        side=Side.YES,
        limit_e4=5_000,
        quantity_e2=100,
        purpose=purpose,
        strategy="s",
    )

    assert is_urgent(order) is urgent


# ------------------------------------------------------------------------ shards and batches


def test_each_shard_pays_for_its_own_writes(spend):
    async def main(limits, clock):
        for _ in range(7):
            await limits.take_write(on(2), urgent=False)
        return clock.now_us(), limits.shard(2).tokens, limits.shard(1).tokens, limits.write.tokens

    assert spend(main) == (0, 30, 100, 100)


def test_an_entry_does_not_queue_behind_those_of_another_shard(spend):
    async def main(limits, clock):
        limits.write.take(100)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: limits.take_write(on(0), urgent=False))
            await clock.sleep(0.001)
            await limits.take_write(on(2), urgent=False)
            return clock.now_us()

    assert spend(main) == 1_000


def test_a_write_that_the_exchange_routes_is_paid_for_on_every_shard(spend):
    async def main(limits, clock):
        await limits.take_write(SWEEP, urgent=True)
        return [limits.shard(shard).tokens for shard in range(4)]

    assert spend(main) == [98] * 4


def test_a_write_that_the_exchange_routes_waits_for_the_poorest_shard(spend):
    async def main(limits, clock):
        limits.shard(3).take(100)
        await limits.take_write(SWEEP, urgent=True)
        return clock.now_us()

    assert spend(main) == 20_000


def test_a_shard_never_heard_of_starts_empty(spend):
    async def main(limits, clock):
        await limits.take_write(on(9), urgent=True)
        return clock.now_us(), [usage.bucket for usage in limits.usage()][-1]

    assert spend(main) == (100_000, "write/9")


def test_the_accounts_size_holds_for_shards_met_later(spend):
    async def main(limits, clock):
        limits.adopt(AccountLimits(read=BucketSize(300, 900), write=BucketSize(300, 900)), None)
        return limits.shard(9).capacity, limits.shard(1).tokens

    assert spend(main) == (900, 900)


def test_a_batch_costs_the_sum_of_its_items(spend):
    async def main(limits, clock):
        return limits.cost(batch(7)), limits.cost(batch(7, "DELETE"))

    assert spend(main) == (70, 14)


def test_a_batch_must_be_payable_at_once_and_entries_leave_the_reserve(spend):
    async def main(limits, clock):
        entries = [limits.affords(batch(items), urgent=False) for items in (7, 8)]
        exits = [limits.affords(batch(items), urgent=True) for items in (10, 11)]
        return entries, exits

    assert spend(main) == ([True, False], [True, False])


def test_a_refused_write_empties_the_buckets_that_pay_for_it_and_no_other(spend):
    async def main(limits, clock):
        limits.refused(on(2))
        first = [limits.shard(shard).tokens for shard in range(4)]
        limits.refused(SWEEP)
        return first, [limits.shard(shard).tokens for shard in range(4)], limits.read.tokens

    assert spend(main) == ([100, 100, 0, 100], [0] * 4, 200)


# ------------------------------------------------------------------------------------ usage


def test_usage_is_told_for_reads_and_for_the_writes_of_each_shard(spend):
    async def main(limits, clock):
        await limits.take_read(50)
        await limits.take_write(on(1), urgent=False)
        return {usage.bucket: usage.used for usage in limits.usage()}

    assert spend(main) == {
        "read": Decimal("0.25"),
        "write/0": 0,
        "write/1": Decimal("0.1"),
        "write/2": 0,
        "write/3": 0,
    }


def test_reads_may_use_their_whole_bucket_without_a_warning_until_one_is_refused(spend):
    async def main(limits, clock):
        told = []
        limits.warn = told.append
        for _ in range(30):
            await limits.take_read(10)
        before = list(told)
        limits.refused(Request(method="GET", path="/x", template="/x"))
        return before, [usage.bucket for usage in told]

    assert spend(main) == ([], ["read"])


def test_a_warning_is_told_when_a_bucket_is_used_beyond_four_fifths(spend):
    async def main(limits, clock):
        told = []
        limits.warn = told.append
        for _ in range(8):
            await limits.take_write(on(2), urgent=True)
        before = list(told)
        await limits.take_write(on(2), urgent=True)
        return before, [(usage.bucket, usage.used) for usage in told]

    assert spend(main) == ([], [("write/2", Decimal("0.9"))])


READ = Request(method="GET", path="/markets", template="/markets")
FOUNDING_CANCEL = Request(
    method="DELETE", path="/portfolio/orders/o", template="/portfolio/orders/{order_id}"
)


def test_the_founding_document_allows_20_reads_and_10_writes_a_second():
    async def main(clock):
        limits = Limits(clock, FOUNDING)
        for _ in range(20):
            await limits.take_read(limits.cost(READ))
        for _ in range(10):
            await limits.take_write(FOUNDING_CANCEL, urgent=True)
        at_once = clock.now_us()
        for _ in range(20):
            await limits.take_read(1)
        reads_us = clock.now_us()
        for _ in range(10):
            await limits.take_write(FOUNDING_CANCEL, urgent=True)
        return at_once, reads_us, limits.write.tokens

    assert run_virtual(main) == (0, 1_000_000, 0)


def test_reads_and_writes_have_a_limiter_each():
    async def main(clock):
        limits = Limits(clock, FOUNDING)
        for _ in range(20):
            await limits.take_read(1)
        return limits.read.tokens, limits.write.tokens

    assert run_virtual(main) == (0, 10)


def test_what_can_be_paid_at_once_is_and_entries_leave_the_reserve(spend):
    async def main(limits, clock):
        entries = sum(limits.take_write_now(ORDER, urgent=False) for _ in range(20))
        exits = sum(limits.take_write_now(ORDER, urgent=True) for _ in range(20))
        return entries, exits

    assert spend(main) == (7, 3)


def test_nobody_pays_before_those_that_wait_on_the_same_shard(spend):
    async def main(limits, clock):
        while limits.take_write_now(ORDER, urgent=False):
            pass
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(limits.take_write, ORDER, urgent=False))
            await clock.sleep(0.05)
            waiting = limits.take_write_now(ORDER, urgent=False)
        await clock.sleep(1)
        return waiting, limits.take_write_now(ORDER, urgent=False)

    assert spend(main) == (False, True)
