"""The world happens at its moments, timers in between, each moment as one."""

from datetime import timedelta

import anyio
import msgspec

from framework.clock import run_virtual
from framework.model.events import BookChanged, TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.auth import Gate
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.rows import NewOrder, Pause
from plugins.sandbox.faults import Faults
from plugins.sandbox.fixed_point.commands import Subscriber
from plugins.sandbox.pump import play, rest_as_told
from plugins.sandbox.venue import Venue

SECOND_US = 1_000_000


class Moments:
    """An outbox that notes when its frames were flushed."""

    full = False

    def __init__(self, now_us):
        self.now_us = now_us
        self.waiting = []
        self.flushed = []

    def push(self, text):
        self.waiting.append(msgspec.json.decode(text)["type"])

    def flush(self):
        if self.waiting:
            self.flushed.append((self.now_us() - NOW_US, self.waiting))
            self.waiting = []


def printed(seconds, number):
    return TradePrinted(
        at_us=NOW_US + round(seconds * SECOND_US),
        ticker="KXT-E-A",
        trade_id=f"trade-{number}",
        yes_price_e4=9200,
        quantity_e2=100,
        taker_side=Side.YES,
    )


def delta(seconds):
    return BookChanged(
        at_us=NOW_US + round(seconds * SECOND_US),
        ticker="KXT-E-A",
        side=Side.YES,
        price_e4=8900,
        change_e2=100,
    )


def run_session(world, *, before=None, **options):
    """Play a world on virtual time; return what was flushed when, and the venue."""

    async def main(clock):
        clock.start_at(world.start_us)
        venue = Venue(SandboxExchange(world), Gate({}), clock.now_us, rate_limits=False)
        moments = Moments(clock.now_us)
        venue.join(moments.flush)
        async with anyio.create_task_group() as group:

            async def listen():
                await clock.sleep(0.5)
                subscriber = Subscriber(venue.feed, moments)
                channels = {"channels": ["orderbook_delta", "trade", "user_orders"]}
                params = channels | {"market_ticker": "KXT-E-A"}
                command = {"id": 1, "cmd": "subscribe", "params": params}
                subscriber.hear(msgspec.json.encode(command))
                moments.waiting.clear()
                if before is not None:
                    before(venue)

            group.start_soon(listen)
            await play(world, venue, clock, **options)
        return moments.flushed, venue, clock.now_us()

    return run_virtual(main)


def test_every_event_happens_at_its_moment(world):
    world.script += [delta(1), printed(2.5, 2), delta(61.000001)]
    flushed, _, _ = run_session(world)

    assert flushed == [
        (SECOND_US, ["orderbook_delta"]),
        (2_500_000, ["trade"]),
        (61_000_001, ["orderbook_delta"]),
    ]


def test_everything_of_one_moment_is_flushed_together(world):
    world.script += [delta(1), printed(1, 2), delta(1)]
    flushed, _, _ = run_session(world)

    assert flushed == [(SECOND_US, ["orderbook_delta", "trade", "orderbook_delta"])]


def test_timers_are_honoured_between_events(world):
    def rest(venue):
        order = NewOrder(
            ticker="KXT-E-A",
            side=Side.YES,
            limit_e4=8000,
            quantity_e2=100,
            expires_us=NOW_US + 7 * SECOND_US,
        )
        venue.publish(venue.exchange.place(order)[2])

    world.script += [delta(1), delta(100)]
    flushed, _, _ = run_session(world, before=rest)

    assert [moment for moment, _ in flushed] == [SECOND_US, 7 * SECOND_US, 100 * SECOND_US]
    assert flushed[1][1] == ["user_order"]


def test_the_session_ends_with_the_worlds_last_event(world):
    world.script += [delta(3)]

    assert run_session(world)[2] == NOW_US + 3 * SECOND_US


def test_a_session_can_be_shorter_than_its_world(world):
    world.script += [delta(1), delta(2), delta(3)]
    flushed, _, ended_us = run_session(world, until_us=NOW_US + 2 * SECOND_US)

    assert [moment for moment, _ in flushed] == [SECOND_US, 2 * SECOND_US]
    assert ended_us == NOW_US + 2 * SECOND_US


def test_a_busy_client_does_not_make_events_late(world):
    """A request ticks the exchange; the event of that very moment still happens."""

    def busy(venue):
        for _ in range(3):
            venue.present()

    world.script += [delta(0.5), delta(1)]
    flushed, venue, _ = run_session(world, before=busy)

    assert flushed[-1][0] == SECOND_US
    assert venue.exchange.now_us == NOW_US + SECOND_US


def test_progress_runs_from_zero_to_one(world):
    world.script += [delta(step / 10) for step in range(1, 1_001)]
    world.end_us = NOW_US + 100 * SECOND_US
    seen = []
    run_session(world, report=lambda done, text: seen.append((done, text)))
    done = [share for share, _ in seen]

    assert (done[0], done == sorted(done), done[-1]) == (0.0, True, 1.0)
    assert 90 <= len(done) <= 102
    assert seen[0][1] == "2026-01-15 12:00:00 UTC"


def test_of_a_world_of_unknown_length_only_the_end_is_reported(world):
    world.script += [delta(1)]
    seen = []
    run_session(world, report=lambda done, text: seen.append((done, text)))

    assert seen == [(1.0, "2026-01-15 12:00:01 UTC")]


def test_trading_rests_now_and_then_and_goes_on(world):
    async def main(clock):
        clock.start_at(world.start_us)
        pauses = Faults(pause_every=timedelta(seconds=10), pause_for=timedelta(seconds=5))
        venue = Venue(SandboxExchange(world), Gate({}), clock.now_us, faults=pauses)
        seen = []
        async with anyio.create_task_group() as group:
            group.start_soon(rest_as_told, venue, clock)
            for second in (5, 12, 17, 27):
                await clock.sleep((NOW_US + second * SECOND_US - clock.now_us()) / SECOND_US)
                seen.append(venue.exchange.pause)
            group.cancel_scope.cancel()
        return seen

    assert run_virtual(main) == [Pause.NOTHING, Pause.TRADING, Pause.NOTHING, Pause.TRADING]
