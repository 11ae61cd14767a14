"""LIVE-25: no secret in what leaves the process, and nothing else lost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.signing import Secret
from grinder_adapters.redact import Redactor
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError
from tests.support.reconciling import an_observed

D = Decimal
HIDDEN = "[REDACTED]"
printable = st.characters(min_codepoint=33, max_codepoint=126)
secret_texts = st.text(printable, min_size=8, max_size=20).filter(lambda text: text not in HIDDEN)
KEYS = ("api_key", "api_secret", "secret", "password", "token", "signature", "X-MBX-APIKEY",
        "Authorization", "listenKey")  # fmt: skip


def redactor(*secrets: str) -> Redactor:
    return Redactor(Secret(secret) for secret in secrets)


def leaves(value: object) -> list[str]:
    """Every key and value of a tree as text."""
    if isinstance(value, dict):
        return [text for k, v in value.items() for text in (str(k), *leaves(v))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in leaves(item)]
    return [str(value)]


@st.composite
def trees(draw: st.DrawFn, parts: tuple[str, ...]) -> Any:
    """JSON values whose texts hold some of the parts, whole, in a row or cut in the middle."""
    pieces = st.sampled_from((*parts, *(part[:5] for part in parts), "&", "x=", " ", '"', "qty"))
    texts = st.lists(pieces, max_size=4).map("".join)
    scalars = texts | st.integers() | st.booleans() | st.none() | st.just(D("1.5"))
    nested = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )
    return draw(nested)


@given(st.lists(secret_texts, min_size=1, max_size=3, unique=True), st.data(), st.booleans())
def test_no_configured_secret_is_left_anywhere(
    secrets: list[str], data: st.DataObject, by_name: bool
) -> None:
    """Two secrets side by side may form a third only around a bracket of ours; see the log."""
    subject = redactor(*secrets)
    tree = data.draw(trees(tuple(secrets)))
    redacted = subject.value(tree, by_name=by_name)
    for text in leaves(redacted):
        for secret in secrets:
            assert secret not in text.replace(HIDDEN, "\n")
    assert subject.value(redacted, by_name=by_name) == redacted


@given(secret_texts, st.text(max_size=5), st.text(max_size=5))
def test_a_secret_is_found_in_url_encoding_and_inside_json(
    secret: str, before: str, after: str
) -> None:
    subject = redactor(secret)
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        assert form not in subject.text(f"{before}{form}{after}").replace(HIDDEN, "\n")
        assert subject.holds_secret(form) or form != secret


@given(st.sampled_from(KEYS), st.sampled_from(("{}", "my_{}", "{}_2", "x-{}-y")), st.data())
def test_what_a_telling_key_leads_to_is_hidden_whatever_it_is(
    key: str, shape: str, data: st.DataObject
) -> None:
    named = shape.format(data.draw(st.sampled_from((key, key.upper(), key.lower()))))
    inner = data.draw(trees(("plain text",)))
    tree = {"outer": [{named: inner, "qty": "1.5"}]}
    assert redactor().value(tree) == {"outer": [{named: HIDDEN, "qty": "1.5"}]}
    assert redactor().value(tree, by_name=False) == {
        "outer": [{named: redactor().value(inner, by_name=False), "qty": "1.5"}]
    }


@given(st.text(), st.sampled_from(KEYS))
def test_redacting_twice_changes_nothing_more(text: str, key: str) -> None:
    subject = redactor("hunter2hunter2")
    for each in (text, f"{key}={text}", f'{{"{key}": "{text}"}}', f"{text}?{key}: {text}&b=1"):
        once = subject.text(each)
        assert subject.text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x?symbol=A&signature=0aF9&b=1", "GET /x?symbol=A&signature=[REDACTED]&b=1"),
        ("listenKey=pqia91ma", "listenKey=[REDACTED]"),
        ("X-MBX-APIKEY: vmPUZE6m", "X-MBX-APIKEY: [REDACTED]"),
        ("Authorization: Bearer abc.def", "Authorization: [REDACTED]"),
        ("authorization: Digest a=1, b=2\nHost: x", "authorization: [REDACTED]\nHost: x"),
        ('{"apiKey": "a b,c", "qty": "1"}', '{"apiKey": "[REDACTED]", "qty": "1"}'),
        ('{\\"password\\":\\"a,b\\"}', '{\\"password\\":\\"[REDACTED]\\"}'),
        ("password='unended", "password='[REDACTED]"),
        ("redis://user:pw:1@host/0", "redis://user:[REDACTED]@host/0"),
        ("wss://h/ws/" + "aB3" * 20, "wss://h/ws/[REDACTED]"),
        ("wss://h/ws/btcusdt@depth", "wss://h/ws/btcusdt@depth"),
        ("order grinder_default_1_abc filled", "order grinder_default_1_abc filled"),
        ("", ""),
    ],
)
def test_telling_names_in_a_text(text: str, shown: str) -> None:
    assert redactor().text(text) == shown
    assert redactor().text(text, by_name=False) == text


def test_numbers_keys_enums_and_contracts_are_looked_at_too() -> None:
    subject = redactor("12345678", "AAAUSDT|x")
    value = {"n": 9123456780, "d": D("0.12345678"), "12345678": 1, "q": D("1.50"), "s": Side.BUY}
    assert subject.value(value) == {
        "n": HIDDEN, "d": HIDDEN, HIDDEN: 1, "q": D("1.50"), "s": "BUY",
    }  # fmt: skip
    assert subject.value({"k": Secret("anything-at-all")}) == {"k": HIDDEN}
    shown = subject.value([an_observed("12345678")])
    assert isinstance(shown, list)
    assert shown[0]["client_order_id"] == HIDDEN
    assert shown[0]["price"] == "100"


def test_keys_that_become_equal_keep_their_values_whatever_their_order() -> None:
    subject = redactor("first-hidden", "other-hidden")
    pairs = [("other-hidden", 2), ("first-hidden", 1), ("qty", 3)]
    expected = {HIDDEN: 1, f"{HIDDEN}+": 2, "qty": 3}
    assert subject.value(dict(pairs)) == subject.value(dict(reversed(pairs))) == expected


def test_of_two_secrets_of_which_one_holds_the_other_the_longer_goes_first() -> None:
    assert redactor("abcdefgh", "abcdefghijkl").text("abcdefghijkl") == HIDDEN


@pytest.mark.parametrize("secret", ["a", "1234567", "REDACTED", "[REDACTED"])
def test_a_secret_that_hides_everything_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ConfigError, match="at least 8 characters") as caught:
        redactor(secret)
    assert f"= '{secret}'" not in str(caught.value)


def test_the_redactor_shows_no_secret_itself() -> None:
    subject = redactor("hunter2hunter2")
    assert "hunter2" not in f"{subject!r} {subject} {subject._hidden!r}"
