"""A pytest plugin: the first counterexample will do; nobody reads a killed mutant's smallest."""

from __future__ import annotations

from hypothesis import Phase, settings


def pytest_sessionstart() -> None:
    """After the conftest loaded its profile, before any test reads it."""
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", parent=settings.get_profile("grinder"), phases=phases)
    settings.load_profile("mutants")
