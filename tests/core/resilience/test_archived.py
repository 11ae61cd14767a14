"""A store with an archive against one that holds everything, and archives that fail."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.errors import ArtifactError, IdempotencyConflictError
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.idempotency import (
    Entry,
    IdempotencySettings,
    IdempotencyStore,
    Status,
)
from tests.core.resilience.test_idempotency import DAY, SHORT, STEPS, a_place, mark


@define
class Shelf:
    """The plainest archive; fails in what ``broken`` names."""

    rows: dict[str, Entry] = Factory(dict)
    broken: set[str] = Factory(set)

    def find(self, key: str) -> Entry | None:
        self.check("find")
        return self.rows.get(key)

    def keep(self, entry: Entry) -> None:
        self.check("keep")
        self.rows[entry.key] = entry

    def purge(self, now: int) -> int:
        self.check("purge")
        before = len(self.rows)
        self.rows = {k: e for k, e in self.rows.items() if now < (e.expires_at or now + 1)}
        return before - len(self.rows)

    def check(self, what: str) -> None:
        if what in self.broken:
            raise ArtifactError("the disk is full", field=what)


def a_store(
    archive: Shelf | None = None, settings: IdempotencySettings | None = None
) -> ArchivedStore:
    return ArchivedStore(settings or IdempotencySettings(), archive=archive or Shelf())


def done(store: ArchivedStore, now: int, **place: Any) -> Entry:
    claim = store.mark_sent(store.put_if_absent(a_place(**place), now), now)
    return store.mark_done(claim, {"order_id": "42", "at": now}, now)


def outcome(call: Any, *given: Any) -> object:
    try:
        return call(*given)
    except IdempotencyConflictError as error:
        return error.rule


@given(st.lists(STEPS, max_size=40), st.booleans())
def test_it_answers_as_a_store_that_holds_everything(
    steps: list[tuple[int, str, int, str, bool]], cannot_keep: bool
) -> None:
    plain, shelf = IdempotencyStore(SHORT), Shelf(broken={"keep"} if cannot_keep else set())
    store = a_store(shelf, SHORT)
    claims: dict[int, list[Entry]] = {0: [], 1: []}
    now = 0
    for dt, name, which, client_id, newest in steps:
        now += dt
        intent = a_place(client_id, generation=which)
        if name == "put":
            said = outcome(plain.put_if_absent, intent, now)
            assert outcome(store.put_if_absent, intent, now) == said
            if isinstance(said, Entry) and said.status is Status.INFLIGHT:
                claims[which].append(said)
        elif name in {"sent", "done", "failed"} and claims[which]:
            claim = claims[which][-1 if newest or len(claims[which]) == 1 else -2]
            said = outcome(mark, plain, name, claim, now)
            assert outcome(mark, store, name, claim, now) == said
        elif name == "purge":
            plain.purge_expired(now)
            store.purge_expired(now)
            assert len(plain.entries) == len(store.entries) + len(shelf.rows)
        assert store.get(intent.key, now) == plain.get(intent.key, now)
    assert store.stats == plain.stats
    if not cannot_keep:
        assert Status.DONE not in {entry.status for entry in store.entries.values()}


def test_a_day_of_writes_leaves_nothing_in_memory() -> None:
    shelf = Shelf()
    store = a_store(shelf)
    for number in range(500):
        done(store, number * DAY // 100, generation=number)
        assert len(store.entries) == 0
        assert len(shelf.rows) <= 101  # a day's, and the one that leaves with the next purge
    assert store.failures == 0


def test_what_cannot_be_put_away_stays_in_memory_and_is_known() -> None:
    store = a_store(Shelf(broken={"keep", "purge"}))
    kept = done(store, 0)
    assert store.put_if_absent(a_place(), 1) == kept
    assert store.failures == 2  # one purge, one entry


def test_a_key_that_cannot_be_looked_up_is_not_claimed() -> None:
    shelf = Shelf()
    store = a_store(shelf)
    done(store, 0)
    shelf.broken = {"find"}
    for now in (1, 2 * DAY):
        with pytest.raises(IdempotencyConflictError, match="cannot be looked up"):
            store.put_if_absent(a_place(), now)
    assert store.stats["place_conflicts"] == 2
    shelf.broken = set()
    assert store.put_if_absent(a_place(), 2 * DAY).status is Status.INFLIGHT


def test_a_claim_under_way_does_not_need_the_archive() -> None:
    shelf = Shelf()
    store = a_store(shelf)
    claim = store.put_if_absent(a_place(), 0)
    shelf.broken = {"find"}
    claim = store.mark_sent(claim, 0)
    assert store.mark_done(claim, {}, 0).status is Status.DONE
