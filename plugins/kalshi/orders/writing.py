"""Sends writes, each exactly once, and says what their answers prove."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from framework.exchange import Rejected, Unknown
from framework.run import Mode
from plugins.kalshi.codec import Request
from plugins.kalshi.codec.refusals import SUCCESS, outcome
from plugins.kalshi.transport.lane import Lost
from plugins.kalshi.transport.rest import Reply, Rest

_Done = TypeVar("_Done")


class Writing:
    """One account's way out: nothing else sends a write."""

    def __init__(self, rest: Rest, mode: Mode) -> None:
        """Write through `rest`, unless the mode forbids every write."""
        self.rest = rest
        self._allowed = mode is not Mode.PAPER

    async def send(self, request: Request, *, urgent: bool) -> Reply | Rejected | Unknown:
        """Send a write and return its answer; or why there is none.

        Args:
            request: What to send.
            urgent: Cancels and exits may use the reserved part of the budget.
        """
        if not self._allowed:
            return Rejected(code="paper", message="paper mode never writes to the exchange")
        reply = await self.rest.write(request, urgent=urgent)
        if reply is None:
            return Rejected(code="rate_limited", message="not sent: the write budget is used up")
        return Unknown(reason=reply.reason) if isinstance(reply, Lost) else reply

    async def done(
        self, request: Request, read: Callable[[bytes], _Done], *, urgent: bool
    ) -> _Done | Rejected | Unknown:
        """Send a write and return what its answer says of it."""
        reply = await self.send(request, urgent=urgent)
        return _told(reply, read) if isinstance(reply, Reply) else reply

    def begin(
        self, request: Request, read: Callable[[bytes], _Done], *, urgent: bool
    ) -> Callable[[], Awaitable[_Done | Rejected | Unknown]] | None:
        """Send a write before this returns, if nothing has to be waited for.

        Returns:
            What waits for its answer; None when nothing was sent, and `done` is to do it.
        """
        reply = self.rest.begin(request, urgent=urgent) if self._allowed else None
        if reply is None:
            return None

        async def done() -> _Done | Rejected | Unknown:
            told = await reply()
            return Unknown(reason=told.reason) if isinstance(told, Lost) else _told(told, read)

        return done


def _told(reply: Reply, read: Callable[[bytes], _Done]) -> _Done | Rejected | Unknown:
    return read(reply.body) if reply.status in SUCCESS else outcome(reply.status, reply.body)
