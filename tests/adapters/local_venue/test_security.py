"""Security: exactly the requests with the right key, signature and time get in."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.local_venue import parameters
from grinder_adapters.local_venue.http import Problem, Request
from grinder_adapters.local_venue.security import ApiKey, KeyRing, Security, signature_of
from grinder_core.errors import ConfigError

NOW = 1_763_640_000_000
SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
TRADER = ApiKey(key="trader", secret=SECRET, account="alice")
READER = ApiKey(key="reader", secret="other", account="alice", can_trade=False)
RING = KeyRing.of([TRADER, READER])
SIGNED = (Security.TRADE, Security.USER_DATA)
FORM = "application/x-www-form-urlencoded"

VECTOR = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
    "&recvWindow=5000&timestamp=1591702613943"
)
VECTOR_SIGNATURE = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def admit(
    query: str = "",
    body: str = "",
    *,
    key: str | None = "trader",
    security: Security = Security.TRADE,
    now: int = NOW,
) -> ApiKey | Problem | None:
    headers = {"content-type": FORM} | ({} if key is None else {"x-mbx-apikey": key})
    request = Request("POST", "/fapi/v1/order", query, headers, body.encode())
    given_parameters = parameters.parse(request)
    assert isinstance(given_parameters, dict), given_parameters
    return RING.admit(request, given_parameters, security, now)


def code(answer: object) -> int:
    assert isinstance(answer, Problem)
    assert answer.status == (401 if answer.code in {-2014, -2015} else 400)
    return answer.code


def signed(payload: str, secret: str = SECRET) -> str:
    digest = hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()
    return f"{payload}&signature={digest}"


def test_the_vector_of_the_venue() -> None:
    assert signature_of(SECRET, VECTOR.encode()) == VECTOR_SIGNATURE
    for query, body in ((f"{VECTOR}&signature={VECTOR_SIGNATURE}", ""), ("", signed(VECTOR))):
        assert admit(query, body, now=1_591_702_613_943) is TRADER


# -- keys


def test_a_key_is_asked_for_where_it_is_needed() -> None:
    query = signed(f"timestamp={NOW}")
    for security in Security:
        if security is Security.NONE:
            assert admit(key=None, security=security) is None
            continue
        for bad in (None, "", "no spaces", "x" * 129):
            assert code(admit(query, key=bad, security=security)) == -2014
        assert code(admit(query, key="nobody", security=security)) == -2015
        assert admit(query, security=security) is TRADER


def test_keys_alone_open_market_data_and_user_streams() -> None:
    for security in (Security.MARKET_DATA, Security.USER_STREAM):
        assert admit(security=security) is TRADER
    for security in SIGNED:
        assert code(admit(security=security)) == -1102


def test_a_key_that_may_not_trade_reads_only() -> None:
    query = signed(f"timestamp={NOW}", "other")
    assert code(admit(query, key="reader")) == -2015
    assert admit(query, key="reader", security=Security.USER_DATA) is READER


def test_a_ring_has_every_key_once_and_shows_no_secret() -> None:
    assert SECRET not in repr(RING)
    with pytest.raises(ConfigError, match="trader"):
        KeyRing.of([TRADER, TRADER])
    with pytest.raises(ConfigError, match="key"):
        ApiKey(key="a b", secret="s", account="alice")
    with pytest.raises(ConfigError, match="secret of k"):
        ApiKey(key="k", secret="", account="alice")


# -- signatures

values = st.text(min_size=1, max_size=10).filter(str.isprintable)
orders = st.dictionaries(st.sampled_from(["symbol", "side", "note", "price"]), values, max_size=4)


@given(orders)
def test_what_the_client_signs_is_admitted(order: dict[str, str]) -> None:
    assume(not any("e" in value.lower() for value in order.values()))  # no exponents
    query = Signer(Secret("trader"), Secret(SECRET)).signed_query(order, NOW).decode()
    for security in SIGNED:
        assert admit(query, security=security) is TRADER
        assert admit("", query, security=security) is TRADER


@given(st.integers(0, len(VECTOR) - 1), st.sampled_from("0aZ"))
def test_one_changed_character_is_noticed(place: int, other: str) -> None:
    changed = VECTOR[:place] + other + VECTOR[place + 1 :]
    assume(changed != VECTOR and all(part.count("=") == 1 for part in changed.split("&")))
    assume(changed.count("&") == VECTOR.count("&"))
    answer = admit(f"{changed}&signature={VECTOR_SIGNATURE}", now=1_591_702_613_943)
    assert code(answer) in {-1021, -1022, -1102}


def test_query_and_body_are_signed_as_one_with_nothing_between() -> None:
    query, body = "symbol=A&side=BUY", f"quantity=1&timestamp={NOW}"
    signature = signature_of(SECRET, f"{query}{body}".encode())
    assert admit(query, f"{body}&signature={signature}") is TRADER
    assert admit(f"{query}&signature={signature}", body) is TRADER
    wrong = signature_of(SECRET, f"{query}&{body}".encode())
    assert code(admit(query, f"{body}&signature={wrong}")) == -1022


def test_of_two_values_the_one_in_the_query_counts() -> None:
    body = f"timestamp={NOW - 100_000}"
    query = f"timestamp={NOW}"
    signature = signature_of(SECRET, f"{query}{body}".encode())
    assert admit(query, f"{body}&signature={signature}") is TRADER


def test_the_signature_stands_last_and_its_case_does_not_matter() -> None:
    payload = f"symbol=A&timestamp={NOW}"
    right = signed(payload)
    _, _, digest = right.rpartition("=")
    assert admit(f"{payload}&signature={digest.upper()}") is TRADER
    assert code(admit(f"symbol=A&signature={digest}&timestamp={NOW}")) == -1022
    assert code(admit(f"signature={digest}&{payload}")) == -1022
    assert code(admit(right.replace("signature", "s%69gnature"))) == -1022
    assert code(admit(f"{payload}&signature=xyz")) == -1022
    assert code(admit(payload)) == -1102
    assert code(admit(signed(payload, "other"))) == -1022


# -- time


@given(
    st.one_of(st.integers(-70_000, 70_000), st.sampled_from([999, 1_000, -5_000, -5_001])),
    st.one_of(st.none(), st.integers(0, 70_000)),
)
def test_a_request_is_timely_iff_the_venues_rule_says_so(ahead: int, window: int | None) -> None:
    timestamp = NOW + ahead
    payload = f"timestamp={timestamp}" + ("" if window is None else f"&recvWindow={window}")
    answer = admit(signed(payload))
    effective = 5_000 if window is None else window
    if effective > 60_000:
        assert code(answer) == -1131
    elif timestamp < NOW + 1_000 and NOW - timestamp <= effective:
        assert answer is TRADER
    else:
        assert code(answer) == -1021


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("symbol=A", -1102),
        ("timestamp=soon", -1102),
        (f"timestamp={NOW}&recvWindow=long", -1102),
        (f"timestamp={NOW}&recvWindow=-1", -1130),
        (f"timestamp={NOW}&recvWindow=60001", -1131),
    ],
)
def test_malformed_times_are_refused(payload: str, expected: int) -> None:
    assert code(admit(signed(payload))) == expected
