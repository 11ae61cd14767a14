"""What judges the crash test sees what is wrong: a judge that cannot complain proves nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.journal import JournalReader
from grinder_app.live.recovering import restore
from grinder_core.numbers import ZERO, exact
from tests.crash.judge import judge
from tests.crash.latches import LatchBook
from tests.crash.statement import Statement, VenueFill, VenueOrderRow
from tests.support.live_story import LiveStory

ONE = Decimal(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that traded on paper."""
    path = tmp_path_factory.mktemp("story")
    with LiveStory(path, checkpoint_ms=2_000) as story:
        story.begin()
        story.market(60)
        for price in ("99.85", "99.7", "100.1", "99.8"):
            for symbol in story.config.whitelist:
                story.now += 100
                story.quote(symbol, price, str(Decimal(price) + Decimal("0.01")))
        story.checkpoint()
        story.market(20)
        story.loop.note_digest()
    return path


@pytest.fixture
def statement(folder: Path) -> Statement:
    """What an exchange would say that holds exactly what the session believes."""
    core = restore(folder).core
    assert core is not None
    hot = core.engine.hot
    orders = [
        VenueOrderRow(
            client_order_id=name, number=number, symbol=s.symbol, side=order.side.value,
            filled=order.filled_qty, is_closed=False,
        )
        for s in hot.symbols.values()
        for number, (name, order) in enumerate({**s.grid.live, **s.grid.leaving}.items())
    ]  # fmt: skip
    with exact():
        flow, fills = ZERO, list[VenueFill]()
        for s in hot.symbols.values():
            ledger = s.ledger
            flow += ledger.realized_pnl - ledger.cost_basis - ledger.fees_paid
            first = VenueFill(
                symbol=s.symbol, trade_id=0, number=0, signed_qty=ledger.qty, fee=ledger.fees_paid
            )
            # only the sums are compared
            rest = [evolve(first, signed_qty=ZERO, fee=ZERO)] * max(ledger.fill_count - 1, 0)
            fills += [first, *rest][: ledger.fill_count]
    assert fills, "a story without fills"
    return Statement(
        orders=orders,
        fills=fills,
        positions={s.symbol: s.ledger.qty for s in hot.symbols.values()},
        cash_flow=flow,
        faults={},
        requests=0,
    )


def complaints(folder: Path, told: Statement) -> list[str]:
    """What is wrong, but for the intents: paper has none."""
    found = judge(folder, None, told)  # type: ignore[arg-type]
    return [what for what in found if "without an intent" not in what]


def test_it_has_nothing_to_say_where_all_is_equal(folder: Path, statement: Statement) -> None:
    assert complaints(folder, statement) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda told: {"fills": told.fills[1:]}, "fills"),
        (lambda told: {"fills": [*told.fills, told.fills[0]]}, "fills"),
        (lambda told: {"fills": [evolve(told.fills[0], fee=ONE), *told.fills[1:]]}, "fees"),
        (
            lambda told: {"positions": {name: qty + ONE for name, qty in told.positions.items()}},
            "position by its own book",
        ),
        (lambda told: {"cash_flow": told.cash_flow + ONE}, "cash flow"),
        (lambda told: {"orders": told.orders[1:]}, "not at the venue"),
        (lambda told: {"orders": [*told.orders, _another(told)]}, "unknown to the session"),
        (lambda told: {"orders": [*told.orders, told.orders[0]]}, "2 orders of one client id"),
    ],
)
def test_it_says_what_differs(folder: Path, statement: Statement, what: Any, words: str) -> None:
    found = complaints(folder, evolve(statement, **what(statement)))
    assert any(words in one for one in found), found


def _another(told: Statement) -> VenueOrderRow:
    return evolve(told.orders[0], client_order_id="grinder_default_9_000000000009", number=99)


def test_an_order_without_an_intent_is_named(folder: Path, statement: Statement) -> None:
    found = judge(folder, None, statement)  # type: ignore[arg-type]
    assert len([one for one in found if "without an intent" in one]) == len(statement.orders)
    with JournalReader(folder) as reader:
        assert reader.newest_checkpoint() is not None


def said(*lines: tuple[str, Any]) -> list[dict[str, Any]]:
    names = {"restored": "latches", "asked": "command", "sure": "command"}
    return [{"kind": kind, names[kind]: value} for kind, value in lines]


@pytest.mark.parametrize(
    ("before", "found", "is_wrong"),
    [
        ((("asked", "KILL"), ("sure", "KILL")), {"kill_switch": "MANUAL"}, False),
        ((("asked", "KILL"), ("sure", "KILL")), {}, True),
        ((("asked", "KILL"),), {}, False),
        ((("asked", "KILL"),), {"kill_switch": "MANUAL"}, False),
        ((), {"ordered": "PAUSE"}, True),
        ((("asked", "PAUSE"), ("sure", "PAUSE")), {"ordered": "EMERGENCY"}, True),
        ((("asked", "EMERGENCY"), ("sure", "EMERGENCY")), {"ordered": "EMERGENCY"}, False),
        (
            (("sure", "PAUSE"), ("asked", "RESUME"), ("sure", "RESUME")),
            {"ordered": "PAUSE"},
            True,
        ),
    ],
)
def test_a_latch_that_was_on_disk_must_be_found_again(
    before: tuple[tuple[str, str], ...], found: dict[str, str], is_wrong: bool
) -> None:
    book = LatchBook()
    book.read(said(*before), 1)
    book.read(said(("restored", found)), 2)
    assert bool(book.wrong) is is_wrong


def test_an_emergency_that_was_found_must_stay_until_a_resume() -> None:
    book = LatchBook()
    book.read(said(("sure", "KILL")), 1)
    latched = {"kill_switch": "MANUAL", "emergency": "latched"}
    book.read(said(("restored", latched)), 2)
    assert not book.wrong
    book.read(said(("restored", {"kill_switch": "MANUAL"})), 3)
    assert book.wrong
