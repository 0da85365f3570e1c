"""Writes the pages of docs/ that describe code from the code they describe.

The hooks come from `framework/hookspecs.py`, their examples from the tests of the same hooks,
the settings from the models that read them, the map of modules from their docstrings.
`tests/test_docs.py` fails when a page is stale; `make docs` writes them anew.
"""

import ast
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from framework import Plugin
from framework.describe import describe
from framework.discovery import discover
from framework.implementations import hooks_of
from framework.loader import class_of
from framework.settings import FrameworkSettings, PluginTable
from framework.testing.conformance import CASES, left_out

PROJECT = Path(__file__).resolve().parents[1]
HOOKSPECS = PROJECT / "framework" / "hookspecs.py"
HOOK_TESTS = PROJECT / "tests" / "framework" / "test_hooks.py"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
NOTICE = "<!-- Written by `make docs`; change the code it describes, not this page. -->"

CODES = "DOER"
"""The groups of cases, in the order in which they are told."""
TODAYS = "fixed-point"
"""The dialect that the demo environment speaks."""
CONFORMANCE_TESTS = PROJECT / "tests" / "conformance" / "test_kalshi.py"

CONFORMANCE_INTRO = """\
# Conformance

What every exchange adapter must do, case by case: D data, O orders, E errors, R recovery.
The cases are in `framework.testing.conformance`; they know neither a wire nor a plugin.

## Which cases the Kalshi adapter plays

In each dialect a case is played in memory and over a loopback socket, or its reason says why not.
The column demo says which are also played on the exchange's demo environment: the others need
somebody who moves the exchange, or lets it fail.
That the suite can fail is tested, too: `tests/conformance/test_suite.py` plays it with adapters
that are wrong.

"""

CONFORMANCE_OUTRO = """\
## On the demo environment

The same cases run on the exchange itself where a key of its demo environment is named:

```
export KALSHI_DEMO_KEY_ID=...
export KALSHI_DEMO_PRIVATE_KEY_FILE=~/.kalshi/demo.pem
.venv/bin/python -m pytest tests/conformance/test_demo.py
```

They read the account, and place orders of ten contracts at 0.50 in one market that bids YES at
0.60 or above; each case cancels what it left there, and no other order.
Between the two nobody but the market decides whether such an order trades: use a demo account.
`KALSHI_DEMO_MARKET` names the market; otherwise the first fitting one is taken.
Without `KALSHI_DEMO_KEY_ID` these tests are not collected, so nothing is skipped.

To rehearse it, start `framework sandbox serve --port 8900 --folder sandbox-keys`, set the two
variables to what it prints, and these:

```
export KALSHI_DEMO_REST_URL=http://127.0.0.1:8900/trade-api/v2
export KALSHI_DEMO_STREAM_URL=ws://127.0.0.1:8900/trade-api/ws/v2
```

## For an adapter of your own

1. Write the `Counterpart` of each wire that your adapter speaks: the exchange's side, as a person
   behind its counter would move it. Its `stage` says which markets there are when a case begins.
   `tests/conformance/conftest.py` has one, over the embedded exchange.
2. Open your adapter against a fresh counterpart for each case, start `bench.watch.listen` in a
   task of its own, and play.
3. Run it on virtual time (`framework.clock.run_virtual`): cases wait for time-outs and back-offs.

```text
CAPABILITIES = MyCodec().capabilities

@pytest.mark.parametrize("case", cases_for(CAPABILITIES), ids=str)
def test_conforms(case):
    async def main(clock):
        counterpart = MyCounterpart(clock)
        async with my_adapter(counterpart) as exchange, anyio.create_task_group() as tasks:
            bench = Bench(exchange, counterpart, clock)
            tasks.start_soon(bench.watch.listen)
            await case.play(bench)
            tasks.cancel_scope.cancel()

    run_virtual(main)
```

`cases_for` leaves out what the adapter's `Capabilities` deny; `left_out` tells each such case
with the reason.
Against an exchange that nobody can move, take `cases_for(CAPABILITIES, alone=True)`,
`alone(clock, plain, other)` as the counterpart, a `name` of its own for each `Bench`, and
`tidy_up` after each case.
"""

HOOKS_INTRO = """\
# Hooks

A plugin answers hooks: it is asked, and returns a value.
This page is the whole contract, in the order of a run.

An implementation names only the parameters it needs, by these names.
None always means "no opinion"; a veto is a value with a reason.
Decision hooks are plain, synchronous and pure: everything they may know is handed to them.
The examples are cut from the tests, so each of them runs.
"""

SETTINGS_INTRO = """\
# Settings

What `kalshi.toml` may hold: one table for the framework, one per plugin, one per strategy.
A table switches its plugin on; `enabled = false` keeps the settings and leaves the plugin out.
Unknown keys are errors, each with the nearest known one.

Numbers are exact: `0.02` is two hundredths, never a float.
A duration is text with its unit, `"250ms"`, `"30s"`, `"5m"`, `"2h"` or `"1d"`.
A secret is `{ env = "NAME" }` or `{ file = "PATH" }`, never the value.

The framework reads three keys in every plugin's table.

- `enabled = false` keeps the settings and leaves the plugin out.
- `use = "package.module:Class"` makes one more instance of a class, named after its table.
- `for = ["strategy", ...]` lets a shared plugin speak for these strategies only.
"""


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Yield the functions on a file's top level."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield node


# ------------------------------------------------------------------------------------- hooks


def hooks_page() -> str:
    """Return docs/hooks.md."""
    chapters = {
        number: title.strip().capitalize()
        for number, line in enumerate(HOOKSPECS.read_text().splitlines(), 1)
        if (title := re.sub(r"^# -+ ?", "", line)) != line
    }
    parts = [NOTICE, HOOKS_INTRO]
    for hook in functions(HOOKSPECS):
        passed = [number for number in chapters if number < hook.lineno]
        parts += [f"## {chapters.pop(number)}\n" for number in passed]
        parts.append(hook_section(hook))
    return "\n".join(parts)


def hook_section(hook: ast.FunctionDef) -> str:
    """Return what to know of one hook: its signature, when it is asked, an example."""
    names = ", ".join(argument.arg for argument in hook.args.args)
    signature = f"def {hook.name}({ast.unparse(hook.args)}) -> {ast.unparse(hook.returns)}"
    if len(signature) > 90:
        arguments = ",\n".join(f"    {ast.unparse(argument)}" for argument in hook.args.args)
        signature = f"def {hook.name}(\n{arguments},\n) -> {ast.unparse(hook.returns)}"
    return "\n".join(
        [
            f"### `{hook.name}({names})`\n",
            f"```text\n{signature}\n```\n",
            f"{ast.get_docstring(hook)}\n",
            f"```python\n{example_of(hook.name)}\n```\n",
        ]
    )


def example_of(hook: str) -> str:
    """Return the plugin class of a hook's test, with the imports it needs.

    Raises:
        LookupError: the hook has no test of its name with a plugin in it.
    """
    source = HOOK_TESTS.read_text()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name == f"test_hook_{hook}":
            for inner in node.body:
                if isinstance(inner, ast.ClassDef):
                    first = min([inner.lineno, *(mark.lineno for mark in inner.decorator_list)])
                    lines = source.splitlines()[first - 1 : inner.end_lineno]
                    code = textwrap.dedent("\n".join(lines))
                    return "\n".join([*imports_for(inner, tree), "", "", code])
    raise LookupError(f"{HOOK_TESTS.name} has no test_hook_{hook} with a plugin class in it")


def imports_for(example: ast.ClassDef, tree: ast.Module) -> list[str]:
    """Return the import lines of a test file that an example makes use of."""
    used = {node.id for node in ast.walk(example) if isinstance(node, ast.Name)}
    groups: tuple[list[str], list[str], list[str]] = ([], [], [])
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        wanted = [alias for alias in node.names if (alias.asname or alias.name) in used]
        if wanted:
            module = node.module if isinstance(node, ast.ImportFrom) else wanted[0].name
            root = str(module).partition(".")[0]
            group = 2 if root == "framework" else root not in sys.stdlib_module_names
            groups[group].append(ast.unparse(type(node)(**{**vars(node), "names": wanted})))
    return "\n\n".join("\n".join(group) for group in groups if group).splitlines()


# ---------------------------------------------------------------------------------- settings


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [NOTICE, SETTINGS_INTRO, "## `[framework]`\n", table_of(FrameworkSettings)]
    for kind, title in (("plugins", "Plugins"), ("strategies", "Strategies")):
        parts.append(f"## {title}\n")
        parts += [plugin_section(f"{kind}.{name}", plugin) for name, plugin in plugins_of(kind)]
    return "\n".join(parts)


def plugins_of(kind: str) -> Iterator[tuple[str, type[Plugin]]]:
    """Yield the built-in plugins of a kind, as the loader finds them."""
    catalog = discover(PROJECT)
    for found in sorted(catalog.found.values(), key=lambda found: found.name):
        if found.kind == kind:
            yield found.name, class_of(PluginTable(kind, found.name), found, catalog)


def plugin_section(table: str, plugin: type[Plugin]) -> str:
    """Return one plugin's table of settings, with what it does and which hooks it answers."""
    return "\n".join(
        [
            f"### `[{table}]`\n",
            f"{inspect.getdoc(plugin)}\n",
            f"Answers {', '.join(f'`{hook}`' for hook in hooks_of(plugin))}.\n",
            table_of(plugin),
        ]
    )


def table_of(model: type[BaseModel]) -> str:
    """Return a model's fields as a table.

    Raises:
        LookupError: a setting has no description.
    """
    rows = ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in describe(model):
        if not setting.doc:
            raise LookupError(f"{model.__name__}.{setting.name} has no description")
        default = f"`{setting.default}`" if setting.default else "none"
        cells = (setting.takes, "required" if setting.default is None else default, setting.doc)
        rows.append(f"| `{setting.name}` | {' | '.join(cells)} |")
    return "\n".join([*rows, ""]) if model.model_fields else "No settings.\n"


# ------------------------------------------------------------------------------- conformance


def conformance_page() -> str:
    """Return docs/conformance.md."""
    spec = importlib.util.spec_from_file_location("played", CONFORMANCE_TESTS)
    if spec is None or spec.loader is None:
        raise LookupError(f"{CONFORMANCE_TESTS.name} can't be imported")
    played = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(played)
    reasons = {
        dialect: {case.code: why for case, why in left_out(capabilities)}
        | {code: why for (of, code), why in played.LEFT_OUT.items() if of == dialect}
        for dialect, capabilities in played.CAPABILITIES.items()
    }
    names = list(reasons)
    rows = [
        f"| case | claim | {' | '.join(names)} | demo |",
        "| --- | --- |" + " --- |" * (len(names) + 1),
    ]
    for case in sorted(CASES, key=lambda case: (CODES.index(case.code[0]), case.code)):
        cells = [reasons[name].get(case.code, "yes") for name in names]
        cells.append("yes" if case.alone and case.code not in reasons[TODAYS] else "")
        rows.append(f"| {case.code} | {case.title} | {' | '.join(cells)} |")
    counts = [
        f"{len(CASES)} cases",
        *(f"{len(CASES) - len(reasons[name])} in {name}" for name in names),
    ]
    table = "\n".join([*rows, ""])
    return f"{NOTICE}\n{CONFORMANCE_INTRO}{', '.join(counts)}.\n\n{table}\n{CONFORMANCE_OUTRO}"


# ----------------------------------------------------------------------------------- modules


def architecture_page() -> str:
    """Return docs/architecture.md with its map of modules made anew."""
    before, start, rest = ARCHITECTURE.read_text().partition("<!-- modules")
    opening, _, rest = rest.partition("\n")
    _, end, after = rest.partition("<!-- end of modules -->")
    return f"{before}{start}{opening}\n\n{modules_table()}\n{end}{after}"


def modules_table() -> str:
    """Return every module with the first sentence of its docstring."""
    rows = ["| module | what it is for |", "| --- | --- |"]
    for folder in ("framework", "plugins", "strategies"):
        for path in sorted((PROJECT / folder).rglob("*.py"), key=reading_order):
            described = ast.get_docstring(ast.parse(path.read_text())) or ""
            sentence = described.partition("\n\n")[0].replace("\n", " ")
            name = path.relative_to(PROJECT).as_posix().removesuffix("__init__.py")
            rows.append(f"| `{name}` | {sentence} |")
    return "\n".join([*rows, ""])


def reading_order(path: Path) -> tuple[str, bool, str]:
    """Sort by folder, a package's own file first."""
    return str(path.parent), path.name != "__init__.py", path.name


PAGES = {
    ARCHITECTURE: architecture_page,
    PROJECT / "docs" / "conformance.md": conformance_page,
    PROJECT / "docs" / "hooks.md": hooks_page,
    PROJECT / "docs" / "settings.md": settings_page,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page())
        print(f"wrote {path.relative_to(PROJECT)}")
