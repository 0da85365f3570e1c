"""What makes a world happen: its events, at their moments, to an exchange that is spoken to.

Everything of one moment is told at once, so that a connection gets it as one write.
"""

from collections.abc import Callable, Iterator

from framework.model.events import AnyEvent
from framework.model.market import moment
from framework.model.units import Micros
from framework.run import Clock
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.core.world import World
from plugins.sandbox.venue import Venue

Report = Callable[[float, str], None]


async def play(
    world: World,
    venue: Venue,
    clock: Clock,
    *,
    until_us: Micros | None = None,
    report: Report | None = None,
) -> None:
    """Let a world happen and return when it is over.

    Args:
        world: What happens; the clock shows its `start_us` or later.
        venue: Where it happens.
        clock: Whose time it happens at.
        until_us: The session's end, when it is not to last as long as the world.
        report: Told now and then how far the session is, from 0 to 1.

    Raises:
        ConfigError: a recording cannot be read on; the message names file and line.
    """
    events = world.events()
    progress = _Progress(world.start_us, _end(world, until_us), report)
    pending = _next(events, until_us)
    while pending is not None:
        timer_us = venue.exchange.next_timer_us()
        due_us = pending.at_us if timer_us is None else min(pending.at_us, timer_us)
        await clock.sleep(max(0, due_us - clock.now_us()) / 1_000_000)
        now_us = max(due_us, clock.now_us())
        while pending is not None and pending.at_us <= now_us:
            venue.publish(venue.exchange.advance(pending))
            pending = _next(events, until_us)
        venue.publish(venue.exchange.tick(now_us))
        venue.flush()
        progress.reach(now_us)
    progress.finish(clock.now_us())


async def rest_as_told(venue: Venue, clock: Clock) -> None:
    """Let trading rest now and then, for as long as the faults say; never returns if they do."""
    every, for_s = venue.faults.pause_every, venue.faults.pause_for.total_seconds()
    while every is not None:
        for pause, seconds in ((Pause.NOTHING, every.total_seconds()), (Pause.TRADING, for_s)):
            venue.present()
            venue.publish(venue.exchange.halt(pause))
            venue.flush()
            await clock.sleep(seconds)


def _next(events: Iterator[AnyEvent], until_us: Micros | None) -> AnyEvent | None:
    event = next(events, None)
    ended = event is None or (until_us is not None and event.at_us > until_us)
    return None if ended else event


def _end(world: World, until_us: Micros | None) -> Micros | None:
    ends = [end for end in (world.end_us, until_us) if end is not None]
    return min(ends, default=None)


class _Progress:
    """Reports each percent once, and the end; a world of unknown length only its end."""

    def __init__(self, start_us: Micros, end_us: Micros | None, report: Report | None) -> None:
        self._start_us = start_us
        self._length_us = 0 if end_us is None else max(1, end_us - start_us)
        self._report = report
        self._next_us = start_us

    def reach(self, now_us: Micros) -> None:
        if self._length_us and now_us >= self._next_us:
            self._next_us = now_us + self._length_us // 100 + 1
            self._tell((now_us - self._start_us) / self._length_us, now_us)

    def finish(self, now_us: Micros) -> None:
        self._tell(1.0, now_us)

    def _tell(self, done: float, now_us: Micros) -> None:
        if self._report is not None:
            self._report(min(done, 1.0), f"{moment(now_us):%Y-%m-%d %H:%M:%S} UTC")
