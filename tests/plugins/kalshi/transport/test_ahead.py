import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from framework.errors import ExchangeError
from plugins.kalshi.transport.ahead import read_ahead


class List:
    """Pages without end, unless one of them is an error; says what has been read."""

    def __init__(self, *pages):
        self.left = list(pages)
        self.read = []

    async def pages(self):
        while self.left:
            await checkpoint()
            page = self.left.pop(0)
            if isinstance(page, Exception):
                raise page
            self.read.append(page)
            yield page


async def test_every_page_comes_in_its_order():
    async with anyio.create_task_group() as tasks:
        found = [page async for page in read_ahead(List(1, 2, 3).pages(), tasks)]

    assert found == [1, 2, 3]


async def test_the_next_page_is_read_while_the_last_is_worked_on():
    pages = List(1, 2, 3, 4)
    async with anyio.create_task_group() as tasks:
        ahead = read_ahead(pages.pages(), tasks)
        first = await anext(ahead)
        await wait_all_tasks_blocked()

        assert (first, pages.read) == (1, [1, 2])
        await ahead.aclose()


async def test_an_error_comes_behind_the_pages_before_it():
    async with anyio.create_task_group() as tasks:
        ahead = read_ahead(List(1, 2, ExchangeError("the third page")).pages(), tasks)

        assert [await anext(ahead), await anext(ahead)] == [1, 2]
        with pytest.raises(ExchangeError, match="the third page"):
            await anext(ahead)


async def test_who_leaves_early_ends_the_reading():
    pages = List(*range(100))
    async with anyio.create_task_group() as tasks:
        ahead = read_ahead(pages.pages(), tasks)
        await anext(ahead)
        await ahead.aclose()

    assert len(pages.read) <= 2


async def test_a_cancelled_reader_leaves_nothing_behind():
    pages = List(*range(100))
    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async for _ in read_ahead(pages.pages(), tasks):
                scope.cancel()
                await checkpoint()

    assert len(pages.read) <= 2
