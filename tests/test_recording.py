"""Runs on real recordings of the exchange: what the bot saw is what was recorded."""

import gzip
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.recording

MARKETS = ("KXGOLD15M-26AUG101945-45", "KXGOLD15M-26AUG102000-00")
"""A quiet window, and its successor, which crosses midnight in a second file."""

FOLLOWER = """
from framework import Plugin, hookimpl

class Follower(Plugin):
    "Follows everything and buys nothing."

    @hookimpl
    def signal_entry(self):
        return None
"""

KEEPER = """
import json
from contextlib import asynccontextmanager
from framework import Plugin, Side, hookimpl
from framework.model.book import OrderBook
from framework.model.events import BookChanged, BookReplaced

class Keeper(Plugin):
    "Writes down the last book of every market."

    def model_post_init(self, context):
        self.__dict__["books"] = {}

    @hookimpl
    def observe(self, records):
        for record in records:
            event = record.event
            if isinstance(event, BookReplaced):
                self.__dict__["books"].setdefault(event.ticker, OrderBook()).replace(
                    dict(event.yes), dict(event.no)
                )
            elif isinstance(event, BookChanged):
                self.__dict__["books"][event.ticker].change(
                    event.side, event.price_e4, event.change_e2
                )

    @hookimpl
    @asynccontextmanager
    async def open_service(self, run):
        yield
        kept = {
            ticker: {side: dict(book.bids(Side(side))) for side in ("yes", "no")}
            for ticker, book in self.__dict__["books"].items()
        }
        (run.folder / "books.json").write_text(json.dumps(kept))
"""

SETTINGS = """
[plugins.kalshi]
api = "fixed-point"

[plugins.keeper]

[strategies.follower]
"""


def folded(folder):
    """Fold a market's frames without any code of the project: price and size by side."""
    sides = {"yes": {}, "no": {}}
    for file in sorted(folder.glob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            event = json.loads(line)["event"]
            told = event["msg"]
            if event["type"] == "orderbook_snapshot":
                for side, levels in sides.items():
                    levels.clear()
                    for price, size in told.get(f"{side}_dollars_fp") or ():
                        levels[price] = round(float(size) * 100)
            elif event["type"] == "orderbook_delta":
                levels = sides[told["side"]]
                size = levels.get(told["price_dollars"], 0) + round(float(told["delta_fp"]) * 100)
                levels[told["price_dollars"]] = size
                if not size:
                    del levels[told["price_dollars"]]
    return {
        side: {str(round(float(price) * 10_000)): size for price, size in levels.items()}
        for side, levels in sides.items()
    }


@pytest.fixture
def excerpt(recordings, tmp_path):
    """A recording of two markets, out of the real one."""
    whole = recordings / "gold-15m-frames"
    part = tmp_path / "recording"
    (part / "events").mkdir(parents=True)
    (part / "metadata").symlink_to(whole / "metadata")
    (part / "MARKETS.csv").symlink_to(whole / "MARKETS.csv")
    for market in MARKETS:
        (part / "events" / market).symlink_to(whole / "events" / market)
    return part


def run_on(recording, folder, **environment):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "framework.cli.main",
            "run",
            "--recording",
            str(recording),
            "--json",
        ],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


@pytest.mark.slow
def test_the_last_book_of_every_market_is_the_fold_of_its_frames(excerpt, tmp_path):
    for name, text in (
        ("strategies/follower.py", FOLLOWER),
        ("plugins/keeper.py", KEEPER),
        ("kalshi.toml", SETTINGS),
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    done = run_on(excerpt, tmp_path)

    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.glob("runs/*/books.json")
    assert json.loads(kept.read_text()) == {
        market: folded(excerpt / "events" / market) for market in MARKETS
    }


@pytest.mark.slow
def test_two_runs_on_a_recording_decide_the_same_and_leave_nothing_open(excerpt, tmp_path):
    lines = []
    for hash_seed in ("0", "1"):
        done = run_on(excerpt, tmp_path, PYTHONHASHSEED=hash_seed)
        assert done.returncode == 0, done.stderr
        lines.append(json.loads(done.stdout.splitlines()[-1]))

    assert lines[0]["digest"] == lines[1]["digest"]
    assert lines[0]["totals"]["open_positions"] == 0
    assert lines[0]["totals"]["markets"] == len(MARKETS)
