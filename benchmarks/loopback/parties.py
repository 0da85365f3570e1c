"""A bot and the scripted exchange it talks to, each a process on a core of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import clock_gettime, sleep
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).parent.parent
READY_WITHIN_S = 120


def new_key(folder: Path) -> Path:
    """Write an RSA-2048 key that only its owner can read."""
    file = folder / "key.pem"
    file.touch(0o600)
    key = generate_private_key(65537, 2048)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def pinned(module: str, *arguments: str, core: int, **streams: Any) -> subprocess.Popen[str]:
    """Start a module on one core; with a single core there is no choice."""
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-W", "ignore", "-m", module, *arguments], cwd=HERE, text=True, **streams
    )
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process.pid, {cores[core % len(cores)]})
    return process


class Venue:
    """The scripted exchange, and how it is told what to do."""

    def __init__(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = pinned("loopback.venue", core=1, **pipes)
        self.port: int = self._answer()["port"]

    def ask(self, **wish: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the scripted exchange has ended: its bot sent no order")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Pair:
    """One bot and its own exchange."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self.venue = Venue()
        self.bot = pinned(module, str(self.venue.port), *arguments, core=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.bot, self.venue.process):
            process.kill()
            process.wait()

    def wait_ready(self) -> None:
        waited = 0.0
        while not self.venue.ask(do="ready")["ready"]:
            waited += 0.05
            if waited > READY_WITHIN_S or self.bot.poll() is not None:
                raise SystemExit(f"{self.bot.args} did not subscribe")
            sleep(0.05)
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the bot has nothing to do: 0.3 s with less than a tenth of CPU."""
        while True:
            before = self.cpu()
            sleep(0.3)
            if self.cpu() - before < 0.03:
                return

    def cpu(self) -> float:
        """Return the CPU seconds the bot has used, all threads together."""
        return clock_gettime((~self.bot.pid << 3) | 2)  # the clock of another process
