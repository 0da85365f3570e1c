"""Subscriptions by channel and market."""

from plugins.sandbox.audience import Audience


def test_a_follower_of_markets_hears_of_those_only():
    audience = Audience({"trade", "ticker"})
    audience.follow("trade", "me", ["A", "B"])

    assert audience.of("trade", "A") == ("me",)
    assert audience.of("trade", "C") == ()
    assert audience.of("ticker", "A") == ()


def test_a_follower_of_everything_hears_of_every_market():
    audience = Audience({"trade"})
    audience.follow("trade", "all", None)
    audience.follow("trade", "one", ["A"])

    assert audience.of("trade", "A") == ("one", "all")
    assert audience.of("trade", "B") == ("all",)


def test_who_leaves_a_market_keeps_the_others():
    audience = Audience({"trade"})
    for name in ("first", "second"):
        audience.follow("trade", name, ["A", "B"])
    audience.unfollow("trade", "first", ["A", "never followed"])

    assert audience.of("trade", "A") == ("second",)
    assert audience.of("trade", "B") == ("first", "second")


def test_an_audience_is_deserted_when_the_last_one_left():
    audience = Audience({"trade"})
    before = audience.deserted
    audience.follow("trade", "me", ["A"])
    full = audience.deserted
    audience.unfollow("trade", "me", ["A"])

    assert (before, full, audience.deserted) == (True, False, True)


def test_a_channel_without_filters_has_those_who_follow_everything():
    audience = Audience(["life"])
    audience.follow("life", "all", None)
    audience.follow("life", "one", ["M"])

    assert audience.unfiltered("life") == ("all",)
