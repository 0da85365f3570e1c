"""What the engine made of one event: the unit of audit, replay and display."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from framework.model.commands import AnyCommand
from framework.model.events import AnyEvent
from framework.model.units import Ticker


class Stage(StrEnum):
    """A step of the decision line."""

    FILTER = "filter"
    SIGNAL = "signal"
    SIZE = "size"
    RISK = "risk"
    EXIT = "exit"


NO_SIGNAL: Final = "no_signal"
"""The strategy was asked and wants nothing."""
STAY: Final = "stay"
"""No exit is wanted."""
OFF_GRID: Final = "off_grid"
"""A signal's price is none of the market's."""

EXCHANGE_PAUSED: Final = "exchange_paused"
"""The exchange takes no orders at present, on this market's shard or anywhere."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a strategy's line decided on a market at one stage; recorded when it changes.

    A `code` of None is a pass; `NO_SIGNAL` and `STAY` are no refusals, only no opinion.
    """

    strategy: str
    ticker: Ticker
    stage: Stage
    plugin: str | None
    code: str | None
    message: str = ""
    numbers: dict[str, Decimal] = {}
    """What it was judged on, by name, in dollars and contracts; those unknown are left out."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One event, with the changed verdicts and the commands it led to."""

    event: AnyEvent
    verdicts: tuple[Verdict, ...] = ()
    commands: tuple[AnyCommand, ...] = ()
