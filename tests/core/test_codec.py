"""CORE-01 canonical JSON and CORE-05 digests: equal values, equal bytes."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import ListDigest, canonical_json, chain, digest16, sha256_hex
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.numbers import canonical
from tests.support.strategies import scaled

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | scaled(-(10**20), 10**20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_without_decimals_it_is_the_standard_librarys_sorted_compact_form(value: Any) -> None:
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert canonical_json(value) == expected


@given(values)
def test_the_text_reads_back_as_the_same_value_with_decimals_as_text(value: Any) -> None:
    def spelled(item: Any) -> Any:
        if isinstance(item, Decimal):
            return canonical(item)
        if isinstance(item, list | tuple):
            return [spelled(part) for part in item]
        if isinstance(item, dict):
            return {key: spelled(part) for key, part in item.items()}
        return item

    text = canonical_json(value)
    assert json.loads(text) == spelled(value)
    assert text.isascii()
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=6), st.randoms())
def test_the_order_of_insertion_does_not_matter(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


@given(scaled(-(10**20), 10**20), st.integers(1, 9))
def test_superfluous_zeros_do_not_matter(x: Decimal, zeros: int) -> None:
    padded = Decimal(f"{x:f}" + ("" if "." in f"{x:f}" else ".") + "0" * zeros)
    assert canonical_json([padded]) == canonical_json([x])


@pytest.mark.parametrize(
    "value",
    [1.5, [0.0], {"a": [1, {"b": 2.5}]}, {1, 2}, {1: "a"}, {None: 1}, b"x", object(), 1j,
     Decimal("NaN"), {"a": Decimal("Infinity")}],
)  # fmt: skip
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ContractError):
        canonical_json(value)


def test_enumerations_are_their_published_text() -> None:
    assert canonical_json({"side": Side.BUY}) == '{"side":"BUY"}'


def test_text_is_ascii_escaped() -> None:
    assert canonical_json("\u00e9\u2028\U0001f600\n") == r'"\u00e9\u2028\ud83d\ude00\n"'


def test_worked_example_core_05() -> None:
    assert digest16([]) == "4f53cda18c2baa0c"
    line = {"price": Decimal("1.50"), "symbol": "AAAUSDT", "ts": 1000}
    assert digest16([line]) == "a638799f89e45b11"


def test_restated_vector_of_the_readme() -> None:
    digest = sha256_hex(canonical_json({"version": 1, "hwm_equity_usd": "123"}).encode())
    assert digest.startswith("a9952afe")
    assert digest.endswith("6b85efc7")


@given(st.lists(values, max_size=6))
def test_the_incremental_digest_is_the_digest_of_the_list(items: list[Any]) -> None:
    digest = ListDigest()
    for index, item in enumerate(items):
        assert digest.hexdigest() == digest16(items[:index])
        digest.add(canonical_json(item).encode())
    assert digest.hexdigest() == digest16(items)


@given(st.lists(values, min_size=1, max_size=4), st.integers(0, 3), values)
def test_any_change_of_an_element_changes_the_digest(
    items: list[Any], index: int, other: Any
) -> None:
    changed = [*items]
    changed[index % len(items)] = other
    same = canonical_json(changed) == canonical_json(items)
    assert (digest16(changed) == digest16(items)) is same


@given(st.lists(st.binary(), max_size=6))
def test_the_chain_links_every_line(lines: list[bytes]) -> None:
    digest = expected = bytes(32)
    for line in lines:
        digest = chain(digest, line)
        expected = hashlib.sha256(expected + line).digest()
    assert digest == expected
    assert len(digest) == 32
