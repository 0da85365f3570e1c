"""The adapter for Kalshi: the exchange's wire on one side, the framework's Exchange on the other.

Nothing here knows of strategies, risk or the ledger.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from os import environ
from pathlib import Path
from typing import Final, Literal, Self

import anyio
import structlog
from pydantic import Field, PrivateAttr, model_validator

from framework import Plugin, Secret, hookimpl
from framework.checks import Check, Finding, Level
from framework.errors import ConfigError
from framework.exchange import Exchange
from framework.fees import DIRECT_E6, NON_DIRECT_E6
from framework.metrics import Metric
from framework.model.units import Duration
from framework.run import Credentials, Mode, Run
from plugins.kalshi.adapter import KalshiExchange
from plugins.kalshi.codec import Codec
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.dialects import DIALECTS
from plugins.kalshi.drift import drift_checks
from plugins.kalshi.hosts import addresses
from plugins.kalshi.metrics import metrics_of
from plugins.kalshi.orders.burst import kept_groups
from plugins.kalshi.stream.session import open_session
from plugins.kalshi.stream.session_check import reading_session
from plugins.kalshi.transport.client import open_client
from plugins.kalshi.transport.lane import open_lanes
from plugins.kalshi.transport.network import opener
from plugins.kalshi.transport.rest import Rest
from plugins.kalshi.transport.signing import Signer

__all__ = ["Kalshi", "KalshiExchange"]

_STEPS: Final = {"direct": DIRECT_E6, "non-direct": NON_DIRECT_E6}
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})
log = structlog.get_logger()


class Kalshi(Plugin):
    """Trade on Kalshi, or on whatever speaks its wire."""

    api: Literal["fixed-point", "cents"] = Field(
        default="fixed-point",
        description="The dialect: today's is fixed-point, the founding document's is cents.",
    )
    founding_only: bool = Field(
        default=False,
        description="With cents: use nothing that the founding document does not show. Without "
        "client ids an order of unknown fate then stops its market until `framework resume`.",
    )
    key_id: Secret | None = Field(
        default=None, description="The id of the API key; the sandbox supplies its own."
    )
    private_key: Secret | None = Field(
        default=None, description="The private key in PEM, RSA or Ed25519."
    )
    private_key_passphrase: Secret | None = Field(
        default=None, description="What opens the private key, if its file is encrypted."
    )
    member: Literal["direct", "non-direct"] = Field(
        default="direct",
        description="How Kalshi holds the account: itself, or behind a broker (non-direct), where "
        "cash moves in whole cents and fees are rounded to them.",
    )
    rest_url: str | None = Field(
        default=None, description="Another address of the mode's REST API, such as a loopback one."
    )
    stream_url: str | None = Field(
        default=None, description="Another address of the mode's stream."
    )
    subaccount: int | None = Field(
        default=None, ge=0, le=63, description="The subaccount to trade; none is the key's own."
    )
    max_clock_skew: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="How far this machine's clock may be off the exchange's; beyond it no entry "
        "is sent. The exchange's `Date` has whole seconds, so half a second is not measured.",
    )
    presign: bool | None = Field(
        default=None,
        description="Sign orders ahead, 2 s at most; without a word in sandbox and demo, not live.",
    )
    exclude_combos: bool = Field(
        default=True, description="Leave out combinations of markets, which flood every list."
    )

    self_trade_prevention: Literal["taker_at_cross", "maker"] = Field(
        default="taker_at_cross",
        description="Which of two own orders yields: the one that comes, or the one that rests.",
    )
    cancel_on_pause: bool = Field(
        default=False, description="Let the exchange cancel resting orders when trading pauses."
    )
    burst_limit: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description=(
            "Contracts that entries may trade in any 15 s on a shard; beyond it the exchange "
            "cancels their rest and takes no more of them until a restart."
        ),
    )

    _exchange: KalshiExchange | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _is_spoken(self) -> Self:
        if self.founding_only and self.api != "cents":
            raise ValueError('founding_only needs api = "cents"')
        if self.subaccount is not None and self.api == "cents":
            raise ValueError('api = "cents" knows no subaccounts: remove subaccount')
        if self.api == "cents" and (self.cancel_on_pause or self.burst_limit is not None):
            raise ValueError('api = "cents" knows neither cancel_on_pause nor burst_limit')
        return self

    @hookimpl
    def open_exchange(self, run: Run) -> AbstractAsyncContextManager[Exchange]:
        """Open the account that the mode and the key name.

        Raises:
            ConfigError: the key is missing or unusable, or an address is not of this mode.
            AuthError: the exchange refuses the key or the clock.
        """
        return self._open(run)

    @asynccontextmanager
    async def _open(self, run: Run) -> AsyncIterator[KalshiExchange]:
        dialect = DIALECTS[self.api]
        found = run.credentials(dialect.credentials) or self._own_credentials(run.mode)
        where = addresses(
            run.mode,
            found.rest_url or self.rest_url,
            found.stream_url or self.stream_url,
            dialect.places,
        )
        signer = self._signer(found)
        if run.mode is not Mode.SANDBOX:
            _name_proxies()
        session_class = await reading_session()
        with _unwrapped():
            async with (
                open_client(run, use_tls=where.use_tls) as client,
                open_lanes(opener(run.connect, where.rest)) as lanes,
                anyio.create_task_group() as tasks,
            ):
                rest = Rest(
                    client,
                    where.rest,
                    signer,
                    run,
                    dialect.budget,
                    lanes=lanes,
                    presign=self._presigns(run.mode),
                )
                exchange = self._exchange = KalshiExchange(
                    run,
                    rest,
                    lambda: open_session(
                        client, where.stream, rest.headers("GET", where.stream), session_class
                    ),
                    self._codec(),
                    tasks,
                    subaccount=self.subaccount,
                    balance_step_e6=_STEPS[self.member],
                    exclude_combos=self.exclude_combos,
                    most_skew_us=self.max_clock_skew // timedelta(microseconds=1),
                )
                if self.burst_limit is not None:
                    exchange.brake(self.burst_limit, kept_groups(run, exchange.account_id))
                try:
                    await exchange.open()
                    yield exchange
                    await exchange.release()
                finally:
                    tasks.cancel_scope.cancel()
                    exchange.close()

    @hookimpl
    def register_metrics(self) -> Sequence[Metric]:
        """Show how well the exchange is reached, and how far its limits are used."""
        return metrics_of(self._exchange) if self._exchange is not None else ()

    @hookimpl
    def register_checks(self, mode: Mode, wire: Path | None) -> Sequence[Check]:
        """Look at the key; or compare the wire that is spoken here with a description of it.

        Raises:
            ConfigError: the description can't be read.
        """
        if wire is not None:
            return drift_checks(wire)
        return [Check(name="key", findings=partial(self._look_at_key, mode))]

    def _look_at_key(self, mode: Mode) -> Iterator[Finding]:
        if mode is Mode.SANDBOX:
            yield Finding(level=Level.NOTE, what="sandbox mode makes a key of its own")
            return
        found = self._own_credentials(mode)
        where = addresses(mode, self.rest_url, self.stream_url, DIALECTS[self.api].places)
        self._signer(found)
        yield Finding(level=Level.OK, what=f"there is a key, for {where.rest.host}")

    def _signer(self, found: Credentials) -> Signer:
        founding = DIALECTS[self.api].founding_signature
        return Signer(found.key_id, found.private_key, found.passphrase, founding=founding)

    def _codec(self) -> Codec:
        terms = Terms(
            self_trade_prevention=self.self_trade_prevention,
            cancel_on_pause=self.cancel_on_pause,
        )
        return DIALECTS[self.api].codec(self.subaccount, self.founding_only, terms)

    def _presigns(self, mode: Mode) -> bool:
        return mode in {Mode.SANDBOX, Mode.DEMO} if self.presign is None else self.presign

    def _own_credentials(self, mode: Mode) -> Credentials:
        """Read the key from the settings."""
        if mode is Mode.SANDBOX:
            raise ConfigError(
                "plugins.kalshi: sandbox mode needs the sandbox plugin, which supplies the key; "
                "remove enabled = false from [plugins.sandbox] or change framework.mode"
            )
        problems = [
            f"plugins.kalshi.{name}: is missing: {mode} mode needs a key; write {name} = {example}"
            for name, example, secret in (
                ("key_id", '{ env = "KALSHI_KEY_ID" }', self.key_id),
                ("private_key", '{ file = "~/.kalshi/key.pem" }', self.private_key),
            )
            if secret is None
        ]
        if self.key_id is None or self.private_key is None:
            raise ConfigError(*problems)
        try:
            key_id = _read("key_id", self.key_id).decode()
        except UnicodeDecodeError:
            raise ConfigError("plugins.kalshi.key_id: is not text") from None
        private_key = _read("private_key", self.private_key)
        passphrase = self.private_key_passphrase
        opens = None if passphrase is None else _read("private_key_passphrase", passphrase)
        return Credentials(
            key_id=key_id,
            private_key=private_key,
            passphrase=None if opens is None else opens.rstrip(b"\r\n"),
        )


def _read(setting: str, secret: Secret) -> bytes:
    """Return a secret.

    Raises:
        ConfigError: it can't be read; the setting is named.
    """
    try:
        return secret.read()
    except ConfigError as fault:
        raise ConfigError(f"plugins.kalshi.{setting}: {fault}") from None


def _name_proxies() -> None:
    """Say once that proxies of the environment are not used: every connection is the run's own."""
    found = [name for name in sorted(environ) if name.lower() in _PROXIES and environ[name]]
    if found:
        log.warning("the exchange is asked without a proxy; these are ignored", variables=found)


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise a lone exception as itself: a task group wraps even what its body raised."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
