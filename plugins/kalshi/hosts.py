"""Which hosts a run may talk to.

Demo and production keys are disjoint and must never meet: each mode has its own list, and an
address outside it is refused before anything is signed.
"""

from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from framework.errors import ConfigError
from framework.run import Mode

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_TLS: Final = frozenset({"https", "wss"})
_PLAIN: Final = frozenset({"http", "ws"})


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where REST and the stream of one environment are."""

    rest: httpx.URL
    stream: httpx.URL

    @property
    def use_tls(self) -> bool:
        """Whether any of the two needs TLS."""
        return self.rest.scheme in _TLS or self.stream.scheme in _TLS


_PRODUCTION: Final = Addresses(
    rest=httpx.URL("https://external-api.kalshi.com/trade-api/v2"),
    stream=httpx.URL("wss://external-api-ws.kalshi.com/trade-api/ws/v2"),
)
_DEMO: Final = Addresses(
    rest=httpx.URL("https://external-api.demo.kalshi.co/trade-api/v2"),
    stream=httpx.URL("wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"),
)
_FOUNDING_PRODUCTION: Final = Addresses(
    rest=httpx.URL("https://trading-api.kalshi.com/trade-api/v2"),
    stream=httpx.URL("wss://trading-api.kalshi.com/trade-api/ws/v2"),
)
_FOUNDING_DEMO: Final = Addresses(
    rest=httpx.URL("https://demo-api.kalshi.co/trade-api/v2"),
    stream=httpx.URL("wss://demo-api.kalshi.co/trade-api/ws/v2"),
)
_PRODUCTION_HOSTS: Final = frozenset(
    {"external-api.kalshi.com", "external-api-ws.kalshi.com", "api.elections.kalshi.com"}
)
_DEMO_HOSTS: Final = frozenset(
    {
        "external-api.demo.kalshi.co",
        "external-api-ws.demo.kalshi.co",
        "demo-api.kalshi.co",
    }
)
_RETIRED_HOSTS: Final = frozenset({"trading-api.kalshi.com"})


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts of one dialect by mode.

    Sandbox mode has none: its one address comes from the sandbox, not from a setting.
    """

    standard: Mapping[Mode, Addresses]
    """Where a mode connects unless told otherwise."""
    allowed: Mapping[Mode, frozenset[str]]
    """Which hosts may be told."""
    retired: frozenset[str] = frozenset()
    """Hosts that the exchange has given up: no order may be sent there."""


TODAY: Final = Places(
    standard={Mode.PAPER: _PRODUCTION, Mode.LIVE: _PRODUCTION, Mode.DEMO: _DEMO},
    allowed={
        Mode.LIVE: _PRODUCTION_HOSTS,
        Mode.PAPER: _PRODUCTION_HOSTS | LOOPBACK,
        Mode.DEMO: _DEMO_HOSTS | LOOPBACK,
    },
)
FOUNDING: Final = Places(
    standard={
        Mode.PAPER: _FOUNDING_PRODUCTION,
        Mode.LIVE: _FOUNDING_PRODUCTION,
        Mode.DEMO: _FOUNDING_DEMO,
    },
    allowed={
        Mode.LIVE: _RETIRED_HOSTS,
        Mode.PAPER: _RETIRED_HOSTS | LOOPBACK,
        Mode.DEMO: frozenset({"demo-api.kalshi.co"}) | LOOPBACK,
    },
    retired=_RETIRED_HOSTS,
)
"""The hosts as the founding document writes them."""


def addresses(
    mode: Mode, rest_url: str | None, stream_url: str | None, places: Places = TODAY
) -> Addresses:
    """Return where to connect: the exchange's own hosts of the mode, unless told otherwise.

    Raises:
        ConfigError: an address is malformed, not of this mode, given up by the exchange, or
            would send orders in clear.
    """
    standard = places.standard.get(mode)
    rest = standard.rest if standard else None
    stream = standard.stream if standard else None
    if rest_url:
        rest = _checked(mode, "rest_url", rest_url, places)
    if stream_url:
        stream = _checked(mode, "stream_url", stream_url, places)
    if rest is None or stream is None:
        raise ConfigError(
            "plugins.kalshi: sandbox mode needs the sandbox plugin to say where it listens; "
            "remove enabled = false from [plugins.sandbox] or change framework.mode"
        )
    if mode is Mode.LIVE and not places.retired.isdisjoint({rest.host, stream.host}):
        raise ConfigError(
            f'plugins.kalshi.api: "cents" can\'t trade live: the exchange has given up '
            f'{rest.host}; write api = "fixed-point"'
        )
    return Addresses(rest=rest, stream=stream)


def _checked(mode: Mode, key: str, text: str, places: Places) -> httpx.URL:
    name = f"plugins.kalshi.{key}"
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as fault:
        raise ConfigError(f"{name}: is no URL: {fault}") from None
    if url.scheme not in _TLS | _PLAIN or not url.host:
        raise ConfigError(
            f"{name}: must start with https://, wss://, http:// or ws:// (was {text})"
        )
    if url.userinfo:
        raise ConfigError(f"{name}: must not hold a user name or password")
    if mode is Mode.SANDBOX:
        return url
    if url.host not in places.allowed[mode]:
        known = ", ".join(sorted(places.allowed[mode]))
        raise ConfigError(f"{name}: {url.host} is no host of {mode} mode; these are: {known}")
    if url.scheme in _PLAIN and url.host not in LOOPBACK:
        raise ConfigError(f"{name}: must be encrypted: use https:// or wss://")
    return url
