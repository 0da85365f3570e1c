"""A plugin's hook implementations: checked against the contract, made ready to call.

pluggy checks and orders too; what is here names the plugin, the hook and the near miss.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import pluggy

from framework import hookspecs
from framework.compiled import DECISIONS, Implementation, taking_all
from framework.errors import PluginError
from framework.plugin import PROJECT, Plugin
from framework.validation import near_miss

_MARK: Final = f"{PROJECT}_impl"
_SPEC_MARK: Final = f"{PROJECT}_spec"
HOOKS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(inspect.signature(spec).parameters)
    for name, spec in vars(hookspecs).items()
    if hasattr(spec, _SPEC_MARK)
}
"""Every hook with its parameters, in the order of the contract."""


def new_registry() -> pluggy.PluginManager:
    """Return a plugin manager that knows the contract."""
    registry = pluggy.PluginManager(PROJECT)
    registry.add_hookspecs(hookspecs)
    return registry


def hooks_of(kind: type[Plugin]) -> tuple[str, ...]:
    """Return the hooks a class implements, in the order of the contract."""
    marked = {name for name, _, is_marked in _methods(kind) if is_marked}
    return tuple(name for name in HOOKS if name in marked)


def broken_promises(name: str, kind: type[Plugin]) -> list[PluginError]:
    """Return what in a class breaks the contract, before pluggy sees it."""
    errors = []
    for hook, function, is_marked in _methods(kind):
        if is_marked and hook not in HOOKS:
            errors.append(PluginError(name, hook, f"is no hook{near_miss(hook, HOOKS)}"))
        elif is_marked:
            errors += [PluginError(name, hook, cause) for cause in _wrong_form(hook, function)]
        elif hook in HOOKS:
            errors.append(PluginError(name, hook, "has the name of a hook: mark it with @hookimpl"))
    return errors


def implementations(
    registry: pluggy.PluginManager, name: str, plugin: Plugin
) -> Iterator[Implementation]:
    """Yield what a registered plugin answers to; wrappers are left to pluggy."""
    for caller in registry.get_hookcallers(plugin) or ():
        for found in caller.get_hookimpls():
            if found.plugin is plugin and not (found.hookwrapper or found.wrapper):
                call = taking_all(found.function, tuple(found.argnames), HOOKS[caller.name])
                yield Implementation(name, caller.name, call)


def wrappers(registry: pluggy.PluginManager, hook: str) -> list[str]:
    """Return the names of the plugins that wrap a hook."""
    caller: pluggy.HookCaller = getattr(registry.hook, hook)
    return [
        found.plugin_name for found in caller.get_hookimpls() if found.hookwrapper or found.wrapper
    ]


def _methods(kind: type[Plugin]) -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """Yield every method with whether it is marked as a hook, without running properties."""
    for name in dir(kind):
        static = inspect.getattr_static(kind, name)
        function = getattr(static, "__func__", static)
        if inspect.isroutine(function) and not name.startswith("__"):
            yield name, function, hasattr(function, _MARK)


def _wrong_form(hook: str, function: Callable[..., Any]) -> Iterator[str]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            yield f"takes {parameter}: name the parameters it needs ({', '.join(HOOKS[hook])})"
        elif parameter.name not in HOOKS[hook]:
            near = near_miss(parameter.name, HOOKS[hook])
            yield f'has no parameter "{parameter.name}" ({", ".join(HOOKS[hook])}){near}'
    if hook not in DECISIONS:
        return
    options = getattr(function, _MARK)
    for option in ("hookwrapper", "wrapper", "tryfirst", "trylast"):
        if options.get(option):
            yield f"is a decision: {option} is refused, it could turn a veto into None"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        yield "is a decision: it must be a plain function, without async or yield"
