"""The adapter for Kalshi: the exchange's wire on one side, the framework's Exchange on the other.

Nothing here knows of strategies, risk or the ledger.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, Self

import anyio
from pydantic import Field, model_validator

from framework import Plugin, Secret, hookimpl
from framework.checks import Check, Finding, Level
from framework.errors import ConfigError
from framework.exchange import Exchange
from framework.run import Credentials, Mode, Run
from plugins.kalshi.adapter import KalshiExchange
from plugins.kalshi.dialects import DIALECTS
from plugins.kalshi.drift import drift_checks
from plugins.kalshi.hosts import addresses
from plugins.kalshi.rest import Rest, open_client
from plugins.kalshi.signing import Signer

__all__ = ["Kalshi", "KalshiExchange"]


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
    rest_url: str | None = Field(
        default=None, description="Another address of the mode's REST API, such as a loopback one."
    )
    stream_url: str | None = Field(
        default=None, description="Another address of the mode's stream."
    )
    subaccount: int | None = Field(
        default=None, ge=0, le=63, description="The subaccount to trade; none is the key's own."
    )
    exclude_combos: bool = Field(
        default=True, description="Leave out combinations of markets, which flood every list."
    )

    @model_validator(mode="after")
    def _is_spoken(self) -> Self:
        if self.founding_only and self.api != "cents":
            raise ValueError('founding_only needs api = "cents"')
        if self.subaccount is not None and self.api == "cents":
            raise ValueError('api = "cents" knows no subaccounts: remove subaccount')
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
        founding = dialect.founding_signature
        signer = Signer(found.key_id, found.private_key, founding=founding)
        codec = dialect.codec(self.subaccount, self.founding_only)
        with _unwrapped():
            async with (
                open_client(run, use_tls=where.use_tls) as client,
                anyio.create_task_group() as tasks,
            ):
                exchange = KalshiExchange(
                    run,
                    client,
                    Rest(client, where.rest, signer, run, dialect.budget),
                    where.stream,
                    codec,
                    tasks,
                    subaccount=self.subaccount,
                    exclude_combos=self.exclude_combos,
                )
                try:
                    await exchange.open()
                    yield exchange
                finally:
                    tasks.cancel_scope.cancel()
                    exchange.close()

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
        where = addresses(mode, self.rest_url, self.stream_url)
        Signer(found.key_id, found.private_key)
        yield Finding(level=Level.OK, what=f"there is a key, for {where.rest.host}")

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
            key_id = self.key_id.read().decode()
        except UnicodeDecodeError:
            raise ConfigError("plugins.kalshi.key_id: is not text") from None
        return Credentials(key_id=key_id, private_key=self.private_key.read())


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise a lone exception as itself: a task group wraps even what its body raised."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
