"""A session at the whole exchange: both sides tell the same story of orders and money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grinder_adapters.local_venue.assembly import generated
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_app.runner.venues import with_rules
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.effects import CancelOrder, Flatten, PlaceOrder
from grinder_core.contracts.enums import FillMode, FundingSource, OrderState, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding, Snapshot
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import ZERO, exact
from grinder_core.session.result import PaperResult, run_session
from grinder_core.session.session import Session
from grinder_core.venue.exchange.in_process import ACCOUNT, ExchangeVenue
from tests.core.exchange.scene import AAA as SYMBOL
from tests.core.exchange.scene import an_instrument

D = Decimal
INSTRUMENT = an_instrument()
START = 1_735_689_600_000
SYMBOLS = ("BTCUSDT", "DOGEUSDT")


def settings(**more: object) -> EngineConfig:
    """A grid that trades on the made-up market."""
    values: dict[str, object] = {
        "spacing_bps": 2,
        "levels": 4,
        "notional_per_level": D(300),
        "recenter_bps": 12,
        "max_notional_per_symbol": D(30_000),
        "max_notional_total": D(60_000),
        "fill_mode": FillMode.QUEUE,
        "partial_fills_enabled": True,
        "maker_fee_bps_x100": 200,
        "taker_fee_bps_x100": 500,
        "funding_source": FundingSource.DATA,
    }
    return with_rules(EngineConfig().with_values({**values, **more}), LOCAL_SYMBOLS)


def played(
    config: EngineConfig, seed: int, *also: Event
) -> tuple[Session, ExchangeVenue, PaperResult]:
    """Run a session over a minute of market, with further events merged in by time."""
    venue = ExchangeVenue.of(config.venue, config.risk.initial_capital, LOCAL_SYMBOLS)
    session = Session(config, venue=venue)
    market = [*generated(SYMBOLS, seed, START, duration_ms=60_000), *also]
    market.sort(key=lambda event: event.ts_ms)
    return session, venue, run_session(session, market)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_engine_and_exchange_agree_on_every_order_position_and_unit_of_money(seed: int) -> None:
    charged = Event(START + 31_000, Funding(ts=START + 31_000, symbol="BTCUSDT", rate=D("0.001")))
    session, venue, result = played(settings(), seed, charged)
    assert result.failure is None
    assert result.stats.total_fills > 5
    account = venue.floor.accounts[ACCOUNT]
    with exact():
        unrealised = ZERO
        for symbol in SYMBOLS:
            held = account.sides(symbol)
            theirs = sum((position.ledger.qty for position in held), ZERO)
            state = session.engine.hot.symbols[symbol]
            assert state.ledger.qty == theirs
            resting = {*state.grid.live, *state.grid.leaving}
            assert resting == {o.client_order_id for o in venue.floor.open_orders(ACCOUNT, symbol)}
            mid = venue.books[symbol].mid
            assert mid is not None
            unrealised += sum((p.ledger.unrealized_pnl(mid) for p in held), ZERO)
        assert account.wallet + unrealised == result.equity
        assert account.fees_paid == result.fees_paid
        assert account.funding_paid == result.funding_paid
    assert account.funding_paid != 0 or not any(p.ledger.qty for p in account.sides("BTCUSDT"))


def test_an_operators_flatten_closes_at_the_exchange() -> None:
    asked = Event(START + 40_000, Control(command=Command.PAUSE, actor="me"))
    closing = [
        Event(START + 40_001, Control(command=Command.FLATTEN, actor="me", symbol=symbol))
        for symbol in SYMBOLS
    ]
    session, venue, result = played(settings(), 1, asked, *closing)
    assert result.failure is None
    account = venue.floor.accounts[ACCOUNT]
    assert not any(position.ledger.qty for position in account.positions.values())
    assert not any(s.ledger.qty for s in session.engine.hot.symbols.values())


def alone() -> ExchangeVenue:
    """An exchange with a quote, without an engine."""
    config = EngineConfig()
    venue = ExchangeVenue.of(config.venue, D(10_000), [INSTRUMENT])
    bid = D(100) * INSTRUMENT.tick
    quote = Snapshot(
        ts=1,
        symbol=SYMBOL,
        bid_price=bid,
        ask_price=bid + INSTRUMENT.tick,
        bid_qty=D(1000),
        ask_qty=D(1000),
        last_price=ZERO,
        last_qty=ZERO,
    )
    with exact():
        venue.on_snapshot(quote, 1)
    return venue


def placed(venue: ExchangeVenue, name: str, qty: Decimal) -> list[OrderUpdate]:
    """Place a bid far below the market."""
    intent = OrderIntent(symbol=SYMBOL, side=Side.BUY, price=98 * INSTRUMENT.tick, qty=qty)
    with exact():
        answer = venue.submit(PlaceOrder(client_order_id=name, intent=intent), 2, 2)
    return [update for update in answer if isinstance(update, OrderUpdate)]


def test_what_the_exchange_refuses_comes_back_as_rejected_with_its_code() -> None:
    (answer,) = placed(alone(), "a", INSTRUMENT.max_qty + INSTRUMENT.step)
    assert (answer.state, answer.reason) == (OrderState.REJECTED, "-4005")


def test_a_cancel_that_comes_too_late_says_nothing_and_is_counted() -> None:
    venue = alone()
    cancel = CancelOrder(client_order_id="gone", order_id="", symbol=SYMBOL)
    with exact():
        assert venue.submit(cancel, 3, 3) == ()
    assert venue.late_cancels == 1


def test_a_flatten_of_nothing_is_refused_like_any_reduce_only_order() -> None:
    flatten = Flatten(
        client_order_id="x", symbol=SYMBOL, side=Side.SELL, qty=INSTRUMENT.step, price=D(1)
    )
    with exact():
        (answer,) = alone().submit(flatten, 3, 3)
    assert isinstance(answer, OrderUpdate)
    assert (answer.state, answer.reason) == (OrderState.REJECTED, "-2022")
