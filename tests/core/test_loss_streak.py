"""CORE-30 (guard, service), LIVE-17: runs of losses, whatever the batches they arrive in."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from itertools import groupby, pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import Liquidity, RoundtripOutcome, Side
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ConfigError, ContractError
from grinder_core.risk.loss_streak import LossStreak, LossStreaks, TradesRead, VenueTrade
from grinder_core.risk.roundtrips import Direction
from grinder_core.risk.settings import RiskSettings
from tests.support.strategies import SYMBOLS

D = Decimal
WIN, LOSS, EVEN = RoundtripOutcome.WIN, RoundtripOutcome.LOSS, RoundtripOutcome.BREAKEVEN
OPEN = "AAAUSDT"
outcomes = st.sampled_from((LOSS, LOSS, LOSS, WIN, EVEN, "unheard of", ""))


def streaks(threshold: int = 2, *, enabled: bool = True) -> LossStreaks:
    return LossStreaks.of(
        RiskSettings(consec_loss_enabled=enabled, consec_loss_threshold=threshold)
    )


@st.composite
def venue_trades(draw: st.DrawFn, max_size: int = 16) -> list[VenueTrade]:
    """Trades of several symbols, ids rising per symbol with gaps, mostly going in and out."""
    trades, last, ts = [], dict.fromkeys(SYMBOLS[:2], 0), 1000
    for _ in range(draw(st.integers(0, max_size))):
        symbol = draw(st.sampled_from(SYMBOLS[:2]))
        last[symbol] += draw(st.integers(1, 3))
        ts += draw(st.sampled_from((0, 1000)))
        trades.append(
            VenueTrade(
                trade_id=last[symbol],
                symbol=symbol,
                side=draw(st.sampled_from(Side)),
                price=D(draw(st.integers(98, 102))),
                qty=D(draw(st.sampled_from((1, 1, 1, 2)))),
                fee=draw(st.sampled_from((D(0), D("0.01")))),
                ts=ts,
            )
        )
    return trades


def feed(subject: LossStreaks, trades: list[VenueTrade]) -> TradesRead:
    """Each symbol's part of a batch, as the service does."""
    closed, trips = [], 0
    for symbol in SYMBOLS:
        read = subject.on_trades(symbol, [t for t in trades if t.symbol == symbol])
        closed += read.closed
        trips += read.trips
    return TradesRead(closed=tuple(closed), trips=trips)


def as_fill(trade: VenueTrade) -> Fill:
    return Fill(
        fill_id=f"fill_{trade.trade_id:08d}",
        order_id="P1",
        ts=trade.ts,
        symbol=trade.symbol,
        side=trade.side,
        price=trade.price,
        qty=trade.qty,
        fee=trade.fee,
        liquidity=Liquidity.MAKER,
        level_id=1,
    )


# -- the guard ---------------------------------------------------------------------------------


@given(st.lists(outcomes | st.none(), max_size=30), st.integers(1, 6))
def test_it_is_tripped_exactly_while_the_run_is_long_enough(
    steps: list[str | None], threshold: int
) -> None:
    guard, since = LossStreak(), list[str]()
    for ts, outcome in enumerate(steps):
        before = guard.tripped
        if outcome is None:
            guard.reset()
            since = []
        else:
            tripped = guard.update(outcome, f"row{ts}", ts, threshold=threshold)
            since += [outcome] if outcome in set(RoundtripOutcome) else []
            assert tripped is (guard.tripped and not before)
        runs = [(kind, len(list(run))) for kind, run in groupby(since)]
        run = runs[-1][1] if runs and runs[-1][0] == LOSS else 0
        assert guard.count == run
        assert guard.tripped is (run >= threshold)


def test_worked_example_core_30_b() -> None:
    guard = LossStreak()
    series = [LOSS, LOSS, WIN, LOSS, LOSS, LOSS, LOSS]
    seen = [(guard.update(o, f"r{n}", n, threshold=3), guard.count) for n, o in enumerate(series)]
    assert [count for _, count in seen] == [1, 2, 0, 1, 2, 3, 4]
    assert [trips for trips, _ in seen] == [False] * 5 + [True, False]
    assert (guard.tripped, guard.last_row_id, guard.last_ts_ms) == (True, "r6", 6)


@pytest.mark.parametrize("outcome", ["", "LOSS", "Loss", "unknown"])
def test_an_unknown_outcome_changes_nothing(outcome: str) -> None:
    guard = LossStreak(2, True, "r", 5)
    assert not guard.update(outcome, "other", 9, threshold=1)
    assert guard == LossStreak(2, True, "r", 5)


def test_a_break_even_trip_ends_the_run_too() -> None:
    guard = LossStreak(4, True, "r", 5)
    assert not guard.update(EVEN, "s", 6, threshold=3)
    assert guard == LossStreak(0, False, "s", 6)


# -- the session's guards ----------------------------------------------------------------------


@given(venue_trades(), st.integers(1, 3), st.data())
def test_any_batching_gives_the_same_state(
    trades: list[VenueTrade], threshold: int, data: st.DataObject
) -> None:
    whole, parts = streaks(threshold), streaks(threshold)
    all_at_once = feed(whole, trades)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(trades)))) | {0, len(trades)})
    reads = [
        feed(parts, data.draw(st.permutations(trades[start:end]))) for start, end in pairwise(cuts)
    ]
    assert parts == whole
    for symbol in SYMBOLS:
        rows = [row for read in reads for row in read.closed if row.symbol == symbol]
        assert rows == [row for row in all_at_once.closed if row.symbol == symbol]
    assert sum(read.trips for read in reads) == all_at_once.trips == whole.trips_total


@given(venue_trades(), st.data())
def test_the_same_trades_again_in_any_order_change_nothing(
    trades: list[VenueTrade], data: st.DataObject
) -> None:
    subject = streaks()
    feed(subject, trades)
    before = dump_state(subject)
    again = data.draw(st.lists(st.sampled_from(trades))) if trades else []
    assert feed(subject, again) == TradesRead()
    assert dump_state(subject) == before


@given(venue_trades(), st.integers(1, 3))
def test_fills_and_trades_lead_to_the_same_guards(trades: list[VenueTrade], threshold: int) -> None:
    by_trades, by_fills = streaks(threshold), streaks(threshold)
    trips = feed(by_trades, trades).trips
    assert sum(by_fills.on_fill(as_fill(trade)) for trade in trades) == trips
    assert by_fills == evolve(by_trades, last_trade_ids={})


@given(venue_trades(), st.integers(1, 3))
def test_symbols_are_independent(trades: list[VenueTrade], threshold: int) -> None:
    together = streaks(threshold)
    feed(together, trades)
    for symbol in SYMBOLS[:2]:
        alone = streaks(threshold)
        alone.on_trades(symbol, [trade for trade in trades if trade.symbol == symbol])
        assert alone.guards.get(symbol) == together.guards.get(symbol)


@given(venue_trades(), st.integers(1, 3))
def test_the_guards_follow_the_rows(trades: list[VenueTrade], threshold: int) -> None:
    subject = streaks(threshold)
    closed = feed(subject, trades).closed
    expected: dict[str, LossStreak] = {}
    trips = 0
    for row in closed:
        guard = expected.setdefault(row.symbol, LossStreak())
        trips += guard.update(row.outcome, row.row_id, row.exit_ts, threshold=threshold)
    assert (subject.guards, subject.trips_total) == (expected, trips)
    assert subject.max_count == max([0, *(guard.count for guard in expected.values())])
    assert subject.any_tripped is any(guard.tripped for guard in expected.values())


@given(venue_trades(), st.data())
def test_guards_loaded_at_any_cut_continue_identically(
    trades: list[VenueTrade], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(trades)))
    whole, first = streaks(), streaks()
    feed(whole, trades)
    feed(first, trades[:cut])
    second = load_state(LossStreaks, json.loads(canonical_json(dump_state(first))))
    assert second == first
    feed(second, trades[cut:])
    assert second == whole


@given(venue_trades())
def test_while_disabled_nothing_moves_and_enabling_reads_what_was_missed(
    trades: list[VenueTrade],
) -> None:
    subject = streaks(1, enabled=False)
    assert feed(subject, trades) == TradesRead()
    assert not any(subject.on_fill(as_fill(trade)) for trade in trades)
    assert subject == streaks(1, enabled=False)
    subject.enabled = True
    feed(subject, trades)
    meanwhile = streaks(1)
    feed(meanwhile, trades)
    assert subject == meanwhile


def a_trade(trade_id: int, side: Side, price: int, symbol: str = OPEN, ts: int = 0) -> VenueTrade:
    return VenueTrade(
        trade_id=trade_id, symbol=symbol, side=side, price=D(price), qty=D(1), fee=D(0),
        ts=ts or trade_id,
    )  # fmt: skip


def test_a_trip_says_so_once_and_only_a_reset_or_another_outcome_releases() -> None:
    subject = streaks(1)
    lose = [a_trade(1, Side.BUY, 100), a_trade(2, Side.SELL, 99)]
    assert subject.on_trades(OPEN, lose).trips == 1
    assert subject.any_tripped
    subject.on_trades(OPEN, [a_trade(3, Side.BUY, 100), a_trade(4, Side.SELL, 99)])
    assert (subject.trips_total, subject.max_count) == (1, 2)
    subject.reset("BBBUSDT")
    assert subject.any_tripped
    subject.reset()
    assert (subject.any_tripped, subject.max_count, subject.trips_total) == (False, 0, 1)
    assert subject.last_trade_ids == {OPEN: 4}


def test_a_guard_that_was_tripped_before_it_was_disabled_does_not_hold() -> None:
    subject = streaks(1, enabled=False)
    subject.guards[OPEN] = LossStreak(1, True)
    assert not subject.any_tripped


def test_ids_at_the_cursor_are_dropped_and_of_equal_ids_the_first_counts() -> None:
    subject = streaks(1)
    subject.last_trade_ids[OPEN] = 5
    read = subject.on_trades(
        OPEN,
        [a_trade(7, Side.SELL, 99), a_trade(5, Side.BUY, 1), a_trade(6, Side.BUY, 100),
         a_trade(7, Side.SELL, 500)],
    )  # fmt: skip
    assert [(row.entry_price, row.exit_price) for row in read.closed] == [(100, 99)]
    assert (read.trips, subject.last_trade_ids) == (1, {OPEN: 7})


def test_a_foreign_trade_is_refused_before_anything_moves() -> None:
    subject = streaks(1)
    with pytest.raises(ContractError, match=r"symbol = 'BBBUSDT': must be AAAUSDT"):
        subject.on_trades(OPEN, [a_trade(1, Side.BUY, 100), a_trade(2, Side.BUY, 1, "BBBUSDT")])
    assert subject == streaks(1)


def test_a_trade_out_of_time_stops_with_the_cursor_at_the_last_good_one() -> None:
    subject = streaks(1)
    with pytest.raises(ContractError, match="ts = 3: must not go back"):
        subject.on_trades(OPEN, [a_trade(1, Side.BUY, 100, ts=9), a_trade(2, Side.SELL, 1, ts=3)])
    assert subject.last_trade_ids == {OPEN: 1}
    assert subject.on_trades(OPEN, [a_trade(2, Side.SELL, 99, ts=9)]).trips == 1


@pytest.mark.parametrize("changes", [{"trade_id": 0}, {"trade_id": True}, {"ts": -1},
                                     {"price": D(0)}, {"qty": D(0)}, {"fee": D("NaN")},
                                     {"symbol": "a"}])  # fmt: skip
def test_an_impossible_trade_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ContractError):
        evolve(a_trade(1, Side.BUY, 100), **changes)


def test_a_threshold_below_one_is_refused() -> None:
    with pytest.raises(ConfigError):
        RiskSettings(consec_loss_threshold=0)


@given(venue_trades(), st.randoms(use_true_random=False))
def test_fills_of_the_engine_may_be_told_in_any_order(
    trades: list[VenueTrade], dice: random.Random
) -> None:
    told = trades.copy()
    dice.shuffle(told)
    subject = streaks()
    held = {symbol: D(0) for symbol in SYMBOLS}
    for trade in told:
        subject.on_fill(as_fill(trade))
        held[trade.symbol] += trade.side.sign * trade.qty
    for symbol, qty in held.items():
        trips = {d: subject.tracker.positions.get(f"{symbol}|{d}") for d in Direction}
        is_open = {d: trip is not None for d, trip in trips.items()}
        assert is_open == {Direction.LONG: qty > 0, Direction.SHORT: qty < 0}


def test_a_fill_that_is_told_late_counts_with_the_newest_before_it() -> None:
    subject = streaks(threshold=1)
    late = VenueTrade(
        trade_id=1, symbol=OPEN, side=Side.SELL, price=D(90), qty=D(1), fee=D(0), ts=1_000
    )
    entry = evolve(late, trade_id=2, side=Side.BUY, price=D(100), ts=5_000)
    assert not subject.on_fill(as_fill(entry))
    assert subject.on_fill(as_fill(late))
    assert subject.guards[OPEN].tripped
