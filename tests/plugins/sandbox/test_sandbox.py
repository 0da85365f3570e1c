"""The plugin as a run sees it: its world, its key, its connections and its end."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator

import anyio
import pytest
from pydantic import ValidationError

from framework.clock import run_virtual
from framework.errors import ConfigError, ExchangeError
from framework.model.until import Until
from framework.run import Mode, RunOptions
from plugins.sandbox import Sandbox
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.worlds.seeded import START_US

MINUTE_US = 60_000_000


class FakeRun:
    """What the plugin uses of a run."""

    mode = Mode.SANDBOX

    def __init__(self, clock, **options):
        self.clock = clock
        self.options = RunOptions(**options)
        self.rng = Random(1)
        self.reasons = []
        self.reports = []

    def stop(self, reason):
        self.reasons.append((self.clock.now_us(), reason))

    def progress(self, done, text):
        self.reports.append(done)


def in_run(visit=None, plugin=None, **options):
    """Run a plugin's service; `visit(plugin, run)` happens inside it."""
    plugin = plugin or Sandbox()

    async def main(clock):
        run = FakeRun(clock, **options)
        async with plugin.open_service(run):
            result = await visit(plugin, run) if visit else None
        return result, run

    return (*run_virtual(main), plugin)


async def until_stopped(plugin, run):
    while not run.reasons:
        await run.clock.sleep(1)


def test_virtual_time_starts_where_the_world_does():
    async def visit(plugin, run):
        return run.clock.now_us()

    assert in_run(visit)[0] == START_US


def test_the_run_is_asked_to_stop_once_the_world_is_over():
    _, run, plugin = in_run(until_stopped, duration_us=5 * MINUTE_US)

    assert [reason for _, reason in run.reasons] == ["session over"]
    assert run.reasons[0][0] >= START_US + 5 * MINUTE_US
    assert all(market.status == "finalized" for market in plugin.exchange.markets.values())
    assert (run.reports[0] < 0.01, run.reports[-1]) == (True, 1.0)


def test_the_exchange_can_be_looked_at_after_the_run():
    plugin = Sandbox(cash="250.00")
    assert plugin.exchange is None

    in_run(plugin=plugin)

    assert plugin.exchange.cash_e6 == 250_000_000


@pytest.mark.parametrize(
    ("settings", "options", "minutes"),
    [
        ({}, {}, 30),
        ({"duration": "5m"}, {}, 5),
        ({"duration": timedelta(minutes=5)}, {"duration_us": 15 * MINUTE_US}, 15),
    ],
)
def test_the_command_line_goes_before_the_settings(settings, options, minutes):
    _, run, _ = in_run(until_stopped, Sandbox(**settings), **options)
    lasted_us = run.reasons[0][0] - START_US

    assert (minutes - 3) * MINUTE_US <= lasted_us <= (minutes + 3) * MINUTE_US


def test_a_session_ends_when_the_clock_shows_the_time_asked_for():
    _, run, plugin = in_run(until_stopped, Sandbox(markets=12), until=Until.read("15:05"))
    (ended,) = run.reasons

    assert START_US + 5 * MINUTE_US <= ended[0] + 2_000_000 <= START_US + 6 * MINUTE_US
    assert ended[1].startswith("session over; ")
    assert ended[1].endswith(" markets stay open without a result")
    assert len(plugin.exchange.markets) <= 12  # some are listed later


def test_equal_seeds_give_equal_exchanges():
    def books(**options):
        plugin = in_run(until_stopped, duration_us=MINUTE_US, **options)[2]
        return {ticker: plugin.exchange.markets[ticker] for ticker in plugin.exchange.markets}

    assert books(seed=3) == books(seed=3)
    assert books(seed=3) != books(seed=4)


def test_a_recording_that_is_absent_keeps_the_run_from_starting(tmp_path):
    with pytest.raises(ConfigError, match="nothing"):
        in_run(recording=tmp_path / "nothing")


@pytest.mark.recording
def test_a_recording_can_be_cut_short(recordings):
    folder = recordings / "gold-15m-frames/events/KXGOLD15M-26AUG050000-00"
    _, run, plugin = in_run(until_stopped, recording=folder, duration_us=MINUTE_US)

    assert [reason for _, reason in run.reasons] == [
        "session over; 1 of 1 markets stay open without a result"
    ]
    assert plugin.exchange.book("KXGOLD15M-26AUG050000-00").valid


# ------------------------------------------------------------------- key and connections


def test_the_key_is_supplied_to_the_adapter_alone():
    plugin = Sandbox(host="box.invalid")
    supplied = plugin.supply_credentials("kalshi")

    assert plugin.supply_credentials("other") is None
    assert supplied == plugin.supply_credentials("kalshi")
    assert supplied.rest_url == "http://box.invalid/trade-api/v2"
    assert supplied.stream_url == "ws://box.invalid/trade-api/ws/v2"


def test_the_founding_documents_dialect_has_the_same_key_and_a_name_of_its_own():
    plugin = Sandbox(host="box.invalid")
    todays, cents = (plugin.supply_credentials(name) for name in ("kalshi", "kalshi-cents"))

    assert (cents.key_id, cents.private_key) == (todays.key_id, todays.private_key)
    assert cents.rest_url == "http://cents.box.invalid/trade-api/v2"
    assert cents.stream_url == "ws://cents.box.invalid/trade-api/ws/v2"


@pytest.mark.parametrize(
    ("host", "key"), [("sandbox.invalid", "orderbook_fp"), ("cents.sandbox.invalid", "orderbook")]
)
def test_both_dialects_are_served_at_once_by_the_host_connected_to(host, key):
    async def visit(plugin, run):
        await run.clock.sleep(1)
        ticker = next(
            market.ticker
            for market in plugin.exchange.markets.values()
            if len(market.grid.ranges) == 1 and market.grid.ranges[0].step_e4 == 100
        )
        async with plugin.open_connection(host, 80) as stream:
            line = f"GET /trade-api/v2/markets/{ticker}/orderbook HTTP/1.1"
            await stream.send(f"{line}\r\nhost: {host}\r\n\r\n".encode())
            received = b""
            while not received.endswith(b"}}"):
                received += await stream.receive()
        return json.loads(received.partition(b"\r\n\r\n")[2])

    assert list(in_run(visit)[0]) == [key]


def test_only_its_own_host_is_connected_to():
    async def visit(plugin, run):
        return plugin.open_connection("kalshi.com", 443)

    assert in_run(visit)[0] is None


@pytest.mark.parametrize("moment", ["before", "after"])
def test_outside_a_run_it_is_closed(moment):
    plugin = Sandbox()
    if moment == "after":
        in_run(plugin=plugin)
    for host in ("sandbox.invalid", "cents.sandbox.invalid"):
        with pytest.raises(ExchangeError, match="closed"):
            plugin.open_connection(host, 80)


def test_a_connection_speaks_to_the_exchange_with_the_supplied_key(sign):
    async def visit(plugin, run):
        keys = plugin.supply_credentials("kalshi")
        path = "/trade-api/v2/portfolio/balance"
        stamp = str(run.clock.now_us() // 1_000)
        signature = sign(keys.private_key, f"{stamp}GET{path}")
        async with plugin.open_connection("sandbox.invalid", 80) as stream:
            await stream.send(
                f"GET {path} HTTP/1.1\r\nhost: sandbox.invalid\r\nconnection: close\r\n"
                f"kalshi-access-key: {keys.key_id}\r\nkalshi-access-timestamp: {stamp}\r\n"
                f"kalshi-access-signature: {signature}\r\n\r\n".encode()
            )
            received = b""
            while b"}]}" not in received:
                received += await stream.receive()
        return received

    received = in_run(visit)[0]

    assert received.startswith(b"HTTP/1.1 200 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["balance_dollars"] == "10000.0000"


def test_open_connections_end_with_the_run():
    async def main(clock):
        plugin = Sandbox()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(plugin.open_service(FakeRun(clock)))
            stream = plugin.open_connection("sandbox.invalid", 80)
            await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        return len(asyncio.all_tasks())

    assert run_virtual(main) == 1


# -------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "settings", [{"cash": 0.5}, {"host": ""}, {"duration": 30}, {"seed": "x"}, {"colour": "red"}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        Sandbox(**settings)


def test_a_recording_is_a_path():
    assert Sandbox(recording="data").recording == Path("data")


def test_it_names_the_verbs_that_it_adds():
    assert [command.name for command in Sandbox().register_commands()] == list(Sandbox.commands)


def test_the_switches_reach_the_exchange():
    plugin = Sandbox.model_validate(
        {
            "shard_cash": {"2": "250.00"},
            "archive_after": "1m",
            "stream_markets": 5,
            "stream_commands": 9,
            "repeated_ids": "return",
            "faults": {"read_lag": "250ms", "pause_every": "20s", "pause_for": "5s"},
        }
    )

    async def visit(plugin, run):
        venue = plugin._venue
        await run.clock.sleep(22)
        return venue.exchange.cash_by_shard(), venue.feed.limits, venue.repeats, venue.exchange

    (cash, limits, repeats, exchange), _, _ = in_run(visit, plugin)

    assert cash == {0: 10_000_000_000, 2: 250_000_000}
    assert (limits.markets, limits.commands, repeats) == (5, 9, "return")
    assert exchange.pause is Pause.TRADING
