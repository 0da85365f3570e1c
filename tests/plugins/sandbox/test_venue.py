"""An exchange at its door: present at every question, and heard by everybody who joined."""

from framework.model.events import MarketSettled
from framework.model.market import Settlement
from framework.testing.builders import HOUR_US, NOW_US


def test_the_exchange_is_brought_to_the_present(door):
    door.time.pass_seconds(5)

    assert door.venue.present() == NOW_US + 5_000_000
    assert door.venue.exchange.now_us == NOW_US + 5_000_000


def test_time_never_runs_backwards(door):
    door.time.pass_seconds(5)
    door.venue.present()
    door.time.pass_seconds(-3)

    assert door.venue.present() == NOW_US + 5_000_000


def test_every_trade_is_remembered(door):
    assert [trade.trade_id for trade in door.venue.trades] == ["trade-1"]


def test_the_moment_of_a_settlement_is_remembered(door):
    settlement = Settlement(ticker="KXT-E-A", at_us=NOW_US + HOUR_US, result="no", yes_pays_e4=0)
    door.happen(MarketSettled(at_us=NOW_US + HOUR_US, settlement=settlement))

    assert door.venue.settled_us == {"KXT-E-A": NOW_US + HOUR_US}


def test_everybody_who_joined_is_flushed_until_they_leave(door):
    heard = []
    leave_first = door.venue.join(lambda: heard.append("first"))
    door.venue.join(lambda: heard.append("second"))
    door.venue.flush()
    leave_first()
    door.venue.flush()

    assert heard == ["first", "second", "second"]


def test_one_more_feed_hears_everything_and_ends_each_moment_before_the_writes(door):
    heard = []
    door.venue.attach(lambda notices: heard.append(len(notices)), lambda: heard.append("finish"))
    door.venue.join(lambda: heard.append("write"))
    settlement = Settlement(ticker="KXT-E-A", at_us=NOW_US + HOUR_US, result="no", yes_pays_e4=0)
    door.happen(MarketSettled(at_us=NOW_US + HOUR_US, settlement=settlement))

    assert heard == [2, "finish", "write"]
