"""The page that lists the founding document's statements names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGE = (PROJECT / "docs" / "founding-document.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)+)`", PAGE)))
ROWS = re.findall(r"(?m)^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE)


def defined(path: Path) -> set[str]:
    """Return every test of a file, as pytest would call it."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            names |= {
                f"::{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return names


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_every_test_that_the_page_names_exists(path):
    named = {name for where, name in NAMED if where == path}

    assert named - defined(PROJECT / path) == set()


def test_the_statements_are_numbered_and_each_names_a_test():
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) > 60
    assert [statement for _, statement, shown, _ in ROWS if "::test_" not in shown] == []


def test_no_statement_stands_there_twice():
    statements = [statement for _, statement, *_ in ROWS]

    assert len(set(statements)) == len(statements)
