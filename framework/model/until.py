"""When a session is to end: at a moment, or when the clock next shows a time."""

import re
from datetime import datetime
from typing import Final, Self

import msgspec

from framework.model.market import micros
from framework.model.units import Micros

_DAY_US: Final = 86_400_000_000
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


class Until(msgspec.Struct, frozen=True):
    """A moment in UTC, or a time of day in UTC, whose day the session's start tells."""

    at_us: Micros | None = None
    clock_us: Micros | None = None
    """Since midnight."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `15:20`, `15:20:30`, or a moment such as `2026-11-02T15:20:00Z`.

        Raises:
            ValueError: it is neither, or a moment without a time zone.
        """
        clock = _CLOCK.fullmatch(text)
        if clock:
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return cls(clock_us=(hours * 3_600 + minutes * 60 + seconds) * 1_000_000)
        try:
            return cls(at_us=micros(datetime.fromisoformat(text)))
        except (ValueError, TypeError):
            raise ValueError(
                'must be a time of day in UTC such as "15:20", or a moment with its time zone '
                f'such as "2026-11-02T15:20:00Z" (was {text!r})'
            ) from None

    def after(self, start_us: Micros) -> Micros:
        """Return the moment for a session that starts at `start_us`.

        Raises:
            ValueError: the moment is not after the start.
        """
        if self.clock_us is not None:
            today_us = start_us - start_us % _DAY_US + self.clock_us
            return today_us if today_us > start_us else today_us + _DAY_US
        if self.at_us is None or self.at_us <= start_us:
            raise ValueError("must be after the session's start")
        return self.at_us
