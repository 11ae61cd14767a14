"""``smoke reconcile-loop``: the comparison of both sides lives, detects, writes nothing (LIVE-28).

The comparison is that of a live session, with the venue asked every second. It expects nothing of
its own there, so all agrees. On request it is told to expect an order that was never sent: that
must be detected, and agree again once it is told that the order is over. The write guard is never
armed; the requests are counted below it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import DEPTH, Request
from grinder_adapters.binance.order_api import about
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.spec import USDM, IdentityCodec
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.connecting import open_client
from grinder_app.live.differing import mismatch_lines
from grinder_app.live.sightings import ONE_WAY, order_of_answer, position_of_answer
from grinder_app.live.surroundings import Surroundings
from grinder_app.smoke.answers import AnswerLog
from grinder_app.smoke.patience import patiently
from grinder_app.smoke.request import STRATEGY, SmokeRequest
from grinder_app.smoke.steps import Step, StepError
from grinder_app.smoke.trading import where
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.errors import ConnectorError
from grinder_core.numbers import HALF, ONE, canonical, exact
from grinder_core.orders.identity import OrderIds
from grinder_core.reconcile.reconciler import Reconciler
from grinder_core.reconcile.records import (
    LIMIT,
    ExpectedOrder,
    LookupKind,
    Mismatch,
    MismatchType,
    VenueSnapshot,
)
from grinder_core.reconcile.settings import ReconcileSettings

INTERVAL_MS: Final = 1_000
DETECT_MS: Final = 30_000
DURATION_MIN_S: Final = 2
DURATION_MAX_S: Final = 86_400
LIMIT_OF_DEPTH: Final = "5"


class ReconcileLoop:
    """The harness.

    Args:
        duration_ms: How long it compares before anything is injected.
        injects: Expect an order that was never sent, once that time is over.
        say: Takes lines for people, while a step takes long.

    Attributes:
        runs: Comparisons so far.
    """

    def __init__(
        self,
        request: SmokeRequest,
        plan: LivePlan,
        world: Surroundings,
        rest_url: str,
        stack: AsyncExitStack,
        say: Callable[[str], None],
        *,
        duration_ms: int,
        injects: bool,
    ) -> None:
        self._request, self.symbol, self.plan = request, request.symbol, plan
        self.log = AnswerLog(world.transport())
        self._world = evolve(world, transport=lambda: self.log)
        self._rest_url, self._stack, self._say = rest_url, stack, say
        self._duration_ms, self._injects = duration_ms, injects
        self._is_ours = IdentityCodec({STRATEGY}).is_ours
        self._room = Reconciler(
            ReconcileSettings(
                order_grace_period_ms=INTERVAL_MS,
                lookup_interval_ms=INTERVAL_MS,
                snapshot_interval_sec=1,
                symbol_filter=(self.symbol,),
            )
        )
        self._mids: list[Decimal] = []
        self._injected = ""
        self.runs = self.failed = 0

    def steps(self) -> list[Step]:
        """Return what it does."""
        injection = [
            Step(name="mismatch injected and detected", work=self._detect),
            Step(name="mismatch withdrawn, agrees again", work=self._agree),
        ]
        return [
            Step(name="venue answers", work=self._reach),
            Step(name="loop starts", work=self._start),
            Step(name="runs, nothing differs", work=self._run),
            *(injection if self._injects else []),
            Step(name="live prices", work=self._judge_prices),
            Step(name="zero port calls", work=self._look, always=True),
        ]

    def counts(self) -> dict[str, str]:
        """Return how much was asked, as facts of the report."""
        return {
            "requests": str(self.log.requests),
            "writes": str(self.log.writes),
            "runs": str(self.runs),
            "failed_runs": str(self.failed),
        }

    # -- steps ---------------------------------------------------------------------------------

    async def _reach(self) -> str:
        plan = self.plan
        self._client = open_client(self._world, self._rest_url, plan.keys, plan.live, self._stack)
        self._account = AccountPort(self._client)
        await patiently(self._client.venue_clock.sync, self._world.sleep)
        return where(self._request, plan, self._rest_url)

    async def _start(self) -> str:
        """Take what is held for what is expected: the harness is to change nothing."""
        rows = await patiently(self._account.positions, self._world.sleep)
        held = next((row.position_amt for row in rows if row.symbol == self.symbol), Decimal(0))
        self._room.expect_position(self.symbol, held, self._now_ms())
        await patiently(self._compare, self._world.sleep)
        return f"expects {canonical(held)} of {self.symbol} and no order"

    async def _run(self) -> str:
        before, until_ms = self.runs, self._now_ms() + self._duration_ms
        while self._now_ms() < until_ms:
            found = await self._turn()
            if found:
                raise StepError("; ".join(mismatch_lines(found)))
        if self.runs == before:
            raise StepError("it made no run in that time")
        return f"{self.runs - before} runs, nothing found"

    async def _detect(self) -> str:
        now = self._now_ms()
        self._injected = OrderIds(STRATEGY).next_id(1, now)
        order = ExpectedOrder(
            client_order_id=self._injected,
            symbol=self.symbol,
            side=Side.BUY,
            order_type=LIMIT,
            price=ONE,
            orig_qty=ONE,
            ts_created=now,
            expected_status=OrderState.OPEN,
        )
        self._room.expect_order(order, now)
        while self._now_ms() < now + DETECT_MS:
            found = await self._turn()
            if not found:
                continue
            kinds = [(each.type, each.client_order_id) for each in found]
            if kinds != [(MismatchType.ORDER_MISSING_ON_EXCHANGE, self._injected)]:
                raise StepError("; ".join(mismatch_lines(found)))
            took_s = (self._now_ms() - now) / 1_000
            return f"{found[0].type.value} after {took_s:.0f} s; planned and executed: nothing"
        raise StepError(f"it was not detected within {DETECT_MS // 1_000} s")

    async def _agree(self) -> str:
        self._room.order_became(self._injected, OrderState.CANCELLED, self._now_ms())
        if found := await self._turn():
            raise StepError("; ".join(mismatch_lines(found)))
        return "all agrees again"

    async def _judge_prices(self) -> str:
        if not self._mids:
            raise StepError("no run saw a price")
        first, last = self._mids[0], self._mids[-1]
        return f"mid {canonical(first)} at first, {canonical(last)} at last"

    async def _look(self) -> str:
        if self.log.writes:
            raise StepError(f"{self.log.writes} writes were sent")
        return f"{self.log.requests} questions, 0 writes, the write guard was never armed"

    # -- inside --------------------------------------------------------------------------------

    async def _turn(self) -> tuple[Mismatch, ...]:
        """Wait for the next run, and make it; one that fails is counted and made up for."""
        await self._world.sleep(INTERVAL_MS / 1_000)
        try:
            return await self._compare()
        except ConnectorError as error:
            self._room.round_failed()
            self.failed += 1
            self._say(f"the venue cannot be asked: {error}")
            return ()

    async def _compare(self) -> tuple[Mismatch, ...]:
        """Ask for everything, merge it, ask what is unclear, and compare."""
        client, room, api = self._client, self._room, USDM.orders
        asked_ms = self._now_ms()
        orders = await client.read(about(api.open_orders, self.symbol), api.read_orders)
        positions = await self._account.positions()
        snapshot = VenueSnapshot(
            requested_ms=asked_ms,
            orders=tuple(order_of_answer(answer, asked_ms) for answer in orders),
            positions=tuple(
                position_of_answer(answer, asked_ms)
                for answer in positions
                if answer.position_side == ONE_WAY
            ),
        )
        room.saw_snapshot(snapshot, self._now_ms())
        for lookup in room.lookups(self._now_ms(), lambda name: False):
            asked_ms = self._now_ms()
            room.asked(lookup, asked_ms)
            if lookup.kind is LookupKind.ORDER:
                named = {"symbol": lookup.symbol, "origClientOrderId": lookup.client_order_id}
                answer = await client.find(Request(api.query, named), api.read_order)
                if answer is not None:
                    room.saw_order(order_of_answer(answer, asked_ms), self._now_ms())
            room.answered(lookup, asked_ms)
        await self._see_price()
        self.runs += 1
        return room.run(self._now_ms(), self._is_ours)

    async def _see_price(self) -> None:
        client, symbol = self._client, self.symbol
        request = Request(DEPTH, {"symbol": symbol, "limit": LIMIT_OF_DEPTH})
        answer = await client.read(request, lambda body: read_depth(body, symbol, client.now()))
        bids, asks = answer.book.bids, answer.book.asks
        if bids and asks:
            with exact():
                self._mids.append((bids[0][0] + asks[0][0]) * HALF)

    def _now_ms(self) -> int:
        return self._world.clock.now_ms()
