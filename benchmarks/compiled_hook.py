"""What asking three plugins one decision hook costs, against calling their methods by hand.

The promise: a hook that three plugins implement costs at most 1.3 times three direct calls. It
is measured twice: on methods that name every parameter and return at once, and on the line as it
runs, with fault policy and counters, asking the three risk checks that come with the framework.
Shown beside it, without a limit: methods that name one parameter each, whose arguments have to
be picked, and a pluggy call, which is why hooks are compiled.
"""

import sys
from collections.abc import Callable
from time import process_time
from timeit import timeit

import pluggy

from framework import Order, Plugin, PortfolioView, Rejection, Snapshot, hookimpl, hookspecs
from framework.compiled import Implementation, taking_all
from framework.model.units import Side
from framework.pipeline import Pipeline
from framework.plugin import PROJECT
from framework.testing.builders import order, portfolio_view, snapshot
from plugins.liquidity import Liquidity
from plugins.risk_limits import RiskLimits
from plugins.tradable import Tradable

HOOK = "check_risk"
SPEC = ("order", "snapshot", "portfolio")
MOST_TIMES_DIRECT = 1.3
CALLS = 5_000


class AsksAll(Plugin):
    """Names every parameter and has no opinion."""

    @hookimpl
    def check_risk(
        self, order: Order, snapshot: Snapshot, portfolio: PortfolioView
    ) -> Rejection | None:
        """Let it pass."""


class AsksOrder(Plugin):
    """Names the order only."""

    @hookimpl
    def check_risk(self, order: Order) -> Rejection | None:
        """Let it pass."""


class AsksSnapshot(Plugin):
    """Names the snapshot only."""

    @hookimpl
    def check_risk(self, snapshot: Snapshot) -> Rejection | None:
        """Let it pass."""


class Three:
    """The three plugins as the loader would hand them over."""

    strategies = ("any",)

    def __init__(self, plugins: list[Plugin]) -> None:
        self.plugins = plugins

    def hooks(self, hook: str, _strategy: str | None = None) -> tuple[Implementation, ...]:
        if hook != HOOK:
            return ()
        return tuple(
            Implementation(type(plugin).__name__, hook, taking_all(method, named(method), SPEC))
            for plugin in self.plugins
            for method in [plugin.check_risk]
        )


def named(method: Callable[..., object]) -> tuple[str, ...]:
    """Return the parameters a hookimpl names, without `self`."""
    code = method.__func__.__code__
    return code.co_varnames[1 : code.co_argcount]


def seconds_of(*asks: Callable[[], object]) -> list[float]:
    """Return the CPU time of one asking each: the least of many rounds, in turns."""
    rounds = [[timeit(ask, number=CALLS, timer=process_time) for ask in asks] for _ in range(15)]
    return [min(times) / CALLS for times in zip(*rounds, strict=True)]


def main() -> int:
    terms = order(side=Side.YES, limit="0.93", quantity=10), snapshot(), portfolio_view()
    bare = show_bare(*terms)
    show_picked(*terms)
    line = show_line(*terms)
    return 0 if max(bare, line) <= MOST_TIMES_DIRECT else 1


def limited(ratio: float) -> str:
    verdict = "kept" if ratio <= MOST_TIMES_DIRECT else "BROKEN"
    return f"{ratio:8.2f} x    limit {MOST_TIMES_DIRECT} x    {verdict}"


def tuple_of(plugins: list[Plugin], *terms: object) -> Callable[[], None]:
    """Return a round over the compiled hook of these plugins."""
    a, b, c = terms
    calls = tuple(found.call for found in Three(plugins).hooks(HOOK))

    def ask() -> None:
        for call in calls:
            call(a, b, c)

    return ask


def show_bare(a: Order, b: Snapshot, c: PortfolioView) -> float:
    plugins = [AsksAll(), AsksAll(), AsksAll()]
    methods = tuple(plugin.check_risk for plugin in plugins)
    registry = pluggy.PluginManager(PROJECT)
    registry.add_hookspecs(hookspecs)
    for plugin in plugins:
        registry.register(plugin)
    relay = registry.hook.check_risk

    def by_hand() -> None:
        for method in methods:
            method(a, b, c)

    hand, compiled, relayed = seconds_of(
        by_hand, tuple_of(plugins, a, b, c), lambda: relay(order=a, snapshot=b, portfolio=c)
    )
    print(f"three direct calls        {hand * 1e9:8.0f} ns")
    print(f"  as a compiled hook      {limited(compiled / hand)}")
    print(f"  as a pluggy call        {relayed / hand:8.2f} x")
    return compiled / hand


def show_picked(a: Order, b: Snapshot, c: PortfolioView) -> None:
    plugins = [AsksOrder(), AsksSnapshot(), AsksOrder()]
    first, second, third = (plugin.check_risk for plugin in plugins)

    def by_hand() -> None:
        first(a)
        second(b)
        third(a)

    hand, compiled = seconds_of(by_hand, tuple_of(plugins, a, b, c))
    print(f"three with one parameter  {hand * 1e9:8.0f} ns")
    print(f"  as a compiled hook      {compiled / hand:8.2f} x")


def show_line(a: Order, b: Snapshot, c: PortfolioView) -> float:
    checks = [Tradable(), Liquidity(), RiskLimits()]
    tradable, liquidity, limits = (plugin.check_risk for plugin in checks)
    line = Pipeline(Three(checks))

    def checks_by_hand() -> list[Rejection]:
        answers = (tradable(b), liquidity(a, b), limits(a, b, c))
        return [answer for answer in answers if answer is not None]

    hand, through = seconds_of(checks_by_hand, lambda: line.check_risk("any", a, b, c))
    print(f"three risk checks         {hand * 1e9:8.0f} ns")
    print(f"  through the pipeline    {limited(through / hand)}")
    return through / hand


if __name__ == "__main__":
    sys.exit(main())
