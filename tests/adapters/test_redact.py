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


# -- by looks, at exits (MM-77) ------------------------------------------------------------------

PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
HASH = "0123456789abcdef" * 4
LOOKS = [
    (PRIVATE_KEY, HIDDEN),
    (f"a {PRIVATE_KEY} b", f"a {HIDDEN} b"),
    ("-----BEGIN PRIVATE KEY-----\\nMII", HIDDEN),  # cut short
    ("key AKIAIOSFODNN7EXAMPLE.", f"key {HIDDEN}."),
    ("AIza" + "Sy-_9" * 7, HIDDEN),
    ("wJalrXUtnFEMI/KxMDENG/bPxRfiCYEXAMPLEKEY", HIDDEN),  # 40 characters, not one digit
    (f"tx 0x{HASH}", f"tx {HIDDEN}"),
    ("d" * 20, HIDDEN),
    ("dGhpcyBpcyBhIHNlY3JldA==", HIDDEN),
    ("mail ann.b+x@mail.example.org now", f"mail {HIDDEN} now"),
    ("from 8.8.8.8 to 10.1.2.3, 192.168.0.1, 127.0.0.1", f"from {HIDDEN} to 10.1.2.3, "
     "192.168.0.1, 127.0.0.1"),
    ("order grinder_default_1_0lzk3x9ab001 filled", f"order {HIDDEN} filled"),
    ("grinder_momentum_BTCUSDT_1_1704067200000_1", HIDDEN),
    ("grinder_BTCUSDT_1_1704067200000_1", HIDDEN),
    ('{"orderId": 8389765}', f'{{"orderId": {HIDDEN}}}'),
    ("origClientOrderId=web_1&x=1", f"origClientOrderId={HIDDEN}&x=1"),
]  # fmt: skip
PLAIN = [
    "STATE_UNRECONCILED_AND_MORE_OF_IT",
    "docs/how-to/unknown-outcome.md",
    "grinder control reset kill-switch",
    "var/state/futures/checkpoints/latest",
    "2023-11-14T22:13:20.123Z",
    "equity 99123.45 is 4.2 % below 103456.789",
    "version 1.2.3.4.5, 999.1.1.1",
    "order grinder_default filled",
    "1700000000000",
    "POSITION_NONZERO_UNEXPECTED",
    "http://127.0.0.1:8080/api/v1/order",
    "",
]


@pytest.mark.parametrize(("text", "shown"), LOOKS)
def test_at_exits_what_looks_like_a_secret_is_hidden_and_else_it_stays(
    text: str, shown: str
) -> None:
    assert redactor().text(text, at_exit=True) == shown
    assert redactor().text(text, at_exit=True, by_name=False) == shown
    assert redactor().text(text) == text  # what is hashed keeps it


@pytest.mark.parametrize("text", PLAIN)
def test_plain_words_stay_at_exits(text: str) -> None:
    assert redactor().text(text, at_exit=True) == text


fragments = st.sampled_from([*(text for text, _ in LOOKS), *PLAIN, "=", " ", "@", ".", "order_id="])


@given(st.lists(fragments | st.text(max_size=6), max_size=6).map("".join))
def test_redacting_by_looks_twice_changes_nothing_more(text: str) -> None:
    once = redactor().text(text, at_exit=True)
    assert redactor().text(once, at_exit=True) == once


@given(st.text("0123456789abcdefABCDEF", min_size=20, max_size=80))
def test_no_long_hexadecimal_run_stays_but_under_a_key_that_is_declared_a_hash(text: str) -> None:
    assert text not in redactor().text(f"<{text}>", at_exit=True)
    subject = redactor().value({"x": text, "config_hash": text, "deep": [text]}, at_exit=True)
    assert isinstance(subject, dict)
    is_hash = text == text.lower() and len(text) <= 64
    assert subject == {"x": HIDDEN, "config_hash": text if is_hash else HIDDEN, "deep": [HIDDEN]}


@pytest.mark.parametrize("key", ["order_id", "client_order_id", "orderId", "origClientOrderId"])
def test_ids_of_orders_are_hidden_at_exits_alone(key: str) -> None:
    assert redactor().value({key: 12, "qty": "1"}, at_exit=True) == {key: HIDDEN, "qty": "1"}
    assert redactor().value({key: ""}, at_exit=True) == {key: ""}  # there is none
    assert redactor().value({key: 12}) == {key: 12}


def test_a_hash_key_does_not_let_a_secret_out() -> None:
    subject = redactor("hunter2hunter2")
    assert subject.value({"digest": "hunter2hunter2"}, at_exit=True) == {"digest": HIDDEN}
