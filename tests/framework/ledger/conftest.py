"""A ledger on disk, opened as a run opens it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from framework.errors import FrameworkError
from framework.ledger import Ledger, open_ledger
from framework.testing.builders import NOW_US

ACCOUNT = "main"
RUN = "run"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Ledger]]:
    """Open ledgers of this test's file, claim the account, and close them all at the end."""
    all_opened: list[Ledger] = []

    def one(
        where: Path | str = path, *, durability="process", run_id=RUN, account=ACCOUNT, lock=True
    ) -> Ledger:
        ledger = open_ledger(where, durability=durability, account=account, run_id=run_id)
        all_opened.append(ledger)
        if lock:
            ledger.acquire_lock(NOW_US)
        return ledger

    yield one
    for ledger in all_opened:
        with suppress(FrameworkError):
            ledger.close()


@pytest.fixture
def ledger(opened: Callable[..., Ledger]) -> Ledger:
    return opened()
