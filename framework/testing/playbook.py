"""A dialogue with the engine: this happened, so that is what it must do.

    Playbook(strategy=Fade()).event(listed).event(book).expect(SubmitOrder)

The real engine, pipeline and plugins; no exchange, no loop, no time but the events' own.
"""

from collections.abc import Mapping
from inspect import getmembers, signature
from typing import Any, Self

from framework import hookspecs
from framework.compiled import Implementation, taking_all
from framework.decisions import EngineSettings
from framework.engine import Engine
from framework.exchange import Capabilities
from framework.model.account import (
    Account,
    Balances,
    Fills,
    Orders,
    Positions,
    RemoteOrder,
    RemotePosition,
    Settlements,
)
from framework.model.commands import AnyCommand, SubmitOrder
from framework.model.events import AccountReported, AnyEvent
from framework.model.market import Settlement
from framework.model.orders import Fill, Order
from framework.model.records import Record
from framework.model.units import E6, Micros
from framework.pipeline import Pipeline
from framework.plugin import PROJECT, Plugin
from framework.testing.builders import NOW_US

EVERYTHING = Capabilities(
    amend=True,
    immediate_or_cancel=True,
    reduce_only=True,
    post_only=True,
    client_order_ids=True,
    fills_by_rest=True,
    fractional_quantities=True,
)
"""An exchange that can do all the framework asks for."""


class PluginSet:
    """Plugins by name, compiled without files or settings: shared ones, and one strategy each."""

    def __init__(
        self, strategies: Mapping[str, Plugin], shared: Mapping[str, Plugin] | None = None
    ) -> None:
        """Take instances; the shared ones speak for every strategy."""
        self._strategies = dict(strategies)
        self._shared = dict(shared or {})

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies' names, in order."""
        return tuple(self._strategies)

    def hooks(self, hook: str, strategy: str | None = None) -> tuple[Implementation, ...]:
        """Return who implements a hook for a strategy, shared plugins first."""
        asked = dict(self._shared)
        if strategy in self._strategies:
            asked[strategy] = self._strategies[strategy]
        spec = tuple(signature(getattr(hookspecs, hook)).parameters)
        return tuple(
            Implementation(name, hook, taking_all(call, tuple(signature(call).parameters), spec))
            for name, plugin in asked.items()
            if (call := _hooks_of(plugin).get(hook)) is not None
        )


def _hooks_of(plugin: Plugin) -> dict[str, Any]:
    marked = getmembers(type(plugin), lambda member: hasattr(member, f"{PROJECT}_impl"))
    return {name: getattr(plugin, name) for name, _ in marked}


def account_report(
    *,
    at_us: Micros = NOW_US,
    cash_e6: E6 = 1_000_000_000,
    orders: tuple[RemoteOrder, ...] = (),
    fills: tuple[Fill, ...] = (),
    positions: tuple[RemotePosition, ...] = (),
    settlements: tuple[Settlement, ...] = (),
    complete: bool = True,
    recovery: bool = False,
) -> AccountReported:
    """Return the exchange's view of an account with $1,000 on shard 0, as of `at_us`."""
    rows: dict[str, Any] = {"as_of_us": at_us, "complete": complete}
    return AccountReported(
        at_us=at_us,
        recovery=recovery,
        account=Account(
            orders=Orders(rows=orders, **rows),
            fills=Fills(rows=fills, **rows),
            positions=Positions(rows=positions, **rows),
            settlements=Settlements(rows=settlements, **rows),
            balances=Balances(rows=((0, cash_e6),), **rows),
        ),
    )


class Playbook:
    """Feeds events and checks commands, one line after the other."""

    def __init__(
        self,
        strategy: Plugin | None = None,
        *shared: Plugin,
        capabilities: Capabilities = EVERYTHING,
        settings: EngineSettings | None = None,
        recovered: bool = True,
    ) -> None:
        """Start an engine whose account has been read.

        Args:
            strategy: Runs under the name `under_test`.
            shared: Further plugins, named after their classes.
            capabilities: What the exchange can do.
            settings: The engine's.
            recovered: False leaves it to the test to report the account.
        """
        names = {type(plugin).__name__.lower(): plugin for plugin in shared}
        self.pipeline = Pipeline(
            PluginSet({} if strategy is None else {"under_test": strategy}, names)
        )
        self.engine = Engine(
            self.pipeline, run_id="run", capabilities=capabilities, settings=settings
        )
        self.records: list[Record] = []
        self._said: list[AnyCommand] = []
        if recovered:
            self.event(account_report(recovery=True))

    def event(self, *events: AnyEvent) -> Self:
        """Let something happen."""
        for event in events:
            record = self.engine.handle(event)
            self.records.append(record)
            self._said += record.commands
        return self

    def expect(self, *kinds: type[AnyCommand]) -> Self:
        """Check which kinds of command were given since the last check; none means silence.

        Raises:
            AssertionError: the engine said something else.
        """
        said, self._said = self._said, []
        if tuple(type(command) for command in said) != kinds:
            wanted = ", ".join(kind.__name__ for kind in kinds) or "silence"
            heard = "\n  ".join(map(str, said)) or "silence"
            raise AssertionError(f"expected {wanted}, heard:\n  {heard}")
        self.last = said
        return self

    def ignore(self) -> Self:
        """Forget what was said so far."""
        self._said = []
        return self

    @property
    def order(self) -> Order:
        """The order last submitted.

        Raises:
            AssertionError: there is none.
        """
        for record in reversed(self.records):
            for command in reversed(record.commands):
                if isinstance(command, SubmitOrder):
                    return command.order
        raise AssertionError("no order was submitted")

    def codes(self) -> list[str]:
        """Return `stage.code` of every refusal written down so far."""
        return [
            f"{verdict.stage}.{verdict.code}"
            for record in self.records
            for verdict in record.verdicts
            if verdict.code is not None
        ]
