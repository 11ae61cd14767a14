"""CORE-08, 11..14: each gate over its whole input space against its plain definition."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import GateName, GateReason, PrefilterReason
from grinder_core.contracts.market import MarketStats
from grinder_core.errors import ConfigError, ContractError
from grinder_core.gates.prefilter import prefilter
from grinder_core.gates.rate_limiter import RateLimiter
from grinder_core.gates.risk_gate import check_risk
from grinder_core.gates.settings import GateSettings
from grinder_core.gates.toxicity import ToxicityGate
from grinder_core.numbers import exact
from tests.support.factories import SYMBOL
from tests.support.strategies import SYMBOLS, scaled

D = Decimal
amounts = scaled(0, 10**16, 2)


# -- prefilter (CORE-08) -----------------------------------------------------------------------


def stats(volume: Decimal, interest: Decimal) -> MarketStats:
    return MarketStats(ts=0, symbol=SYMBOL, vol_24h_usd=volume, oi_usd=interest)


known_stats = st.none() | st.builds(stats, amounts, amounts)
prefilter_settings = st.builds(
    GateSettings,
    prefilter_spread_max_bps=st.integers(0, 300),
    prefilter_vol_24h_min_usd=amounts,
    prefilter_oi_min_usd=amounts,
    prefilter_assume_liquid=st.booleans(),
    prefilter_allow_list=st.none() | st.just((SYMBOL,)) | st.just(("OTHER",)) | st.just(()),
)


@given(prefilter_settings, st.integers(0, 400), known_stats)
def test_the_first_failing_limit_names_itself(
    settings: GateSettings, spread_bps: int, market: MarketStats | None
) -> None:
    allow = settings.prefilter_allow_list
    liquid = settings.prefilter_assume_liquid
    failures = [
        (PrefilterReason.SYMBOL_NOT_ALLOWED, allow is not None and SYMBOL not in allow),
        (PrefilterReason.SPREAD_TOO_HIGH, spread_bps > settings.prefilter_spread_max_bps),
        (
            PrefilterReason.VOLUME_24H_TOO_LOW,
            not liquid
            if market is None
            else market.vol_24h_usd < settings.prefilter_vol_24h_min_usd,
        ),
        (
            PrefilterReason.OPEN_INTEREST_TOO_LOW,
            not liquid if market is None else market.oi_usd < settings.prefilter_oi_min_usd,
        ),
    ]
    expected = next((reason for reason, fails in failures if fails), PrefilterReason.PASS)
    verdict = prefilter(settings, SYMBOL, spread_bps, market)
    assert verdict.reason is expected
    assert verdict.allowed is (expected is PrefilterReason.PASS)
    assert prefilter(settings, SYMBOL, spread_bps, market) == verdict  # stateless


@given(prefilter_settings, st.integers(0, 400), known_stats, st.integers(0, 300), amounts)
def test_loosening_a_limit_never_blocks(
    settings: GateSettings,
    spread_bps: int,
    market: MarketStats | None,
    more_bps: int,
    less: Decimal,
) -> None:
    if not prefilter(settings, SYMBOL, spread_bps, market).allowed:
        return
    looser = (
        {"prefilter_spread_max_bps": settings.prefilter_spread_max_bps + more_bps},
        {"prefilter_vol_24h_min_usd": min(settings.prefilter_vol_24h_min_usd, less)},
        {"prefilter_oi_min_usd": min(settings.prefilter_oi_min_usd, less)},
        {"prefilter_assume_liquid": True},
        {"prefilter_allow_list": None},
    )
    for change in looser:
        assert prefilter(attrs.evolve(settings, **change), SYMBOL, spread_bps, market).allowed


@pytest.mark.parametrize(("spread_bps", "allowed"), [(200, True), (201, False)])
def test_worked_example_core_08(spread_bps: int, allowed: bool) -> None:
    assert prefilter(GateSettings(), SYMBOL, spread_bps, None).allowed is allowed


@pytest.mark.parametrize(
    ("volume", "interest", "reason"),
    [
        ("10000000", "5000000", "PASS"),
        ("9999999.99", "5000000", "VOLUME_24H_TOO_LOW"),
        ("10000000", "4999999.99", "OPEN_INTEREST_TOO_LOW"),
        ("0", "0", "VOLUME_24H_TOO_LOW"),
    ],
)
def test_liquidity_limits_are_inclusive(volume: str, interest: str, reason: str) -> None:
    verdict = prefilter(GateSettings(), SYMBOL, 0, stats(D(volume), D(interest)))
    assert verdict.reason.value == reason


def test_unknown_liquidity_blocks_unless_assumed() -> None:
    strict = GateSettings(prefilter_assume_liquid=False)
    assert prefilter(strict, SYMBOL, 0, None).reason is PrefilterReason.VOLUME_24H_TOO_LOW
    assert prefilter(GateSettings(), SYMBOL, 0, None).allowed


# -- rate limiter (CORE-12) --------------------------------------------------------------------


class PlainRateLimiter:
    """The definition over a list of single order times."""

    def __init__(self, limit: int, cooldown_ms: int) -> None:
        self.limit, self.cooldown_ms = limit, cooldown_ms
        self.times: list[int] = []
        self.last: dict[str, int] = {}

    def check(self, symbol: str, ts: int) -> GateReason | None:
        if sum(1 for t in self.times if ts - t < 60_000) >= self.limit:
            return GateReason.RATE_LIMIT_EXCEEDED
        if symbol in self.last and ts - self.last[symbol] < self.cooldown_ms:
            return GateReason.COOLDOWN_ACTIVE
        return None

    def record(self, symbol: str, ts: int, count: int) -> None:
        self.times += [ts] * count
        if count:
            self.last[symbol] = ts


order_flow = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 99, 100, 101, 1_000, 30_000, 59_999, 60_000, 60_001)),
        st.sampled_from(SYMBOLS),
        st.integers(0, 4),
    ),
    max_size=60,
)


@given(order_flow, st.integers(1, 8), st.sampled_from((0, 1, 100, 1_000)))
def test_the_rate_limiter_equals_the_list_definition(
    flow: list[tuple[int, str, int]], limit: int, cooldown_ms: int
) -> None:
    gate, plain, ts = RateLimiter(limit, cooldown_ms), PlainRateLimiter(limit, cooldown_ms), 0
    for gap, symbol, count in flow:
        ts += gap
        refused = gate.check(symbol, ts)
        assert (refused.reason if refused else None) is plain.check(symbol, ts)
        assert gate.check(symbol, ts) == refused  # asking changes nothing
        if refused is None:
            gate.record(symbol, ts, count)
            plain.record(symbol, ts, count)
        in_window = [t for t in plain.times if ts - t < 60_000]
        assert len(in_window) <= limit - 1 + 4  # no more than one plan beyond
        assert len(gate.sent) <= limit


def test_worked_example_core_12_rate() -> None:
    gate = RateLimiter(2, 0)
    gate.record(SYMBOL, 0, 1)
    gate.check(SYMBOL, 1000)
    gate.record(SYMBOL, 1000, 1)
    blocked = gate.check(SYMBOL, 59_999)
    assert blocked is not None
    assert blocked.reason is GateReason.RATE_LIMIT_EXCEEDED
    assert blocked.gate is GateName.RATE_LIMITER
    assert dict(blocked.details) == {"orders_last_minute": 2, "limit": 2}
    assert gate.check(SYMBOL, 60_000) is None


def test_worked_example_core_12_cooldown_is_per_symbol() -> None:
    gate = RateLimiter(100, 100)
    gate.check(SYMBOL, 1000)
    gate.record(SYMBOL, 1000, 1)
    blocked = gate.check(SYMBOL, 1099)
    assert blocked is not None
    assert blocked.reason is GateReason.COOLDOWN_ACTIVE
    assert gate.check("BBBUSDT", 1099) is None
    assert gate.check(SYMBOL, 1100) is None


def test_the_rate_limiter_refuses_time_going_back() -> None:
    gate = RateLimiter(2, 0)
    gate.check(SYMBOL, 1000)
    with pytest.raises(ContractError, match="999"):
        gate.check(SYMBOL, 999)


def test_orders_recorded_without_a_check_are_forgotten_too() -> None:
    """Exits are not judged, but they are counted; memory must stay bounded."""
    gate = RateLimiter(10, 0)
    for minute in range(500):
        gate.record(SYMBOL, minute * 60_000, 1)
    assert len(gate.sent) <= 10
    assert gate.check(SYMBOL, 499 * 60_000) is None


# -- risk gate (CORE-13) -----------------------------------------------------------------------


@given(
    held=amounts,
    planned=amounts,
    others=amounts,
    symbol_limit=scaled(1, 10**16, 2),
    total_limit=scaled(1, 10**16, 2),
    tripped=st.booleans(),
)
def test_the_risk_gate_equals_its_definition(
    held: Decimal,
    planned: Decimal,
    others: Decimal,
    symbol_limit: Decimal,
    total_limit: Decimal,
    tripped: bool,
) -> None:
    settings = GateSettings(max_notional_per_symbol=symbol_limit, max_notional_total=total_limit)
    with exact():
        refused = check_risk(
            settings, held=held, planned=planned, others=others, daily_loss_tripped=tripped
        )
    expected: tuple[str, str] | None = None
    if Fraction(held) + Fraction(planned) > Fraction(symbol_limit):
        expected = ("NOTIONAL_LIMIT", "symbol")
    elif sum(map(Fraction, (held, planned, others))) > total_limit:
        expected = ("NOTIONAL_LIMIT", "total")
    elif tripped:
        expected = ("DAILY_LOSS_LIMIT", "")
    seen = None if refused is None else (refused.reason.value, refused.details.get("scope", ""))
    assert seen == expected


@given(amounts, amounts, amounts, amounts, amounts)
def test_a_larger_plan_or_position_never_unblocks(
    held: Decimal, planned: Decimal, others: Decimal, more: Decimal, limit: Decimal
) -> None:
    settings = GateSettings(max_notional_per_symbol=limit + 1, max_notional_total=limit + 2)

    def allowed(**changes: Decimal) -> bool:
        values: dict[str, Any] = {"held": held, "planned": planned, "others": others, **changes}
        with exact():
            return check_risk(settings, daily_loss_tripped=False, **values) is None

    if not allowed():
        with exact():
            assert not allowed(held=held + more)
            assert not allowed(planned=planned + more)
            assert not allowed(others=others + more)


@pytest.mark.parametrize(
    ("held", "planned", "others", "reason"),
    [
        ("0", "1000", "0", None),
        ("4100", "1000", "0", "symbol"),  # 5100
        ("4000", "1000", "0", None),  # exactly at the limit
        ("0", "50000000", "0", "symbol"),
        ("1000", "1000", "18000", None),
        ("1000", "1000", "18000.01", "total"),
    ],
)
def test_worked_example_core_13_limits(
    held: str, planned: str, others: str, reason: str | None
) -> None:
    with exact():
        refused = check_risk(
            GateSettings(),
            held=D(held),
            planned=D(planned),
            others=D(others),
            daily_loss_tripped=False,
        )
    assert (None if refused is None else refused.details["scope"]) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"max_notional_per_symbol": D(0)},
        {"max_notional_total": D(-1)},
        {"daily_loss_limit": D(0)},
        {"max_spread_bps": 0},
        {"max_price_impact_bps": 0},
        {"lookback_window_ms": 0},
        {"max_orders_per_minute": 0},
        {"cooldown_ms": -1},
        {"prefilter_allow_list": "AAAUSDT"},
        {"max_notional_total": 20_000.0},
        {"prefilter_assume_liquid": 1},
    ],
)
def test_impossible_limits_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        GateSettings(**changes)


# -- toxicity (CORE-14) ------------------------------------------------------------------------

market = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 500, 999, 1_000, 1_001, 5_000)),
        scaled(90_000, 110_000, 3),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=25,
)


@given(market, st.integers(1, 80), st.integers(1, 900), st.sampled_from((1, 1_000, 5_000)))
def test_the_toxicity_gate_equals_the_scan_of_its_window(
    steps: list[tuple[int, Decimal, int]], spread_max: int, impact_max: int, window_ms: int
) -> None:
    gate = ToxicityGate.of(
        GateSettings(
            max_spread_bps=spread_max,
            max_price_impact_bps=impact_max,
            lookback_window_ms=window_ms,
        )
    )
    ts, history = 0, []
    for gap, mid, spread in steps:
        ts += gap
        history.append((ts, mid))
        with exact():
            gate.window.push(ts, mid)
            refused = gate.check(mid, spread)
        now = Fraction(mid)
        impact = max(
            int(10_000 * abs(now - Fraction(then)) / Fraction(then))
            for t, then in history
            if ts - t <= window_ms
        )
        if spread > spread_max:
            assert refused is not None
            assert refused.reason is GateReason.SPREAD_SPIKE
            assert dict(refused.details) == {"spread_bps": spread, "threshold_bps": spread_max}
        elif impact > impact_max:
            assert refused is not None
            assert refused.reason is GateReason.PRICE_IMPACT_HIGH
            assert refused.details["price_impact_bps"] == impact
            assert refused.details["threshold_bps"] == impact_max
        else:
            assert refused is None


@pytest.mark.parametrize(
    ("last", "impact"), [("1.06", 600), ("1.05", None), ("1.0501", 501), ("0.95", 594)]
)
def test_worked_example_core_14(last: str, impact: int | None) -> None:
    gate = ToxicityGate.of(GateSettings())
    with exact():
        for ts, mid in ((0, "1.00"), (1000, "1.01"), (4000, last)):
            gate.window.push(ts, D(mid))
        refused = gate.check(D(last), 0)
    assert (None if refused is None else refused.details["price_impact_bps"]) == impact


@pytest.mark.parametrize(("spread", "blocks"), [(50, False), (51, True)])
def test_the_spread_limit_first_fires_one_above(spread: int, blocks: bool) -> None:
    gate = ToxicityGate.of(GateSettings())
    with exact():
        gate.window.push(0, D(1))
        assert (gate.check(D(1), spread) is not None) is blocks
