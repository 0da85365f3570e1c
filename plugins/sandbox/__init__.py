"""An exchange in this process: it speaks Kalshi's wire to the unmodified adapter.

In sandbox mode the adapter's connections to the sandbox's host end here instead of the network,
its key pair is made here, and the run's time is the world's.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random  # noqa: TID251 - seeded by the run's own generator
from typing import ClassVar, Literal

import anyio
from anyio.abc import ByteStream, TaskGroup
from pydantic import Field, PrivateAttr

from framework.errors import ExchangeError
from framework.fees import DIRECT_E6, NON_DIRECT_E6
from framework.model.market import MarketStatus
from framework.model.units import Duration, Money, to_e6
from framework.plugin import Plugin, hookimpl
from framework.run import Credentials, Run
from framework.streams import memory_pipe
from plugins.sandbox.auth import Gate, KeyPair, new_key_pair
from plugins.sandbox.cents.door import Cents
from plugins.sandbox.channels import StreamLimits
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.world import World
from plugins.sandbox.dialect import Dialect
from plugins.sandbox.faults import Faults
from plugins.sandbox.pump import play, rest_as_told
from plugins.sandbox.serve_command import commands as sandbox_commands
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.venue import Repeats, Venue
from plugins.sandbox.worlds.plans import FEWEST
from plugins.sandbox.worlds.seeded import DEFAULT_MARKETS
from plugins.sandbox.worlds.worlds import in_micros, open_world, session_end_us

__all__ = ["Sandbox"]

_TODAYS = "kalshi"
_FOUNDING = "kalshi-cents"
"""Whose credentials the adapter asks for, depending on its dialect."""

_LAST_WORDS_S = 1.0
"""How long the session lasts after the world's last event, so that everybody hears of it."""


class Sandbox(Plugin):
    """Serve a seeded or recorded world to the adapter, over its real wire, on virtual time."""

    commands: ClassVar[tuple[str, ...]] = ("sandbox",)

    cash: Money = Field(
        default=Decimal("10000.00"), description="The account's dollars at the start."
    )
    seed: int | None = Field(
        default=None, description="Seed of the seeded world; without it the run's own."
    )
    markets: int = Field(
        default=DEFAULT_MARKETS,
        ge=FEWEST,
        le=5_000,
        description="How many markets the seeded world has; a few more complete its last event.",
    )
    duration: Duration | None = Field(
        default=None,
        description="How long the session lasts; without it the world decides. --duration goes "
        "before it.",
    )
    recording: Path | None = Field(
        default=None,
        description="A recording to play instead of the seeded world. --recording goes before it.",
    )
    member: Literal["direct", "non-direct"] = Field(
        default="direct",
        description="How the exchange holds the account: itself, or behind a broker (non-direct), "
        "where cash moves in whole cents and fees are rounded to them.",
    )
    rate_limits: bool = Field(
        default=True,
        description="Whether requests cost tokens as on the exchange's basic tier.",
    )
    shard_cash: Mapping[int, Money] = Field(
        default={},
        description="The account's dollars on other shards at the start, by exchange_index; an "
        "order on a shard without cash is refused.",
    )
    archive_after: Duration | None = Field(
        default=None,
        description="The age at which finished rows leave the live reads for the historical ones.",
    )
    stream_markets: int | None = Field(
        default=None, ge=1, description="The most markets of one subscription; more get error 26."
    )
    stream_commands: int = Field(
        default=10_000, ge=1, description="The most commands a second; more get error 27."
    )
    repeated_ids: Repeats = Field(
        default="refuse",
        description="Whether a client order id used before gets 409, or the first order again.",
    )
    faults: Faults = Field(
        default=Faults(), description="What goes wrong on purpose; nothing unless it is set."
    )
    host: str = Field(
        default="sandbox.invalid",
        min_length=1,
        description="The name under which the adapter finds it; it is never looked up. The "
        "founding document's dialect is served under `cents.` and this name.",
    )

    _keys: KeyPair | None = PrivateAttr(default=None)
    _venue: Venue | None = PrivateAttr(default=None)
    _dialects: dict[str, Dialect] = PrivateAttr(default_factory=dict)
    _connections: TaskGroup | None = PrivateAttr(default=None)

    @property
    def exchange(self) -> SandboxExchange | None:
        """The exchange of the last run, also after its end; None before the first."""
        return None if self._venue is None else self._venue.exchange

    @hookimpl
    def open_service(self, run: Run) -> AbstractAsyncContextManager[None]:
        """Play the world as long as the run lasts."""
        return self._open(run)

    @hookimpl
    def supply_credentials(self, name: str) -> Credentials | None:
        """Supply the key that this exchange made, with its address."""
        host = {_TODAYS: self.host, _FOUNDING: self._cents_host}.get(name)
        if host is None:
            return None
        keys = self._key_pair()
        return Credentials(
            key_id=keys.key_id,
            private_key=keys.private_pem,
            rest_url=f"http://{host}/trade-api/v2",
            stream_url=f"ws://{host}/trade-api/ws/v2",
        )

    @hookimpl
    def open_connection(self, host: str, port: int) -> ByteStream | None:  # noqa: ARG002 - every port is ours
        """Connect to the exchange, when it is the one that is asked for.

        Raises:
            ExchangeError: the run has not opened the exchange, or has closed it.
        """
        if host not in (self.host, self._cents_host):
            return None
        dialect = self._dialects.get(host)
        if self._connections is None or dialect is None:
            raise ExchangeError(f"{host} is closed")
        ours, theirs = memory_pipe()
        self._connections.start_soon(serve, dialect, ours)
        return theirs

    @hookimpl
    def register_commands(self) -> Sequence[object]:
        """Add `framework sandbox serve`."""
        return sandbox_commands()

    @property
    def _cents_host(self) -> str:
        return f"cents.{self.host}"

    def _key_pair(self) -> KeyPair:
        if self._keys is None:
            self._keys = new_key_pair()
        return self._keys

    def _venue_of(self, world: World, run: Run) -> Venue:
        keys, faulty = self._key_pair(), self.faults != Faults()
        exchange = SandboxExchange(
            world,
            cash_e6=to_e6(self.cash),
            other_shards={shard: to_e6(cash) for shard, cash in self.shard_cash.items()},
            balance_step_e6=DIRECT_E6 if self.member == "direct" else NON_DIRECT_E6,
            pauses=world.pauses,
        )
        return Venue(
            exchange,
            Gate({keys.key_id: keys.public}),
            run.clock.now_us,
            rate_limits=self.rate_limits,
            archive_after_us=in_micros(self.archive_after),
            stream_limits=StreamLimits(markets=self.stream_markets, commands=self.stream_commands),
            repeats=self.repeated_ids,
            faults=self.faults if faulty else None,
            rng=Random(run.rng.getrandbits(64)) if faulty else None,  # noqa: S311 - no secret
        )

    @asynccontextmanager
    async def _open(self, run: Run) -> AsyncIterator[None]:
        length_us = run.options.duration_us or in_micros(self.duration)
        recording = run.options.recording or self.recording
        seed = run.options.seed if self.seed is None else self.seed
        world = open_world(recording, seed=seed, duration_us=length_us, markets=self.markets)
        run.clock.start_at(world.start_us)
        venue = self._venue = self._venue_of(world, run)
        self._dialects = {self.host: FixedPoint(venue), self._cents_host: Cents(venue)}
        until_us = session_end_us(world, recording, length_us, run.options.until)

        async def session() -> None:
            await play(world, venue, run.clock, until_us=until_us, report=run.progress)
            await run.clock.sleep(_LAST_WORDS_S)
            run.stop(_ending(venue.exchange))

        async with anyio.create_task_group() as group:
            self._connections = group
            group.start_soon(session)
            group.start_soon(rest_as_told, venue, run.clock)
            try:
                yield
            finally:
                self._connections = None
                group.cancel_scope.cancel()


def _ending(exchange: SandboxExchange) -> str:
    """Say that the session is over, and of how many markets nobody knows the result."""
    markets = exchange.markets.values()
    unknown = sum(market.status is not MarketStatus.FINALIZED for market in markets)
    if not unknown:
        return "session over"
    return f"session over; {unknown} of {len(markets)} markets stay open without a result"
