"""Whether the exchange takes orders, watched and told to the engine.

No message of the stream tells of a pause, so the status is read on a timer, at the planned
openings and closings, and at once when an order is refused because of one.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

from framework.errors import AuthError, ExchangeError
from framework.exchange import Rejected
from framework.model.events import AnyEvent, ExchangeStatusChanged, Pause
from framework.model.market import micros, moment
from framework.model.orders import Order, Purpose
from framework.model.units import Micros
from framework.run import Clock
from plugins.kalshi.codec import Drift
from plugins.kalshi.codec.bodies import ExchangeStatus, ShardStatus, in_utc, read
from plugins.kalshi.markets.schedule import Schedule
from plugins.kalshi.transport.pages import Asked
from plugins.kalshi.transport.rest import Rest

LOOK_EVERY_S: Final = 60.0
PAUSED_LOOK_EVERY_S: Final = 5.0
BELIEVED_US: Final[Micros] = 60_000_000
"""A pause that nothing has confirmed for so long counts as over: exits wait for its end, and the
exchange refuses by itself what it does not take."""
TELLING: Final = frozenset({500, 503, 504})
"""Error statuses with which the exchange tells its status too."""
PAUSED: Final = frozenset({"trading_is_paused", "exchange_is_paused"})
"""The exchange's codes for an order that came during a pause."""
_PATH: Final = "/exchange/status"
_SCHEDULE: Final = "/exchange/schedule"
_SCHEDULE_READ_US: Final[Micros] = 6 * 3_600_000_000


async def read_status(rest: Asked, drift: Drift) -> ExchangeStatus | None:
    """Read the status; None when the answer can't be read.

    Raises:
        AuthError: the exchange refuses the key.
        ExchangeError: there was no answer.
    """
    # A pause may come with hundreds of changed markets to read: it is not one of many.
    found = await rest.get(_PATH, telling=TELLING, urgent=True)
    return read(found, ExchangeStatus, _PATH, drift)


async def read_schedule(rest: Asked, drift: Drift) -> Schedule | None:
    """Read the planned hours; None when the answer can't be read.

    Raises:
        AuthError: the exchange refuses the key.
        ExchangeError: there was no answer.
    """
    found = await rest.get(_SCHEDULE)
    return read(found.get("schedule"), Schedule, _SCHEDULE, drift)


def pauses_of(status: ExchangeStatus) -> tuple[Pause, ...]:
    """Return what takes no orders: single shards where they are told, else all or nothing."""
    resume = status.exchange_estimated_resume_time
    until = "" if resume is None else f", until about {in_utc(resume):%Y-%m-%d %H:%M} UTC"
    shards = status.exchange_index_statuses
    return tuple(
        _pause(part, until)
        for part in shards or (status,)
        if not (part.exchange_active and part.trading_active)
    )


def _pause(part: ExchangeStatus | ShardStatus, until: str) -> Pause:
    what = "trading pauses" if part.exchange_active else "the exchange is closed"
    shard, where = None, ""
    if isinstance(part, ShardStatus):
        name = f" ({part.description})" if part.description else ""
        shard, where = part.exchange_index, f" on shard {part.exchange_index}{name}"
    reason = f"{what}{where}{until}"
    return Pause(shard=shard, reason=reason, takes_cancels=part.exchange_active)


class StatusWatch:
    """Tells of every change of the status.

    Attributes:
        pauses: What takes no orders, as last read.
    """

    def __init__(
        self,
        rest: Rest,
        drift: Drift,
        clock: Clock,
        emit: Callable[[Sequence[AnyEvent]], Awaitable[None]],
    ) -> None:
        self._rest = rest
        self._drift = drift
        self._clock = clock
        self._emit = emit
        self._wake = anyio.Event()
        self._schedule: Schedule | None = None
        self._schedule_due_us: Micros = 0
        self._confirmed_us: Micros = clock.now_us()
        self.pauses: tuple[Pause, ...] = ()

    async def run(self) -> None:
        """Watch for ever, or until it shows that this exchange tells no status.

        Raises:
            AuthError: the exchange refuses the key.
        """
        while True:
            self._wake = anyio.Event()  # first: who wakes while it looks is heard afterwards
            if not await self._look():
                return
            await self._plan()
            with anyio.move_on_after(self._wait_s()):
                await self._wake.wait()

    def look_now(self) -> None:
        """Read the status at once: an order was refused because of a pause."""
        self._wake.set()

    def refusal(self, order: Order) -> Rejected | None:
        """Return why an entry is not sent now; an exit may try, for a pause may just be over."""
        if not self.pauses or order.purpose is not Purpose.ENTRY:
            return None
        for pause in self.pauses:
            if pause.shard in {None, order.shard}:
                return Rejected(code="trading_is_paused", message=f"not sent: {pause.reason}")
        return None

    async def _look(self) -> bool:
        try:
            status = await read_status(self._rest, self._drift)
        except AuthError:
            raise
        except ExchangeError as fault:
            if fault.status == 404:
                self._drift.count(f"{_PATH}: not found")
                return False
            self._drift.fail("status", _PATH, fault)
            status = None
        now_us = self._clock.now_us()
        if status is not None:
            self._confirmed_us = now_us
            await self._tell(pauses_of(status), now_us)
        elif now_us - self._confirmed_us >= BELIEVED_US:
            await self._tell((), now_us)
        return True

    async def _tell(self, pauses: tuple[Pause, ...], at_us: Micros) -> None:
        if pauses != self.pauses:
            self.pauses = pauses
            await self._emit((ExchangeStatusChanged(at_us=at_us, pauses=pauses),))

    async def _plan(self) -> None:
        """Read the planned hours again when that is due; without them only the timer looks."""
        now_us = self._clock.now_us()
        if now_us < self._schedule_due_us:
            return
        self._schedule_due_us = now_us + _SCHEDULE_READ_US
        try:
            self._schedule = await read_schedule(self._rest, self._drift)
        except AuthError:
            raise
        except ExchangeError as fault:
            if fault.status == 404:
                self._drift.count(f"{_SCHEDULE}: not found")
            else:
                self._drift.fail("schedule", _SCHEDULE, fault)

    def _wait_s(self) -> float:
        longest = PAUSED_LOOK_EVERY_S if self.pauses else LOOK_EVERY_S
        now_us = self._clock.now_us()
        planned = None if self._schedule is None else self._schedule.next_change(moment(now_us))
        if planned is None:
            return longest
        return min(longest, (micros(planned) - now_us) / 1_000_000)
