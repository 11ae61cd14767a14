"""An order of ours without a record is adopted only if it still rests (LIVE-38, step 6)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.binance.order_news import OrderNews, SentOrder
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_app.live.reconciling import Reconciler
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.orders import OrderAdopted
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState

SYMBOL, NAME = "BTCUSDT", "grinder_sim_2_0loyw5bjf002"
RESTS = OrderAnswer(
    symbol=SYMBOL,
    order_id="77",
    client_order_id=NAME,
    side=Side.SELL,
    order_type="LIMIT",
    time_in_force="GTX",
    status=OrderState.OPEN,
    price=Decimal(100),
    qty=Decimal(1),
    executed_qty=Decimal(0),
    avg_price=None,
    reduce_only=False,
    position_side="BOTH",
    update_ts=5,
    created_ts=None,
)


class Port:
    """A venue whose list of open orders is older than its answer about one order."""

    codec = IdentityCodec({"sim"})

    def __init__(self, listed: OrderAnswer, later: OrderAnswer | None, meanwhile: Any) -> None:
        self._listed, self._later, self._meanwhile = listed, later, meanwhile

    async def open_orders(self, symbol: str) -> list[OrderAnswer]:
        return [self._listed]

    async def query(self, symbol: str, name: str) -> OrderAnswer | None:
        self._meanwhile()
        return self._later


def adopted(
    later: OrderAnswer | None, news: OrderNews, meanwhile: Any = lambda: None
) -> tuple[list[Any], dict[str, tuple[str, ...]]]:
    told: list[Any] = []
    config = EngineConfig()
    hot = HotState.of(config)
    hot.symbols[SYMBOL] = SymbolState.of(SYMBOL, config)
    parts: Any = {
        "port": Port(RESTS, later, meanwhile),
        "account": None,
        "desk": SimpleNamespace(news=news, take_up=lambda *_: None),
        "put": told.append,
        "health": None,
    }
    reconciler = Reconciler([SYMBOL], lambda: hot, **parts)
    return told, asyncio.run(reconciler.foreign_orders())


def test_an_order_that_still_rests_is_adopted_as_it_is_by_then() -> None:
    later = evolve(RESTS, executed_qty=Decimal("0.4"), status=OrderState.PARTIALLY_FILLED)
    told, foreign = adopted(later, OrderNews())
    assert [type(one) for one in told] == [OrderAdopted]
    assert told[0].client_order_id == NAME
    assert told[0].filled_qty == Decimal("0.4")
    assert not foreign


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED])
def test_an_order_that_ended_before_the_list_came_is_left_alone(state: OrderState) -> None:
    assert adopted(evolve(RESTS, status=state), OrderNews()) == ([], {})


def test_an_order_that_is_not_there_any_more_is_left_alone() -> None:
    assert adopted(None, OrderNews()) == ([], {})


def test_an_order_that_was_noted_while_it_was_asked_for_is_not_adopted_again() -> None:
    news = OrderNews()

    def note() -> None:
        news.orders[NAME] = SentOrder(NAME, SYMBOL, Side.SELL, Decimal(1))

    assert adopted(RESTS, news, note) == ([], {})
