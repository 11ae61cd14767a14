"""Reads what a session shows a scraper, and holds it to what every scrape must be."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from grinder_adapters.metrics.catalog import CATALOG, problems_of
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.live.gathering import Gatherer

Series = tuple[str, ...]


class Scraper:
    """Scrapes one session again and again.

    Every scrape must lack nothing, and no counter may be less than it was.
    """

    def __init__(self, gatherer: Gatherer) -> None:
        self.gatherer, self._exposition = gatherer, Exposition(CATALOG)
        self._before: dict[Series, float] = {}

    def scrape(self) -> dict[Series, float]:
        """Return every sample by name and label values."""
        text = self._exposition.text(self.gatherer.values()).decode()
        assert problems_of(text) == []
        found: dict[Series, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series = (sample.name, *sample.labels.values())
                found[series] = sample.value
                if family.type != "gauge":
                    assert sample.value >= self._before.get(series, 0.0), series
        self._before = found
        return found

    def value(self, name: str, *labels: str) -> float:
        """Return one sample, by its name without the prefix."""
        return self.scrape()[(f"grinder_{name}", *labels)]
