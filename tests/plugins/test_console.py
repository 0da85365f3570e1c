from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console as Terminal

from framework import Side
from framework.model.commands import QueryOrder, SubmitOrder
from framework.model.events import (
    ClockTicked,
    ExchangeStatusChanged,
    ExchangeWarned,
    LedgerRead,
    MarketListed,
    MarketSettled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    OwnedFill,
    Pause,
    PluginQuarantined,
    RunStopping,
    StreamLost,
    StreamRestored,
    TradingHalted,
    TradingResumed,
)
from framework.model.market import Settlement
from framework.model.records import Record, Stage, Verdict
from framework.testing.builders import MINUTE_US, NOW_US, SECOND_US, TICKER, fill, market, order
from plugins.console import Console


def told(capsys, *events, **settings):
    """What a console writes about these events."""
    Console(**settings).observe([Record(event=event) for event in events])
    return capsys.readouterr().err.splitlines()


def filled(**terms):
    return OrderFilled(at_us=NOW_US, fill=fill(**terms))


def settled(result="yes", pays=10_000):
    payment = Settlement(ticker=TICKER, at_us=NOW_US, result=result, yes_pays_e4=pays)
    return MarketSettled(at_us=NOW_US, settlement=payment)


def tick(after_us):
    return Record(event=ClockTicked(at_us=NOW_US + after_us))


def listed(ticker):
    return Record(event=MarketListed(at_us=NOW_US, market=market(ticker)))


def verdict(stage, code=None, ticker=TICKER):
    return Verdict(strategy="s", ticker=ticker, stage=stage, plugin="p", code=code)


def test_tells_a_fill_that_opens_as_a_purchase(capsys):
    assert told(capsys, filled(price="0.93", quantity=10, fee="0.05")) == [
        f"01-15 12:00:00 bought 10 YES {TICKER} at 0.93, fee 0.05"
    ]


def test_tells_a_fill_that_closes_as_a_sale_with_its_result(capsys):
    lines = told(
        capsys,
        filled(trade_id="in", price="0.90", quantity=10),
        filled(trade_id="out", side=Side.NO, price="0.05", quantity=10, fee="0.10"),
    )

    assert lines[1] == f"01-15 12:00:00 sold 10 YES {TICKER} at 0.95, fee 0.10, result 0.40"


def test_tells_a_fill_once_however_often_it_is_reported(capsys):
    assert len(told(capsys, filled(), filled())) == 1


@pytest.mark.parametrize(
    ("result", "pays", "line"),
    [
        ("yes", 10_000, "settled yes: 10 YES {}, result 0.70"),
        ("no", 0, "settled no: 10 YES {}, result -9.30"),
    ],
)
def test_tells_what_a_settlement_brought(capsys, result, pays, line):
    lines = told(capsys, filled(price="0.93", quantity=10), settled(result, pays))

    assert lines[1] == "01-15 12:00:00 " + line.format(TICKER)


def test_says_nothing_of_a_settlement_where_nothing_was_held(capsys):
    assert told(capsys, settled()) == []


def test_knows_what_earlier_runs_hold_without_telling_it_again(capsys):
    before = LedgerRead(
        at_us=NOW_US, opening_cash_e6=0, fills=(OwnedFill(fill=fill(), strategy="s"),)
    )

    assert told(capsys, before, filled()) == []
    assert told(capsys, before, settled()) == [
        f"01-15 12:00:00 settled yes: 10 YES {TICKER}, result 0.70"
    ]


PAUSES = (Pause(shard=None, reason="maintenance"),)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TradingHalted(at_us=NOW_US, reason="by hand"), "halted: by hand"),
        (TradingResumed(at_us=NOW_US), "resumed"),
        (StreamLost(at_us=NOW_US, reason="no ping"), "stream lost: no ping"),
        (StreamRestored(at_us=NOW_US), "stream restored"),
        (ExchangeStatusChanged(at_us=NOW_US, pauses=PAUSES), "the exchange pauses: maintenance"),
        (ExchangeStatusChanged(at_us=NOW_US), "the exchange takes orders again"),
        (RunStopping(at_us=NOW_US, reason="the end"), "stopping: the end"),
        (
            PluginQuarantined(at_us=NOW_US, plugin="odd", reason="10 faults"),
            "plugin odd is not asked any more: 10 faults",
        ),
        (
            ExchangeWarned(
                at_us=NOW_US,
                what="rate limit write/2",
                value=Decimal("0.85"),
                limit=Decimal("0.8"),
            ),
            "rate limit write/2 is at 0.85, beyond 0.8",
        ),
        (
            OrderUnknown(at_us=NOW_US, client_order_id="run-7", reason="no reply"),
            "nobody knows what became of order run-7: no reply",
        ),
        (
            OrderRejected(at_us=NOW_US, client_order_id="run-7", code="closed", message="shut"),
            "the exchange refused an order: closed, shut",
        ),
    ],
)
def test_tells_what_a_person_should_see(capsys, event, line):
    assert told(capsys, event) == [f"01-15 12:00:00 {line}"]


def test_says_nothing_of_quotes(capsys):
    assert told(capsys, ClockTicked(at_us=NOW_US)) == []


def test_tells_the_counts_at_a_calm_rate_of_the_runs_own_time(capsys):
    plugin = Console(every="5m")

    for number, after_s in enumerate((0, 9, 10, 309, 310, 400)):
        plugin.observe([listed(f"M-{number}"), tick(after_s * SECOND_US)])

    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["12:00:10", "12:05:10"]


def test_tells_counts_again_only_when_they_have_changed(capsys):
    plugin = Console(every="5m")

    for minute in range(30):
        changed = [listed(TICKER)] if minute == 20 else []
        plugin.observe([*changed, tick(minute * MINUTE_US)])

    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["12:01:00", "0", "markets,"],
        ["12:21:00", "1", "markets,"],
    ]


def test_counts_what_has_happened(capsys):
    plugin = Console(every="1s")
    plugin.observe([tick(0)])

    plugin.observe(
        [
            listed(TICKER),
            listed("B"),
            Record(
                event=ClockTicked(at_us=NOW_US),
                verdicts=(
                    verdict(Stage.FILTER),
                    verdict(Stage.FILTER, "volume", "B"),
                    verdict(Stage.SIGNAL),
                    verdict(Stage.SIGNAL, "no_signal"),
                    verdict(Stage.EXIT, "stay"),
                    verdict(Stage.RISK, "depth"),
                    verdict(Stage.RISK, "depth"),
                ),
                commands=(
                    SubmitOrder(order=order()),
                    QueryOrder(client_order_id="run-1", order_id=None, ticker=TICKER),
                ),
            ),
            Record(event=filled(price="0.93", quantity=10, fee="0.05")),
            Record(event=settled()),
            tick(SECOND_US),
        ]
    )

    assert capsys.readouterr().err.splitlines()[-1] == (
        "01-15 12:00:01 2 markets, 1 admitted, 1 signals, 1 orders, 1 fills, 1 settled, "
        "realized 0.65; refused: depth 2, volume 1"
    )


def test_says_nothing_when_quiet(capsys):
    assert told(capsys, filled(), TradingHalted(at_us=NOW_US, reason="x"), quiet=True) == []


async def test_says_nothing_at_the_end_when_quiet(capsys):
    async with Console(quiet=True).open_service():
        pass

    assert capsys.readouterr().err == ""


def test_takes_an_empty_batch(capsys):
    Console().observe([])

    assert capsys.readouterr().err == ""


async def test_leaves_the_counts_behind_as_the_last_line(capsys):
    plugin = Console()

    async with plugin.open_service():
        plugin.observe([Record(event=filled())])

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("01-15 12:00:00 bought")
    assert lines[1].startswith("01-15 12:00:00 0 markets")
    assert len(lines) == 2


def on_a_terminal():
    screen = StringIO()
    plugin = Console(every="1s")
    plugin._terminal = Terminal(file=screen, force_terminal=True, width=200)
    return plugin, screen


async def test_keeps_the_counts_in_view_on_a_terminal_below_the_lines(capsys):
    plugin, screen = on_a_terminal()

    async with plugin.open_service():
        plugin.observe([Record(event=filled()), tick(0)])
        plugin.observe([tick(9 * SECOND_US)])

    assert f"bought 10 YES {TICKER}" in screen.getvalue()
    assert "0 markets, 0 admitted" in screen.getvalue()
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["12:00:09"]


async def test_gives_way_to_a_display_that_holds_the_last_lines(capsys, monkeypatch):
    plugin, screen = on_a_terminal()
    written = StringIO()
    written.rich_proxied_file = None
    monkeypatch.setattr("sys.stderr", written)

    async with plugin.open_service():
        plugin.observe([Record(event=filled())])

    assert screen.getvalue() == ""
    assert f"bought 10 YES {TICKER}" in written.getvalue()


async def test_takes_its_display_down_when_the_run_fails():
    plugin, screen = on_a_terminal()

    with pytest.raises(RuntimeError, match="the run's own"):
        async with plugin.open_service():
            raise RuntimeError("the run's own")

    assert "\x1b[?25h" in screen.getvalue(), "the cursor is shown again"
