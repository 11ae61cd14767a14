"""Shared test set-up: where real recordings may lie, and a hostile ambient decimal context."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "grinder", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# the same tests on a further Python: does it behave, rather than what is true of the code
settings.register_profile("further", settings.get_profile("grinder"), max_examples=10)
settings.load_profile(os.environ.get("GRINDER_TEST_PROFILE", "grinder"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; tests that need it skip with a reason when it is absent."""
    folder = Path(os.environ.get("GRINDER_TEST_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set GRINDER_TEST_RECORDINGS to their folder")
    return folder
