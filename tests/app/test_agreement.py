"""Engine, exchange and report are compared value by value; each difference is named."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.runs import RunStore, SessionView, load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli.demo import demo_config
from grinder_app.runner.agreement import COLUMNS, VenueStatement, agree, code_of
from grinder_core.contracts.enums import Side
from grinder_core.ledger import SymbolLedger
from grinder_core.session.result import PaperResult, run
from tests.support.virtual_time import START_MS

CAPITAL = Decimal(10_000)
EVENTS = 4_000


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[PaperResult, SessionView]:
    """A short session, its end and its files."""
    events = demo_events()
    result = run(list(events)[:EVENTS], demo_config(events))
    store = RunStore(tmp_path_factory.mktemp("runs"))
    with store.create("paper", START_MS) as writer:
        writer.session("one").finish(result)
        folder: Path = writer.path
    (kept,) = load_run(folder).sessions
    return result, kept


def statement_of(result: PaperResult, kept: SessionView) -> VenueStatement:
    """What an exchange that agrees would say."""
    fills: dict[str, list[tuple[Any, ...]]] = {}
    trades = kept.trades
    rows = zip(*(trades[name] for name in COLUMNS), strict=True)
    for symbol, row in zip(trades["symbol"], rows, strict=True):
        fills.setdefault(symbol, []).append(row)
    return VenueStatement(
        fills=fills,
        positions={s: p.qty for s, p in result.final_positions.items() if p.qty},
        wallet=CAPITAL + result.total_realized_pnl - result.fees_paid - result.funding_paid,
    )


def test_the_same_story_is_agreed_on(told: tuple[PaperResult, SessionView]) -> None:
    result, kept = told
    found = agree(result, CAPITAL, kept, statement_of(result, kept))
    assert found.fills == result.stats.total_fills > 5
    assert found.fees == result.fees_paid
    assert (found.differences, code_of(found)) == ((), 0)


def changed(stated: VenueStatement, name: str) -> VenueStatement:
    """The statement with one value that is not so."""
    symbol = min(stated.fills)
    rows = list(stated.fills[symbol])
    if name in COLUMNS:
        place = COLUMNS.index(name)
        row = list(rows[1])
        row[place] = row[place] + 1 if isinstance(row[place], int | Decimal) else "else"
        rows[1] = tuple(row)
    elif name == "a fill too few":
        rows.pop()
    elif name == "no fills":
        return evolve(stated, fills={s: r for s, r in stated.fills.items() if s != symbol})
    elif name == "position":
        return evolve(stated, positions={**stated.positions, "ETHUSDT": Decimal("0.5")})
    elif name == "wallet":
        return evolve(stated, wallet=stated.wallet + Decimal("0.00000001"))
    return evolve(stated, fills={**stated.fills, symbol: rows})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, f"{name} of fill 2 of ") for name in COLUMNS),
        ("a fill too few", "fills of "),
        ("no fills", "fills of "),
        ("position", "position of ETHUSDT: engine 0, exchange 0.5"),
        ("wallet", "wallet: engine "),
    ],
)
def test_whatever_differs_is_named(
    told: tuple[PaperResult, SessionView], name: str, words: str
) -> None:
    result, kept = told
    found = agree(result, CAPITAL, kept, changed(statement_of(result, kept), name))
    assert found.differences[0].startswith(words)
    fees_too = name in ("fee", "a fill too few", "no fills")
    assert len(found.differences) == 1 + fees_too
    assert found.differences[-1].startswith("fees: engine ") is fees_too
    assert code_of(found) == 1
    assert found.differences[0] in found.line


def test_an_exchange_that_keeps_the_newest_fills_only_is_asked_for_no_others(
    told: tuple[PaperResult, SessionView],
) -> None:
    result, kept = told
    stated = statement_of(result, kept)
    newest = {symbol: rows[-n:] for n, (symbol, rows) in enumerate(stated.fills.items(), 2)}
    part = evolve(stated, fills=newest, is_whole=False)
    found = agree(result, CAPITAL, kept, part)
    assert found.differences == ()
    assert f"agree on the newest {sum(map(len, newest.values()))} fills" in found.line
    assert agree(result, CAPITAL, kept, evolve(part, is_whole=True)).differences
    symbol = min(newest)
    more = evolve(part, fills={**newest, symbol: [*stated.fills[symbol], stated.fills[symbol][0]]})
    assert agree(result, CAPITAL, kept, more).differences


def test_an_engine_that_counts_other_fees_differs(told: tuple[PaperResult, SessionView]) -> None:
    result, kept = told
    off = evolve(result, fees_paid=result.fees_paid + 1)
    found = agree(off, CAPITAL, kept, statement_of(result, kept))
    assert [text.partition(":")[0] for text in found.differences] == ["fees", "wallet"]


def test_fills_told_late_change_what_is_realised_and_not_the_agreement(
    told: tuple[PaperResult, SessionView],
) -> None:
    """The exchange closes at its own averages; the engine booked two fills the other way round."""
    result, kept = told
    stated = statement_of(result, kept)
    booked = result.final_positions
    symbol, swapped, moved = next(
        (symbol, other, moved)
        for symbol, rows in stated.fills.items()
        for n in range(len(rows) - 1)
        if (other := [*rows[:n], rows[n + 1], rows[n], *rows[n + 2 :]])
        and (moved := realized(symbol, other) - booked[symbol].realized_pnl)
    )
    fills = {**stated.fills, symbol: swapped}
    other = evolve(stated, fills=fills, wallet=stated.wallet + moved)
    assert agree(result, CAPITAL, kept, other).differences == ()
    wrong = evolve(other, wallet=stated.wallet)
    assert "wallet" in agree(result, CAPITAL, kept, wrong).differences[0]


def realized(symbol: str, rows: Sequence[tuple[object, ...]]) -> Decimal:
    """Profit of fills in this order."""
    ledger = SymbolLedger(symbol)
    for _, side, price, qty, *_ in rows:
        ledger.apply(Side(str(side)), Decimal(str(price)), Decimal(str(qty)))
    return ledger.realized_pnl
