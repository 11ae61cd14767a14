"""The chain record: what a row's hash covers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grinder_adapters.journal import IndexNote, IndexTable
from grinder_adapters.journal.record import check_names, parse_body, record_hash, record_text
from grinder_core.codec import canonical_json
from grinder_core.errors import ContractError

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=6), v, max_size=3)
)
NAMES = st.sampled_from(["a", "kind", "seq", "payload", "hash", "index", "z", "ts_ms"])
BODIES = VALUES | st.dictionaries(NAMES | st.text(max_size=4), VALUES, max_size=4)
NOTES = st.none() | st.builds(IndexNote, table=st.sampled_from(IndexTable), key=st.just("k"))


def text_of(body: str, index: IndexNote | None = None, prev: bytes = bytes(32)) -> bytes:
    payload, plain = parse_body(body)
    return record_text(7, 1_000, "audit", "KIND", prev, payload, index, plain=plain)


def test_the_published_record_has_its_published_hash() -> None:
    payload, plain = parse_body('{"fields":{"cap":"15","next":"115"},"symbol":"BTCUSDT"}')
    text = record_text(0, 1_735_689_600_000, "audit", "ALLOC", bytes(32), payload, plain=plain)
    assert (
        record_hash(text).hex()
        == "d439e7d2ac6074baf0a0504478e0eac61ad927e7a43fbc2838e4d4094026262c"
    )


@given(BODIES, NOTES)
@example({"a": "\x7f"}, None)
@example({"a": "\u00e9\n"}, None)
@example({"kind": 1}, None)
@example({"payload": {"a": 1}}, None)
def test_a_record_is_canonical_json_of_the_row_and_its_body(
    value: Any, index: IndexNote | None
) -> None:
    text = text_of(canonical_json(value), index)
    record = json.loads(text)
    assert canonical_json(record).encode() == text
    expected = {
        "seq": 7, "ts_ms": 1_000, "stream": "audit", "kind": "KIND", "prev_hash": "0" * 64,
    }  # fmt: skip
    if index is not None:
        expected["index"] = {"key": "k", "op": "put", "table": str(index.table)}
    taken = {"seq", "ts_ms", "prev_hash", "hash", "stream", "kind", "index", "payload"}
    flat = isinstance(value, dict) and not taken & set(value)
    assert record == expected | (value if flat else {"payload": value})
    assert record_hash(text) == hashlib.sha256(text).digest()


@given(BODIES, BODIES, NOTES, NOTES)
@example({"payload": 1}, 1, None, None)
def test_different_rows_have_different_records(
    one: Any, other: Any, index: IndexNote | None, note: IndexNote | None
) -> None:
    first, second = canonical_json(one), canonical_json(other)
    assert (text_of(first, index) == text_of(second, note)) == ((first, index) == (second, note))


@given(BODIES)
def test_a_canonical_body_is_read_back_as_it_was(value: Any) -> None:
    assert canonical_json(parse_body(canonical_json(value))[0]) == canonical_json(value)


@pytest.mark.parametrize(
    "body",
    ["", "{", '{"a": 1}', '{"b":1,"a":1}', '{"a":1,"a":1}', '{"a":1.5}', "1.5", "[1e5]", "NaN",
     '{"a":"\u00e9"}', '{"a":"\x7f"}', '{"a":"\\u0041"}', '{"a":-0}', " 1", '"\\ud800"' * 2],
)  # fmt: skip
def test_any_other_body_is_refused(body: str) -> None:
    with pytest.raises(ContractError):
        parse_body(body)


@pytest.mark.parametrize(
    ("stream", "kind", "ts_ms"),
    [("", "K", 1), ("a b", "K", 1), ("\u00e9", "K", 1), ("a", "K\n", 1), ("a", "K", -1),
     ("a", "K", 2**53)],
)  # fmt: skip
def test_a_name_or_time_that_is_none_is_refused(stream: str, kind: str, ts_ms: int) -> None:
    with pytest.raises(ContractError):
        check_names(stream, kind, ts_ms)


@pytest.mark.parametrize("key", ["", "a\nb", "\u00e9", "\ud800"])
def test_a_key_is_printable_ascii(key: str) -> None:
    with pytest.raises(ContractError):
        IndexNote(table=IndexTable.LATCHES, key=key)
