"""Spec gap 4: what another asset paid is worth its price, and no fill waits to learn that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.fee_values import (
    ANSWER_MS,
    OLD_MS,
    REFRESH_MS,
    UNLISTED_MS,
    FeeValues,
    split_fee,
)
from grinder_adapters.binance.network import Network
from grinder_core.contracts.enums import Liquidity, OrderState, Side
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import (
    CircuitOpenError,
    ConnectorClosedError,
    ConnectorNonRetryableError,
    ConnectorTransientError,
    ContractError,
)
from grinder_core.numbers import exact
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support.virtual_time import VirtualClock, run

D = Decimal
Answer = Decimal | Exception | None
PAID = D("0.0001")


class Venue:
    """Tells prices as a test scripts them; ``None``: no answer ever comes."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def price(self, symbol: str) -> Decimal:
        self.asked.append(symbol)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Decimal)
        return answer


def a_fill(
    fee_qty: Decimal = PAID, asset: str = "BNB", liquidity: Liquidity = Liquidity.MAKER
) -> OrderUpdate:
    return OrderUpdate(
        ts=1, symbol="BTCUSDT", client_order_id="c", order_id="7", side=Side.BUY,
        state=OrderState.FILLED, filled_qty=D(2), last_price=D(100), last_qty=D(2), trade_id=5,
        fee_asset=asset, fee_qty=fee_qty, liquidity=liquidity,
    )  # fmt: skip


Scene = Callable[[FeeValues, VirtualClock], Awaitable[None]]


def played(scene: Scene, venue: Venue | None) -> list[tuple[str, str]]:
    """Play a scene; return what people were told."""
    clock, told = VirtualClock(), list[tuple[str, str]]()

    async def play() -> None:
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(None, clock, limiter, Random(1))  # type: ignore[arg-type]
        ask = None if venue is None else venue.price
        await scene(FeeValues("USDT", network, ask, lambda k, t: told.append((k, t))), clock)

    run(play(), clock)
    return told


@given(
    st.decimals("0.00000001", 10, places=8), st.decimals("0.01", 10_000, places=2), st.booleans()
)
def test_a_fee_is_worth_what_its_asset_is(qty: Decimal, price: Decimal, is_rebate: bool) -> None:
    async def scene(fees: FeeValues, clock: VirtualClock) -> None:
        await fees.prepare(["BNB"])
        with exact():
            paid = -qty if is_rebate else qty
            update = fees.valued(a_fill(paid))
            assert abs(update.fee - paid * price) <= D("0.000000005")
        assert (update.fee_asset, update.fee_qty) == ("BNB", paid)

    played(scene, Venue(price))


def test_what_the_quote_currency_paid_stays_as_it_is() -> None:
    async def scene(fees: FeeValues, clock: VirtualClock) -> None:
        update = a_fill(D(0), "")
        assert fees.valued(update) is update

    assert played(scene, None) == []


@pytest.mark.parametrize(
    ("liquidity", "fee"), [(Liquidity.MAKER, "0.04"), (Liquidity.TAKER, "0.1")]
)
@pytest.mark.parametrize(
    "answer", [D(0), ConnectorTransientError("lost"), ConnectorNonRetryableError("-1121"), None]
)
def test_without_a_price_the_base_rate_holds(
    answer: Answer, liquidity: Liquidity, fee: str
) -> None:
    async def scene(fees: FeeValues, clock: VirtualClock) -> None:
        began = clock.now_ms()
        await fees.prepare(["BNB"])
        assert clock.now_ms() - began <= ANSWER_MS
        assert fees.valued(a_fill(liquidity=liquidity)).fee == D(fee)
        assert fees.valued(a_fill(D("-1"), liquidity=liquidity)).fee == 0

    told = played(scene, Venue(answer))
    words = f"fees in BNB are booked in USDT at the base rate, {fee}, for the venue told no price"
    assert told == [("warning", words)]


def test_the_price_is_kept_new_and_an_old_one_is_said_to_be() -> None:
    venue = Venue(D(600), D(700), ConnectorTransientError("lost"))

    async def scene(fees: FeeValues, clock: VirtualClock) -> None:
        await fees.prepare(["BNB", "USDT", ""])
        running = asyncio.create_task(fees.run())
        assert fees.valued(a_fill()).fee == D("0.06")
        await asyncio.sleep((REFRESH_MS + 1) / 1_000)
        assert fees.valued(a_fill()).fee == D("0.07")
        await asyncio.sleep((OLD_MS + REFRESH_MS) / 1_000)
        assert fees.valued(a_fill()).fee == D("0.07")
        venue.answers = [D(800)]
        await asyncio.sleep(2 * REFRESH_MS / 1_000)
        assert fees.valued(a_fill()).fee == D("0.08")
        venue.answers = [ConnectorClosedError("price")]
        await asyncio.sleep(2 * REFRESH_MS / 1_000)
        assert running.done()
        await running

    told = played(scene, venue)
    assert set(venue.asked) == {"BNBUSDT"}
    assert [kind for kind, _ in told] == ["account", "warning"]
    assert "a price of" in told[1][1]


@pytest.mark.parametrize(
    ("error", "asks_soon"),
    [
        (ConnectorNonRetryableError("-1121"), False),
        (ContractError("must be text"), False),
        (CircuitOpenError("open"), True),
        (ConnectorTransientError("lost"), True),
    ],
)
def test_a_symbol_that_is_not_there_is_asked_for_seldom(error: Exception, asks_soon: bool) -> None:
    venue = Venue(error)

    async def scene(fees: FeeValues, clock: VirtualClock) -> None:
        running = asyncio.create_task(fees.run())
        fees.valued(a_fill())  # from now on it is asked for
        await asyncio.sleep(UNLISTED_MS / 1_000)
        running.cancel()

    played(scene, venue)
    assert (len(venue.asked) > 50) is asks_soon
    assert venue.asked


@pytest.mark.parametrize(
    ("symbol", "fee", "asset", "expected"),
    [
        ("BTCUSDT", "0.04", "USDT", ("0.04", "", "0")),
        ("BTCUSDT_260925", "0.04", "USDT", ("0.04", "", "0")),
        ("BTCUSDC", "0.04", "USDT", ("0", "USDT", "0.04")),
        ("BNBUSDT", "0.04", "BNB", ("0", "BNB", "0.04")),
        ("BTCUSDT", "0", "BNB", ("0", "", "0")),
        ("BTCUSDT", "0", "", ("0", "", "0")),
    ],
)
def test_a_fee_is_told_from_one_in_quote_currency(
    symbol: str, fee: str, asset: str, expected: tuple[str, str, str]
) -> None:
    assert split_fee(symbol, D(fee), asset) == (D(expected[0]), expected[1], D(expected[2]))


def test_an_asset_without_a_quantity_is_no_fee() -> None:
    with pytest.raises(ContractError, match="fee_asset"):
        a_fill(D(0), "BNB")
    with pytest.raises(ContractError, match="fee_asset"):
        a_fill(D(1), "")
