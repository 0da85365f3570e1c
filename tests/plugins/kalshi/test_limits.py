import anyio
import pytest

from framework.clock import run_virtual
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from plugins.kalshi.limits import (
    FOUNDING,
    AccountLimits,
    BucketSize,
    EndpointCost,
    EndpointCosts,
    Limits,
    is_urgent,
)


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
        assert limits.cost("POST", "/portfolio/events/orders") == 10
        assert limits.cost("DELETE", "/portfolio/events/orders/{order_id}") == 2

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


def test_entries_stop_where_the_reserve_begins(spend):
    async def main(limits, clock):
        sent = 0
        while clock.now_us() == 0:
            await limits.take_write(10, urgent=False)
            sent += clock.now_us() == 0
        return sent, limits.write.tokens

    assert spend(main) == (7, 30)


def test_cancels_and_exits_use_the_reserve_at_once(spend):
    async def main(limits, clock):
        for _ in range(7):
            await limits.take_write(10, urgent=False)
        for _ in range(15):
            await limits.take_write(2, urgent=True)
        return clock.now_us()

    assert spend(main) == 0


def test_an_exit_does_not_queue_behind_waiting_entries(spend):
    async def main(limits, clock):
        order = []

        async def entry(name):
            await limits.take_write(10, urgent=False)
            order.append(name)

        async with anyio.create_task_group() as tasks:
            for name in range(9):
                tasks.start_soon(entry, name)
            await clock.sleep(0.001)
            await limits.take_write(10, urgent=True)
            order.append("exit")
        return order

    assert spend(main).index("exit") == 7


def test_an_entry_that_would_wait_too_long_is_given_up_after_two_seconds(spend):
    async def main(limits, clock):
        limits.write.take(400)
        sent = await limits.take_write(10, urgent=False)
        return sent, clock.now_us()

    assert spend(main) == (False, 2_000_000)


def test_a_given_up_entry_costs_nothing(spend):
    async def main(limits, clock):
        limits.write.take(400)
        await limits.take_write(10, urgent=False)
        return limits.write.wait_us(0)

    assert spend(main) == 1_000_000


def test_a_cancel_waits_as_long_as_it_must(spend):
    async def main(limits, clock):
        limits.write.take(1_100)
        sent = await limits.take_write(2, urgent=True)
        return sent, clock.now_us()

    assert spend(main) == (True, 10_020_000)


def test_after_a_refusal_the_bucket_counts_as_empty(spend):
    async def main(limits, clock):
        limits.read.empty()
        await limits.take_read(10)
        return clock.now_us()

    assert spend(main) == 50_000


def test_a_bucket_never_holds_more_than_its_capacity(spend):
    async def main(limits, clock):
        await clock.sleep(3_600)
        return limits.read.tokens

    assert spend(main) == 200


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
        assert limits.cost("GET", "/portfolio/orders") == 5
        assert limits.cost("DELETE", "/portfolio/events/orders/{order_id}") == 11

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


def test_the_founding_document_allows_20_reads_and_10_writes_a_second():
    async def main(clock):
        limits = Limits(clock, FOUNDING)
        for _ in range(20):
            await limits.take_read(limits.cost("GET", "/markets"))
        for _ in range(10):
            await limits.take_write(limits.cost("DELETE", "/portfolio/orders/{id}"), urgent=True)
        at_once = clock.now_us()
        for _ in range(20):
            await limits.take_read(1)
        reads_us = clock.now_us()
        for _ in range(10):
            await limits.take_write(1, urgent=True)
        return at_once, reads_us, limits.write.tokens

    assert run_virtual(main) == (0, 1_000_000, 0)


def test_reads_and_writes_have_a_limiter_each():
    async def main(clock):
        limits = Limits(clock, FOUNDING)
        for _ in range(20):
            await limits.take_read(1)
        return limits.read.tokens, limits.write.tokens

    assert run_virtual(main) == (0, 10)
