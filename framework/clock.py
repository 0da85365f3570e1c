"""The only module that reads a clock, and the event loop whose time jumps.

In the sandbox and in tests the whole program runs on `VirtualLoop`: when every task waits, the
loop moves its time to the next timer instead of sleeping, so a day of trading takes as long as
its work, and a time-out of ten seconds fires at the tenth virtual second exactly.
Nothing else in the framework may ask what time it is; it is handed a `framework.run.Clock`.
"""

import asyncio
import math
import selectors
import socket
import time
from asyncio.events import TimerHandle
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import anyio
from anyio._backends._asyncio import (
    CapacityLimiter,
    _default_thread_limiter,
)

from framework.errors import ConfigError, InvariantError
from framework.model.units import Micros

_Result = TypeVar("_Result")
_Ready = list[tuple[selectors.SelectorKey, int]]

_A_SECOND_US: Final = 1_000_000
_LONGEST_WAIT: Final = 24 * 3600.0
"""Seconds; epoll takes no more than fits an int of milliseconds."""
_NO_THREADS: Final = (
    "no worker threads on virtual time (files, host names and the like use them): time would "
    "jump while they work. Do it before the loop starts, or without a thread"
)


class _Selector(selectors.DefaultSelector):
    """The system's selector, asking the loop what to do when there is nothing to do."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        return self.loop.wait(super().select)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop that owns its time.

    Time starts at zero and stands still while anything can run. A task that never waits for a
    timer therefore stops time: `sleep(0)` in a loop is a bug here as elsewhere.

    Args:
        pace: Virtual seconds per real second; None jumps from timer to timer without waiting.
    """

    _scheduled: list[TimerHandle]
    _clock_resolution: float

    def __init__(self, pace: float | None = None) -> None:
        selector = _Selector()
        selector.loop = self
        self._pace = pace
        self._now = 0.0
        super().__init__(selector)
        self._origin = super().time()
        self._move_to(0.0)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def wait(self, poll: Callable[[float | None], _Ready]) -> _Ready:
        """Let signals and sockets in; move to the next timer when there are none.

        With no timer at all it blocks, since only a signal or a socket can go on.
        """
        due = self._scheduled[0].when() if self._scheduled else math.inf
        if self._pace is not None:
            return self._wait_paced(poll, due, self._pace)
        ready = poll(None if due == math.inf else 0)
        if not ready and due != math.inf:
            self._move_to(due)
        return ready

    def _wait_paced(
        self, poll: Callable[[float | None], _Ready], due: float, pace: float
    ) -> _Ready:
        passed = super().time() - self._origin
        ready = poll(min(max(0.0, due / pace - passed), _LONGEST_WAIT))
        passed = super().time() - self._origin
        self._move_to(max(self._now, min(due, passed * pace)))
        return ready

    def _move_to(self, now: float) -> None:
        self._now = now
        # The loop runs every timer before `time() + resolution`. One unit in the last place
        # means those that are due and no others: a fixed resolution would vanish beside a
        # large time, and the timer that was jumped to would never run.
        self._clock_resolution = math.ulp(now)

    def run_in_executor(self, *_: object) -> NoReturn:
        """Refuse: time jumps while a thread works, and a lock it holds stops the loop.

        Raises:
            InvariantError: always.
        """
        raise InvariantError(_NO_THREADS)

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the base's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Translate a numeric address, which needs no thread.

        Raises:
            InvariantError: `host` is a name.
        """
        flags |= socket.AI_NUMERICHOST
        try:
            return socket.getaddrinfo(host, port, family, type, proto, flags)
        except socket.gaierror:
            raise InvariantError(f"can't look up {host!r}: {_NO_THREADS}") from None


class _NoThreads(CapacityLimiter):
    """A limit on worker threads that nobody passes."""

    async def __aenter__(self) -> NoReturn:
        raise InvariantError(_NO_THREADS)


def _refuse_worker_threads() -> None:
    """Make `anyio.to_thread` raise in this loop.

    anyio starts its threads without asking the loop, and offers no public way to forbid them;
    the default limiter is the one thing it asks first.
    """
    _default_thread_limiter.set(_NoThreads(1))


class VirtualClock:
    """The sandbox's time; the run's first day is 1970-01-01 until `start_at` says otherwise."""

    is_virtual: Final = True

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._epoch_us: Micros = 0
        self._started = False

    def now_us(self) -> Micros:
        """Return the present moment."""
        return self._epoch_us + round(self._loop.time() * _A_SECOND_US)

    def start_at(self, at_us: Micros) -> None:
        """Make this very moment `at_us`.

        Raises:
            InvariantError: the clock has been started before, or would run backwards.
        """
        if self._started:
            raise InvariantError("virtual time can be started only once")
        ahead_us = at_us - self.now_us()
        if ahead_us < 0:
            raise InvariantError(f"virtual time can't start {-ahead_us} us in its own past")
        self._started = True
        self._epoch_us += ahead_us

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual seconds."""
        await anyio.sleep(seconds)


class RealClock:
    """The world's time, which never runs backwards.

    It is the wall clock of the start plus the monotonic clock, so a corrected wall clock can't
    reorder events. When the wall clock is more than a second ahead (the machine slept), the
    difference is taken over, because the exchange refuses signatures with an old time.
    """

    is_virtual: Final = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wall_us: Callable[[], Micros] | None = None,
    ) -> None:
        self._loop = loop
        self._wall_us = wall_us or wall_clock_us
        self._epoch_us = self._wall_us() - self._running_us()

    def _running_us(self) -> Micros:
        return round(self._loop.time() * _A_SECOND_US)

    def now_us(self) -> Micros:
        """Return the present moment."""
        now_us = self._epoch_us + self._running_us()
        behind_us = self._wall_us() - now_us
        if behind_us > _A_SECOND_US:
            self._epoch_us += behind_us
            now_us += behind_us
        return now_us

    def start_at(self, at_us: Micros) -> None:  # noqa: ARG002 - the protocol's signature
        """Refuse.

        Raises:
            InvariantError: always; real time can't be set.
        """
        raise InvariantError("real time can't be set: only a virtual clock starts at a moment")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


def run_virtual(
    main: Callable[[VirtualClock], Awaitable[_Result]], *, pace: float | None = None
) -> _Result:
    """Run a program on virtual time and return its result.

    Args:
        main: Called with the clock.
        pace: Virtual seconds per real second; None is as fast as possible.

    Raises:
        ConfigError: the pace is not a positive number.
    """
    if pace is not None and not 0 < pace < math.inf:
        raise ConfigError(f"pace must be above 0 (was {pace})")

    async def start() -> _Result:
        _refuse_worker_threads()
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise InvariantError(f"the program runs on {loop!r} instead of virtual time")
        return await main(VirtualClock(loop))

    return anyio.run(start, backend_options={"loop_factory": partial(VirtualLoop, pace)})


def run_real(main: Callable[[RealClock], Awaitable[_Result]]) -> _Result:
    """Run a program on the world's time and return its result."""

    async def start() -> _Result:
        return await main(RealClock(asyncio.get_running_loop()))

    return anyio.run(start)


def wall_clock_us() -> Micros:
    """Return the world's time, for what happens outside a run: its name, the halt file."""
    return time.time_ns() // 1_000


def stopwatch() -> Callable[[], float]:
    """Start measuring real seconds, for display only; call the result to read them."""
    start = time.perf_counter()
    return lambda: time.perf_counter() - start
