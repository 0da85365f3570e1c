"""How another process talks to a running bot, and what it leaves for the next one.

A bot listens on a Unix socket in its run folder that only its owner can open. A request is one
line of JSON, `{"verb": "halt", "arguments": {"reason": "news"}}`, and so is its answer,
`{"ok": ...}` or `{"error": "..."}`. With no bot running, the halt file stands in the runs
folder and the next start refuses entries.
This module knows no verb; the runtime brings them.
"""

import os
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import msgspec
from anyio import BrokenResourceError, DelimiterNotFound, EndOfStream, IncompleteRead
from anyio.abc import SocketStream, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream

from framework.errors import ConfigError, FrameworkError, InvariantError
from framework.model.units import Micros

SOCKET_NAME: Final = "control.sock"
"""The socket in a run folder."""
HALT_NAME: Final = "halt"
"""The halt file in the runs folder."""

_MAX_REQUEST: Final = 64 * 1024
_MAX_ANSWER: Final = 64 * 1024 * 1024
_PATIENCE: Final = 10.0
"""Seconds a caller waits for the answer."""
_BREATHER: Final = 0.05
"""Seconds before accepting again after a failure."""
_MAX_ADDRESS: Final = 103
"""Bytes of a socket's path: 107 on Linux, 103 on macOS."""
_FOLDER_PREFIX: Final = "kalshi-framework-"
_POINTER_SUFFIX: Final = ".path"
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises on bytes that are not what they should be."""

Arguments: TypeAlias = dict[str, object]
ControlVerb: TypeAlias = Callable[[Arguments], object | Awaitable[object]]
"""Takes a request's arguments and returns, at once or later, what JSON can hold."""


class NotRunningError(ConfigError):
    """No bot listens in that run folder."""


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verb: str
    arguments: Arguments = msgspec.field(default_factory=dict)


class _Answer(msgspec.Struct, frozen=True):
    ok: object = None
    error: str | None = None


# --------------------------------------------------------------------------------- the bot's side


async def serve_control(
    path: Path,
    verbs: Mapping[str, ControlVerb],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until cancelled.

    What a caller may get wrong (the request, the verb, its arguments) is answered with an error
    and changes nothing. A path too long for a socket is replaced by one in a private temporary
    folder, whose address is left beside it in a file that ends in `.path`.

    Args:
        path: The socket, in the run folder; one of a dead run is replaced.
        verbs: What can be asked.
        task_status: Told when requests are heard.

    Raises:
        ConfigError: another bot listens there, or the socket can't be made.
    """
    with _listening(path) as listener:
        async with anyio.create_task_group() as callers:
            task_status.started()
            while True:
                await anyio.wait_readable(listener)
                try:
                    caller, _ = listener.accept()
                except OSError:
                    # It left again, or there are too many open files: neither is for long.
                    await anyio.sleep(_BREATHER)
                else:
                    callers.start_soon(_converse, verbs, await SocketStream.from_socket(caller))


async def _converse(verbs: Mapping[str, ControlVerb], stream: SocketStream) -> None:
    lines = BufferedByteReceiveStream(stream)
    with suppress(BrokenResourceError, EndOfStream, IncompleteRead):
        async with stream:
            while True:
                try:
                    request = await lines.receive_until(b"\n", _MAX_REQUEST)
                except DelimiterNotFound:
                    # Closing with bytes unread would destroy the answer.
                    while b"\n" not in await lines.receive():
                        continue
                    await stream.send(_failed(f"the request is longer than {_MAX_REQUEST} bytes"))
                    return
                await stream.send(await _answer(verbs, request))


async def _answer(verbs: Mapping[str, ControlVerb], line: bytes) -> bytes:
    try:
        request = msgspec.json.decode(line, type=_Request)
    except _NOT_JSON as error:
        return _failed(f"not a request: {error}")
    verb = verbs.get(request.verb)
    if verb is None:
        return _failed(f"unknown verb {request.verb!r}; there are {', '.join(sorted(verbs))}")
    try:
        value = verb(request.arguments)
        if isawaitable(value):
            value = await value
        return msgspec.json.encode({"ok": value}) + b"\n"
    except InvariantError:
        raise
    except FrameworkError as error:
        return _failed(f"{request.verb}: {error}")
    except (LookupError, TypeError, ValueError) as error:
        # What arguments that do not fit raise; anything else is a bug, and ends the run.
        return _failed(f"{request.verb}: {type(error).__name__}: {error}")


def _failed(message: str) -> bytes:
    return msgspec.json.encode({"error": message}) + b"\n"


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """Listen where only the owner can ask, and leave nothing behind."""
    pointer = path.with_suffix(_POINTER_SUFFIX)
    _remove_dead(_address(path))
    listener = socket.socket(socket.AF_UNIX)
    address = path
    try:
        try:
            address = _reachable(path, pointer)
            _bind(listener, address)
        except OSError as error:
            raise ConfigError(f"{address}: can't listen here: {error}") from error
        yield listener
    finally:
        listener.close()
        pointer.unlink(missing_ok=True)
        _remove(address)


def _reachable(path: Path, pointer: Path) -> Path:
    """Return a path short enough for a socket; `pointer` then tells where it is."""
    pointer.unlink(missing_ok=True)
    if len(os.fsencode(path)) <= _MAX_ADDRESS:
        return path
    address = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX)) / path.name
    pointer.write_text(str(address))
    return address


def _bind(listener: socket.socket, address: Path) -> None:
    """Bind by hand: anyio does it in a worker thread, and virtual time has none."""
    listener.bind(os.fspath(address))
    address.chmod(stat.S_IRUSR | stat.S_IWUSR)
    listener.listen()
    listener.setblocking(False)


def _remove_dead(address: Path) -> None:
    if _is_live(address):
        raise ConfigError(f"{address}: another bot listens here")
    if address.is_socket():
        _remove(address)


def _remove(address: Path) -> None:
    with suppress(OSError):
        address.unlink(missing_ok=True)
        if address.parent.name.startswith(_FOLDER_PREFIX):
            address.parent.rmdir()


# ------------------------------------------------------------------------------ the caller's side


async def call_control(run_folder: Path, verb: str, **arguments: object) -> object:
    """Ask a running bot, and return its answer.

    Raises:
        NotRunningError: no bot runs in that folder.
        ConfigError: it refuses the request, or does not answer within ten seconds.
    """
    address = _address(run_folder / SOCKET_NAME)
    request = msgspec.json.encode({"verb": verb, "arguments": arguments}) + b"\n"
    try:
        with anyio.fail_after(_PATIENCE):
            async with await SocketStream.from_socket(_connected(address)) as stream:
                await stream.send(request)
                lines = BufferedByteReceiveStream(stream)
                answer = await lines.receive_until(b"\n", _MAX_ANSWER)
    except TimeoutError:
        raise ConfigError(f"{run_folder}: the bot does not answer within {_PATIENCE} s") from None
    except BlockingIOError:
        raise ConfigError(f"{run_folder}: the bot has too many callers waiting") from None
    except OSError:
        raise NotRunningError(f"{run_folder}: no bot runs here") from None
    except (BrokenResourceError, EndOfStream, IncompleteRead):
        raise ConfigError(f"{run_folder}: the bot ended before it answered {verb!r}") from None
    told = msgspec.json.decode(answer, type=_Answer)
    if told.error is not None:
        raise ConfigError(f"{run_folder}: {told.error}")
    return told.ok


def ask(run_folder: Path, verb: str, **arguments: object) -> object:
    """Ask a running bot from a program without an event loop; see `call_control`."""
    return anyio.run(partial(call_control, run_folder, verb, **arguments))


def live_runs(runs_dir: Path) -> list[Path]:
    """Return the folders of the runs that listen, the newest first."""
    found = []
    for folder in runs_dir.glob("*/"):
        address = _address(folder / SOCKET_NAME)
        if _is_live(address):
            found.append((address.stat().st_mtime_ns, folder))
    return [folder for _, folder in sorted(found, reverse=True)]


def _address(path: Path) -> Path:
    """Return where the socket is that would be at `path` if that were not too long."""
    try:
        return Path(path.with_suffix(_POINTER_SUFFIX).read_text())
    except OSError:
        return path


def _is_live(address: Path) -> bool:
    try:
        _connected(address).close()
    except BlockingIOError:
        return True  # it listens, to a queue of callers
    except OSError:
        return False
    return True


def _connected(address: Path) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX)
    caller.setblocking(False)
    try:
        caller.connect(os.fspath(address))
    except OSError:
        caller.close()
        raise
    return caller


# ------------------------------------------------------------------------------------ halt file


def write_halt_file(runs_dir: Path, reason: str, at_us: Micros) -> None:
    """Make the next start refuse entries, until the file is cleared.

    Raises:
        ConfigError: the file can't be written.
    """
    path = runs_dir / HALT_NAME
    content = msgspec.json.encode({"reason": reason, "at_us": at_us}) + b"\n"
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and renamed: a start must never see half a file.
        descriptor, aside = tempfile.mkstemp(prefix=f".{HALT_NAME}-", dir=runs_dir)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: can't write the halt file: {error.strerror}") from None


def read_halt_file(runs_dir: Path) -> str | None:
    """Return why trading is halted, or None.

    A halt file that can't be read halts too: somebody wanted to stop.
    """
    path = runs_dir / HALT_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path} can't be read: {error.strerror}"
    try:
        return msgspec.json.decode(content, type=_Halt).reason
    except _NOT_JSON:
        return f"{path} exists"


def clear_halt_file(runs_dir: Path) -> bool:
    """Remove the halt file; return whether there was one.

    Raises:
        ConfigError: it can't be removed.
    """
    path = runs_dir / HALT_NAME
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path}: can't remove the halt file: {error.strerror}") from None
    return True


class _Halt(msgspec.Struct, frozen=True):
    reason: str
    at_us: Micros
