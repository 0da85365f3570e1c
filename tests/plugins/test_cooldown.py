from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from framework import Side
from framework.model.market import Settlement
from framework.model.view import Touch
from framework.testing.builders import (
    HOUR_US,
    MINUTE_US,
    NOW_US,
    TICKER,
    fill,
    order,
    portfolio_view,
    snapshot,
)
from plugins.cooldown import Cooldown

OTHER = "KXHIGHNY-26JAN15-B58.5"
NONE = {"after_exit": None}


def trip(ago_us, *, sold="0.95", ticker=TICKER, name="t"):
    """Bought at 0.93 and sold again, so long ago."""
    at_us = NOW_US - ago_us
    return (
        fill(f"{name}-in", ticker=ticker, at_us=at_us - 1),
        fill(f"{name}-out", ticker=ticker, side=Side.NO, price=1 - Decimal(sold), at_us=at_us),
    )


def code(plugin, *fills, seen=None, **portfolio):
    refusal = plugin.check_risk(order(), seen or snapshot(), portfolio_view(*fills, **portfolio))
    return None if refusal is None else refusal.code


def test_lets_a_first_entry_pass():
    assert code(Cooldown(after_exit="10m", after_loss="1h", max_entries_per_day=1)) is None


@pytest.mark.parametrize(
    ("ago_us", "refused"), [(10 * MINUTE_US - 1, "after_exit"), (10 * MINUTE_US, None)]
)
def test_refuses_until_the_span_since_the_exit_has_passed(ago_us, refused):
    assert code(Cooldown(after_exit="10m"), *trip(ago_us)) == refused


@pytest.mark.parametrize(
    ("sold", "refused"), [("0.95", None), ("0.93", None), ("0.90", "after_loss")]
)
def test_a_longer_span_follows_a_loss_only(sold, refused):
    plugin = Cooldown(after_exit="10m", after_loss="1h")

    assert code(plugin, *trip(30 * MINUTE_US, sold=sold)) == refused


def test_a_loss_at_settlement_counts():
    lost = Settlement(ticker=TICKER, at_us=NOW_US - MINUTE_US, result="no", yes_pays_e4=0)
    bought = fill(at_us=NOW_US - HOUR_US)

    assert code(Cooldown(**NONE, after_loss="1h"), bought, settlements=[lost]) == "after_loss"


def test_another_market_of_the_event_counts_where_that_is_asked():
    seen = snapshot(siblings={OTHER: Touch(None, None)})
    left = trip(MINUTE_US, ticker=OTHER)

    assert code(Cooldown(scope="market"), *left, seen=seen) is None
    assert code(Cooldown(scope="event"), *left, seen=seen) == "after_exit"
    assert code(Cooldown(scope="event"), *left) is None


def test_limits_the_entries_of_a_day_in_one_market():
    plugin = Cooldown(**NONE, max_entries_per_day=2)
    once, twice = trip(2 * HOUR_US, name="a"), trip(HOUR_US, name="b")

    assert code(plugin, *once) is None
    assert code(plugin, *once, *twice) == "entries_of_day"


def test_yesterdays_entries_do_not_count():
    plugin = Cooldown(**NONE, max_entries_per_day=1)

    assert code(plugin, *trip(13 * HOUR_US)) is None
    assert code(plugin, *trip(11 * HOUR_US)) == "entries_of_day"


def test_a_second_fill_is_no_second_entry():
    plugin = Cooldown(**NONE, max_entries_per_day=2)

    assert code(plugin, fill("a"), fill("b")) is None


def test_names_market_and_spans():
    refusal = Cooldown(after_exit=timedelta(minutes=10)).check_risk(
        order(), snapshot(), portfolio_view(*trip(4 * MINUTE_US))
    )

    assert refusal.message == f"{TICKER} was left 0:04:00 ago, 0:10:00 must pass"


@pytest.mark.parametrize(
    "settings", [NONE, {"after_exit": "0s"}, {"max_entries_per_day": 0}, {"scope": "series"}]
)
def test_refuses_settings_that_limit_nothing(settings):
    with pytest.raises(ValidationError):
        Cooldown(**settings)
