import anyio
import pytest

from framework.clock import run_virtual
from plugins.kalshi.transport.presign import OLDEST_US, PAUSE_S, RENEW_US, SETS, Presigned
from plugins.kalshi.transport.signing import Signer

START_US = 1_768_478_400_000_000
LINE = ("POST", "/trade-api/v2/portfolio/events/orders")


class RealTime:
    """The virtual clock, saying it is real."""

    is_virtual = False

    def __init__(self, clock):
        self.now_us, self.sleep = clock.now_us, clock.sleep


class Counted(Signer):
    """A signer that counts."""

    __slots__ = ("made",)

    def headers(self, method, path, now_us):
        self.made += 1
        return super().headers(method, path, now_us)


@pytest.fixture
def keep(private_key):
    """Run `test(presigned, clock, signer)` while sets are kept."""

    def keep(test, *, real=False):
        async def main(clock):
            clock.start_at(START_US)
            signer = Counted("key", private_key)
            signer.made = 0
            presigned = Presigned(signer, RealTime(clock) if real else clock)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(presigned.keep)
                result = await test(presigned, clock, signer)
                tasks.cancel_scope.cancel()
            return result

        return run_virtual(main)

    return keep


def stamp(headers):
    return int(headers["KALSHI-ACCESS-TIMESTAMP"])


def test_the_first_order_finds_nothing_and_the_next_one_a_set(keep):
    async def main(presigned, clock, signer):
        first = presigned.take(*LINE)
        await clock.sleep(0.1)
        return first, presigned.take(*LINE)

    first, second = keep(main)
    assert first is None
    assert abs(stamp(second) - START_US // 1_000) <= 100


def test_a_burst_in_real_time_finds_a_set_each_with_a_millisecond_of_its_own(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(0.1)
        return [presigned.take(*LINE) for _ in range(SETS + 1)]

    *sets, none = keep(main, real=True)
    assert none is None
    assert len({stamp(headers) for headers in sets}) == SETS
    assert len({headers["KALSHI-ACCESS-SIGNATURE"] for headers in sets}) == SETS


def test_no_set_is_older_than_two_seconds(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(OLDEST_US / 1_000_000 + 1)
        return presigned.take(*LINE)

    assert keep(main) is None


def test_another_request_line_finds_nothing(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(0.1)
        cancel = presigned.take("DELETE", LINE[1])
        other = presigned.take("POST", "/trade-api/v2/portfolio/orders")
        return cancel, other, presigned.take(*LINE)

    assert keep(main) == (None, None, None)


def test_after_a_flush_there_is_nothing(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(0.1)
        presigned.flush()
        return presigned.take(*LINE)

    assert keep(main) is None


def test_while_books_move_sets_stay_fresh_in_real_time(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        for _ in range(100):
            await clock.sleep(0.1)
            presigned.books_moved(clock.now_us())
        return stamp(presigned.take(*LINE)) - clock.now_us() // 1_000

    assert -2_000 <= keep(main, real=True) <= 0


def test_renewing_costs_a_bounded_number_of_signatures(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        for _ in range(10_000):
            await clock.sleep(0.001)
            presigned.books_moved(clock.now_us())
        return signer.made

    assert keep(main, real=True) <= SETS * (10_000_000 // RENEW_US + 1)


def test_a_quiet_market_costs_no_signature_and_no_wake_up(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(1)
        made = signer.made
        await clock.sleep(3_600)
        return signer.made - made

    assert keep(main, real=True) == 0


def test_in_virtual_time_an_order_costs_one_signature_at_most_however_books_move(keep):
    async def main(presigned, clock, signer):
        for _ in range(3):
            presigned.take(*LINE)
            for _ in range(100):
                await clock.sleep(0.1)
                presigned.books_moved(clock.now_us())
        return signer.made

    assert keep(main) == 3


def test_signing_waits_until_what_has_arrived_is_done(keep):
    async def main(presigned, clock, signer):
        presigned.take(*LINE)
        await clock.sleep(PAUSE_S / 2)
        return signer.made

    assert keep(main) == 0
