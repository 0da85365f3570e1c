"""Fee changes of series and events: listed ahead, in force on their day, and announced."""

from decimal import Decimal

import msgspec
import pytest

from framework.model.events import MarketChanged
from framework.model.fees import FeeChange, FeeSchedule
from framework.testing.builders import NOW_US

MINUTE_US = 60_000_000
LATER = FeeChange(at_us=NOW_US + MINUTE_US, fee_type=None, multiplier=Decimal("0.25"))
PLAN = FeeSchedule(series_changes=(LATER,), event_changes=(LATER,))


@pytest.fixture
def planned(door):
    market = door.venue.exchange.markets["KXT-E-A"]
    changed = msgspec.structs.replace(market, fees=PLAN)
    door.happen(MarketChanged(at_us=NOW_US, market=changed))
    return door


def test_a_change_to_come_is_listed_and_not_in_force(planned):
    (series,) = planned.ask("GET /series/fee_changes")[1]["series_fee_change_arr"]
    (event,) = planned.ask("GET /events/fee_changes?event_ticker=KXT-E")[1]["event_fee_changes"]

    assert (series["series_ticker"], series["fee_multiplier"]) == ("KXT", 0.25)
    assert event["fee_multiplier_override"] == 0.25
    assert event["fee_type_override"] is None
    assert event["scheduled_ts"] == "2026-01-15T12:01:00Z"
    assert planned.ask("GET /series/KXT")[1]["series"]["fee_multiplier"] == 1
    assert "fee_multiplier_override" not in planned.ask("GET /events/KXT-E")[1]["event"]


def test_on_its_day_it_is_in_force_and_history(planned):
    planned.time.pass_seconds(60)

    assert planned.ask("GET /series/KXT")[1]["series"]["fee_multiplier"] == 0.25
    assert planned.ask("GET /events/KXT-E")[1]["event"]["fee_multiplier_override"] == 0.25
    assert planned.ask("GET /series/fee_changes")[1]["series_fee_change_arr"] == []
    past = planned.ask("GET /series/fee_changes?show_historical=true&series_ticker=KXT")[1]
    assert len(past["series_fee_change_arr"]) == 1


@pytest.mark.parametrize(
    "line", ["/series/fee_changes?series_ticker=KXU", "/events/fee_changes?event_ticker=KXT-F"]
)
def test_changes_of_others_are_left_out(planned, line):
    body = planned.ask(f"GET {line}")[1]

    assert not body.get("series_fee_change_arr")
    assert not body.get("event_fee_changes")
