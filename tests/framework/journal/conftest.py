"""A journal of a few blocks that holds every kind of line."""

from decimal import Decimal
from pathlib import Path

import pytest

from framework.journal import JournalWriter
from framework.model.commands import SubmitOrder
from framework.model.events import BookChanged, ClockTicked, ObservationArrived
from framework.model.observation import Observation
from framework.model.records import Record, Stage, Verdict
from framework.model.units import Side
from framework.testing.builders import NOW_US, TICKER, order

HEADER = {"run_id": "sandbox-1", "mode": "sandbox", "seed": 1, "plugins": ["kalshi"]}
SUMMARY = {"digest": "abc", "orders": 1}


def _records() -> list[Record]:
    refused = Verdict(
        strategy="fade",
        ticker=TICKER,
        stage=Stage.FILTER,
        plugin="liquidity",
        code="spread",
        message="spread 0.05 is above 0.02 \N{GREEK SMALL LETTER DELTA}",
    )
    moved = BookChanged(at_us=NOW_US, ticker=TICKER, side=Side.NO, price_e4=800, change_e2=-1_000)
    seen = Observation(source="weather", key="nyc", value=Decimal("56.50"), at_us=NOW_US)
    return [
        Record(event=ClockTicked(at_us=NOW_US)),
        Record(event=moved, verdicts=(refused,)),
        Record(event=moved, commands=(SubmitOrder(order=order()),)),
        Record(event=ObservationArrived(at_us=NOW_US, observation=seen)),
        Record(event=ClockTicked(at_us=NOW_US + 1)),
    ]


@pytest.fixture(scope="session")
def header() -> dict[str, object]:
    return HEADER


@pytest.fixture(scope="session")
def summary() -> dict[str, object]:
    return SUMMARY


@pytest.fixture(scope="session")
def records() -> list[Record]:
    return _records()


@pytest.fixture(scope="session")
def journal_bytes(tmp_path_factory: pytest.TempPathFactory, records) -> bytes:
    """The bytes of a finished journal in four blocks: header, two of records, footer."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    writer = JournalWriter(path, HEADER)
    for record in records[:3]:
        writer.extend([record])
    writer.flush()
    for record in records[3:]:
        writer.extend([record])
    writer.close(SUMMARY)
    return path.read_bytes()


@pytest.fixture
def journal(tmp_path: Path, journal_bytes: bytes) -> Path:
    """A finished journal."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal_bytes)
    return path
