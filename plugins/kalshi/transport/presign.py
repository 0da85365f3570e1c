"""Header sets signed ahead of the order that will carry them.

The signature covers time, method and path, and the path of new orders never changes, so it can be
made before anybody knows which order it is for: an RSA signature takes longer than deciding on an
order. Each set is used once, has a millisecond of its own, and is thrown away when it is two
seconds old. Without one at hand an order is signed when it is sent.

Sets are made by a task of the event loop, one at a time with a pause after each, and only on
demand: after an order, and in real time also while books move. A quiet market costs nothing, and
virtual time, in which a second may pass in no time at all, pays one signature per order at most.
"""

from collections import deque
from typing import Final

import anyio

from framework.model.units import Micros
from framework.run import Clock
from plugins.kalshi.transport.signing import Signer

SETS: Final = 4
"""How many orders of one burst find a set."""
OLDEST_US: Final[Micros] = 2_000_000
RENEW_US: Final[Micros] = 1_000_000
"""A set older than this gets a successor while books move."""
PAUSE_S: Final = 0.005
"""Between two signatures, so that what has arrived goes first."""


class Presigned:
    """The sets for one request line, such as `POST /trade-api/v2/portfolio/events/orders`.

    Which one that is, the first order tells; it is signed in line.
    """

    def __init__(self, signer: Signer, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock
        self._line: tuple[str, str] | None = None
        self._sets: deque[tuple[Micros, dict[str, str]]] = deque()
        self._last_ms = 0
        self._wanted = 0
        self._wake = anyio.Event()
        self._due_us: Micros = 0
        """When moving books next ask for a renewal."""
        self.used = 0
        """Orders that found a set."""

    def take(self, method: str, path: str) -> dict[str, str] | None:
        """Return a set for this request that nobody else gets, or None; ask for more."""
        if method != "POST":
            return None
        if self._line != (method, path):
            self.flush()
            self._line = (method, path)
        now_us = self._clock.now_us()
        self._drop_old(now_us)
        found = self._sets.popleft()[1] if self._sets else None
        self.used += found is not None
        self._ask(1 if self._clock.is_virtual else SETS)
        return found

    def books_moved(self, now_us: Micros) -> None:
        """Renew what is growing old; in virtual time only orders ask for sets."""
        if now_us >= self._due_us and self._line is not None and not self._clock.is_virtual:
            self._due_us = now_us + RENEW_US
            self._ask(SETS)

    def flush(self) -> None:
        """Throw all sets away: the key, the clock or the connection is not what it was."""
        self._sets.clear()
        self._wanted = 0

    def _ask(self, sets: int) -> None:
        self._wanted = max(self._wanted, sets)
        self._wake.set()

    def _drop_old(self, now_us: Micros, oldest_us: Micros = OLDEST_US) -> None:
        while self._sets and not -oldest_us <= self._sets[0][0] - now_us <= oldest_us:
            self._sets.popleft()

    async def keep(self) -> None:
        """Sign what is asked for, for ever."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            await self._clock.sleep(PAUSE_S)  # first the order that asked
            while self._line is not None and self._is_short():
                self._sign(*self._line)
                await self._clock.sleep(PAUSE_S)
            self._wanted = 0

    def _is_short(self) -> bool:
        now_us = self._clock.now_us()
        self._drop_old(now_us)
        fresh = sum(now_us - at_us < RENEW_US for at_us, _ in self._sets)
        return fresh < self._wanted

    def _sign(self, method: str, path: str) -> None:
        self._last_ms = max(self._clock.now_us() // 1_000, self._last_ms + 1)
        at_us = self._last_ms * 1_000
        self._sets.append((at_us, self._signer.headers(method, path, at_us)))
