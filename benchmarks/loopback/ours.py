"""A run of the framework against the scripted exchange: everything as in a demo run."""

import os
import sys
from decimal import Decimal
from pathlib import Path

from pydantic import PrivateAttr

from framework import EntrySignal, Plugin, Side, Snapshot, hookimpl
from framework.cli.project import load
from framework.run import RunOptions
from framework.session import RunRequest, run_session

SETTINGS = """
[framework]
mode = "demo"
durability = "{durability}"
good_for = "1h"
scan_every = "1h"
audit_every = "1h"

[plugins.kalshi]
key_id = {{ env = "BENCH_KEY_ID" }}
private_key = {{ file = "{key}" }}
rest_url = "http://127.0.0.1:{port}/trade-api/v2"
stream_url = "ws://127.0.0.1:{port}/trade-api/ws/v2"

[plugins.console]
enabled = false

[plugins.tradable]

[plugins.fixed_dollars]
dollars = 9.50

[plugins.risk_limits]
max_order_cost = 50.00
max_event_exposure = 100_000.00
max_total_exposure = 100_000.00
max_open_orders = 10_000
max_orders_per_minute = 100_000

[strategies.favourites]
use = "loopback.ours:Favourites"
"""


class Favourites(Plugin):
    _entered: set[str] = PrivateAttr(default_factory=set)
    """Once a market: its order ends at once, and the bid stays where it is."""

    @hookimpl
    def signal_entry(self, snapshot: Snapshot) -> EntrySignal | None:
        bid, ask = snapshot.yes.bid, snapshot.yes.ask
        if bid is None or ask is None or bid < Decimal("0.85") or ask - bid > Decimal("0.05"):
            return None
        if snapshot.ticker in self._entered:
            return None
        self._entered.add(snapshot.ticker)
        return EntrySignal(Side.YES, limit=ask, reason="a favourite")


def main(port: str, key: str, folder: str, durability: str) -> None:
    os.environ["BENCH_KEY_ID"] = "bench"
    place = Path(folder) / durability
    place.mkdir()
    file = place / "kalshi.toml"
    file.write_text(SETTINGS.format(port=port, key=key, durability=durability))
    settings, plugins = load(file)
    run_session(settings, plugins, RunRequest(options=RunOptions()))


if __name__ == "__main__":
    main(*sys.argv[1:])
