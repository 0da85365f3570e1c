import pytest

from framework.faults import Fence, described


def caught(action):
    with Fence() as fence:
        action()
    return fence.error


def test_says_what_and_where():
    assert described(caught(lambda: 1 / 0)).startswith(
        "ZeroDivisionError: division by zero (test_faults.py:"
    )


def test_shows_no_address_because_a_replay_has_to_read_the_same():
    def action():
        raise ValueError(object())

    assert "0x" not in described(caught(action))


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit])
def test_a_fence_keeps_what_is_raised_inside(error):
    def action():
        raise error

    assert isinstance(caught(action), error)


def test_a_fence_keeps_nothing_when_nothing_happens():
    assert caught(lambda: None) is None


def test_a_fence_lets_an_interruption_through():
    def action():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caught(action)
