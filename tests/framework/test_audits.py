"""Reading the account: at start, on a timer, and at once when fills are late."""

from decimal import Decimal

import anyio
import pytest

from framework.audits import Audits
from framework.clock import run_virtual
from framework.errors import ExchangeError, LedgerError
from framework.exchange import Surprises
from framework.ledger import Recovered
from framework.model.events import LedgerRead, OrderAccepted
from framework.model.units import to_e6
from framework.testing.builders import NOW_US, fill, order
from framework.testing.playbook import Playbook, account_report
from framework.working import LiveOrder

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


class Venue:
    def __init__(self, *reports):
        self.reports = list(reports)
        self.asked = []
        self.fault = None
        self.surprises = Surprises()

    async def account(self, since_us=None):
        self.asked.append(since_us)
        if self.fault:
            raise self.fault
        return (self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]).account


class Books:
    def __init__(self, fault=None):
        self.written = []
        self.fault = fault

    def record_opening(self, cash_e6, at_us):
        self.written.append(("opening", cash_e6))

    def record_external(self, change_e6, at_us):
        if self.fault:
            raise self.fault
        self.written.append(("external", change_e6))


class Chain:
    """The line without journal and ledger."""

    def __init__(self, engine):
        self.engine = engine

    def process(self, events):
        for event in events:
            self.engine.handle(event)


class Desk:
    def __init__(self, clock, *reports, books=None):
        self.engine = Playbook(recovered=False).engine
        self.venue = Venue(*reports)
        self.books = books or Books()
        self.troubles = []
        self.audits = Audits(
            self.venue,
            self.engine,
            Chain(self.engine),
            self.books,
            clock,
            lambda what, error: self.troubles.append(f"{what}: {error}"),
        )

    async def recover(self, *, opened=False):
        read = LedgerRead(at_us=NOW_US, opening_cash_e6=0)
        await self.audits.recover(Recovered(read=read, opened=opened, since_us=None, counter=0))

    @property
    def state(self):
        return self.engine.state


def on_a_desk(story, *reports, books=None):
    """Play a story on virtual time that starts at NOW_US."""

    async def main(clock):
        clock.start_at(NOW_US)
        desk = Desk(clock, *(reports or (account_report(),)), books=books)
        await story(desk)
        return desk

    return run_virtual(main)


def test_the_first_cash_of_an_account_is_its_opening():
    desk = on_a_desk(lambda desk: desk.recover())

    assert desk.books.written == [("opening", to_e6(Decimal(1_000)))]
    assert desk.state.ready


def test_an_account_read_in_part_starts_nothing():
    with pytest.raises(ExchangeError, match="can't be read whole"):
        on_a_desk(lambda desk: desk.recover(), account_report(complete=False))


def test_an_account_read_in_part_says_what_could_not_be_read():
    async def story(desk):
        desk.venue.surprises = Surprises(unreadable=("old", "orders: can't connect"))
        await desk.recover()

    with pytest.raises(ExchangeError, match=r"\); orders: can't connect\. Check that"):
        on_a_desk(story, account_report(complete=False))


def test_reads_the_account_on_a_timer_and_more_rarely_while_nothing_is_held():
    async def story(desk):
        await desk.recover()
        with anyio.move_on_after(1_205):
            await desk.audits.repeat(60)

    desk = on_a_desk(story)

    assert len(desk.venue.asked) == 1 + 2


@pytest.mark.parametrize(("ahead_us", "known"), [(0, 1), (600 * SECOND_US, 0), (DAY_US, 0)])
def test_trades_of_a_day_ago_are_forgotten_once_all_since_then_were_told(ahead_us, known):
    """A list whose moment lies ahead of our clock proves no more than one of now."""
    old = fill("old", at_us=NOW_US - DAY_US + 300 * SECOND_US)

    async def story(desk):
        await desk.recover()
        with anyio.move_on_after(605):
            await desk.audits.repeat(60)

    first = account_report(fills=(old,))
    desk = on_a_desk(story, first, account_report(at_us=NOW_US + ahead_us))

    assert len(desk.state.portfolio._trades) == known
    assert desk.state.portfolio.knows(old)


def test_a_list_that_was_not_whole_forgets_nothing():
    old = fill("old", at_us=NOW_US - 2 * DAY_US)
    part = account_report(at_us=NOW_US + 600 * SECOND_US, complete=False)

    async def story(desk):
        desk.audits._take(account_report(fills=(old,), complete=False).account)
        desk.audits._take(part.account)

    assert on_a_desk(story).state.portfolio._trades.keys() == {"old"}


def test_a_deposit_is_written_down_once():
    async def story(desk):
        await desk.recover()
        with anyio.move_on_after(1_205):
            await desk.audits.repeat(60)

    desk = on_a_desk(
        story,
        account_report(),
        account_report(at_us=NOW_US + 600 * SECOND_US, cash_e6=1_500_000_000),
    )

    assert desk.books.written[1:] == [("external", 500_000_000)]


def test_a_ledger_that_cannot_write_a_deposit_halts_trading():
    async def story(desk):
        await desk.recover()
        desk.state.portfolio.book_external(5)
        await desk.audits.tick()

    desk = on_a_desk(story, books=Books(fault=LedgerError("disk full")))

    assert desk.state.halted == "disk full"


def test_a_failed_read_is_a_trouble_and_the_next_one_comes():
    async def story(desk):
        await desk.recover()
        desk.venue.fault = ExchangeError("busy")
        with anyio.move_on_after(1_205):
            await desk.audits.repeat(60)

    desk = on_a_desk(story)

    assert desk.troubles == ["can't read the account: busy"] * 2


def ended_with_a_fill_under_way(desk):
    live = LiveOrder(order(), NOW_US)
    desk.state.orders.add(live)
    desk.engine.handle(
        OrderAccepted(
            at_us=NOW_US,
            client_order_id="run-1",
            order_id="order-1",
            filled_e2=10_00,
            remaining_e2=0,
        )
    )


def test_fills_that_have_not_come_by_the_next_tick_are_fetched_at_once():
    late = account_report(at_us=NOW_US + 10 * SECOND_US, fills=(fill(),))

    async def story(desk):
        await desk.recover()
        ended_with_a_fill_under_way(desk)
        await anyio.sleep(10)
        await desk.audits.tick()
        assert len(desk.venue.asked) == 1
        await desk.audits.tick()

    desk = on_a_desk(story, account_report(), late)

    assert len(desk.venue.asked) == 2
    assert desk.state.portfolio.position(order().ticker).quantity == 10


def test_late_fills_are_asked_for_no_more_often_than_every_five_seconds():
    async def story(desk):
        await desk.recover()
        ended_with_a_fill_under_way(desk)
        for _ in range(12):
            await anyio.sleep(1)
            await desk.audits.tick()

    assert len(on_a_desk(story).venue.asked) == 1 + 3
