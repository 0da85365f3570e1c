"""The run in hand, as plugins see it: how they reach time, bytes, keys and the way out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random  # noqa: TID251 - the one generator, seeded here

import anyio
from anyio.abc import ByteStream

from framework.compiled import Implementation
from framework.errors import PluginError
from framework.faults import Naming
from framework.run import Clock, Credentials, Mode, RunOptions
from framework.sockets import open_network

Progress = Callable[[float | None, str], None]


class CurrentRun:
    """What `framework.run.Run` promises."""

    def __init__(
        self,
        *,
        run_id: str,
        mode: Mode,
        options: RunOptions,
        folder: Path,
        clock: Clock,
        connections: Sequence[Implementation] = (),
        suppliers: Sequence[Implementation] = (),
        progress: Progress | None = None,
    ) -> None:
        """Describe a run.

        Args:
            run_id: Goes into every client order id.
            mode: Where orders go.
            options: What the command line asked for.
            folder: The run's own folder.
            clock: Real or virtual time.
            connections: The `open_connection` hooks.
            suppliers: The `supply_credentials` hooks.
            progress: Shows how far a session is.
        """
        self.run_id = run_id
        self.mode = mode
        self.options = options
        self.folder = folder
        self.clock = clock
        self.rng = Random(f"{run_id}:{options.seed}")  # noqa: S311 - back-off jitter, not secrets
        self._connections = connections
        self._suppliers = suppliers
        self._progress = progress
        self._stopped = anyio.Event()
        self.stop_reason: str | None = None

    async def connect(self, host: str, port: int) -> ByteStream:
        """Open a byte stream: a plugin's, if one answers for that host, else the network's."""
        for implementation in self._connections:
            with Naming(implementation.plugin, "open_connection"):
                stream = implementation.call(host, port)
            if isinstance(stream, ByteStream):
                return stream
            if stream is not None:
                raise PluginError(
                    implementation.plugin, "open_connection", f"returned {stream!r}, not bytes"
                )
        return await open_network(host, port)

    def credentials(self, name: str) -> Credentials | None:
        """Return the credentials a plugin supplies for an exchange, or None."""
        for implementation in self._suppliers:
            with Naming(implementation.plugin, "supply_credentials"):
                found = implementation.call(name)
            if isinstance(found, Credentials):
                return found
        return None

    def stop(self, reason: str) -> None:
        """Ask the run to end in order; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self._stopped.set()

    async def stopped(self) -> str:
        """Wait until somebody asks the run to end, and return why."""
        await self._stopped.wait()
        return self.stop_reason or "stopped"

    def progress(self, done: float | None, text: str) -> None:
        """Report how far a session is, from 0 to 1, or None where nobody knows."""
        if self._progress is not None:
            self._progress(done, text)
