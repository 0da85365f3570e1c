"""The whole contract between the framework and its plugins.

Hooks stand in the order of a run: start, market selection, decision, watching.
An implementation names only the parameters it needs. None always means "no opinion"; a veto is
a value with a reason. Decision hooks are plain, synchronous and pure: everything they may know
is handed to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.plugin import hookspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path

    from anyio.abc import ByteStream

    from framework.checks import Check
    from framework.exchange import Exchange
    from framework.metrics import Metric
    from framework.model.market import Market
    from framework.model.observation import Observation
    from framework.model.orders import Order
    from framework.model.portfolio import Position
    from framework.model.records import Record
    from framework.model.signals import EntrySignal, ExitSignal, Rejection
    from framework.model.units import Quantity
    from framework.model.view import PortfolioView, Snapshot
    from framework.run import Credentials, Mode, Run

# ------------------------------------------------------------------------------------- start


@hookspec
def open_service(run: Run) -> AbstractAsyncContextManager[None]:
    """Hold something open for the whole run: a server, a file, a world.

    Asked once a run, before the exchange is opened. The context is entered before
    `open_exchange` is asked and left after the exchange is closed.
    If it raises, the run does not start.
    """
    raise NotImplementedError


@hookspec
def supply_credentials(name: str) -> Credentials | None:
    """Supply the key for the exchange of this name, or None.

    Asked when an adapter opens. The first answer counts; without one the adapter's own settings
    do. If it raises, the run does not start.
    """


@hookspec
def open_connection(host: str, port: int) -> ByteStream | None:
    """Return a byte stream that speaks for this host, or None for the network.

    Asked for every connection; the first answer counts. If it raises, the connection fails.
    """


@hookspec
def open_exchange(run: Run) -> AbstractAsyncContextManager[Exchange]:
    """Open the exchange that this run trades on.

    Asked once a run. Exactly one enabled plugin may implement it.
    If it raises, the run does not start.
    """
    raise NotImplementedError


@hookspec
def open_feed(run: Run) -> AsyncIterator[Observation]:
    """Yield outside data, such as a forecast or a score.

    Asked once a run. Values appear in `snapshot.observations` under `source.key`.
    If it raises, the feed is marked down and the run goes on.
    """
    raise NotImplementedError


# -------------------------------------------------------------------------- market selection


@hookspec
def filter_market(market: Market, now: datetime) -> Rejection | None:
    """Refuse a market, or None to let it pass.

    Asked per strategy when a market is listed or changed, and every `refilter_every`. The market
    shows its newest touch and volume. The first refusal counts.
    If it raises or returns something else, the market is left out.
    """


# ---------------------------------------------------------------------------------- decision


@hookspec
def signal_exit(position: Position, snapshot: Snapshot) -> ExitSignal | None:
    """Wish to leave a position, or None to stay.

    Asked per open position when its quote changes and at every tick. All are asked; the most
    urgent answer wins, then the lower limit.
    If it raises or returns something else, that plugin is skipped and the rest are asked.
    """


@hookspec
def signal_entry(
    snapshot: Snapshot, portfolio: PortfolioView
) -> EntrySignal | list[EntrySignal] | None:
    """Wish to buy, or None.

    Asked when the best bid or ask changed in an admitted market with a valid book where the
    strategy holds nothing. While an entry is working the answer must still hold, or the entry is
    cancelled. If it raises or returns something else, there is no entry.
    """


@hookspec
def size_entry(
    signal: EntrySignal, snapshot: Snapshot, portfolio: PortfolioView
) -> Quantity | None:
    """Say how many contracts to buy, or None for no opinion.

    Asked per signal; the smallest answer wins, and no answer at all is a refusal.
    If it raises or returns something else, there is no entry.
    """


@hookspec
def check_risk(order: Order, snapshot: Snapshot, portfolio: PortfolioView) -> Rejection | None:
    """Refuse an entry order, or None to let it pass.

    Asked last, for every entry order and never for an exit: a limit must not lock a position
    in. All are asked and every objection is kept.
    If it raises or returns something else, the order is refused.
    """


# ---------------------------------------------------------------------------------- watching


@hookspec
def observe(records: Sequence[Record]) -> None:
    """Watch what happened: each record holds an event and what the engine made of it.

    Asked with batches, after the line. If it raises, trading goes on.
    """


@hookspec
def register_commands() -> Sequence[object]:
    """Return click commands to add to the command line.

    Asked when the verb is called. If it raises, its verbs are left out and the plugin is named.
    """
    raise NotImplementedError


@hookspec
def register_checks(mode: Mode, wire: Path | None) -> Sequence[Check]:
    """Return what `framework doctor` shall look at for this plugin.

    `mode` is what the settings say. `wire` is a description of the exchange's wire that the user
    gave with `--drift`; with one, only checks that compare with it are wanted.
    Asked when the verb is called. If it raises, its checks are left out and the plugin is named.
    """
    raise NotImplementedError


@hookspec
def register_metrics() -> Sequence[Metric]:
    """Return the numbers that `framework status` shows of this plugin while the bot runs.

    Asked once a run, when the exchange is open; each is read when somebody looks.
    If it raises, its numbers are left out and the plugin is named.
    """
    raise NotImplementedError
