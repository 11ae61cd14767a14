"""A loaded fixture as a stream of events."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from grinder_adapters.feeds.fixture import Fixture
from grinder_core.contracts.event import Event


@frozen
class FixtureSource:
    """The events of a fixture, which are in memory already."""

    fixture: Fixture

    @property
    def name(self) -> str:
        """The folder's path below the fixtures' root."""
        return self.fixture.name

    def __iter__(self) -> Iterator[Event]:
        return iter(self.fixture.events)
