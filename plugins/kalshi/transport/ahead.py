"""Reads the next page of a list while the last one is worked on."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from framework.errors import FrameworkError

_Page = TypeVar("_Page")


async def read_ahead(pages: AsyncIterator[_Page], tasks: TaskGroup) -> AsyncIterator[_Page]:
    """Yield pages, one read ahead: waiting for the budget and the exchange costs nothing more.

    Whoever leaves early ends the reading, too.

    Args:
        pages: What is read.
        tasks: Where the reading runs.

    Raises:
        FrameworkError: what the reading raised, behind the pages that came before.
    """
    send, receive = anyio.create_memory_object_stream[_Page | FrameworkError]()
    scope = anyio.CancelScope()

    async def read() -> None:
        with scope, send, suppress(anyio.BrokenResourceError):  # nobody wants more pages
            try:
                async for page in pages:
                    await send.send(page)
            except FrameworkError as fault:
                await send.send(fault)

    tasks.start_soon(read)
    try:
        with receive:
            async for page in receive:
                if isinstance(page, FrameworkError):
                    raise page
                yield page
    finally:
        scope.cancel()
