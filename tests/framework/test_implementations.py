import pluggy
import pytest

from framework import Plugin, hookimpl
from framework.implementations import (
    HOOKS,
    broken_promises,
    hooks_of,
    implementations,
    new_registry,
    wrappers,
)

raw = pluggy.HookimplMarker("kalshi_framework")


def broken(kind):
    return [str(error) for error in broken_promises("mine", kind)]


def test_the_contract_is_read_in_its_order():
    assert next(iter(HOOKS)) == "open_service"
    assert HOOKS["size_entry"] == ("signal", "snapshot", "portfolio")


def test_a_good_plugin_breaks_nothing():
    class Good(Plugin):
        @hookimpl
        def size_entry(self, portfolio, signal):
            return None

        @hookimpl
        def filter_market(self):
            return None

    assert broken(Good) == []
    assert hooks_of(Good) == ("filter_market", "size_entry")


def test_a_misspelt_hook_is_named_with_the_near_miss():
    class Bad(Plugin):
        @hookimpl
        def signal_entri(self, snapshot):
            return None

    assert broken(Bad) == ['plugin mine.signal_entri: is no hook; did you mean "signal_entry"?']


def test_an_unknown_parameter_is_named_with_the_near_miss():
    class Bad(Plugin):
        @hookimpl
        def check_risk(self, order, snapshots):
            return None

    [line] = broken(Bad)

    assert line.startswith('plugin mine.check_risk: has no parameter "snapshots" (order, snapshot')
    assert line.endswith('; did you mean "snapshot"?')


def test_a_hook_without_its_mark_is_named():
    class Bad(Plugin):
        def check_risk(self, order):
            return None

    assert broken(Bad) == ["plugin mine.check_risk: has the name of a hook: mark it with @hookimpl"]


def test_parameters_are_named_one_by_one():
    class Bad(Plugin):
        @hookimpl
        def check_risk(self, *args, **kwargs):
            return None

    assert len(broken(Bad)) == 2


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper", "tryfirst", "trylast"])
def test_a_decision_is_never_wrapped_or_moved(option):
    class Bad(Plugin):
        @raw(**{option: True})
        def check_risk(self, order):
            yield

    assert f"{option} is refused" in broken(Bad)[0]


def test_a_decision_is_a_plain_function():
    class Bad(Plugin):
        @hookimpl
        async def check_risk(self, order):
            return None

    assert "it must be a plain function" in broken(Bad)[0]


def test_other_hooks_may_be_asynchronous():
    class Feed(Plugin):
        @hookimpl
        async def open_feed(self, run):
            yield

    assert broken(Feed) == []


def test_properties_are_not_run_while_looking():
    class Lazy(Plugin):
        @property
        def boom(self):
            raise RuntimeError

    assert broken(Lazy) == []


def test_wrappers_are_left_to_pluggy():
    class Inner(Plugin):
        @hookimpl
        def open_exchange(self, run):
            return f"exchange of {run}"

    class Outer(Plugin):
        @raw(wrapper=True)
        def open_exchange(self, run):
            inner = yield
            return [f"paper over {inner[0]}"]

    registry = new_registry()
    plugins = {"inner": Inner(), "outer": Outer()}
    for name, plugin in plugins.items():
        registry.register(plugin, name)

    made = [
        one for name, plugin in plugins.items() for one in implementations(registry, name, plugin)
    ]

    assert [(one.plugin, one.hook) for one in made] == [("inner", "open_exchange")]
    assert wrappers(registry, "open_exchange") == ["outer"]
    assert registry.hook.open_exchange(run="x") == ["paper over exchange of x"]
