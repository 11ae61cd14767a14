"""Signatures against the standard library and the venue's own vector; secrets that stay secret."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import logging
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.signing import KEY_HEADER, REDACTED, Secret, Signer
from grinder_adapters.feeds.interned import TEXTS
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import parse_decimal

# reference 3
SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
PAYLOAD = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
    "&recvWindow=5000&timestamp=1591702613943"
)
SIGNATURE = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "1",
    "price": "9000",
    "timeInForce": "GTC",
    "recvWindow": "5000",
}

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1)
values = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["a&b=c", "1 2", "x+y", "100%", "\u5e01\u5b89USDT", "ORDER-1", "g:1/2", ""])
    | st.sampled_from(["1E+3", "1E-8", "1e-08", "E-8", ".E-8", ".5E-8", "5.E-8", "1E3", "E-"])
)
parameters = st.dictionaries(names, values, max_size=8)
times = st.integers(0, 2**45)


def a_signer(secret: str = SECRET) -> Signer:
    return Signer(Secret("key"), Secret(secret))


def oracle(secret: str, payload: bytes) -> str:
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def has_exponent(text: str) -> bool:
    """Whether a text is a number as Decimal and float write long ones; asked of Decimal itself."""
    if not text.isascii() or "_" in text or text != text.strip():
        return False
    if not any(sign in text for sign in ("E+", "E-", "e+", "e-")):
        return False
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False


def test_the_vector_of_the_venue_is_signed_as_the_venue_does() -> None:
    signer = a_signer()
    assert signer.sign(PAYLOAD) == signer.sign(PAYLOAD.encode()) == SIGNATURE
    query = signer.signed_query(ORDER, 1591702613943)
    assert query == f"{PAYLOAD}&signature={SIGNATURE}".encode()


@given(secrets, st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_a_signature_is_the_hmac_whatever_was_signed_before(
    secret: str, payloads: list[bytes]
) -> None:
    signer = a_signer(secret)
    for payload in payloads:
        assert signer.sign(payload) == oracle(secret, payload)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 128])
def test_secrets_around_the_block_of_the_hash_sign_right(length: int) -> None:
    assert a_signer("s" * length).sign(b"payload") == oracle("s" * length, b"payload")


@given(secrets, parameters, times)
def test_a_query_is_encoded_and_signed_as_it_is_sent(
    secret: str, given_: dict[str, str], timestamp: int
) -> None:
    signer = a_signer(secret)
    if any(map(has_exponent, given_.values())):
        with pytest.raises(ContractError):
            signer.signed_query(given_, timestamp)
        return
    sent = signer.signed_query(given_, timestamp)
    wanted = urlencode(given_ | {"timestamp": str(timestamp)}, quote_via=quote, safe="")
    payload, _, signature = sent.rpartition(b"&signature=")
    assert payload == wanted.encode()
    assert signature.decode() == oracle(secret, payload)
    read = parse_qsl(payload.decode(), keep_blank_values=True, strict_parsing=True)
    assert dict(read) == given_ | {"timestamp": str(timestamp)}


def test_a_symbol_that_is_no_ascii_is_encoded_as_utf8() -> None:
    query = a_signer().signed_query({"symbol": "\u5e01USDT"}, 1)
    assert query.startswith(b"symbol=%E5%B8%81USDT&timestamp=1&signature=")


@given(st.decimals(min_value="1e-8", max_value="1e11", allow_nan=False, places=8))
def test_a_decimal_is_sent_plainly_however_it_is_kept(number: Decimal) -> None:
    sent = a_signer().signed_query({"price": TEXTS[number.normalize()]}, 1)
    value = dict(parse_qsl(sent.decode()))["price"]
    assert parse_decimal(value) == number


def test_a_thousand_is_a_thousand() -> None:
    sent = a_signer().signed_query({"price": TEXTS[Decimal("1E+3")]}, 1)
    assert sent.startswith(b"price=1000&")


@pytest.mark.parametrize("text", ["1E+3", "1E-8", "1e-08", "-2.5E+10", "0E-8", "1e+3"])
@pytest.mark.parametrize("client_order_id", ["plain", "x/y"])
def test_a_number_with_an_exponent_is_refused_by_name(text: str, client_order_id: str) -> None:
    order = ORDER | {"newClientOrderId": client_order_id, "price": text}
    with pytest.raises(ContractError) as caught:
        a_signer().signed_query(order, 1)
    assert (caught.value.field, caught.value.value) == ("price", text)


def test_a_name_that_looks_like_an_exponent_is_sent() -> None:
    query = a_signer().signed_query({"newClientOrderId": "GRIDE-7", "symbol": "E-1"}, 1)
    assert query.startswith(b"newClientOrderId=GRIDE-7&symbol=E-1&")


@attrs.frozen
class Settings:
    """Something that holds a secret."""

    secret: Secret


SHOWS: list[Callable[[Secret], str]] = [
    repr,
    str,
    "{}".format,
    "{:>30}".format,
    "{!r:.40}".format,
    lambda secret: f"{secret}",
    lambda secret: logging.LogRecord("", 0, "", 0, "%s %r", (secret, secret), None).getMessage(),
    lambda secret: str([secret, {"k": secret}]),
    lambda secret: repr(Settings(secret)),
    lambda secret: str(attrs.asdict(Settings(secret))),
    lambda secret: str(ContractError("is wrong", field="secret", value=secret)),
    lambda secret: json.dumps({"k": secret}, default=str),
]


@pytest.mark.parametrize("show", SHOWS)
def test_a_secret_shows_nothing_of_itself(show: Callable[[Secret], str]) -> None:
    shown = show(Secret("hunter2hunter2"))
    assert "hunter2" not in shown
    assert REDACTED in shown


WRITES: list[Callable[[Secret], Any]] = [
    *[lambda secret, p=p: pickle.dumps(secret, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)],
    copy.copy,
    copy.deepcopy,
    json.dumps,
    orjson.dumps,
    vars,
    hash,
    len,  # type: ignore[list-item]
]


@pytest.mark.parametrize("write", WRITES)
def test_a_secret_refuses_to_be_written(write: Callable[[Secret], Any]) -> None:
    with pytest.raises((ContractError, TypeError)) as caught:
        write(Secret("hunter2hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_secret_equals_its_like_and_nothing_else() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")
    assert Secret("one") != Secret("one1")
    assert Secret("one") != "one"
    assert Secret("one").reveal() == "one"


@pytest.mark.parametrize("text", ["", "hunter2\n", "hunter 2", "hunter\u00e4", "hunter2\x00"])
def test_a_damaged_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Secret(text)
    assert "hunter" not in str(caught.value)


def test_a_signer_names_its_key_only_in_the_header() -> None:
    signer = Signer(Secret("the-api-key"), Secret("hunter2"))
    assert signer.headers == {KEY_HEADER: "the-api-key"}
    assert KEY_HEADER == "X-MBX-APIKEY"
    assert "the-api-key" not in repr(signer)
    with pytest.raises((ContractError, TypeError)):
        pickle.dumps(signer)
