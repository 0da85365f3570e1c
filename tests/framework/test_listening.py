"""Batches reach the line by a call or by the iterator, in order, and its faults are raised here."""

import anyio
import pytest

from framework.errors import AuthError, InvariantError
from framework.listening import listen


class Plain:
    """An exchange that only has the iterator."""

    def __init__(self, *batches, error=None):
        self.batches = batches
        self.error = error

    async def events(self):
        for batch in self.batches:
            yield batch
        if self.error is not None:
            raise self.error


class Calling(Plain):
    """An exchange that calls; the iterator waits until `over` is set."""

    def __init__(self, *batches, error=None):
        super().__init__(*batches, error=error)
        self.over = anyio.Event()
        self.deliver = None

    def deliver_to(self, deliver):
        self.deliver = deliver
        for batch in self.batches if deliver is not None else ():
            deliver(batch)

    def begin(self, order):
        return None

    async def events(self):
        await self.over.wait()
        if self.error is not None:
            raise self.error
        return
        yield


async def test_takes_batches_from_the_iterator():
    taken = []

    await listen(Plain(["a"], ["b", "c"]), taken.append)

    assert taken == [["a"], ["b", "c"]]


async def test_a_prompt_exchange_calls_at_once_and_no_longer_than_it_is_listened_to():
    exchange, taken = Calling(["waited"]), []

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, exchange, taken.append)
        await anyio.wait_all_tasks_blocked()
        exchange.deliver(["now"])
        assert taken == [["waited"], ["now"]]
        exchange.over.set()

    assert exchange.deliver is None


async def test_what_breaks_the_line_is_raised_to_the_listener_and_ends_the_calls():
    exchange, taken = Calling(), []

    def process(batch):
        taken.append(batch)
        raise InvariantError("broken")

    async def call():
        await anyio.wait_all_tasks_blocked()
        exchange.deliver(["one"])
        exchange.deliver(["two"])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        with pytest.raises(InvariantError, match="broken"):
            await listen(exchange, process)

    assert taken == [["one"]]
    assert exchange.deliver is None


@pytest.mark.parametrize("kind", [Plain, Calling])
async def test_the_error_that_ends_the_events_is_raised(kind):
    exchange = kind(error=AuthError("refused"))
    if kind is Calling:
        exchange.over.set()

    with pytest.raises(AuthError):
        await listen(exchange, lambda _: None)


async def test_ends_its_calls_when_it_is_cancelled():
    exchange = Calling()

    with anyio.move_on_after(0):
        await listen(exchange, lambda _: None)

    assert exchange.deliver is None
