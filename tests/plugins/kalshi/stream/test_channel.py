import pytest

from plugins.kalshi.stream.channel import ANSWER_WITHIN_US, Channel


@pytest.fixture
def channel():
    return Channel("trade")


def asks(channel, times):
    """Send commands, each when the one before may be given up; return when to look."""
    for number in range(times):
        channel.ask(number, number * ANSWER_WITHIN_US)
    return times * ANSWER_WITHIN_US


def test_nothing_is_asked_while_an_answer_may_come(channel):
    channel.ask(1, 0)

    assert not channel.may_ask(ANSWER_WITHIN_US - 1)
    assert channel.may_ask(ANSWER_WITHIN_US)


def test_two_commands_without_an_answer_are_no_reason_to_give_up(channel):
    assert not channel.is_unheard(asks(channel, 2))


def test_the_third_command_has_its_time_too(channel):
    now_us = asks(channel, 3)

    assert not channel.is_unheard(now_us - 1)
    assert channel.is_unheard(now_us)


def test_an_answer_starts_the_count_over(channel):
    asks(channel, 2)
    channel.answer()

    assert not channel.is_unheard(asks(channel, 1))


def test_a_command_given_up_may_have_been_done(channel):
    channel.ask(1, 0, ("A", "B"))
    channel.give_up({"A"})

    assert list(channel.confirmed) == ["B"]  # to be taken away


def test_a_removal_given_up_may_have_been_done(channel):
    channel.confirmed = {"A": None, "B": None}
    channel.ask(1, 0, ("A", "B"), adds=False)
    channel.give_up({"A"})

    assert list(channel.confirmed) == ["B"]


def test_a_market_that_is_being_removed_is_leaving(channel):
    channel.ask(1, 0, ("A",), adds=False)

    assert channel.is_leaving("A")
    assert not channel.is_leaving("B")


def test_a_closed_channel_forgets_everything(channel):
    channel.sid, channel.confirmed = 3, {"A": None}
    channel.close()

    assert (channel.sid, channel.confirmed, channel.asked) == (None, {}, None)
