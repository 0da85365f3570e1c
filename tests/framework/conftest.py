"""What tests of settings, loader and verbs share: projects of a user, made from text."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

EXCHANGE = """
    from framework import Plugin, hookimpl

    class Exchange(Plugin):
        @hookimpl
        def open_exchange(self, run):
            raise NotImplementedError
"""


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write a user's project, go there, and forget its modules afterwards.

    A keyword `plugins__mine` is the file plugins/mine.py, `plugins__deep____init__` the package.

    It always holds an exchange, so that a test of something else has no second fault.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def make(toml: str | None = None, **files: str) -> Path:
        root = tmp_path / "project"
        sources = {"plugins__test_exchange": EXCHANGE, **files}
        for name, source in sources.items():
            package = name.removesuffix("____init__")
            inside = "/__init__.py" if package != name else ".py"
            file = root / f"{package.replace('__', '/')}{inside}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(source))
        if toml is not None:
            (root / "kalshi.toml").write_text(dedent(toml))
        monkeypatch.chdir(root)
        return root

    yield make
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
