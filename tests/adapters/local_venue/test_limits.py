"""Limits: the counters are the calendar's, and who ignores them is banned for longer and longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.limits import Limits, LimitSettings, Refusal, cost_of
from grinder_core.codec import dump_state, load_state
from grinder_core.errors import ConfigError
from grinder_core.resilience.weights import CANCEL_COST, ORDER_COST, Cost

NOW = 1_763_640_000_000  # a full minute
ORDER, PING = "/fapi/v1/order", "/fapi/v1/ping"
IP, ACCOUNT = "127.0.0.1", "alice"


def limits(**changes: Any) -> Limits:
    return Limits(LimitSettings(**changes))


def weighs(n: int) -> Cost:
    return Cost(weight_1m=n)


def told(refusal: Refusal | None) -> tuple[int, int, int]:
    assert refusal is not None
    wait = int(refusal.headers["Retry-After"])
    return refusal.problem.status, refusal.problem.code, wait


# -- vectors


def test_the_defaults_are_the_venues() -> None:
    subject = Limits()
    assert subject.take_request(IP, PING, weighs(2_400), NOW) is None
    refusal = subject.take_request(IP, PING, weighs(1), NOW + 1)
    assert told(refusal) == (429, -1003, 60)
    assert refusal is not None
    assert "2400 requests per minute" in refusal.problem.message
    assert subject.headers(IP, PING, NOW + 1) == {"X-MBX-USED-WEIGHT-1M": "2401"}
    assert subject.take_request(IP, PING, weighs(1), NOW + 60_000) is None
    assert subject.headers(IP, PING, NOW + 60_000) == {"X-MBX-USED-WEIGHT-1M": "1"}


def test_orders_are_counted_in_two_windows_and_cancels_in_none() -> None:
    subject = Limits()
    for n in range(300):
        assert subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW + n) is None
    assert told(subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW + 300)) == (429, -1015, 10)
    assert subject.take_orders(IP, ACCOUNT, CANCEL_COST, NOW + 300) is None
    assert subject.take_orders(IP, "bob", ORDER_COST, NOW + 300) is None
    assert subject.order_headers(ACCOUNT, NOW + 10_000) == {
        "X-MBX-ORDER-COUNT-10S": "0",
        "X-MBX-ORDER-COUNT-1M": "301",
    }
    for second in (10, 20, 30):
        for _ in range(300 if second < 30 else 299):
            now = NOW + second * 1_000
            assert subject.take_orders(IP, ACCOUNT, ORDER_COST, now) is None
    refusal = subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW + 40_000)
    assert told(refusal) == (429, -1015, 20)
    assert refusal is not None
    assert "1200 orders per minute" in refusal.problem.message


def test_requests_with_a_limit_of_their_own_weigh_nothing() -> None:
    subject = limits(funding_per_5m=2, statistics_per_5m=1)
    funding, statistics = "/fapi/v1/fundingRate", "/futures/data/openInterestHist"
    assert subject.take_request(IP, funding, weighs(24), NOW) is None
    assert subject.take_request(IP, "/fapi/v1/fundingInfo", weighs(24), NOW) is None
    assert told(subject.take_request(IP, funding, weighs(24), NOW)) == (429, -1003, 300)
    assert subject.take_request(IP, statistics, weighs(12), NOW) is None
    assert told(subject.take_request(IP, statistics, weighs(12), NOW + 1)) == (429, -1003, 300)
    assert subject.headers(IP, funding, NOW) == {}
    assert subject.headers(IP, PING, NOW) == {"X-MBX-USED-WEIGHT-1M": "0"}
    next_window = NOW + 300_000 - NOW % 300_000
    assert subject.take_request(IP, funding, weighs(24), next_window) is None


def test_a_ban_says_until_when_and_bans_grow_from_2_minutes_to_3_days() -> None:
    subject = limits(weight_per_minute=1, refusals_before_ban=2)
    now, lengths = NOW, []
    for _ in range(15):
        assert subject.take_request(IP, PING, weighs(1), now) is None
        for _ in range(2):
            assert told(subject.take_request(IP, PING, weighs(1), now))[0] == 429
        refusal = subject.take_request(IP, PING, weighs(1), now)
        status, code, wait = told(refusal)
        assert (status, code) == (418, -1003)
        lengths.append(wait)
        now += wait * 1_000
        assert refusal is not None
        assert f"IP({IP}) banned until {now}." in refusal.problem.message
        assert told(subject.take_request(IP, PING, weighs(1), now - 1)) == (418, -1003, 1)
    minutes = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4320, 4320, 4320]
    assert lengths == [m * 60 for m in minutes]


def test_a_ban_hits_one_ip_and_counts_nothing() -> None:
    subject = Limits()
    assert subject.ban(IP, NOW) == NOW + 120_000
    assert told(subject.take_request(IP, PING, weighs(5), NOW)) == (418, -1003, 120)
    assert subject.take_request("127.0.0.2", PING, weighs(1), NOW) is None
    assert subject.headers(IP, PING, NOW) == {"X-MBX-USED-WEIGHT-1M": "0"}
    assert subject.ban(IP, NOW + 1) == NOW + 1 + 240_000


def test_refused_orders_lead_to_a_ban_too() -> None:
    subject = limits(orders_per_10s=1, refusals_before_ban=1)
    assert subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW) is None
    assert told(subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW))[0] == 429
    assert told(subject.take_orders(IP, ACCOUNT, ORDER_COST, NOW))[0] == 418
    assert told(subject.take_request(IP, PING, weighs(1), NOW))[0] == 418


def test_costs_come_from_the_table_also_with_a_malformed_limit() -> None:
    depth = ("GET", "/fapi/v1/depth")
    assert cost_of(*depth, {"symbol": "A", "limit": "1000"}) == weighs(20)
    assert cost_of(*depth, {"symbol": "A", "limit": "many"}) == weighs(10)
    assert cost_of(*depth, {"symbol": "A"}) == weighs(10)
    assert cost_of("POST", ORDER, {"symbol": "A"}) == ORDER_COST


def test_a_clock_set_back_does_not_empty_the_counters() -> None:
    subject = limits(weight_per_minute=2)
    for now in (NOW, NOW - 2_500):
        assert subject.take_request(IP, PING, weighs(1), now) is None
    assert told(subject.take_request(IP, PING, weighs(1), NOW))[0] == 429


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="ban_ms_max"):
        LimitSettings(ban_ms_min=10, ban_ms_max=9)
    with pytest.raises(ConfigError, match="weight_per_minute"):
        LimitSettings(weight_per_minute=0)


# -- any sequence

calls = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 500, 9_999, 10_000, 30_000, 59_999, 60_000, 130_000]),  # pause
        st.integers(0, 5),  # weight
        st.integers(0, 3),  # orders
        st.integers(0, 1),  # which IP and account
    ),
    max_size=60,
)


class Model:
    """Everything that was ever counted, and the rules as written."""

    def __init__(self) -> None:
        self.weights: list[tuple[int, int]] = []
        self.orders: list[tuple[int, int]] = []
        self.refusals: list[int] = []
        self.bans: list[int] = []  # until when

    @staticmethod
    def in_window(entries: list[tuple[int, int]], length: int, now: int) -> int:
        return sum(n for ts, n in entries if ts // length == now // length)

    def refuse(self, now: int, wait_ms: int) -> tuple[int, int]:
        self.refusals.append(now)
        if sum(ts // 60_000 == now // 60_000 for ts in self.refusals) > 3:
            self.bans.append(now + min(120_000 * 2 ** len(self.bans), 400_000))
            return 418, self.bans[-1] - now
        return 429, wait_ms


@given(calls)
def test_every_answer_follows_from_all_that_was_sent(
    steps: list[tuple[int, int, int, int]],
) -> None:
    settings = {"weight_per_minute": 6, "orders_per_10s": 3, "orders_per_minute": 5}
    subject = limits(**settings, refusals_before_ban=3, ban_ms_max=400_000)
    models, now = [Model(), Model()], NOW
    for pause, weight, orders, who in steps:
        now += pause
        model, ip, account = models[who], f"127.0.0.{who}", f"account{who}"
        expected: tuple[int, int] | None = None
        if model.bans and now < model.bans[-1]:
            expected = 418, model.bans[-1] - now
        else:
            model.weights.append((now, weight))
            if model.in_window(model.weights, 60_000, now) > 6:
                expected = model.refuse(now, 60_000 - now % 60_000)
        answer = subject.take_request(ip, PING, weighs(weight), now)
        if expected is None and orders:
            model.orders.append((now, orders))
            if model.in_window(model.orders, 60_000, now) > 5:
                expected = model.refuse(now, 60_000 - now % 60_000)
            elif model.in_window(model.orders, 10_000, now) > 3:
                expected = model.refuse(now, 10_000 - now % 10_000)
            cost = Cost(orders_10s=orders, orders_1m=orders)
            answer = subject.take_orders(ip, account, cost, now)
        if expected is None:
            assert answer is None
        else:
            status, _, wait = told(answer)
            assert (status, wait) == (expected[0], (expected[1] + 999) // 1_000)
        assert subject.headers(ip, PING, now) == {
            "X-MBX-USED-WEIGHT-1M": str(model.in_window(model.weights, 60_000, now))
        }
        assert subject.order_headers(account, now) == {
            "X-MBX-ORDER-COUNT-10S": str(model.in_window(model.orders, 10_000, now)),
            "X-MBX-ORDER-COUNT-1M": str(model.in_window(model.orders, 60_000, now)),
        }
    assert load_state(Limits, dump_state(subject)) == subject
