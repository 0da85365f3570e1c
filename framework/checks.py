"""What `framework doctor` asks plugins, and what they answer: findings, each with its cure."""

from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing to do."""
    WARNING = "warning"
    """Works today, and may not for long."""
    PROBLEM = "problem"
    """Does not work."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a check found, in one sentence without a full stop."""

    level: Level
    what: str
    cure: str | None = None
    """What the user does about it; None when there is nothing to do."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A question with a name; calling `findings` looks, and may raise a FrameworkError."""

    name: str
    findings: Callable[[], Iterable[Finding]]
