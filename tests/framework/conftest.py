"""What tests of settings, loader and verbs share: projects made from text, a run made by hand."""

import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from framework.journal import FILE_NAME, JournalWriter
from framework.model.commands import SubmitOrder, Subscribe
from framework.model.events import (
    ClockTicked,
    MarketChanged,
    MarketListed,
    MarketSettled,
    OrderAccepted,
    OrderFilled,
    RunStopping,
)
from framework.model.market import MarketStatus, Settlement
from framework.model.records import NO_SIGNAL, Record, Stage, Verdict
from framework.testing.builders import NOW_US, SECOND_US, fill, market, order

EXCHANGE = """
    from framework import Plugin, hookimpl

    class Exchange(Plugin):
        @hookimpl
        def open_exchange(self, run):
            raise NotImplementedError
"""


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write a user's project, go there, and forget its modules afterwards.

    A keyword `plugins__mine` is the file plugins/mine.py, `plugins__deep____init__` the package.

    It always holds an exchange, so that a test of something else has no second fault.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def make(toml: str | None = None, **files: str) -> Path:
        root = tmp_path / "project"
        sources = {"plugins__test_exchange": EXCHANGE, **files}
        for name, source in sources.items():
            package = name.removesuffix("____init__")
            inside = "/__init__.py" if package != name else ".py"
            file = root / f"{package.replace('__', '/')}{inside}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(source))
        if toml is not None:
            (root / "kalshi.toml").write_text(dedent(toml))
        monkeypatch.chdir(root)
        return root

    yield make
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


HEADER = {
    "run_id": "s1",
    "strategies": ["fade"],
    "asked": {
        "filter_market": {"fade": ["tradable", "liquidity", "fade"]},
        "check_risk": {"fade": ["liquidity", "risk_limits"]},
    },
}


def _verdict(
    ticker: str,
    stage: Stage,
    plugin: str | None = None,
    code: str | None = None,
    message: str = "",
    **numbers: str,
) -> Verdict:
    return Verdict(
        strategy="fade",
        ticker=ticker,
        stage=stage,
        plugin=plugin,
        code=code,
        message=message,
        numbers={name: Decimal(number) for name, number in numbers.items()},
    )


def _small_run() -> list[Record]:
    """Four markets: A is bought and settles, B is too thin, C wants nothing, D costs too much."""

    def listed(ticker, *verdicts, **follow):
        event = MarketListed(at_us=NOW_US, market=market(ticker, event_ticker="E", category="News"))
        return Record(event=event, verdicts=verdicts, **follow)

    def later(seconds, *verdicts, commands=()):
        event = ClockTicked(at_us=NOW_US + seconds * SECOND_US)
        return Record(event=event, verdicts=verdicts, commands=commands)

    signal = {"plugin": "fade", "message": "YES bid 0.92", "limit": "0.93", "break_even": "0.94"}
    wish = order(client_order_id="s1-1", ticker="A", strategy="fade")
    at = NOW_US + 2 * SECOND_US
    terms = {"client_order_id": "s1-1", "order_id": "x1"}
    done = fill("t1", ticker="A", fee="0.05", client_order_id="s1-1", order_id="x1", at_us=at)
    paid = Settlement(ticker="A", at_us=NOW_US + 5 * SECOND_US, result="yes", yes_pays_e4=10_000)
    thin = _verdict("B", Stage.FILTER, "liquidity", "volume", "volume 5 is below 100")
    shut = _verdict("B", Stage.FILTER, "tradable", "status", "status is closed, not active")
    closed = market("B", event_ticker="E", status=MarketStatus.CLOSED)
    return [
        listed("A", _verdict("A", Stage.FILTER), commands=(Subscribe(tickers=("A",)),)),
        listed("B", thin),
        listed("C", _verdict("C", Stage.FILTER)),
        listed("D", _verdict("D", Stage.FILTER)),
        later(
            1,
            _verdict("A", Stage.SIGNAL, **signal),
            _verdict("A", Stage.SIZE, "sizer", contracts="10"),
            _verdict("A", Stage.RISK),
            commands=(SubmitOrder(order=wish),),
        ),
        Record(event=OrderAccepted(at_us=at, filled_e2=0, remaining_e2=1_000, **terms)),
        Record(event=OrderFilled(at_us=at, fill=done)),
        Record(event=OrderFilled(at_us=at, fill=done)),
        Record(event=OrderAccepted(at_us=at, filled_e2=1_000, remaining_e2=0, **terms)),
        later(3, _verdict("C", Stage.SIGNAL, None, NO_SIGNAL, bid="0.40")),
        later(
            3,
            _verdict("D", Stage.SIGNAL, **signal),
            _verdict("D", Stage.SIZE, "sizer", contracts="90"),
            _verdict("D", Stage.RISK, "risk_limits", "order_cost", "83.70 dollars, 50 are allowed"),
        ),
        Record(event=MarketChanged(at_us=NOW_US + 4 * SECOND_US, market=closed), verdicts=(shut,)),
        Record(event=MarketSettled(at_us=NOW_US + 5 * SECOND_US, settlement=paid)),
        Record(event=RunStopping(at_us=NOW_US + 6 * SECOND_US, reason="session over")),
    ]


@pytest.fixture
def header() -> dict[str, object]:
    """The header of the journal of the small run."""
    return HEADER


@pytest.fixture
def small_run() -> list[Record]:
    """The records of a run of four markets."""
    return _small_run()


@pytest.fixture
def write_journal(tmp_path: Path) -> Callable[..., Path]:
    """Write the journal of a run in the folder `runs`; return its path."""

    def write(name: str, records: list[Record], header: dict[str, object] = HEADER) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        writer = JournalWriter(folder / FILE_NAME, header)
        for record in records:
            writer.extend([record])
        writer.close({"reason": "session over"})
        return folder / FILE_NAME

    return write


@pytest.fixture
def journal(write_journal: Callable[..., Path]) -> Path:
    """The journal of the small run, beside that of an older run in which nothing happened."""
    write_journal("20260114-sandbox-s1", [])
    return write_journal("20260115-sandbox-s1", _small_run())
