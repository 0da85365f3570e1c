"""What every test shares: one event-loop backend, the recordings, repeatable properties."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parents[1]

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The framework runs on asyncio; without this an installed trio would double every test."""
    return "asyncio"


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, which are too large and not ours to commit."""
    folder = Path(os.environ.get("KALSHI_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}: set KALSHI_DATA to the folder that holds them")
    return folder
