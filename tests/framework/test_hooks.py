"""One test per hook: the plugin class in each is the example that docs/hooks.md shows."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import disk_usage

import click
import pytest
from anyio.abc import ByteStream
from pydantic import PrivateAttr

from framework import (
    EntrySignal,
    ExitSignal,
    Money,
    Plugin,
    Price,
    Quantity,
    Rejection,
    Secret,
    Side,
    Urgency,
    hookimpl,
)
from framework.checks import Check, Finding, Level
from framework.implementations import HOOKS, implementations, new_registry
from framework.metrics import Metric
from framework.model.events import ClockTicked, OrderFilled, TradePrinted
from framework.model.observation import Observation
from framework.model.records import Record
from framework.pipeline import Pipeline
from framework.run import Credentials, Mode
from framework.streams import memory_pipe
from framework.testing.builders import fill, market, order, portfolio_view, position, snapshot

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


class Loaded:
    """One plugin as the loader hands it over."""

    strategies = ("mine",)

    def __init__(self, plugin):
        registry = new_registry()
        registry.register(plugin, "example")
        registry.check_pending()
        self.made = tuple(implementations(registry, "example", plugin))

    def hooks(self, hook, strategy=None):
        return tuple(made for made in self.made if made.hook == hook)


def asked(plugin):
    """Return a pipeline that asks only this plugin."""
    return Pipeline(Loaded(plugin))


def call(plugin, hook, *arguments):
    """Call a hook of the start of a run, as the runtime does."""
    [made] = Loaded(plugin).hooks(hook)
    return made.call(*arguments)


def test_every_hook_has_a_test_here():
    missing = [hook for hook in HOOKS if f"test_hook_{hook}" not in globals()]

    assert missing == []


# ------------------------------------------------------------------------------------- start


async def test_hook_open_service():
    class Marker(Plugin):
        """Leaves a file in the run's folder for as long as the run lasts."""

        name: str = "running"

        @hookimpl
        @asynccontextmanager
        async def open_service(self, run):
            file = run.folder / self.name
            file.touch()
            try:
                yield
            finally:
                file.unlink()

    class Run:
        folder = Folder()

    async with call(Marker(), "open_service", Run):
        assert Run.folder.files == {"running"}

    assert Run.folder.files == set()


class Folder:
    """A folder in memory."""

    def __init__(self):
        self.files = set()

    def __truediv__(self, name):
        folder = self

        class File:
            def touch(self):
                folder.files.add(name)

            def unlink(self):
                folder.files.remove(name)

        return File()


def test_hook_supply_credentials(monkeypatch):
    class Vault(Plugin):
        """Supplies the exchange's key from the environment."""

        key: Secret = Secret(env="MY_KEY")

        @hookimpl
        def supply_credentials(self, name: str) -> Credentials | None:
            if name != "kalshi":
                return None
            return Credentials(key_id="mine", private_key=self.key.read())

    monkeypatch.setenv("MY_KEY", "pem")

    assert call(Vault(), "supply_credentials", "kalshi").private_key == b"pem"
    assert call(Vault(), "supply_credentials", "other") is None


async def test_hook_open_connection():
    class Stub(Plugin):
        """Answers for one host in this process, without the network."""

        host: str = "stub.invalid"

        @hookimpl
        def open_connection(self, host: str) -> ByteStream | None:
            if host != self.host:
                return None
            ours, theirs = memory_pipe()
            self._serve(theirs)
            return ours

        def _serve(self, stream: ByteStream) -> None:
            """Speak the protocol on the other end."""

    assert call(Stub(), "open_connection", "stub.invalid", 443) is not None
    assert call(Stub(), "open_connection", "elsewhere.invalid", 443) is None


async def test_hook_open_exchange():
    class MyExchange(Plugin):
        """Trades on an exchange of one's own."""

        @hookimpl
        @asynccontextmanager
        async def open_exchange(self, run):
            stream = await run.connect("exchange.invalid", 443)
            try:
                yield stream  # an object with the methods of framework.exchange.Exchange
            finally:
                await stream.aclose()

    class Run:
        closed = False

        async def connect(self, host, port):
            assert (host, port) == ("exchange.invalid", 443)
            return self

        async def aclose(self):
            self.closed = True

    run = Run()
    async with call(MyExchange(), "open_exchange", run) as exchange:
        assert exchange is run

    assert run.closed


async def test_hook_open_feed():
    class Thermometer(Plugin):
        """Makes a forecast visible as `snapshot.observations["weather.high"]`."""

        every: timedelta = timedelta(minutes=10)

        @hookimpl
        async def open_feed(self, run):
            while True:
                now_us = run.clock.now_us()
                yield Observation(source="weather", key="high", value=Decimal(71), at_us=now_us)
                await run.clock.sleep(self.every.total_seconds())

    class Run:
        slept = 0.0

        @property
        def clock(self):
            return self

        def now_us(self):
            return round(self.slept * 1_000_000)

        async def sleep(self, seconds):
            self.slept += seconds

    feed = call(Thermometer(), "open_feed", Run())

    assert [(await anext(feed)).at_us for _ in range(2)] == [0, 600_000_000]
    await feed.aclose()


# -------------------------------------------------------------------------- market selection


def test_hook_filter_market():
    class OnlySeries(Plugin):
        """Looks at the markets of one series only."""

        series: str = "KXHIGHNY"

        @hookimpl
        def filter_market(self, market) -> Rejection | None:
            if market.series_ticker == self.series:
                return None
            return Rejection("series", f"{market.series_ticker} is not {self.series}")

    assert asked(OnlySeries()).filter_market("mine", market(), NOW) is None
    assert asked(OnlySeries(series="KXRAIN")).filter_market("mine", market(), NOW) == (
        Rejection("series", "KXHIGHNY is not KXRAIN"),
        "example",
    )


# ---------------------------------------------------------------------------------- decision


def test_hook_signal_exit():
    class LeaveBelow(Plugin):
        """Sells at once when the bid is below a price."""

        price: Price = Decimal("0.80")

        @hookimpl
        def signal_exit(self, position, snapshot) -> ExitSignal | None:
            bid = snapshot.side(position.side).bid
            if bid is None or bid >= self.price:
                return None
            return ExitSignal(bid, f"bid {bid}", Urgency.STOP, immediate=True)

    fallen = snapshot(yes=[("0.70", 100)])

    assert asked(LeaveBelow()).signal_exit("mine", position(), snapshot()) is None
    signal, name = asked(LeaveBelow()).signal_exit("mine", position(), fallen)
    assert (signal.limit, signal.urgency, name) == (Decimal("0.70"), Urgency.STOP, "example")


def test_hook_signal_entry():
    class FadeLongshots(Plugin):
        """Buys NO when the crowd overpays for an unlikely YES."""

        max_yes_price: Price = Decimal("0.08")

        @hookimpl
        def signal_entry(self, snapshot) -> EntrySignal | None:
            yes, no = snapshot.yes.ask, snapshot.no.ask
            if yes is None or no is None or yes > self.max_yes_price:
                return None
            return EntrySignal(Side.NO, limit=no, reason=f"YES asks {yes}")

    longshot = snapshot(yes=[("0.05", 100)], no=[("0.93", 100)])

    assert asked(FadeLongshots()).signal_entry("mine", snapshot(), portfolio_view()) == []
    assert asked(FadeLongshots()).signal_entry("mine", longshot, portfolio_view()) == [
        (EntrySignal(Side.NO, Decimal("0.95"), "YES asks 0.07"), "example")
    ]


def test_hook_size_entry():
    class ShareOfCash(Plugin):
        """Spends a share of the cash on each entry, in whole contracts."""

        share: Decimal = Decimal("0.01")

        @hookimpl
        def size_entry(self, signal, portfolio) -> Quantity | None:
            return portfolio.cash * self.share // signal.limit

    signal = EntrySignal(Side.YES, Decimal("0.93"), "a favourite")
    portfolio = portfolio_view(cash=10_000)

    size = asked(ShareOfCash()).size_entry("mine", signal, snapshot(), portfolio)

    assert size == (10_700, "example")


def test_hook_check_risk():
    class CostLimit(Plugin):
        """Refuses an order that costs more than a limit."""

        most: Money = Decimal("5.00")

        @hookimpl
        def check_risk(self, order) -> Rejection | None:
            if order.cost <= self.most:
                return None
            return Rejection("cost", f"{order.cost} is above {self.most}")

    pipeline = asked(CostLimit())

    assert pipeline.check_risk("mine", order(quantity=5), snapshot(), portfolio_view()) == []
    assert pipeline.check_risk("mine", order(quantity=10), snapshot(), portfolio_view()) == [
        (Rejection("cost", "9.30 is above 5.00"), "example")
    ]


# ---------------------------------------------------------------------------------- watching


def test_hook_observe():
    class FillCount(Plugin):
        """Counts the fills of a run."""

        _count: int = 0

        @hookimpl
        def observe(self, records) -> None:
            self._count += sum(isinstance(record.event, OrderFilled) for record in records)

        @property
        def count(self) -> int:
            """How many there were."""
            return self._count

    counter = FillCount()
    filled = Record(event=OrderFilled(at_us=1, fill=fill()))
    asked(counter).observe([filled, Record(event=ClockTicked(at_us=2)), filled])

    assert counter.count == 2


def test_hook_register_commands():
    class Greeter(Plugin):
        """Adds the verb `framework greet`; a class names its verbs so that --help is cheap."""

        commands = ("greet",)

        @hookimpl
        def register_commands(self):
            return [click.Command("greet", callback=lambda: click.echo("hello"))]

    [verb] = call(Greeter(), "register_commands")

    assert (verb.name,) == Greeter.commands


def test_hook_register_checks():
    class DiskSpace(Plugin):
        """Warns before a run when its folder is nearly full."""

        folder: Path = Path()
        least_free: int = 10**9

        def _look(self):
            free = disk_usage(self.folder).free
            enough = free >= self.least_free
            level = Level.OK if enough else Level.WARNING
            yield Finding(level=level, what=f"{free} bytes free in {self.folder}")

        @hookimpl
        def register_checks(self, wire):
            return [] if wire else [Check(name="disk", findings=self._look)]

    [check] = call(DiskSpace(least_free=0), "register_checks", Mode.SANDBOX, None)
    [finding] = check.findings()

    assert (check.name, finding.level) == ("disk", Level.OK)


def test_hook_register_metrics():
    class TradeCount(Plugin):
        """Shows how many trades it has seen."""

        _count: int = PrivateAttr(default=0)

        @hookimpl
        def observe(self, records):
            self._count += sum(isinstance(record.event, TradePrinted) for record in records)

        @hookimpl
        def register_metrics(self):
            return [Metric(name="trades seen", unit="count", read=lambda: self._count)]

    counter = TradeCount()
    [metric] = call(counter, "register_metrics")
    trade = TradePrinted(
        at_us=1,
        ticker="A",
        trade_id="t",
        yes_price_e4=9_000,
        quantity_e2=100,
        taker_side=Side.YES,
    )
    asked(counter).observe([Record(event=trade)])

    assert metric.read() == 1


# ------------------------------------------------------------------------- what they share


@pytest.mark.parametrize("hook", ["filter_market", "signal_entry", "size_entry", "check_risk"])
def test_none_is_no_opinion(hook):
    quiet = type("Quiet", (Plugin,), {hook: hookimpl(lambda _self: None)})()
    [made] = Loaded(quiet).hooks(hook)

    assert made.call(*HOOKS[hook]) is None
