"""LIVE-04: keys of intents, and the store against its table lived step by step."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any, cast

import pytest
from attrs import define, evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError, ContractError, IdempotencyConflictError
from grinder_core.resilience.idempotency import (
    Entry,
    IdempotencySettings,
    IdempotencyStore,
    Status,
    Write,
    WriteIntent,
)
from tests.support.strategies import SYMBOLS, scaled

D = Decimal
DAY = 86_400_000
amounts = scaled(1, 10**12, 6)


def a_place(client_order_id: str = "grinder_default_3_000000000001", **other: Any) -> WriteIntent:
    components: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": Side.BUY,
        "price": D("43210.5"),
        "qty": D("0.01"),
        "level_id": 3,
        "generation": 0,
        **other,
    }
    return WriteIntent.place("binance_usdm", client_order_id, **components)


def a_cancel(order_id: str | None = "42", client_order_id: str = "g1") -> WriteIntent:
    return WriteIntent.cancel("binance_usdm", client_order_id, symbol="BTCUSDT", order_id=order_id)


def an_amend(client_order_id: str = "g1", **other: Any) -> WriteIntent:
    components: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "order_id": "42",
        "price": D(100),
        "qty": D(1),
        "amend_no": 0,
        **other,
    }
    return WriteIntent.amend("binance_usdm", client_order_id, **components)


def a_store() -> IdempotencyStore:
    return IdempotencyStore(IdempotencySettings())


# -- keys --------------------------------------------------------------------------------------


def test_a_key_is_scope_operation_and_half_the_hash_of_its_canonical_components() -> None:
    text = (
        '{"generation":0,"level_id":3,"price":"43210.5","quantity":"0.01","side":"BUY",'
        '"symbol":"BTCUSDT"}'
    )
    digits = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert a_place().key == f"binance_usdm:place:{digits}"
    assert a_place(price=D("43210.500"), qty=D("1E-2")).key == a_place().key


@pytest.mark.parametrize(
    ("intent", "text"),
    [
        (a_cancel("42"), '{"order_id":"42","symbol":"BTCUSDT"}'),
        (a_cancel(None, "g7"), '{"client_order_id":"g7","symbol":"BTCUSDT"}'),
        (
            an_amend(qty=None, amend_no=2),
            '{"amend_no":2,"order_id":"42","price":"100","symbol":"BTCUSDT"}',
        ),
        (
            an_amend(order_id=None, price=None, op=Write.REPLACE),
            '{"amend_no":0,"client_order_id":"g1","quantity":"1","symbol":"BTCUSDT"}',
        ),
        (
            a_place(price=None, qty=None, condition={"trigger_price": D("90.0"), "bps": None}),
            '{"generation":0,"level_id":3,"side":"BUY","symbol":"BTCUSDT","trigger_price":"90"}',
        ),
        (
            a_place(price=None, level_id=0),
            '{"generation":0,"level_id":0,"quantity":"0.01","side":"BUY","symbol":"BTCUSDT"}',
        ),
    ],
)
def test_each_operation_has_its_own_components_and_none_is_dropped(
    intent: WriteIntent, text: str
) -> None:
    digits = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert intent.key == f"binance_usdm:{intent.op.value}:{digits}"


PLACES = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(SYMBOLS),
        "side": st.sampled_from(Side),
        "price": st.none() | amounts,
        "qty": st.none() | amounts,
        "level_id": st.integers(0, 5),
        "generation": st.integers(0, 5),
        "condition": st.none() | st.builds(lambda price: {"trigger_price": price}, amounts),
    }
)
AMENDS = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(SYMBOLS),
        "order_id": st.sampled_from(("1", "2", "3")),
        "price": st.none() | amounts,
        "qty": st.none() | amounts,
        "amend_no": st.integers(0, 5),
        "op": st.sampled_from((Write.AMEND, Write.REPLACE)),
    }
)


@given(st.data(), st.sampled_from(((a_place, PLACES), (an_amend, AMENDS))))
def test_any_changed_component_changes_the_key_and_nothing_else_does(
    data: st.DataObject, kind: tuple[Any, st.SearchStrategy[dict[str, Any]]]
) -> None:
    """I-04.2."""
    make, strategy = kind
    one, other = data.draw(strategy), data.draw(strategy)
    name = data.draw(st.sampled_from(sorted(one)))
    same = {key: one[key] for key in sorted(one, reverse=True)}
    assert make(**same).key == make(**one).key == make("another id", **one).key
    changed = {**one, name: other[name]}
    assert (make(**changed).key == make(**one).key) == (changed == one)
    scoped = WriteIntent("another venue", make(**one).op, make(**one).components, "g1")
    assert scoped.key != make(**one).key


def test_the_fingerprint_also_holds_the_client_id() -> None:
    assert a_place("a").fingerprint == a_place("a").fingerprint
    assert a_place("a").fingerprint != a_place("b").fingerprint
    assert a_place("a").fingerprint != a_place("a", qty=D("0.02")).fingerprint
    with pytest.raises(ContractError, match="client_order_id"):
        a_place("")


# -- the table, step by step -------------------------------------------------------------------


def test_one_write_from_claim_to_cached_answer() -> None:
    store = a_store()
    claim = store.put_if_absent(a_place(), 1000)
    assert (claim.status, claim.expires_at) == (Status.INFLIGHT, 301_000)
    assert store.mark_sent(claim, 1001).expires_at is None
    done = store.mark_done(claim, {"order_id": "42", "filled": 0}, 2000)
    assert (done.status, done.expires_at) == (Status.DONE, 2000 + DAY)
    assert store.put_if_absent(a_place(), 2000 + DAY - 1) == done
    again = store.put_if_absent(a_place(), 2000 + DAY)
    assert (again.status, again.result) == (Status.INFLIGHT, None)
    assert store.stats["place_calls"] == 3
    assert store.stats["place_cached"] == 1
    assert store.stats["place_executed"] == 2
    assert store.stats["place_conflicts"] == 0


def test_a_claim_whose_request_may_have_left_never_expires() -> None:
    store = a_store()
    claim = store.put_if_absent(a_place(), 0)
    store.mark_sent(claim, 299_999)
    with pytest.raises(IdempotencyConflictError, match="under way"):
        store.put_if_absent(a_place(), 1000 * DAY)
    assert store.purge_expired(1000 * DAY) == 0
    assert store.stats["place_conflicts"] == 1


def test_what_expired_leaves_as_fast_as_new_writes_come() -> None:
    store = a_store()
    stuck = store.put_if_absent(a_place(generation=0), 0)
    store.mark_sent(stuck, 0)
    for n in range(1, 500):
        now = n * DAY // 10
        claim = store.put_if_absent(a_place(generation=n), now)
        store.mark_done(claim, {"order_id": "1"}, now)
        assert len(store.entries) <= 12  # ten in a day, the new one, and the stuck one
    assert store.get(stuck.key, 500 * DAY) is not None


def test_a_claim_that_never_left_expires_after_five_minutes_and_may_not_be_sent_then() -> None:
    store = a_store()
    claim = store.put_if_absent(a_place(), 0)
    with pytest.raises(IdempotencyConflictError):
        store.put_if_absent(a_place(), 299_999)
    taken = store.put_if_absent(a_place(), 300_000)
    for name in ("sent", "done", "failed"):
        with pytest.raises(IdempotencyConflictError, match="no longer held"):
            mark(store, name, claim, 300_000)
    store.mark_sent(taken, 300_000)
    with pytest.raises(IdempotencyConflictError, match="was sent before"):
        store.mark_sent(taken, 300_001)


def test_a_failed_write_may_be_tried_again_at_once_with_the_same_key() -> None:
    store = a_store()
    claim = store.put_if_absent(a_place(), 0)
    store.mark_sent(claim, 0)
    failed = store.mark_failed(claim, "E_TRANSIENT", 5)
    assert (failed.error_code, failed.expires_at) == ("E_TRANSIENT", 300_005)
    again = store.put_if_absent(a_place(), 6)
    assert (again.status, again.error_code, again.expires_at) == (Status.INFLIGHT, None, 300_006)


@pytest.mark.parametrize("ending", ["none", "done", "failed"])
def test_the_same_key_for_another_client_id_is_refused(ending: str) -> None:
    store = a_store()
    claim = store.put_if_absent(a_place("a"), 0)
    if ending == "done":
        store.mark_done(claim, {}, 0)
    elif ending == "failed":
        store.mark_failed(claim, "E_TRANSIENT", 0)
    before = dict(store.entries)
    with pytest.raises(IdempotencyConflictError, match="another write"):
        store.put_if_absent(a_place("b"), 1)
    assert store.entries == before


def test_two_generations_and_two_amends_to_equal_values_both_reach_the_venue() -> None:
    """I-04.3: none of them is answered from the cache."""
    store = a_store()
    for number in (0, 1, 2):
        for intent in (a_place(generation=number), an_amend(amend_no=number)):
            claim = store.put_if_absent(intent, number)
            assert claim.status is Status.INFLIGHT
            store.mark_done(claim, {}, number)


def test_a_cancel_that_proved_nothing_does_not_bar_the_next() -> None:
    """I-04.4."""
    store = a_store()
    for now in range(5):
        claim = store.put_if_absent(a_cancel(), now)
        store.mark_sent(claim, now)
        store.mark_failed(claim, "E_OUTCOME_UNKNOWN", now)
    assert store.stats["cancel_executed"] == 5


def test_every_count_is_there_from_the_start() -> None:
    whats = ("calls", "cached", "executed", "conflicts")
    names = {f"{op}_{what}" for op in ("place", "cancel", "replace", "amend") for what in whats}
    assert a_store().stats == dict.fromkeys(names, 0)


# -- the store against a model -----------------------------------------------------------------


@define
class Known:
    """One key in the model: its state, when that began, and the claim that holds it."""

    state: str
    since: int
    client_id: str
    claim: Entry | None
    result: dict[str, str | int]


LIFETIME = {"claimed": 50, "DONE": 200, "FAILED": 30}
SHORT = IdempotencySettings(inflight_ttl_ms=50, done_ttl_ms=200, failed_ttl_ms=30)
STEPS = st.tuples(
    st.sampled_from((0, 0, 1, 10, 29, 30, 49, 50, 150, 200)),
    st.sampled_from(("put", "put", "sent", "done", "failed", "purge", "get")),
    st.integers(0, 1),  # which intent
    st.sampled_from(("a", "a", "a", "b")),  # its client id
    st.booleans(),  # the newest claim, or the one before
)


@given(st.lists(STEPS, max_size=40))
def test_the_store_follows_the_table(steps: list[tuple[int, str, int, str, bool]]) -> None:
    store = IdempotencyStore(SHORT)
    model: dict[int, Known] = {}
    claims: dict[int, list[Entry]] = {0: [], 1: []}
    calls = cached = executed = conflicts = now = 0
    for dt, name, which, client_id, newest in steps:
        now += dt
        model = {
            index: known
            for index, known in model.items()
            if known.state == "sent" or now < known.since + LIFETIME[known.state]
        }
        known = model.get(which)
        intent = a_place(client_id, generation=which)
        if name == "put":
            calls += 1
            if known and (known.client_id != client_id or known.state in {"claimed", "sent"}):
                conflicts += 1
                with pytest.raises(IdempotencyConflictError):
                    store.put_if_absent(intent, now)
            elif known and known.state == "DONE":
                cached += 1
                assert store.put_if_absent(intent, now).result == known.result
            else:
                executed += 1
                claim = store.put_if_absent(intent, now)
                claims[which].append(claim)
                model[which] = Known("claimed", now, client_id, claim, {})
        elif name in {"sent", "done", "failed"} and claims[which]:
            claim = claims[which][-1 if newest or len(claims[which]) == 1 else -2]
            holds = (
                known is not None
                and known.state in {"claimed", "sent"}
                and known.claim is not None
                and known.claim.created_at == claim.created_at
            )
            if not holds or (name == "sent" and known is not None and known.state == "sent"):
                with pytest.raises(IdempotencyConflictError):
                    mark(store, name, claim, now)
            else:
                mark(store, name, claim, now)
                held = cast(Known, known)
                held.state, held.since = {"sent": "sent"}.get(name, name.upper()), now
                held.result = {"at": now}
        elif name == "purge":
            assert store.purge_expired(now) >= 0
            assert len(store.entries) == len(model)
        entry = store.get(intent.key, now)
        assert (entry is None) == (which not in model)
        if entry is not None:
            inflight = model[which].state in {"claimed", "sent"}
            assert entry.status.value == ("INFLIGHT" if inflight else model[which].state)
            assert entry.was_sent == (model[which].state == "sent")
    assert [calls, cached, executed, conflicts] == [
        store.stats[f"place_{what}"] for what in ("calls", "cached", "executed", "conflicts")
    ]
    assert load_state(IdempotencyStore, json.loads(canonical_json(dump_state(store)))) == store


def mark(store: IdempotencyStore, name: str, claim: Entry, now: int) -> None:
    if name == "sent":
        store.mark_sent(claim, now)
    elif name == "done":
        store.mark_done(claim, {"at": now}, now)
    else:
        store.mark_failed(claim, "E_TRANSIENT", now)


def test_a_claim_is_recognised_after_a_restart() -> None:
    store = a_store()
    store.mark_sent(store.put_if_absent(a_place(), 0), 0)
    loaded = load_state(IdempotencyStore, json.loads(canonical_json(dump_state(store))))
    entry = loaded.get(a_place().key, DAY)
    assert entry is not None
    assert entry.was_sent
    assert loaded.mark_done(entry, {"order_id": "1"}, DAY).status is Status.DONE


def test_settings_must_let_an_entry_live() -> None:
    with pytest.raises(ConfigError, match="failed_ttl_ms"):
        evolve(IdempotencySettings(), failed_ttl_ms=0)
