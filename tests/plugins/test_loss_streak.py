import pytest
from pydantic import ValidationError

from framework import Side
from framework.testing.builders import (
    HOUR_US,
    MINUTE_US,
    NOW_US,
    OWNER,
    fill,
    order,
    portfolio_view,
)
from plugins.loss_streak import LossStreak

LOSS, EVEN, GAIN = "0.08", "0.07", "0.05"
"""What NO is bought at to leave a position bought at 0.93."""


def trips(*ends, last_us=NOW_US - MINUTE_US):
    """One position a minute, each in a market of its own; the last ends at `last_us`."""
    fills = []
    for number, price in enumerate(ends):
        at_us = last_us - (len(ends) - 1 - number) * MINUTE_US
        market = f"KXHIGHNY-26JAN15-B{number}"
        fills += [
            fill(f"in-{number}", ticker=market, at_us=at_us - 1),
            fill(f"out-{number}", ticker=market, side=Side.NO, price=price, at_us=at_us),
        ]
    return fills


def checked(plugin, fills, *, strategy=OWNER, **portfolio):
    return plugin.check_risk(order(strategy=strategy), portfolio_view(*fills, **portfolio))


@pytest.mark.parametrize(
    ("ends", "pauses"),
    [
        ([], False),
        ([LOSS, LOSS], False),
        ([LOSS, LOSS, LOSS], True),
        ([LOSS, LOSS, LOSS, LOSS], True),
        ([GAIN, LOSS, LOSS, LOSS], True),
        ([LOSS, LOSS, GAIN, LOSS], False),
        ([LOSS, LOSS, EVEN, LOSS], False),
        ([LOSS, LOSS, LOSS, GAIN], False),
    ],
)
def test_pauses_after_so_many_losses_in_a_row(ends, pauses):
    assert (checked(LossStreak(losses=3), trips(*ends)) is not None) is pauses


@pytest.mark.parametrize(("ago_us", "pauses"), [(HOUR_US - 1, True), (HOUR_US, False)])
def test_a_pause_lasts_from_the_last_loss_for_its_span(ago_us, pauses):
    plugin = LossStreak(losses=2, pause="1h")

    assert (checked(plugin, trips(LOSS, LOSS, last_us=NOW_US - ago_us)) is not None) is pauses


@pytest.mark.parametrize(("later_us", "pauses"), [(12 * HOUR_US - 1, True), (12 * HOUR_US, False)])
def test_a_pause_without_a_span_lasts_to_midnight(later_us, pauses):
    refusal = checked(LossStreak(losses=2), trips(LOSS, LOSS), at_us=NOW_US + later_us)

    assert (refusal is not None) is pauses


def test_the_next_loss_after_a_pause_begins_another():
    plugin = LossStreak(losses=2, pause="10m")
    before = [*trips(LOSS, LOSS, last_us=NOW_US - HOUR_US)]
    again = [
        fill("in", ticker="N", at_us=NOW_US - 2),
        fill("out", ticker="N", side=Side.NO, price=LOSS, at_us=NOW_US - 1),
    ]

    assert checked(plugin, before) is None
    assert checked(plugin, before + again).code == "loss_streak"


def test_counts_the_losses_of_the_orders_own_strategy():
    fills = trips(LOSS, LOSS)

    assert checked(LossStreak(losses=2), fills, strategy="another") is None
    assert checked(LossStreak(losses=2, counts="account"), fills, strategy="another") is not None


def test_counts_fees():
    fills = [*trips(LOSS), fill("in", ticker="N"), fill("o", ticker="N", side=Side.NO, price=EVEN)]
    charged = [*fills[:-1], fill("o", ticker="N", side=Side.NO, price=EVEN, fee="0.01")]

    assert checked(LossStreak(losses=2), fills) is None
    assert checked(LossStreak(losses=2), charged) is not None


def test_an_open_position_does_not_count():
    assert checked(LossStreak(losses=2), [*trips(LOSS), fill("in", ticker="N")]) is None


def test_names_the_losses_and_the_end_of_the_pause():
    refusal = checked(LossStreak(losses=2), trips(LOSS, LOSS))

    assert refusal.message == (
        "2 losses in a row, 0.20 dollars together, 2 are the limit: "
        "nothing before 2026-01-16 00:00:00 UTC"
    )


@pytest.mark.parametrize("settings", [{"losses": 0}, {"losses": 101}, {"pause": "0s"}])
def test_refuses_settings_that_are_no_limit(settings):
    with pytest.raises(ValidationError):
        LossStreak(**settings)
