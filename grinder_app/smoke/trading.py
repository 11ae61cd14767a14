"""What the harnesses that trade have in common: reach the venue, look, trade little, clean up.

Opening goes as in a live session: clock, rules, key, permission, account. A harness wants a symbol
that nobody else uses: flat, and without orders of others, for else nobody could tell afterwards
what is whose.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from typing import Final

from attrs import evolve

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import DEPTH, PLACE, Request
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.journal import JournalHead
from grinder_adapters.write_archive import SqliteArchive
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.connecting import load_rules, open_client, open_port, with_rules
from grinder_app.live.fixture_run import NoJournal
from grinder_app.live.scribe import JournalPort
from grinder_app.live.surroundings import Surroundings
from grinder_app.live.witness import JournalWitness
from grinder_app.runner.doctor_findings import Verdict
from grinder_app.runner.doctor_venue import Reach, examine_rights
from grinder_app.smoke.answers import AnswerLog
from grinder_app.smoke.desk import OwnOrder, SmokeDesk, describe
from grinder_app.smoke.envelope import Envelope
from grinder_app.smoke.patience import PASSING, WAITS_MS, patiently
from grinder_app.smoke.request import STRATEGY, SmokeRequest, SmokeVenue
from grinder_app.smoke.sizes import Ticket
from grinder_app.smoke.steps import Step, StepError
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConfigError
from grinder_core.live.config import CONTRACT_VERSION
from grinder_core.numbers import ZERO, canonical
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow, RequestClass
from grinder_core.resilience.idempotency import IdempotencySettings

FOLDER: Final = "smoke"
DEPTH_LEVELS: Final = "5"
TRADING: Final = "TRADING"
BUDGET_MS: Final = 61_000
"""The longest window of the venue's limits, and a second."""


class Trading:
    """One harness at one venue of USDT-M futures.

    Args:
        plan: What it may do; every guard of it is satisfied but those of the network.
        world: Clock, network and disk.
        rest_url: Of the venue, whether it is of this process or out there.
        stack: Closes what was opened.
        say: Takes lines for people, while a step takes long.

    Attributes:
        log: What was asked and answered.
        left: What is left open at the venue, or may be, each with the way to remove it.
        is_clear: The account was as the harness needs it, so that what differs is of this run.
    """

    def __init__(
        self,
        request: SmokeRequest,
        plan: LivePlan,
        world: Surroundings,
        rest_url: str,
        stack: AsyncExitStack,
        say: Callable[[str], None],
    ) -> None:
        self.request, self.plan = request, plan
        self.symbol = request.symbol
        self.log = AnswerLog(world.transport())
        self._world = evolve(world, transport=lambda: self.log)
        self._rest_url, self._stack, self._say = rest_url, stack, say
        self.desk: SmokeDesk | None = None
        self.is_clear = False
        self.left: tuple[str, ...] = ()

    # -- steps ---------------------------------------------------------------------------------

    def opening(self) -> list[Step]:
        """Return the steps before the first order."""
        return [
            Step(name="venue answers", work=self._reach),
            Step(name="rules of the symbol", work=self._load),
            Step(name="key rights", work=self._check_key),
            Step(name="permission to write", work=self._arm),
            Step(name="account readable", work=self._read_account),
            Step(name="one-way mode", work=self._check_mode),
            Step(name="leverage", work=self._set_leverage),
            Step(name="symbol is free", work=self._check_free),
            Step(name="request budget", work=self._wait_for_budget),
        ]

    def closing(self) -> list[Step]:
        """Return the steps that run whatever happened."""
        return [
            Step(name="clean up", work=self._clean_up, always=True),
            Step(name="verify: nothing open, flat", work=self._verify, always=True),
        ]

    async def _reach(self) -> str:
        world, plan = self._world, self.plan
        self.client = open_client(world, self._rest_url, plan.keys, plan.live, self._stack)
        await patiently(self.client.venue_clock.sync, self._world.sleep)
        reading = self.client.venue_clock.reading
        skew = "" if reading is None else f", clock {reading.offset_ms:+d} ms"
        return f"{where(self.request, plan, self._rest_url)}{skew}"

    async def _load(self) -> str:
        symbol = self.symbol
        loaded = await patiently(lambda: load_rules(self.client, [symbol]), self._world.sleep)
        status = loaded.info.statuses.get(symbol, "")
        if status != TRADING:
            raise StepError(f"the status of {symbol} is {status or 'unknown'}: choose another one")
        self.rules, self.limits = loaded.info.constraints[symbol], loaded.limits.get(symbol)
        if self.rules.tick_size is None:
            raise StepError(f"the venue names no tick size of {symbol}")
        self.tick = self.rules.tick_size
        now = self._now_ms
        engine = with_rules(self.plan.engine, loaded, [symbol])
        self.envelope = Envelope(self.plan, engine, symbol, self.limits, now)
        return (
            f"tick {canonical(self.tick)}, step {canonical(self.rules.step_size)}, least "
            f"{canonical(self.rules.min_qty)} and {canonical(self.rules.min_notional)} USDT"
        )

    async def _check_key(self) -> str:
        """Refuse a key that can move money out, as a live session does."""
        plan, world = self.plan, self._world
        if plan.venue_class is not VenueClass.MAINNET or plan.urls is None:
            return "not asked: this venue holds no money"
        reach = Reach(transport=world.transport, clock=world.clock, sleep=world.sleep)
        found = await examine_rights(plan, plan.urls, reach, self._stack)
        if found.verdict is Verdict.FAIL:
            raise StepError(f"{found.found}; {found.remedy}")
        return found.found

    async def _arm(self) -> str:
        plan, world = self.plan, self._world
        self._journal = self._open_journal()
        archive = SqliteArchive()
        self._stack.callback(archive.close)
        store = ArchivedStore(IdempotencySettings(), archive=archive)
        witness = JournalWitness(self._journal, self.envelope.refusal, self._now_ms)
        port = open_port(self.client, plan.permission, store, witness, plan.live, STRATEGY)
        self.account = AccountPort(self.client)
        skew_ms = self.client.venue_clock.settings.clock_skew_max_ms
        self.desk = SmokeDesk(
            self.envelope,
            port,
            self._journal,
            self.symbol,
            self.rules,
            self._now_ms,
            world.sleep,
            plan.live.recv_window_ms + skew_ms + 1,
        )
        cap = plan.permission.max_notional_per_order or ZERO
        return f"armed for {self.symbol} alone, at most {canonical(cap)} USDT an order"

    async def _read_account(self) -> str:
        found = await patiently(self.account.account, self._world.sleep)
        wallet, free = canonical(found.wallet_balance), canonical(found.available_balance)
        return f"wallet {wallet}, available {free}"

    async def _check_mode(self) -> str:
        try:
            await patiently(self.account.require_one_way, self._world.sleep)
        except ConfigError as error:
            raise StepError(f"the account is in hedge mode: {error.remedy}") from error
        return "one-way"

    async def _set_leverage(self) -> str:
        target = self.plan.live.target_leverage
        setting = partial(self.account.set_leverage, self.symbol, target)
        held = await patiently(setting, self._world.sleep)
        return f"{held.leverage}, {held.margin_type.lower()}"

    async def _check_free(self) -> str:
        """Insist that nothing of others is there, and take back what an earlier run left."""
        desk = self.armed
        position = await self.position()
        if position:
            raise StepError(
                f"{self.symbol} is not flat: {canonical(position)} is held; close it, or choose "
                "another --symbol"
            )
        foreign = [o for o in await desk.open_orders() if not desk.is_own(o.client_order_id)]
        if foreign:
            raise StepError(
                f"{len(foreign)} orders on {self.symbol} are not of a harness, "
                f"{foreign[0].client_order_id} for one: cancel them, or choose another --symbol"
            )
        self.envelope.cleared()
        await self.quote()
        earlier = await desk.earlier()
        for name, symbol in earlier.items():
            await desk.remove(name, symbol)
        self.is_clear = True
        return "flat, no orders" + (f"; took back {', '.join(earlier)}" if earlier else "")

    async def _wait_for_budget(self) -> str:
        """Wait as a live session does: what a process before this one has used, nobody knows."""
        budget, now_ms = self.client.budget, self.client.now
        if self.is_own_venue:
            for window in BudgetWindow:  # nobody has asked it for anything yet
                budget.observe(window, 0, now_ms())
        cost, waited_ms = Request(PLACE).cost, 0
        while (refusal := budget.refusal(RequestClass.NEW_RISK, cost, now_ms())) is not None:
            free_at = refusal.free_at
            if free_at is None or waited_ms > BUDGET_MS:
                raise refusal.error()
            wait_ms = max(free_at - now_ms(), 1)
            self._say(f"wait {wait_ms / 1_000:.0f} s: {refusal.error()}")
            await self._world.sleep(wait_ms / 1_000)
            waited_ms += wait_ms
        return f"free after {waited_ms / 1_000:.0f} s" if waited_ms else "free"

    async def _clean_up(self) -> str:
        desk = self.desk
        if desk is None or not desk.orders:
            return "nothing was sent"
        await desk.take_back()
        given_back = await self._give_back(desk)
        return "; ".join((f"orders of this run that are over: {len(desk.orders)}", *given_back))

    async def _verify(self) -> str:
        if self.desk is None:
            return "nothing was armed"
        self.left = self._suspected()  # should the question fail
        self.left = await self._find_left(self.desk)
        if self.left:
            raise StepError("; ".join(self.left))
        return "asked: no order of ours, no position"

    def counts(self) -> dict[str, str]:
        """Return how much was asked, as facts of the report."""
        return {"requests": str(self.log.requests), "writes": str(self.log.writes)}

    # -- for the harnesses ---------------------------------------------------------------------

    @property
    def is_own_venue(self) -> bool:
        """Whether the exchange belongs to this process, so that nobody else asks it anything."""
        return self.plan.urls is None

    @property
    def armed(self) -> SmokeDesk:
        """What sends orders, once it is armed."""
        assert self.desk is not None
        return self.desk

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await self._world.sleep(seconds)

    async def position(self) -> Decimal:
        """Return what is held of the symbol, signed.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        rows = await patiently(self.account.positions, self._world.sleep)
        return next((row.position_amt for row in rows if row.symbol == self.symbol), ZERO)

    async def quote(self) -> Snapshot:
        """Return the top of the book, and let the envelope see it.

        Raises:
            StepError: A side is empty.
            ConnectorError: The venue cannot be asked.
        """
        client, symbol = self.client, self.symbol
        request = Request(DEPTH, {"symbol": symbol, "limit": DEPTH_LEVELS})
        answer = await patiently(
            lambda: client.read(request, lambda body: read_depth(body, symbol, client.now())),
            self._world.sleep,
        )
        bids, asks = answer.book.bids, answer.book.asks
        if not bids or not asks:
            raise StepError(f"a side of the book of {symbol} is empty: choose another --symbol")
        (bid, bid_qty), (ask, ask_qty) = bids[0], asks[0]
        quote = Snapshot(
            ts=self._now_ms(),
            symbol=symbol,
            bid_price=bid,
            ask_price=ask,
            bid_qty=bid_qty,
            ask_qty=ask_qty,
            last_price=ZERO,
            last_qty=ZERO,
        )
        self.envelope.saw(quote)
        return quote

    def check_cap(self, ticket: Ticket) -> None:
        """Insist that the least order is within the cap.

        Raises:
            StepError: It is not; nothing was sent.
        """
        cap = self.plan.permission.max_notional_per_order
        if cap is not None and ticket.notional > cap:
            raise StepError(
                f"min_order_notional of {self.symbol} is {canonical(ticket.notional)} USDT, above "
                f"the cap of {canonical(cap)}: choose a symbol of grinder exchange-info symbols"
            )

    def told(self, own: OwnOrder) -> str:
        """Return an order in words."""
        return describe(own, self.shown(own.order_id))

    def shown(self, order_id: str) -> str:
        """Return the venue's id of an order as it is shown: made up ones say so."""
        return f"SIM_{order_id}" if self.request.where is SmokeVenue.DRY else order_id

    # -- inside --------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return self._world.clock.now_ms()

    def _open_journal(self) -> JournalPort:
        if self.request.where is SmokeVenue.DRY:
            return NoJournal()
        head = JournalHead(
            engine_version=version("grinder"),
            config_hash=self.plan.engine.config_hash,
            contract_version=CONTRACT_VERSION,
            ts_ms=self._now_ms(),
        )
        folder = self.plan.state_dir / FOLDER / self.plan.venue_class.value
        journal = self._world.open_journal(folder, head)
        self._stack.callback(journal.close)
        return journal

    async def _give_back(self, desk: SmokeDesk) -> list[str]:
        """Close what this run bought and still holds, and nothing of anybody else.

        Raises:
            StepError: The venue did not take it.
            ConnectorError: It cannot be asked.
        """
        said: list[str] = []
        for wait_ms in (*WAITS_MS, 0):
            position, net = await self.position(), desk.net_qty
            qty = min(abs(position), abs(net))
            if not qty or (position > 0) is not (net > 0):
                return said
            with suppress(StepError, *PASSING):  # it is looked at again, and tried again
                _, own = await desk.close(position, qty)
                said.append(self.told(own))
            await desk.take_back()
            await self._world.sleep(wait_ms / 1_000)
        raise StepError(f"{canonical(desk.net_qty)} of {self.symbol} could not be given back")

    async def _find_left(self, desk: SmokeDesk) -> tuple[str, ...]:
        """Ask the venue what is left open, and say how to remove it.

        Raises:
            ConnectorError: It cannot be asked.
        """
        found = [
            f"order {self.shown(o.order_id)}, {o.client_order_id}, on {self.symbol}: cancel it"
            for o in await desk.open_orders()
            if desk.is_own(o.client_order_id)
        ]
        position = await self.position()
        if position and self.is_clear:
            found.append(f"{canonical(position)} of {self.symbol} is held: close it")
        return tuple(found)

    def _suspected(self) -> tuple[str, ...]:
        """Say what may be left, where the venue could not be asked any more."""
        desk = self.desk
        if desk is None:
            return ()
        found = [
            f"order {name} may rest on {self.symbol}: look, and cancel it"
            for name in desk.unsettled
        ]
        if desk.net_qty:
            held = canonical(desk.net_qty)
            found.append(f"{held} of {self.symbol} may be held: look, and close it")
        return tuple(found)


def where(request: SmokeRequest, plan: LivePlan, rest_url: str) -> str:
    """Say where a harness runs."""
    if request.where is SmokeVenue.DRY:
        return "an exchange in memory"
    return f"{plan.venue_class.value} at {rest_url}"
