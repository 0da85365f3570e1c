"""The locks: complete, hashed, agreeing with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def pins(name: str) -> dict[str, str]:
    """Return each package of a lock with its version."""
    found = re.findall(
        r"(?m)^([A-Za-z0-9._-]+)==(\S+)", (PROJECT / "requirements" / name).read_text()
    )
    return {canonicalize_name(package): version for package, version in found}


def unmet(lock: str, wanted: list[str]) -> list[str]:
    held = pins(lock)
    return [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not requirement.specifier.contains(held.get(canonicalize_name(requirement.name), "0"))
    ]


def test_the_run_lock_meets_what_the_package_and_its_build_ask_for():
    wanted = PACKAGE["project"]["dependencies"] + PACKAGE["build-system"]["requires"]

    assert unmet("run.txt", wanted) == []


def test_the_test_lock_adds_what_the_tests_ask_for():
    assert unmet("test.txt", PACKAGE["project"]["optional-dependencies"]["test"]) == []


def test_the_test_lock_holds_the_run_lock():
    assert pins("run.txt").items() <= pins("test.txt").items()


@pytest.mark.parametrize("lock", ["run.txt", "test.txt"])
def test_every_pin_has_hashes_and_no_place_to_fetch_from(lock):
    text = (PROJECT / "requirements" / lock).read_text()
    blocks = re.split(r"(?m)^(?=\w)", text)[1:]

    assert len(blocks) == len(pins(lock))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"(?m)^\s*(?:-|.*://).*$", re.sub(r"(?m)^\s+--hash=.*$", "", text)) == []
