"""When the whole exchange rests by plan, as its schedule says ahead.

Each Thursday from 3 to 5 o'clock Eastern time nothing trades, and orders can only be cancelled
(Kalshi's maintenance page). A session that meets no Thursday has a short pause in its middle: a
run that never met one would say nothing about what a strategy does at the real one, when stops
can't be sent and what rests fills at the reopening.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from framework.model.units import Micros
from plugins.sandbox.core.rows import Pause

_HOUR_US: Final = 3_600_000_000
_WEEK_US: Final = 7 * 24 * _HOUR_US
_THURSDAY_US: Final = 8 * _HOUR_US
"""3 o'clock Eastern in winter, after the start of a week: the epoch was a Thursday in UTC."""
_WEEKLY_US: Final = 2 * _HOUR_US


class PlannedPause(NamedTuple):
    """A pause that everybody can know ahead."""

    from_us: Micros
    until_us: Micros
    pause: Pause = Pause.TRADING


def changes(pauses: Iterable[PlannedPause]) -> Iterator[tuple[Micros, Pause]]:
    """Yield when something begins or ends to rest, and what rests from then on."""
    for from_us, until_us, pause in pauses:
        yield from_us, pause
        yield until_us, Pause.NOTHING


def planned_pauses(start_us: Micros, duration_us: Micros) -> tuple[PlannedPause, ...]:
    """Return the pauses of a session in winter: the Thursdays it meets, else a short one."""
    end_us = start_us + duration_us
    week_us = start_us // _WEEK_US * _WEEK_US + _THURSDAY_US
    thursdays = [
        PlannedPause(from_us, from_us + _WEEKLY_US)
        for from_us in range(week_us, end_us, _WEEK_US)
        if from_us + _WEEKLY_US > start_us
    ]
    if thursdays:
        return tuple(thursdays)
    from_us = start_us + duration_us * 9 // 20
    return (PlannedPause(from_us, from_us + duration_us // 15),)
