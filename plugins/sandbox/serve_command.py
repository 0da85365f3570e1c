"""`framework sandbox serve`: the same exchange on a loopback port, for other programs.

The world is moved to start now, because its clients live today. With a pace other than 1 the
world's time leaves theirs, so signatures are checked against the real clock.
"""

import errno
import json
import os
import tempfile
import tomllib
from contextlib import suppress
from decimal import Decimal
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from random import Random  # noqa: TID251 - decides when something goes wrong
from typing import Final

import anyio
import click
import msgspec
from anyio.abc import SocketAttribute
from pydantic import ValidationError

from framework.clock import VirtualClock, run_virtual, wall_clock_us
from framework.errors import ConfigError, FrameworkError
from framework.model.units import to_duration, to_e6
from framework.model.until import Until
from plugins.sandbox.auth import Gate, KeyPair, new_key_pair, read_key_pair
from plugins.sandbox.cents.door import Cents
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.faults import Faults
from plugins.sandbox.pump import play, rest_as_told
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.venue import Venue
from plugins.sandbox.worlds.rebased import RebasedWorld
from plugins.sandbox.worlds.seeded import DEFAULT_MARKETS
from plugins.sandbox.worlds.worlds import in_micros, open_world, session_end_us

FIXED_POINT: Final = "fixed-point"
CENTS: Final = "cents"

_WRONG_SETTINGS: Final = 2
_INTERRUPTED: Final = 130
_CASH: Final = to_e6(10_000)
_KEY: Final = "key.pem"
_KEY_ID: Final = "key_id"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve, and where."""

    host: str
    port: int
    seed: int
    recording: Path | None
    duration: str | None
    until: str | None = None
    markets: int = DEFAULT_MARKETS
    pace: float
    folder: Path
    as_json: bool
    api: str = FIXED_POINT
    faults: Faults = Faults()


@click.group("sandbox", help="The embedded exchange.")
def sandbox() -> None:
    """Hold the sandbox's verbs."""


def commands() -> list[click.Command]:
    """Return the verbs of the sandbox."""
    return [sandbox]


@sandbox.command("serve", help="Serve the embedded exchange on a loopback port.")
@click.option("--port", type=click.IntRange(0, 65_535), required=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--allow-remote", is_flag=True, help="Listen on an address others can reach.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the seeded world.")
@click.option("--recording", type=click.Path(path_type=Path), help="Play a recording instead.")
@click.option("--duration", help="How long the session lasts, such as 30m.")
@click.option("--until", help='End of the session in UTC, such as "15:20".')
@click.option("--markets", type=click.IntRange(min=1), default=DEFAULT_MARKETS, show_default=True)
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Seconds of the world per second.",
)
@click.option(
    "--api",
    type=click.Choice([FIXED_POINT, CENTS]),
    default=FIXED_POINT,
    show_default=True,
    help="Today's wire, or the founding document's.",
)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where the key pair is, or is written."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME=VALUE",
    help="Do something wrong, as a key of [plugins.sandbox.faults] says it, such as "
    "clock_ahead=7s or 'failed_after={create=0.1}'; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def serve_verb(  # noqa: PLR0913 - one parameter per option
    *,
    port: int,
    host: str,
    allow_remote: bool,
    seed: int,
    recording: Path | None,
    duration: str | None,
    until: str | None,
    markets: int,
    pace: float,
    api: str,
    faults: tuple[str, ...],
    folder: Path | None,
    as_json: bool,
) -> None:
    """Serve until Ctrl-C."""
    try:
        wrong = _faults(faults)
    except ConfigError as error:
        click.echo(f"sandbox serve: {error}", err=True)
        raise SystemExit(_WRONG_SETTINGS) from None
    terms = Terms(
        host="127.0.0.1" if host == "localhost" else host,
        port=port,
        seed=seed,
        recording=recording,
        duration=duration,
        until=until,
        markets=markets,
        pace=pace,
        folder=folder or Path(tempfile.mkdtemp(prefix="kalshi-sandbox-")),
        as_json=as_json,
        api=api,
        faults=wrong,
    )
    try:
        _check_address(terms.host, allow_remote=allow_remote)
        _run(terms)
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except FrameworkError as error:
        click.echo(f"sandbox serve: {error}", err=True)
        raise SystemExit(_WRONG_SETTINGS) from None


def _run(terms: Terms) -> None:
    """Run the server; of failures that came together, raise the first by itself."""
    try:
        run_virtual(partial(_serve, terms), pace=terms.pace)
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _check_address(host: str, *, allow_remote: bool) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        raise ConfigError(f"--host must be an IP address such as 127.0.0.1 (was {host})") from None
    if not address.is_loopback and not allow_remote:
        raise ConfigError(
            f"--host {host} can be reached from other machines: use 127.0.0.1, "
            "or add --allow-remote if that is what you want"
        )


async def _serve(terms: Terms, clock: VirtualClock) -> None:
    length_us = _length_us(terms.duration)
    clock.start_at(wall_clock_us())
    world = RebasedWorld(
        open_world(terms.recording, seed=terms.seed, duration_us=length_us, markets=terms.markets),
        clock.now_us(),
    )
    keys = _key_pair(terms.folder)
    venue = Venue(
        SandboxExchange(world, cash_e6=_CASH, pauses=world.pauses),
        Gate({keys.key_id: keys.public}),
        clock.now_us,
        door_us=wall_clock_us,
        faults=None if terms.faults == Faults() else terms.faults,
        rng=Random(terms.seed),  # noqa: S311 - faults are no secret
    )
    until_us = session_end_us(world, terms.recording, length_us, _until(terms.until))
    try:
        listener = await anyio.create_tcp_listener(local_host=terms.host, local_port=terms.port)
    except OSError as error:
        raise _no_listener(terms, error) from None
    async with listener, anyio.create_task_group() as group:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
        click.echo(_greeting(terms, port, keys))
        group.start_soon(partial(play, world, venue, clock, until_us=until_us))
        group.start_soon(partial(rest_as_told, venue, clock))
        dialect = Cents(venue) if terms.api == CENTS else FixedPoint(venue)
        await listener.serve(partial(serve, dialect))


def _faults(told: tuple[str, ...]) -> Faults:
    """Read `NAME=VALUE`, the value as kalshi.toml writes it; a word needs no quotes.

    Raises:
        ConfigError: a name or a value is none of `[plugins.sandbox.faults]`.
    """
    table: dict[str, object] = {}
    for one in told:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--fault {one}: write NAME=VALUE")
        try:
            table |= tomllib.loads(f"{name} = {value}", parse_float=Decimal)
        except tomllib.TOMLDecodeError:
            table[name] = value
    try:
        return Faults.model_validate(table)
    except ValidationError as fault:
        wrong = fault.errors(include_url=False)
        raise ConfigError(
            *(f"--fault {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong)
        ) from None


def _length_us(duration: str | None) -> int | None:
    try:
        return None if duration is None else in_micros(to_duration(duration))
    except ValueError as error:
        raise ConfigError(f"--duration {error}") from None


def _until(text: str | None) -> Until | None:
    try:
        return None if text is None else Until.read(text)
    except ValueError as error:
        raise ConfigError(f"--until {error}") from None


def _no_listener(terms: Terms, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {terms.port} is in use: choose another with --port, or 0 for a free one"
        )
    return ConfigError(f"can't listen on {terms.host}:{terms.port}: {error.strerror}")


def _key_pair(folder: Path) -> KeyPair:
    """Return the pair that an earlier session left in the folder, or a new one.

    Raises:
        ConfigError: what is there was made elsewhere; it may be the only copy of a real key.
    """
    key_file, id_file = folder / _KEY, folder / _KEY_ID
    if not key_file.exists() and not id_file.exists():
        return new_key_pair()
    with suppress(OSError):
        keys = read_key_pair(key_file.read_bytes())
        if keys is not None and keys.key_id.encode() == id_file.read_bytes():
            return keys
    raise ConfigError(
        f"--folder {folder}: holds another {_KEY} or {_KEY_ID}, which would be lost: "
        "choose another folder"
    )


def _greeting(terms: Terms, port: int, keys: KeyPair) -> str:
    """Write the key pair, and return what a client has to be told."""
    key_file = _write(terms.folder, _KEY, keys.private_pem)
    id_file = _write(terms.folder, _KEY_ID, keys.key_id.encode())
    host = f"[{terms.host}]" if ":" in terms.host else terms.host
    rest, stream = f"http://{host}:{port}/trade-api/v2", f"ws://{host}:{port}/trade-api/ws/v2"
    settings = (
        "[framework]\n"
        'mode = "demo"\n\n'
        "[plugins.kalshi]\n"
        f'key_id = {{ file = "{id_file}" }}\n'
        f'private_key = {{ file = "{key_file}" }}\n'
        f'rest_url = "{rest}"\n'
        f'stream_url = "{stream}"\n'
    )
    if terms.api == CENTS:
        settings += f'api = "{CENTS}"\n'
    if not terms.as_json:
        return f"key id       {keys.key_id}\nprivate key  {key_file}\n\nkalshi.toml:\n\n{settings}"
    return json.dumps(
        {
            "key_id": keys.key_id,
            "private_key": str(key_file),
            "rest_url": rest,
            "stream_url": stream,
            "settings": settings,
        }
    )


def _write(folder: Path, name: str, content: bytes) -> Path:
    """Write a file that nobody else may read; an old one gives way."""
    path = folder.absolute() / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"--folder {folder}: can't write {name}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path
