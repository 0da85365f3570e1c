import pytest

from framework import EntrySignal, Side
from framework.errors import AuthError, PluginError
from framework.faults import Fence, Naming, causes, described


def caught(action):
    with Fence() as fence:
        action()
    return fence.error


def test_says_what_and_where():
    assert described(caught(lambda: 1 / 0)).startswith(
        "ZeroDivisionError: division by zero (test_faults.py:"
    )


def test_the_place_is_a_line_that_somebody_wrote():
    """A value's own check runs in code that its class made at run time."""

    def action():
        EntrySignal(Side.YES, limit=None, reason="")

    assert " (test_faults.py:" in described(caught(action))


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


def test_a_group_holds_what_its_groups_hold():
    first, second = ValueError(1), ValueError(2)

    assert causes(ExceptionGroup("", [ExceptionGroup("", [second]), first])) == [first, second]
    assert causes(first) == [first]


@pytest.mark.parametrize(
    "error",
    [ValueError("odd"), ExceptionGroup("tasks", [ValueError("odd")])],
    ids=["alone", "in a group"],
)
def test_what_a_plugin_raises_names_it(error):
    named = pytest.raises(PluginError, match=r"plugin mine.open_feed: ValueError: odd")
    with named, Naming("mine", "open_feed"):
        raise error


@pytest.mark.parametrize("error", [AuthError("bad key"), KeyboardInterrupt()])
def test_what_says_already_who_can_fix_it_passes_as_it_is(error):
    with pytest.raises(type(error)) as raised, Naming("mine", "open_feed"):
        raise error

    assert raised.value is error


def test_an_error_of_ours_comes_out_of_its_group():
    ours = AuthError("bad key")

    with pytest.raises(AuthError) as raised, Naming("mine", "open_feed"):
        raise ExceptionGroup("tasks", [ValueError("odd"), ours])

    assert raised.value is ours


def test_what_our_own_code_raises_inside_names_nobody():
    naming = Naming("mine", "open_feed")
    naming.paused = True

    with pytest.raises(ValueError, match="ours"), naming:
        raise ValueError("ours")


def test_a_syntax_error_is_placed_in_the_file_that_has_it():
    try:
        compile("def broken(:\n", "/somewhere/broken.py", "exec")
    except SyntaxError as error:
        said = described(error)

    assert said.endswith("(broken.py:1)")
