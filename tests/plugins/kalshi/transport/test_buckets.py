from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import run_virtual
from plugins.kalshi.transport.buckets import Bucket, BucketSize


@pytest.fixture
def use():
    """Run `test(bucket, clock, told)` on virtual time; 100 tokens come back each second."""

    def use(test):
        async def main(clock):
            told = []
            return await test(Bucket("b", BucketSize(100, 200), clock, told.append), clock, told)

        return run_virtual(main)

    return use


def test_a_bucket_never_holds_more_than_its_capacity(use):
    async def main(bucket, clock, told):
        await clock.sleep(3_600)
        return bucket.tokens

    assert use(main) == 200


def test_tokens_come_back_at_the_rate_of_the_account(use):
    async def main(bucket, clock, told):
        bucket.take(200)
        await clock.sleep(0.5)
        return bucket.tokens, bucket.wait_us(150)

    assert use(main) == (50, 1_000_000)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3_000)), max_size=20))
def test_usage_stays_between_nothing_and_everything(steps):
    async def main(clock):
        bucket = Bucket("b", BucketSize(100, 200), clock)
        for tokens, ms in steps:
            bucket.take(tokens)
            await clock.sleep(ms / 1_000)
        return bucket.usage()

    usage = run_virtual(main)

    assert 0 <= usage.used <= usage.peak <= 1


def test_a_warning_is_given_once_until_the_bucket_has_calmed_down(use):
    async def main(bucket, clock, told):
        bucket.take(170)
        bucket.take(10)
        await clock.sleep(0.5)
        bucket.take(50)
        at_first = len(told)
        await clock.sleep(2)
        bucket.take(90)
        bucket.take(90)
        return at_first, [usage.used for usage in told]

    assert use(main) == (1, [Decimal("0.85"), Decimal("0.9")])


def test_four_fifths_are_not_beyond_four_fifths(use):
    async def main(bucket, clock, told):
        bucket.take(160)
        return told

    assert use(main) == []


def test_a_refusal_counts_and_leaves_nothing(use):
    async def main(bucket, clock, told):
        bucket.refuse()
        return bucket.tokens, bucket.usage(), len(told)

    tokens, usage, warned = use(main)
    assert (tokens, usage.refusals, usage.used, warned) == (0, 1, 1, 1)


def test_the_peak_is_remembered_when_the_tokens_are_back(use):
    async def main(bucket, clock, told):
        bucket.take(50)
        await clock.sleep(10)
        return bucket.usage()

    usage = use(main)
    assert (usage.used, usage.peak) == (0, Decimal("0.25"))


def test_what_was_used_stays_used_when_the_account_tells_its_size(use):
    async def main(bucket, clock, told):
        bucket.take(100)
        bucket.resize(BucketSize(300, 900))
        return bucket.tokens

    assert use(main) == 800
