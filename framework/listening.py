"""Takes what an exchange tells to the line, by the shortest way the exchange offers."""

from collections.abc import Callable, Sequence

import anyio

from framework.exchange import Exchange, Prompt
from framework.faults import Fence
from framework.model.events import AnyEvent


async def listen(exchange: Exchange, process: Callable[[Sequence[AnyEvent]], None]) -> None:
    """Take every batch to `process` until the exchange ends its events.

    A prompt exchange calls from a task of its own, which is none of the line's business: what
    `process` raises there is raised here.
    """
    broken: list[BaseException] = []
    with anyio.CancelScope() as scope:

        def deliver(batch: Sequence[AnyEvent]) -> None:
            if broken:
                return
            fence = Fence()
            with fence:
                process(batch)
            if fence.error is not None:
                broken.append(fence.error)
                scope.cancel()

        try:
            if isinstance(exchange, Prompt):
                exchange.deliver_to(deliver)
            async for batch in exchange.events():
                process(batch)
        finally:
            if isinstance(exchange, Prompt):
                exchange.deliver_to(None)
    if broken:
        raise broken[0]
