"""CORE-30 (tracker), ML-15 (its properties): round trips against a plain twin over fractions."""

from __future__ import annotations

import hashlib
import json
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import RoundtripOutcome, Side
from grinder_core.errors import ArtifactError, ContractError
from grinder_core.risk.roundtrips import Direction, OpenRoundtrip, Roundtrip, RoundtripTracker
from tests.support.strategies import SYMBOLS, hostile_contexts, prices, qtys, scaled

D = Decimal
Step = tuple[str, Side, Decimal, Decimal, Decimal, int]


@st.composite
def fills(draw: st.DrawFn, symbols: tuple[str, ...] = SYMBOLS[:2]) -> list[Step]:
    """Fills that often close exactly, often overshoot; fees may be rebates; times may repeat."""
    ts, steps = 0, []
    small = st.integers(1, 6).map(lambda n: D(n) / 2)
    near = st.integers(9_990, 10_010).map(lambda n: D(n) / 100)
    for _ in range(draw(st.integers(0, 14))):
        ts += draw(st.sampled_from((0, 1, 1_000)))
        steps.append(
            (
                draw(st.sampled_from(symbols)),
                draw(st.sampled_from(Side)),
                draw(st.one_of(near, near, prices())),
                draw(st.one_of(small, small, small, qtys(1))),
                draw(st.one_of(st.just(D(0)), scaled(-(10**6), 10**9))),
                ts,
            )
        )
    return steps


def half_even(x: Fraction, places: int) -> Fraction:
    return Fraction(round(x * 10**places), 10**places)


class PlainTracker:
    """Signed position a symbol with the fills since it was last flat, as fractions."""

    def __init__(self) -> None:
        self.parts: dict[str, list[tuple[int, Fraction, Fraction, Fraction, int]]] = {}

    def on_fill(self, step: Step) -> dict[str, Any] | None:
        symbol, side, price, qty, fee, ts = step
        left, p, f = Fraction(qty), Fraction(price), Fraction(fee)
        parts = self.parts.setdefault(symbol, [])
        held = sum((sign * q for sign, _, q, _, _ in parts), Fraction(0))
        if held * side.sign >= 0:
            parts.append((side.sign, p, left, f, ts))
            return None
        out = min(left, abs(held))
        out_fee = f if out == left else half_even(f * out / left, 16)
        parts.append((side.sign, p, out, out_fee, ts))
        if out < abs(held):
            return None
        self.parts[symbol] = [(side.sign, p, left - out, f - out_fee, ts)] if left > out else []
        return row(symbol, parts)


def row(symbol: str, parts: list[tuple[int, Fraction, Fraction, Fraction, int]]) -> dict[str, Any]:
    sign = parts[0][0]
    into = [part for part in parts if part[0] == sign]
    out = [part for part in parts if part[0] != sign]
    qty = sum((part[2] for part in into), Fraction(0))
    cost = sum((part[1] * part[2] for part in into), Fraction(0))
    value = sum((part[1] * part[2] for part in out), Fraction(0))
    net = sign * (value - cost) - sum((part[3] for part in parts), Fraction(0))
    return {
        "symbol": symbol,
        "direction": "long" if sign > 0 else "short",
        "entry_ts": into[0][4],
        "exit_ts": out[-1][4],
        "qty": qty,
        "entry_price": half_even(cost / qty, 8),
        "exit_price": half_even(value / qty, 8),
        "entry_fee": sum((part[3] for part in into), Fraction(0)),
        "exit_fee": sum((part[3] for part in out), Fraction(0)),
        "fees": sum((part[3] for part in parts), Fraction(0)),
        "entry_fill_count": len(into),
        "exit_fill_count": len(out),
        "notional": cost,
        "realized_pnl": sign * (value - cost),
        "net_pnl": net,
        "pnl_bps": round(10_000 * net / cost),
        "outcome": "win" if net > 0 else "loss" if net < 0 else "breakeven",
    }


def plain(number: Decimal) -> str:
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def assert_is(subject: Roundtrip, expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        got = getattr(subject, name)
        assert (Fraction(got) if isinstance(got, Decimal) else got) == value, name
    named = [subject.symbol, subject.direction, str(subject.entry_ts), str(subject.exit_ts)]
    named += [plain(each) for each in (subject.entry_price, subject.exit_price, subject.qty)]
    assert subject.row_id == hashlib.sha1("|".join(named).encode()).hexdigest()


def run(steps: list[Step], tracker: RoundtripTracker | None = None) -> list[Roundtrip]:
    tracker = tracker or RoundtripTracker()
    return [row for step in steps if (row := tracker.on_fill(*step)) is not None]


@given(fills())
def test_the_tracker_equals_its_plain_twin(steps: list[Step]) -> None:
    subject, twin = RoundtripTracker(), PlainTracker()
    for step in steps:
        got, expected = subject.on_fill(*step), twin.on_fill(step)
        assert (got is None) is (expected is None)
        if got is not None and expected is not None:
            assert_is(got, expected)
        for key, trip in subject.positions.items():
            symbol, _, direction = key.partition("|")
            held = sum((sign * q for sign, _, q, _, _ in twin.parts[symbol]), Fraction(0))
            assert (held > 0) is (direction == "long")
            assert abs(held) == Fraction(trip.entry_qty) - Fraction(trip.exit_qty)
        assert len(subject.positions) == sum(bool(parts) for parts in twin.parts.values())


@given(fills(SYMBOLS[:1]), prices(), scaled(-(10**6), 10**6))
def test_over_a_closed_sequence_profits_are_sells_less_buys_less_fees(
    steps: list[Step], price: Decimal, fee: Decimal
) -> None:
    held = sum(side.sign * Fraction(qty) for _, side, _, qty, _, _ in steps)
    if held:
        side = Side.SELL if held > 0 else Side.BUY
        rest = Decimal(abs(held).numerator) / Decimal(abs(held).denominator)
        steps = [*steps, (SYMBOLS[0], side, price, rest, fee, 10**9)]
    tracker = RoundtripTracker()
    rows = run(steps, tracker)
    assert tracker.positions == {}
    cash = sum(-s.sign * Fraction(p) * Fraction(q) - Fraction(f) for _, s, p, q, f, _ in steps)
    assert sum(Fraction(row.net_pnl) for row in rows) == cash


@given(fills(SYMBOLS[:1]), st.data())
def test_splitting_a_fill_changes_only_the_counts(steps: list[Step], data: st.DataObject) -> None:
    """Into halves of equal price, time and fee share; away from fills that turn the position."""
    parts: list[Step] = []
    held = Fraction(0)
    for symbol, side, price, qty, fee, ts in steps:
        after = held + side.sign * Fraction(qty)
        half = qty / 2
        turns = held * after < 0
        if not turns and half * 2 == qty and data.draw(st.booleans()):
            parts += [(symbol, side, price, half, fee / 2, ts)] * 2
        else:
            parts.append((symbol, side, price, qty, fee, ts))
        held = after
    whole, split = run(steps), run(parts)
    same = {"entry_fill_count": 1, "exit_fill_count": 1}
    assert [evolve(row, **same) for row in split] == [evolve(row, **same) for row in whole]


@given(fills())
def test_symbols_are_independent(steps: list[Step]) -> None:
    together = run(steps)
    for symbol in SYMBOLS[:2]:
        alone = run([step for step in steps if step[0] == symbol])
        assert [row for row in together if row.symbol == symbol] == alone


@given(fills(), st.data())
def test_a_tracker_loaded_at_any_cut_continues_identically(
    steps: list[Step], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(steps)))
    whole, first = RoundtripTracker(), RoundtripTracker()
    rows = run(steps, whole)
    head = run(steps[:cut], first)
    text = canonical_json(dump_state(first))
    second = load_state(RoundtripTracker, json.loads(text))
    assert second == first
    assert head + run(steps[cut:], second) == rows
    assert second == whole


@given(fills(), hostile_contexts())
def test_rows_do_not_depend_on_the_callers_context(steps: list[Step], context: Context) -> None:
    rows = run(steps)
    with localcontext(context):
        assert run(steps) == rows
        assert [row.fees for row in run(steps)] == [row.fees for row in rows]


# -- examples ----------------------------------------------------------------------------------


def test_worked_example_core_30_a() -> None:
    tracker = RoundtripTracker()
    assert tracker.on_fill("BTCUSDT", Side.BUY, D(50_000), D("0.01"), D("0.10"), 1000) is None
    row = tracker.on_fill("BTCUSDT", Side.SELL, D(50_100), D("0.01"), D("0.1002"), 5000)
    assert row is not None
    assert (row.realized_pnl, row.net_pnl, row.pnl_bps) == (1, D("0.7998"), 16)
    assert row.outcome is RoundtripOutcome.WIN
    assert row.row_id == "c2f0cdf98cfae51e49308c89a2e97b24f833bc14"
    assert tracker.positions == {}


def test_a_larger_fill_closes_with_its_share_of_the_fee_and_opens_with_the_rest() -> None:
    tracker = RoundtripTracker()
    tracker.on_fill("AAAUSDT", Side.SELL, D(100), D(1), D(0), 1)
    row = tracker.on_fill("AAAUSDT", Side.BUY, D(99), D(3), D("0.1"), 2)
    assert row is not None
    assert (row.direction, row.exit_fee) == (Direction.SHORT, D("0.0333333333333333"))
    assert row.net_pnl == D("0.9666666666666667")
    ((key, trip),) = tracker.positions.items()
    assert key == "AAAUSDT|long"
    assert (trip.entry_ts, trip.entry_qty, trip.entry_cost) == (2, 2, 198)
    assert trip.entry_fee == D("0.0666666666666667")


def test_a_profit_that_the_fees_eat_breaks_even() -> None:
    row, = run([("AAAUSDT", Side.BUY, D(100), D(1), D("0.4"), 1),
                ("AAAUSDT", Side.SELL, D(101), D(1), D("0.6"), 2)])  # fmt: skip
    assert (row.net_pnl, row.outcome) == (0, RoundtripOutcome.BREAKEVEN)


def test_the_shape_of_an_open_round_trip_is_the_published_one() -> None:
    assert [field.name for field in fields(OpenRoundtrip)] == [
        "entry_ts", "entry_qty", "entry_cost", "entry_fee", "entry_fill_count",
        "exit_ts", "exit_qty", "exit_value", "exit_fee", "exit_fill_count",
    ]  # fmt: skip


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"price": D(0)}, "price"), ({"price": D("NaN")}, "price"), ({"qty": D(0)}, "qty"),
     ({"qty": D(-1)}, "qty"), ({"fee": D("Infinity")}, "fee"), ({"ts": -1}, "ts"),
     ({"ts": True}, "ts"), ({"symbol": "A|B"}, "symbol"), ({"ts": 4_999}, "ts"),
     ({"ts": 4_999, "side": Side.SELL}, "ts")],
)  # fmt: skip
def test_a_bad_fill_is_refused_and_changes_nothing(changes: dict[str, Any], named: str) -> None:
    tracker = RoundtripTracker()
    tracker.on_fill("AAAUSDT", Side.BUY, D(100), D(5), D(1), 1000)
    tracker.on_fill("AAAUSDT", Side.SELL, D(100), D(1), D(1), 5000)
    before = dump_state(tracker)
    fill = {"symbol": "AAAUSDT", "side": Side.BUY, "price": D(100), "qty": D(1), "fee": D(0),
            "ts": 5000, **changes}  # fmt: skip
    with pytest.raises(ContractError, match=named):
        tracker.on_fill(**fill)
    assert dump_state(tracker) == before


@pytest.mark.parametrize(
    "changes",
    [{"entry_qty": "0"}, {"entry_qty": 1}, {"entry_cost": "-1"}, {"entry_fill_count": 0},
     {"entry_fill_count": True}, {"exit_qty": "5"}, {"exit_qty": "0"}, {"exit_value": "0"},
     {"exit_ts": 999}, {"exit_fill_count": 0}, {"exit_fill_count": -1}, {"entry_ts": "1000"},
     {"entry_fee": 1}, {"more": 1}],
)  # fmt: skip
def test_a_damaged_open_round_trip_is_refused(changes: dict[str, Any]) -> None:
    good = {"entry_ts": 1000, "entry_qty": "5", "entry_cost": "500", "entry_fee": "1",
            "entry_fill_count": 1, "exit_ts": 2000, "exit_qty": "1", "exit_value": "100",
            "exit_fee": "1", "exit_fill_count": 1}  # fmt: skip
    load_state(RoundtripTracker, {"positions": {"AAAUSDT|long": good}})
    with pytest.raises(ArtifactError):
        load_state(RoundtripTracker, {"positions": {"AAAUSDT|long": {**good, **changes}}})


@pytest.mark.parametrize("keys", [("AAAUSDT",), ("AAAUSDT|up",), ("a|long",), ("|long",),
                                  ("AAAUSDT|long", "AAAUSDT|short")])  # fmt: skip
def test_keys_that_no_run_could_make_are_refused(keys: tuple[str, ...]) -> None:
    trip = dump_state(OpenRoundtrip(1, D(1), D(1), D(0)))
    with pytest.raises(ArtifactError):
        load_state(RoundtripTracker, {"positions": dict.fromkeys(keys, trip)})
