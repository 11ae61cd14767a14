"""Parameters: what was encoded comes out again, and what the venue would not take never does."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue import parameters
from grinder_adapters.local_venue.http import Problem, Request
from grinder_core.contracts.enums import Side

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
printable = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
words = st.text(printable, min_size=1, max_size=12)
pairs = st.dictionaries(st.one_of(st.sampled_from(["side", "a&b"]), words), words, max_size=6)


def parsed(query: str = "", body: bytes = b"", method: str = "POST") -> dict[str, str] | Problem:
    return parameters.parse(Request(method, "/fapi/v1/order", query, FORM, body))


def code(answer: object) -> int:
    assert isinstance(answer, Problem)
    assert answer.status == 400
    return answer.code


@given(pairs, pairs)
def test_what_was_encoded_is_read_back_and_the_query_wins(
    in_query: dict[str, str], in_body: dict[str, str]
) -> None:
    answer = parsed(urlencode(in_query), urlencode(in_body).encode())
    assert answer == {**in_body, **in_query}
    assert parsed("side=BUY&price=1", b"side=SELL&qty=2") == {
        "side": "BUY", "price": "1", "qty": "2",
    }  # fmt: skip


@given(pairs)
def test_spaces_may_be_written_both_ways(given_pairs: dict[str, str]) -> None:
    assert parsed(urlencode(given_pairs, quote_via=quote)) == given_pairs


def test_a_body_counts_only_as_a_form_and_never_on_get() -> None:
    assert parsed("a=1", b"b=2", method="GET") == {"a": "1"}
    for headers in ({}, {"content-type": "application/json"}):
        assert parameters.parse(Request("POST", "/x", "a=1", headers, b"b=2")) == {"a": "1"}
    for method in ("POST", "PUT", "DELETE"):
        assert parsed("a=1", b"b=2", method) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("query", "expected", "named"),
    [
        ("symbol=A&symbol=A", -1101, "symbol"),
        ("symbol=", -1105, "symbol"),
        ("symbol", -1105, "symbol"),
        ("=5", -1103, ""),
        ("symbol=%zz", -1100, "symbol"),
        ("symbol=%4", -1100, "symbol"),
        ("symbol=%ff", -1100, "symbol"),
        ("symbol=%00", -1100, "symbol"),
        ("symbol=测", -1100, "symbol"),
        ("symbol=a b", -1100, "symbol"),
        ("symb%ol=a", -1100, "symb%ol"),
    ],
)
def test_malformed_parameters_are_refused_by_name(query: str, expected: int, named: str) -> None:
    for answer in (parsed(query), parsed("", query.encode())):
        assert code(answer) == expected
        assert isinstance(answer, Problem)
        assert named in answer.message


def test_chinese_symbols_are_read() -> None:
    assert parsed("symbol=%E6%B5%8B%E8%AF%95USDT") == {"symbol": "测试USDT"}


def test_the_query_is_judged_before_the_body() -> None:
    assert code(parsed("a=", b"a=%zz")) == -1105
    assert code(parsed("a=1", b"a=%zz")) == -1100


@given(st.text(max_size=40), st.binary(max_size=40))
def test_whatever_is_sent_gives_printable_values_or_a_refusal(query: str, body: bytes) -> None:
    answer = parsed(query, body)
    if isinstance(answer, Problem):
        assert answer.code in {-1100, -1101, -1103, -1105}
        assert answer.body.startswith(b'{"code":-11')
    else:
        assert all(name and value and value.isprintable() for name, value in answer.items())


# -- readers


def is_plain(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    digits = set("0123456789")
    return bool(whole) and set(whole + fraction) <= digits and bool(fraction) == bool(point)


numbers = st.one_of(
    st.text("0123456789+-.eE_ ", max_size=8),
    st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True),
    st.sampled_from(["1E+3", "+1", "NaN", "Infinity", ".5", "5.", "١", "--1"]),
)


@given(numbers)
def test_only_plain_decimals_of_at_most_30_digits_are_read(text: str) -> None:
    answer = parameters.decimal({"price": text}, "price")
    if not is_plain(text):
        assert code(answer) == -1102
        assert isinstance(answer, Problem)
        assert "'price'" in answer.message
    elif len(text.replace("-", "").replace(".", "")) > 30:
        assert code(answer) == -1111
    else:
        assert answer == Decimal(text)


def test_thirty_digits_are_read_and_thirty_one_are_not() -> None:
    assert parameters.decimal({"q": "-0." + "1" * 29}, "q") == Decimal("-0." + "1" * 29)
    assert code(parameters.decimal({"q": "1" * 20 + "." + "1" * 11}, "q")) == -1111


@given(numbers, st.integers(-50, 50), st.integers(0, 50))
def test_whole_numbers_are_read_within_their_range(text: str, low: int, span: int) -> None:
    answer = parameters.integer({"limit": text}, "limit", low, low + span)
    if not is_plain(text) or "." in text or len(text.removeprefix("-")) > 18:
        assert code(answer) == -1102
    elif not low <= int(text) <= low + span:
        assert code(answer) == -1130
    else:
        assert answer == int(text)


def test_1501_rows_are_too_many() -> None:
    assert code(parameters.integer({"limit": "1501"}, "limit", 1, 1500)) == -1130
    assert parameters.integer({"limit": "1500"}, "limit", 1, 1500) == 1500


@given(st.one_of(st.sampled_from(["true", "False", "TRUE", "1", ""]), st.text(max_size=5)))
def test_flags_are_the_two_words_in_any_case(text: str) -> None:
    answer = parameters.flag({"reduceOnly": text}, "reduceOnly")
    if text.lower() in ("true", "false"):
        assert answer is (text.lower() == "true")
    else:
        assert code(answer) == -1102


def test_choices_answer_with_the_code_of_their_name() -> None:
    assert parameters.choice({"side": "SELL"}, "side", Side) is Side.SELL
    codes = {"side": -1117, "type": -1116, "timeInForce": -1115, "interval": -1120, "mode": -1130}
    for name, expected in codes.items():
        assert code(parameters.choice({name: "sell"}, name, Side)) == expected
        assert code(parameters.choice({}, name, Side)) == -1102


def test_what_is_missing_is_named() -> None:
    for read in (parameters.text, parameters.decimal, parameters.integer, parameters.flag):
        answer = read({}, "orderId")
        assert isinstance(answer, Problem)
        assert (answer.code, "'orderId'" in answer.message) == (-1102, True)
    assert parameters.text({"symbol": "A"}, "symbol") == "A"


def test_unwanted_and_unknown_parameters_are_refused() -> None:
    sent = {"symbol": "A", "price": "1"}
    refusal = parameters.unwanted(sent, "stopPrice", "price")
    assert code(refusal) == -1106
    assert refusal is not None
    assert "'price'" in refusal.message
    assert parameters.unwanted(sent, "stopPrice") is None
    unread = parameters.unknown(sent, ["symbol", "side"])
    assert unread == Problem(
        400, -1104, "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."
    )
    assert parameters.unknown(sent, ["symbol", "side", "price"]) is None
