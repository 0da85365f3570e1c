"""Buckets fill with time, never above their size, and pay whole or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.rates import BASIC, RateLimits, TokenBucket

SECOND_US = 1_000_000


def test_a_full_bucket_holds_its_capacity_and_no_more():
    bucket = TokenBucket(10, 30)

    assert bucket.holds(30, 0)
    assert not bucket.holds(31, 100 * SECOND_US)


def test_tokens_come_back_exactly():
    bucket = TokenBucket(100, 100)
    bucket.holds(100, 0)
    bucket.spend(100)

    assert not bucket.holds(10, 99_999)
    assert bucket.holds(10, 100_000)


def test_time_that_runs_backwards_gives_nothing():
    bucket = TokenBucket(100, 100)
    bucket.holds(100, 10 * SECOND_US)
    bucket.spend(100)

    assert not bucket.holds(1, 0)
    assert not bucket.holds(1, 10 * SECOND_US)


def test_a_write_on_every_shard_is_paid_on_all_or_on_none():
    limits = RateLimits(BASIC)
    assert limits.write(100, 0, shard=2)

    assert not limits.write(10, 0, shard=None)
    assert limits.write(100, 0, shard=0)
    assert limits.write(100, 0, shard=1)


def test_an_unknown_shard_is_paid_like_a_routed_write():
    limits = RateLimits(BASIC)
    limits.write(100, 0, shard=9)

    assert not limits.write(10, 0, shard=0)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3 * SECOND_US), st.integers(1, 60)), min_size=1, max_size=60
    )
)
def test_nobody_spends_more_than_the_size_and_what_came_back(steps):
    bucket, now_us, spent = TokenBucket(50, 60), 0, 0
    for wait_us, cost in steps:
        now_us += wait_us
        if bucket.holds(cost, now_us):
            bucket.spend(cost)
            spent += cost

    assert spent <= 60 + 50 * now_us / SECOND_US
