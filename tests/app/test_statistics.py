"""Key figures against hand-made vectors and slow, obvious twins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.report.closed_trades import Exposure, FillWalk, walk_fills
from grinder_app.report.sharpe import NotDefined, Sharpe
from grinder_app.report.statistics import deepest_fall, sharpe_of_samples, summarise
from grinder_core.contracts.enums import Side
from grinder_core.ledger import SymbolLedger

close = pytest.approx


def trades_of(*rows: tuple[int, str, str, str, str, str]) -> dict[str, list[Any]]:
    names = ("ts", "symbol", "side", "price", "qty", "fee")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            is_number = name in {"price", "qty", "fee"}
            columns[name].append(Decimal(value) if is_number else value)
    return columns


def equity_of(*rows: tuple[int, float]) -> dict[str, list[Any]]:
    """Equity samples of a session that began with 1000 and whose profit is all realised."""
    peaks = [max(1000.0, *(v for _, v in rows[: i + 1])) for i in range(len(rows))]
    return {
        "ts": [ts for ts, _ in rows],
        "equity": [value for _, value in rows],
        "high_water_mark": peaks,
        "realized": [value - 1000.0 for _, value in rows],
        "unrealized": [0.0 for _ in rows],
        "fees": [0.0 for _ in rows],
        "funding": [0.0 for _ in rows],
    }


def closed_profits(columns: dict[str, list[Any]]) -> list[float]:
    """What each fill that shrank a position earned."""
    walk, names = FillWalk(), ("ts", "symbol", "side", "price", "qty", "fee")
    profits = []
    for ts, symbol, side, price, qty, fee in zip(*(columns[n] for n in names), strict=True):
        profits.append(walk.book(ts, symbol, side == "BUY", price, qty, fee))
    return [profit for profit in profits if profit is not None]


# --- closed trades -------------------------------------------------------------------------------

LEDGER_EXAMPLE = trades_of(  # CORE-38's own example, with fees
    (1, "AAAUSDT", "BUY", "100", "1", "0.3"),
    (2, "AAAUSDT", "BUY", "101", "2", "0.6"),
    (3, "AAAUSDT", "SELL", "103", "1", "0.1"),
    (4, "AAAUSDT", "SELL", "102", "3", "0.3"),
)


def test_closed_trades_follow_the_ledger_example() -> None:
    walk = walk_fills(LEDGER_EXAMPLE)
    book = walk.symbols["AAAUSDT"]
    assert book.realized == close(5.0)
    assert book.qty == Decimal(-1)
    assert book.cost == close(-102.0)
    # 103 - 302/3 less a third of the entry fees and the fill's own
    first = 103 - 302 / 3 - 0.9 / 3 - 0.1
    # the second closes 2 of its 3: two thirds of its fee belong to it
    second = 2 * 102 - 302 * 2 / 3 - 0.9 * 2 / 3 - 0.3 * 2 / 3
    assert closed_profits(LEDGER_EXAMPLE) == [close(first), close(second)]
    assert (walk.closed, walk.won) == (2, sum(profit > 0 for profit in (first, second)))
    assert walk.closed_profit == close(first + second)
    assert book.open_fees == close(0.1)


fills = st.lists(
    st.tuples(
        st.sampled_from(["AAAUSDT", "BBBUSDT"]),
        st.sampled_from(["BUY", "SELL"]),
        st.decimals("0.01", "500", places=2),
        st.decimals("0.1", "3", places=1),
        st.decimals("0", "1", places=3),
    ),
    max_size=40,
)


@given(fills)
def test_the_walk_agrees_with_the_exact_ledger(rows: list[tuple[Any, ...]]) -> None:
    columns = trades_of(*((i, *row) for i, row in enumerate(rows)))
    ledgers: dict[str, SymbolLedger] = {}
    for symbol, side, price, qty, fee in rows:
        ledgers.setdefault(symbol, SymbolLedger(symbol)).apply(Side(side), price, qty, fee)
    walk = walk_fills(columns)
    assert list(walk.symbols) == list(ledgers)
    for symbol, ledger in ledgers.items():
        book = walk.symbols[symbol]
        assert book.qty == ledger.qty
        assert book.fills == ledger.fill_count
        assert book.realized == close(float(ledger.realized_pnl), abs=1e-6)
        assert book.turnover == close(float(ledger.turnover))
        assert book.fees == close(float(ledger.fees_paid))
        assert book.cost == close(float(ledger.cost_basis), abs=1e-6)
    at_risk = sum(abs(float(ledger.cost_basis)) for ledger in ledgers.values())
    if rows:
        assert walk.exposure.now == close(at_risk, abs=1e-6)
        is_flat = not any(ledger.qty for ledger in ledgers.values())
        assert (walk.exposure.now == 0.0) is is_flat


@given(fills)
def test_closed_profits_and_open_fees_add_up_to_realised_less_fees(
    rows: list[tuple[Any, ...]],
) -> None:
    columns = trades_of(*((i, *row) for i, row in enumerate(rows)))
    walk, profits = walk_fills(columns), closed_profits(columns)
    books = walk.symbols.values()
    realized = sum(b.realized - b.fees for b in books)
    closed = sum(profits)
    assert (walk.closed, walk.won) == (len(profits), sum(profit > 0 for profit in profits))
    assert walk.closed_profit == close(closed, abs=1e-6)
    assert closed - sum(b.open_fees for b in books) == close(realized, abs=1e-6)


# --- drawdown ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=30))
def test_deepest_fall_is_the_worst_pair_of_an_earlier_and_a_later_value(values: list[int]) -> None:
    peaks = [max(values[: i + 1]) for i in range(len(values))]
    pairs = [(a, b) for i, a in enumerate(values) for b in values[i:]]
    amount, share = deepest_fall(values, peaks)
    assert amount == max(a - b for a, b in pairs)
    assert share == close(max((a - b) / a for a, b in pairs), abs=1e-12)


def test_the_engine_knows_a_fall_between_samples() -> None:
    equity = equity_of((0, 1000.0), (1, 990.0), (2, 1010.0))
    assert summarise(equity, {}).max_drawdown == 10.0
    told = summarise(equity, {}, max_drawdown=Decimal(101))
    assert (told.max_drawdown, told.max_drawdown_pct) == (101.0, close(10.0))


# --- time and exposure ---------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 5.0, 12.5])), max_size=12),
    st.integers(0, 5),
    st.integers(1, 5),
)
def test_exposure_agrees_with_counting_every_millisecond(
    steps: list[tuple[int, float]], lead: int, tail: int
) -> None:
    gross, now = [], lead
    for step, value in steps:
        now += step
        gross.append((now, value))
    end = now + tail

    def at(ms: int) -> float:
        held = [value for ts, value in gross if ts <= ms]
        return held[-1] if held else 0.0

    every = [at(ms) for ms in range(end)]
    exposure = Exposure()
    for ts, value in gross:
        exposure.step(ts, value)
    in_market, average = exposure.over(0, end)
    assert in_market == close(sum(v > 0 for v in every) / end)
    assert average == close(sum(every) / end)
    assert exposure.peak == max((v for _, v in gross), default=0.0)


# --- all together --------------------------------------------------------------------------------


def test_figures_of_a_session_by_hand() -> None:
    trades = trades_of(
        (1_000, "AAAUSDT", "BUY", "100", "2", "0.1"),
        (3_000, "AAAUSDT", "SELL", "101", "1", "0.1"),
        (5_000, "AAAUSDT", "SELL", "99", "1", "0.1"),
    )
    equity = equity_of((0, 1000.0), (5_000, 990.0), (10_000, 999.7))
    s = summarise(equity, trades)
    assert (s.start_ms, s.end_ms, s.fills, s.closed_trades) == (0, 10_000, 3, 2)
    assert s.initial_equity == close(1000.0)
    assert (s.net_pnl, s.return_pct) == (close(-0.3), close(-0.03))
    assert (s.max_drawdown, s.max_drawdown_pct) == (10.0, close(1.0))
    assert (s.turnover, s.fees) == (close(400.0), close(0.3))
    assert s.win_share == 0.5  # +1 - 0.15 and -1 - 0.15
    assert s.average_trade == close(-0.15)
    assert s.time_in_market == close(0.4)
    assert s.exposure == close((2 * 200 + 2 * 100) / 10)
    assert s.exposure_max == close(200.0)
    assert isinstance(s.sharpe, NotDefined)


def test_a_session_without_anything_has_no_figures() -> None:
    s = summarise({}, {})
    assert (s.fills, s.net_pnl, s.return_pct, s.max_drawdown) == (0, 0.0, 0.0, 0.0)
    assert (s.win_share, s.average_trade, s.time_in_market, s.exposure) == (None,) * 4


def test_decimal_text_is_as_good_as_decimals() -> None:
    as_text = {
        name: [str(v) if isinstance(v, Decimal) else v for v in values]
        for name, values in LEDGER_EXAMPLE.items()
    }
    assert walk_fills(as_text) == walk_fills(LEDGER_EXAMPLE)


def test_times_of_two_symbols_may_lie_out_of_order() -> None:
    trades = trades_of(
        (5_000, "AAAUSDT", "BUY", "100", "1", "0"),
        (4_990, "BBBUSDT", "BUY", "100", "1", "0"),
        (6_000, "AAAUSDT", "SELL", "100", "1", "0"),
        (7_000, "BBBUSDT", "SELL", "100", "1", "0"),
    )
    s = summarise(equity_of((0, 1000.0), (10_000, 1000.0)), trades)
    assert s.time_in_market == close(0.2)


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("hours", "interval_ms", "period"),
    [
        (30, HOUR // 4, "hour"),
        (30, HOUR // 4 + 1, None),
        (300, HOUR // 4 + 1, "day"),
        (300, 6 * HOUR, "day"),
        (300, 6 * HOUR + 1, None),
    ],
)
def test_returns_need_four_samples_each(hours: int, interval_ms: int, period: str | None) -> None:
    rows = [(n * HOUR // 4, 1000.0 + n * n % 7) for n in range(4 * hours + 1)]
    found = sharpe_of_samples(equity_of(*rows), interval_ms)
    assert (None if isinstance(found, NotDefined) else found.period) == period
    if isinstance(found, NotDefined):
        assert "4 samples or more in each" in found.reason


def test_the_beginning_counts_although_the_first_sample_is_later() -> None:
    equity = equity_of((600, 1000.0), (1_000, 1000.0))
    trades = trades_of((800, "AAAUSDT", "BUY", "100", "1", "0"))
    assert summarise(equity, trades).time_in_market == close(0.5)
    told = summarise(equity, trades, begin_ms=0)
    assert (told.start_ms, told.end_ms, told.time_in_market) == (0, 1_000, close(0.2))
    assert summarise({}, {}, begin_ms=5).start_ms == 0


@pytest.mark.parametrize("every", [1, 2, 4])
def test_hourly_returns_hardly_depend_on_how_often_equity_was_sampled(every: int) -> None:
    """Samples are the last of their interval; here equity stands still for each second half."""
    quarters = range(4 * 24)
    worth = [1000.0 + 3 * (q // 4 + 1) - 7 * (q // 4 % 3) for q in quarters]
    rows = [((q + 1) * HOUR // 4 - 1, worth[q]) for q in quarters]
    last_of = rows[every - 1 :: every]
    found = sharpe_of_samples(equity_of(*last_of), HOUR // 4, begin_ms=0)
    whole = sharpe_of_samples(equity_of(*rows), HOUR // 4, begin_ms=0)
    assert isinstance(found, Sharpe)
    assert found == whole
