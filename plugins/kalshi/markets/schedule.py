"""When the exchange is open, as `GET /exchange/schedule` tells it: weekly hours and maintenance.

Weekly hours are told in Eastern time, so a summer's Thursday pause is at another hour of UTC than
a winter's.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plugins.kalshi.codec.bodies import Body, in_utc

_ZONE: Final = "America/New_York"
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MIDNIGHT: Final = time(0)
_AHEAD: Final = 8
"""Days looked ahead: a week's hours repeat."""


class Session(Body, frozen=True, kw_only=True):
    """From when to when it is open on a day; midnight as the end is the day's end."""

    open_time: str
    """Hours and minutes there, such as `05:00`."""
    close_time: str

    def __post_init__(self) -> None:
        self.span()

    def span(self) -> tuple[time, time]:
        """Return when it opens and closes.

        Raises:
            ValueError: one of them is no time of day.
        """
        return time.fromisoformat(self.open_time), time.fromisoformat(self.close_time)

    def holds(self, at: time) -> bool:
        """Return whether it is open at a time of that day."""
        opens, closes = self.span()
        return opens <= at and (closes == _MIDNIGHT or at < closes)


class Hours(Body, frozen=True, kw_only=True):
    """A week's hours, in force between two moments."""

    start_time: datetime
    end_time: datetime
    monday: tuple[Session, ...] = ()
    tuesday: tuple[Session, ...] = ()
    wednesday: tuple[Session, ...] = ()
    thursday: tuple[Session, ...] = ()
    friday: tuple[Session, ...] = ()
    saturday: tuple[Session, ...] = ()
    sunday: tuple[Session, ...] = ()

    def on(self, day: date) -> tuple[Session, ...]:
        """Return the sessions of a day, if these hours are in force then."""
        noon = datetime.combine(day, time(12), UTC)
        if not in_utc(self.start_time) <= noon < in_utc(self.end_time):
            return ()
        sessions: tuple[Session, ...] = getattr(self, _DAYS[day.weekday()])
        return sessions


class Maintenance(Body, frozen=True, kw_only=True):
    """A planned closure."""

    start_datetime: datetime
    end_datetime: datetime


class Schedule(Body, frozen=True, kw_only=True):
    """`GET /exchange/schedule`."""

    standard_hours: tuple[Hours, ...] = ()
    maintenance_windows: tuple[Maintenance, ...] = ()

    def is_open(self, at: datetime) -> bool | None:
        """Return whether trading is planned at a moment; None when nothing is known about it."""
        zone = _zone()
        if any(
            in_utc(window.start_datetime) <= at < in_utc(window.end_datetime)
            for window in self.maintenance_windows
        ):
            return False
        if zone is None or not self.standard_hours:
            return None
        there = at.astimezone(zone)
        return any(
            session.holds(there.time())
            for hours in self.standard_hours
            for session in hours.on(there.date())
        )

    def next_change(self, after: datetime) -> datetime | None:
        """Return when it is planned to open or close next; None when nothing is planned."""
        return min((at for at in self._moments(after) if at > after), default=None)

    def _moments(self, after: datetime) -> Iterator[datetime]:
        for window in self.maintenance_windows:
            yield in_utc(window.start_datetime)
            yield in_utc(window.end_datetime)
        zone = _zone()
        if zone is None:
            return
        first = after.astimezone(zone).date()
        for day in (first + timedelta(days=ahead) for ahead in range(_AHEAD)):
            for hours in self.standard_hours:
                for session in hours.on(day):
                    # Midnight to midnight is no change: the next day goes on.
                    for at in session.span():
                        if at != _MIDNIGHT:
                            yield datetime.combine(day, at, zone).astimezone(UTC)


def _zone() -> ZoneInfo | None:
    """Return the exchange's time zone; None where the system knows no zones."""
    try:
        return ZoneInfo(_ZONE)
    except ZoneInfoNotFoundError:
        return None
