"""The account as the exchange tells it, read at start and again and again.

A stream can lose a fill and stay healthy, so the account is read on a timer whatever the stream
says, and at once when an ended order waits for fills that have not come.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from framework.engine import Engine
from framework.errors import AuthError, ExchangeError, LedgerError
from framework.exchange import Exchange
from framework.line import Line
from framework.model.account import Account
from framework.model.events import AccountReported, TradingHalted
from framework.model.orders import TERMINAL
from framework.model.units import Micros
from framework.run import Clock

if TYPE_CHECKING:
    from framework.ledger import Ledger, Recovered

_IDLE_AUDITS = 10
"""With nothing held and nothing working the account is read this much more rarely."""
_LOOK_BACK_US = 3_600_000_000
"""How long before the last good read an audit looks: an hour covers any lag."""
_AT_ONCE_US = 5_000_000
"""The account is read for late fills no more often than this."""


class Audits:
    """Reads the account and hands it to the line; cash nothing explains is written down."""

    def __init__(
        self,
        exchange: Exchange,
        engine: Engine,
        line: Line,
        ledger: "Ledger",
        clock: Clock,
        trouble: Callable[[str, Exception], None],
    ) -> None:
        """Connect the parts; `trouble` is told of reads that failed."""
        self._exchange = exchange
        self._engine = engine
        self._line = line
        self._ledger = ledger
        self._clock = clock
        self._trouble = trouble
        self._opened = False
        self._written_e6 = 0
        """External cash that the ledger has."""
        self._money_us: Micros = 0
        """Up to when all fills and settlements have been read."""
        self._read_us: Micros = 0
        self._late: set[str] = set()
        """Ended orders that waited for fills at the last tick."""

    async def recover(self, recovered: "Recovered") -> None:
        """Take the ledger, then the whole account; only then is anything decided.

        Raises:
            ExchangeError: a part of the account can't be read.
        """
        self._line.process([recovered.read])
        self._opened = recovered.opened
        account = await self._exchange.account(recovered.since_us)
        if account.missing:
            what = ", ".join(account.missing)
            reason = "".join(f"; {last}" for last in self._exchange.surprises.unreadable[-1:])
            raise ExchangeError(
                f"the account can't be read whole ({what}){reason}. Check that the adapter's "
                "settings name this exchange and its wire, or start again later"
            )
        self._take(account, recovery=True)

    async def repeat(self, every_s: float) -> None:
        """Read the account on a timer, for ever.

        Raises:
            AuthError: the exchange refuses the credentials.
        """
        skipped = 0
        while True:
            await self._clock.sleep(every_s)
            state = self._engine.state
            busy = state.portfolio.positions or state.orders.tickers()
            skipped += 1
            if busy or skipped >= _IDLE_AUDITS:
                skipped = 0
                await self._read()

    async def tick(self) -> None:
        """Write down cash the streams told of, and fetch fills that have not come by a tick."""
        self.write_cash()
        late = {
            live.order.client_order_id
            for live in self._engine.state.orders.live()
            if live.state in TERMINAL
        }
        overdue = late & self._late
        self._late = late
        if overdue and self._clock.now_us() - self._read_us >= _AT_ONCE_US:
            await self._read()

    async def _read(self) -> None:
        self._read_us = self._clock.now_us()
        try:
            account = await self._exchange.account(self._money_us - _LOOK_BACK_US)
        except AuthError:
            raise
        except ExchangeError as error:
            self._trouble("can't read the account", error)
            return
        self._take(account)

    def _take(self, account: Account, *, recovery: bool = False) -> None:
        now = self._clock.now_us()
        if account.fills.complete and account.settlements.complete:
            self._money_us = min(account.fills.as_of_us, account.settlements.as_of_us)
        report = AccountReported(
            at_us=now, account=account, recovery=recovery, told_us=min(self._money_us, now)
        )
        self._line.process([report])
        self.write_cash()

    def write_cash(self) -> None:
        """Write down cash that no fill or settlement explains; the first of it is the opening."""
        now = self._clock.now_us()
        external = self._engine.state.portfolio.external_e6
        change = external - self._written_e6
        if not self._opened:
            self._ledger.record_opening(change, now)
            self._opened = True
        elif change:
            try:
                self._ledger.record_external(change, now)
            except LedgerError as error:  # the next start finds the cash again
                self._line.process([TradingHalted(at_us=now, reason=str(error))])
        self._written_e6 = external
