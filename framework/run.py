"""What a plugin may know of the run it works in."""

from enum import StrEnum
from pathlib import Path
from random import Random  # noqa: TID251 - the type of the one seeded generator
from typing import Protocol

import msgspec
from anyio.abc import ByteStream

from framework.model.units import Micros
from framework.model.until import Until


class Mode(StrEnum):
    """Where orders go."""

    SANDBOX = "sandbox"
    PAPER = "paper"
    DEMO = "demo"
    LIVE = "live"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A key and where it belongs; a None address means the exchange's own for the mode."""

    key_id: str
    private_key: bytes
    """PEM."""
    passphrase: bytes | None = None
    """What opens the key if it is encrypted."""
    rest_url: str | None = None
    stream_url: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked of this run, for whichever plugin it concerns."""

    seed: int = 1
    recording: Path | None = None
    duration_us: Micros | None = None
    """How long the session lasts; None leaves it to the world."""
    until: Until | None = None
    """When it ends at the latest."""


class Clock(Protocol):
    """The time of the run: real, or the sandbox's."""

    @property
    def is_virtual(self) -> bool:
        """Whether time jumps to the next timer instead of passing."""

    def now_us(self) -> Micros:
        """Return the present moment."""

    def start_at(self, at_us: Micros) -> None:
        """Set the moment at which virtual time starts.

        Raises:
            InvariantError: the clock is real, or has been started before.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Run(Protocol):
    """One run, from the first line of the journal to the last."""

    @property
    def run_id(self) -> str:
        """The run's name; an input, so that a replay has the same."""

    @property
    def mode(self) -> Mode:
        """Where orders go."""

    @property
    def options(self) -> RunOptions:
        """What the command line asked for."""

    @property
    def folder(self) -> Path:
        """Where this run keeps its files (0700); what must outlive it is kept beside them."""

    @property
    def clock(self) -> Clock:
        """The time of the run."""

    @property
    def rng(self) -> Random:
        """The run's own seeded randomness."""

    async def connect(self, host: str, port: int) -> ByteStream:
        """Open a byte stream: a plugin's, if one answers for that host, else the network's.

        Raises:
            ExchangeError: nobody listens there.
        """

    def credentials(self, name: str) -> Credentials | None:
        """Return the credentials a plugin supplies for an exchange, or None."""

    def stop(self, reason: str) -> None:
        """Ask the run to end in order: entries cancelled, journal sealed, result shown."""

    def progress(self, done: float | None, text: str) -> None:
        """Report how far a session is, from 0 to 1, or None where nobody knows."""
