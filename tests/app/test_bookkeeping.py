"""What a journal's fold took in, and nothing that it left alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import JournalReader
from grinder_app.live.bookkeeping import Bookkeeper
from grinder_app.live.retelling import Reteller
from grinder_core.contracts.control import AccountUpdate, FundingPaid, PositionUpdate
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.live.core import LiveCore, Step
from grinder_core.numbers import ZERO, exact
from tests.support.live_story import LiveStory

D = Decimal


def kept(folder: Path) -> tuple[Bookkeeper, LiveCore]:
    books = Bookkeeper()
    with JournalReader(folder) as reader:
        reteller = Reteller(None, books)
        reteller.run(reader)
    assert reteller.core is not None
    return books, reteller.core


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_books_come_to_what_the_session_says(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("books") / "paper"
    with LiveStory(folder, seed=seed) as story:
        story.begin()
        story.put(AccountUpdate(ts=story.now, start=D(5_000)))
        story.market(400)
        story.put(AccountUpdate(ts=story.now, transfer=D(-250)))
        story.put(FundingPaid(ts=story.now, symbol="AAAUSDT", rate=ZERO, qty=D(1),
                              mark_price=D(100), amount=D("0.25")))  # fmt: skip
        story.market(200)
        story.put(PositionUpdate(ts=story.now, symbol="BBBUSDT", qty=D(2), entry_price=D(99),
                                 is_adopted=True))  # fmt: skip
        story.market(100)
    books, core = kept(folder)
    found, hot = books.books(core), core.engine.hot
    assert len(found.fills) == hot.stats.total_fills
    assert found.pnl == found.stated
    with exact():
        assert found.stated == hot.cash + hot.unrealized - 5_000 + 250
    ledger = books.ledger(core, "USDT")
    assert (ledger.start, ledger.funding[0].amount) == (D(5_000), D("-0.25"))
    with exact():
        fees = sum((b.fill.fee for b in ledger.fills), ZERO)
        earned = sum(ledger.realized.values(), ZERO)
        assert hot.cash == 5_000 - 250 + earned - fees - D("0.25")


def test_a_fill_that_is_told_twice_is_booked_once(tmp_path: Path) -> None:
    heard: list[OrderUpdate] = []

    def hear(event: Event, _: Step) -> None:
        if isinstance(event.payload, OrderUpdate) and event.payload.last_qty:
            heard.append(event.payload)

    with LiveStory(tmp_path / "one", seed=3, on_step=hear) as story:
        story.begin()
        story.market(50)
        story.quote("AAAUSDT", "99", "99.01")  # through the levels below
        story.market(5)
        once = list(heard)
        for update in once:
            story.put(update)
        story.market(5)
    books, _ = kept(tmp_path / "one")
    assert once
    assert len(heard) >= 2 * len(once)
    assert [booked.trade_id for booked in books.fills] == [update.trade_id for update in once]
