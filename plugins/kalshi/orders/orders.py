"""Orders out: one by one, changed, or several of one decision in a batch."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TypeVar

import anyio

from framework.errors import InvariantError
from framework.exchange import Accepted, Answer, Outcome, Rejected, Unknown
from framework.model.account import RemoteOrder
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order, Purpose
from framework.model.units import E2
from plugins.kalshi.codec import Codec, Request
from plugins.kalshi.codec.extras import Extras
from plugins.kalshi.codec.refusals import not_done
from plugins.kalshi.orders.burst import BurstGuard
from plugins.kalshi.orders.writing import Writing
from plugins.kalshi.transport.limits import is_urgent
from plugins.kalshi.transport.rest import Reply

_Item = TypeVar("_Item")


class Orders:
    """Creates, changes and cancels orders; every outcome is a value.

    Attributes:
        guard: Whose order groups entries join; None lets them join none.
    """

    def __init__(self, writing: Writing, codec: Codec) -> None:
        self._writing = writing
        self._codec = codec
        self.guard: BurstGuard | None = None

    # ------------------------------------------------------------------------------- new

    def begin(self, order: Order) -> Answer | None:
        """Send an order before this returns, if no budget, group or lane has to be waited for.

        Returns:
            What waits for its outcome; None when nothing was sent, and `submit` is to do it.
        """
        urgent = is_urgent(order)
        groups: Mapping[int, str] | None = {}
        if self.guard is not None and not urgent:
            groups = self.guard.known(order.shard)
        request = None if groups is None else self._create(order, groups)
        if not isinstance(request, Request):
            return None
        return self._writing.begin(request, partial(self._codec.created, order), urgent=urgent)

    async def submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Send orders, each exactly once; one outcome per order, never an exception.

        Several go as a batch if it can be paid for at once. Exits and entries never share one:
        an exit must not wait for an entry's budget or group.
        """
        if len(orders) == 1:
            return await self._submit(orders)
        exits = [at for at, order in enumerate(orders) if is_urgent(order)]
        entries = [at for at, order in enumerate(orders) if not is_urgent(order)]
        outcomes: list[Outcome] = [Unknown(reason="not answered")] * len(orders)

        async def send(places: Sequence[int]) -> None:
            part = [orders[at] for at in places]
            for at, outcome in zip(places, await self._submit(part), strict=True):
                outcomes[at] = outcome

        await _together([part for part in (exits, entries) if part], send)
        return outcomes

    async def _submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Send orders that are either all exits or all entries."""
        urgent = is_urgent(orders[0])
        groups: Mapping[int, str] = {}
        if self.guard is not None and not urgent:
            found = await self.guard.groups({order.shard for order in orders})
            if isinstance(found, Rejected):
                return [found] * len(orders)
            groups = found
        extras = self._codec.extras
        if extras is not None and len(orders) > 1:
            request = extras.create_batch(orders, groups)
            if self._writing.rest.limits.affords(request, urgent=urgent):
                reply = await self._writing.send(request, urgent=urgent)
                if not isinstance(reply, Reply):
                    return [reply] * len(orders)
                return extras.created_batch(orders, reply.status, reply.body)

        async def one(order: Order) -> Outcome:
            request = self._create(order, groups)
            if isinstance(request, Rejected):
                return request
            read = partial(self._codec.created, order)
            return await self._writing.done(request, read, urgent=urgent)

        return await _each(orders, one)

    def _create(self, order: Order, groups: Mapping[int, str]) -> Request | Rejected:
        extras, group_id = self._codec.extras, groups.get(order.shard)
        if extras is None or group_id is None:
            return self._codec.create(order)
        return extras.create_in(order, group_id)

    # --------------------------------------------------------------------------- changes

    async def amend(self, amendments: Sequence[AmendOrder]) -> Sequence[Outcome]:
        """Change limits and totals of open orders; one outcome per amendment.

        Raises:
            InvariantError: the dialect can't amend, as `capabilities.amend` says.
        """
        extras = self._extras()

        async def one(amendment: AmendOrder) -> Outcome:
            urgent = amendment.order.purpose is Purpose.EXIT
            return await self._writing.done(extras.amend(amendment), extras.amended, urgent=urgent)

        return await _each(amendments, one)

    async def decrease(
        self, order: CancelOrder, *, by_e2: E2 | None = None, to_e2: E2 | None = None
    ) -> Outcome:
        """Take a part out of an open order; the rest keeps its place in the queue.

        Args:
            order: Which one, named as for a cancel.
            by_e2: How many hundredths of a contract to take out; or
            to_e2: how many to leave.

        Raises:
            InvariantError: the dialect can't decrease.
            ValueError: not exactly one of the two sizes is given, or it is no size.
        """
        extras = self._extras()
        request = extras.decrease(order, by_e2=by_e2, to_e2=to_e2)
        return await self._writing.done(request, extras.decreased, urgent=True)

    def _extras(self) -> Extras:
        if self._codec.extras is None:
            raise InvariantError("orders can't be changed where capabilities.amend is False")
        return self._codec.extras

    # --------------------------------------------------------------------------- cancels

    async def cancel(self, cancels: Sequence[CancelOrder]) -> Sequence[Outcome]:
        """Cancel orders; a 404 is a refusal, and what became of the order a query must tell.

        Raises:
            ValueError: the list is empty.
        """
        if not cancels:
            raise ValueError("nothing to cancel: an empty list must never mean everything")
        extras = self._codec.extras
        if extras is not None and len(cancels) > 1:
            request = extras.cancel_batch(cancels)
            if self._writing.rest.limits.affords(request, urgent=True):
                reply = await self._writing.send(request, urgent=True)
                if not isinstance(reply, Reply):
                    return [reply] * len(cancels)
                return extras.cancelled_batch(cancels, reply.status, reply.body)

        async def one(cancel: CancelOrder) -> Outcome:
            read = partial(self._codec.cancelled, cancel)
            return await self._writing.done(self._codec.cancel(cancel), read, urgent=True)

        return await _each(cancels, one)

    async def cancel_all(self) -> Outcome:
        """Cancel every order of the account; the sweep goes on after the answer.

        Raises:
            InvariantError: the dialect has no word for it.
        """
        request = self._codec.cancel_all()
        if request is None:
            raise InvariantError("this dialect cancels orders one by one")
        return await self._writing.done(request, _swept, urgent=True)

    async def cancel_each(self, resting: Sequence[RemoteOrder], whole: bool) -> Outcome:  # noqa: FBT001 - as the account reads it
        """Cancel what rests, one by one: one order that may still rest makes the answer unknown.

        Args:
            resting: What the exchange lists.
            whole: Whether the list could be read to its end.
        """
        cancels = [
            CancelOrder(
                client_order_id=order.client_order_id or "",
                order_id=order.order_id,
                ticker=order.ticker,
                shard=order.shard,
                reason="cancel all",
            )
            for order in resting
        ]
        outcomes = await self.cancel(cancels) if cancels else ()
        doubts = [outcome for outcome in outcomes if not isinstance(outcome, Accepted)]
        if doubts or not whole:
            why = doubts[0] if doubts else "the list of resting orders can't be read whole"
            return Unknown(reason=f"{len(doubts)} of {len(cancels)} not cancelled: {why}")
        return Accepted(order_id="all", filled_e2=None, remaining_e2=None)


def _swept(body: bytes) -> Outcome:
    done = Accepted(order_id="all", filled_e2=None, remaining_e2=None)
    return not_done(body, "cancel of all orders") or done


async def _together(
    items: Sequence[_Item], send: Callable[[_Item], Coroutine[None, None, None]]
) -> None:
    """Do the same for several at once, the first one first."""
    if len(items) == 1:
        await send(items[0])
        return
    async with anyio.create_task_group() as group:
        for item in items:
            group.start_soon(send, item)


async def _each(
    items: Sequence[_Item], one: Callable[[_Item], Awaitable[Outcome]]
) -> Sequence[Outcome]:
    """Do the same for several at once; one outcome each, in their order."""
    outcomes: list[Outcome] = [Unknown(reason="not answered")] * len(items)

    async def at(place: int) -> None:
        outcomes[place] = await one(items[place])

    await _together(range(len(items)), at)
    return outcomes
