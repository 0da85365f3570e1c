"""How well the exchange is reached: message age, acknowledgement time, errors, silence.

The thresholds are the founding document's: messages younger than 50 ms, orders acknowledged
within 100 ms, fewer than 5 % of the requests failing. A median over a minute decides, because
single messages are late on any network; crossing a limit is told once, and again only after it
was kept for a while.

A message's age compares two machines' clocks. The exchange's `Date` header has whole seconds, so
it can't correct the difference: the age is as good as this machine's clock is set.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from framework.model.units import Micros

MESSAGE_AGE_LIMIT: Final = Decimal("0.05")
ACKNOWLEDGED_LIMIT: Final = Decimal("0.1")
ERROR_RATE_LIMIT: Final = Decimal("0.05")
WINDOW_US: Final[Micros] = 60_000_000
FEWEST: Final = 20
"""Fewer samples say nothing."""
_MOST: Final = 1_024
"""Samples kept of a window; a busier minute is judged by its newest."""
_LOOK_EVERY_US: Final[Micros] = 1_000_000
_MICRO: Final = Decimal(1_000_000)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One measure over the last minute; None before there is anything to say."""

    what: str
    value: Decimal | None
    limit: Decimal
    worst: Decimal | None
    """The largest sample of the window."""
    samples: int


Warn = Callable[[Reading], None]


class _Window:
    """Samples of the last minute, judged by one number."""

    def __init__(self, what: str, limit: Decimal, warn: Warn) -> None:
        self._what = what
        self._limit = limit
        self._warn = warn
        self._samples: deque[tuple[Micros, int]] = deque(maxlen=_MOST)
        self._looked_us: Micros = 0
        self._is_over = False

    def add(self, at_us: Micros, sample: int) -> None:
        """Take a sample, and look about once a second at what they say together."""
        self._samples.append((at_us, sample))
        if at_us - self._looked_us >= _LOOK_EVERY_US:
            self._looked_us = at_us
            self._look(at_us)

    def _look(self, now_us: Micros) -> None:
        reading = self.read(now_us)
        if reading.value is None:
            return
        if not self._is_over and reading.value > self._limit:
            self._is_over = True
            self._warn(reading)
        elif self._is_over and reading.value <= self._limit / 2:
            self._is_over = False

    def read(self, now_us: Micros) -> Reading:
        """Return what the window says now."""
        while self._samples and now_us - self._samples[0][0] > WINDOW_US:
            self._samples.popleft()
        values = sorted(sample for _, sample in self._samples)
        return Reading(
            what=self._what,
            value=self._judged(values) if len(values) >= FEWEST else None,
            limit=self._limit,
            worst=self._scaled(values[-1]) if values else None,
            samples=len(values),
        )

    def _judged(self, values: list[int]) -> Decimal:
        return self._scaled(values[len(values) // 2])

    def _scaled(self, sample: int) -> Decimal:
        return Decimal(sample) / _MICRO


class _Share(_Window):
    """Samples of 0 and 1, judged by their mean."""

    def _judged(self, values: list[int]) -> Decimal:
        return (Decimal(sum(values)) / len(values)).quantize(Decimal("0.0001"))

    def _scaled(self, sample: int) -> Decimal:
        return Decimal(sample)


class Health:
    """What is measured of one connection to the exchange.

    Attributes:
        heard_us: When anything last came on the stream; None before the first.
        most_skew_us: How far this machine's clock may be off the exchange's.
    """

    def __init__(self, warn: Warn = lambda _: None) -> None:
        """Start without a sample; `warn` is told once whenever a limit is crossed."""
        self.warn = warn
        self.heard_us: Micros | None = None
        self.most_skew_us: Micros = 5_000_000
        self._is_skewed = False
        self._ages = _Window("message age, s", MESSAGE_AGE_LIMIT, self._told)
        self._acknowledged = _Window("acknowledgement, s", ACKNOWLEDGED_LIMIT, self._told)
        self._failures = _Share("share of failed requests", ERROR_RATE_LIMIT, self._told)

    def heard(self, at_us: Micros, exchange_us: Micros | None) -> None:
        """Note that something came, and how old it was if it says; any frame is a heartbeat."""
        self.heard_us = at_us
        if exchange_us is not None:
            self._ages.add(at_us, max(0, at_us - exchange_us))

    def acknowledged(self, at_us: Micros, took_us: Micros) -> None:
        """Note how long the exchange took to answer an order or a cancel."""
        self._acknowledged.add(at_us, took_us)

    def clock_read(self, skew_us: Micros) -> None:
        """Note how far our clock is ahead; beyond the limit it is told, once until it is right."""
        before, self._is_skewed = self._is_skewed, abs(skew_us) > self.most_skew_us
        if not self._is_skewed or before:
            return
        where = "ahead of" if skew_us > 0 else "behind"
        reading = Reading(
            what=f"this machine's clock, s {where} the exchange's (no entry is sent: set it),",
            value=(Decimal(abs(skew_us)) / _MICRO).quantize(Decimal("0.1")),
            limit=Decimal(self.most_skew_us) / _MICRO,
            worst=None,
            samples=1,
        )
        self.warn(reading)

    def answered(self, at_us: Micros, *, is_failure: bool) -> None:
        """Note a request's end: no answer, 429 and 5xx are failures, refusals are not."""
        self._failures.add(at_us, int(is_failure))

    def _told(self, reading: Reading) -> None:
        self.warn(reading)

    def readings(self, now_us: Micros) -> tuple[Reading, ...]:
        """Return every measure over the last minute."""
        return tuple(one.read(now_us) for one in (self._ages, self._acknowledged, self._failures))
