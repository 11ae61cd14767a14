"""A live session on paper under a clock of its own, with a real journal: made quickly, at will."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from grinder_adapters.journal import Journal, JournalHead, JournalReader, Row
from grinder_app.live.loop import LiveLoop
from grinder_app.live.ports import PaperPort
from grinder_app.live.recovering import checkpoint_text
from grinder_app.live.scribe import Configured, Scribe
from grinder_core.contracts.control import Health, Leadership, Restarted, Timer
from grinder_core.contracts.enums import FillMode
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.market import MarkPrice, Snapshot, Trade
from grinder_core.engine.config import EngineConfig
from grinder_core.live.config import CONTRACT_VERSION, LiveConfig
from grinder_core.live.core import LiveCore, Step
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.venue.sim import SimVenue

D = Decimal
BEGAN_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
TIMER_MS = 250
SYMBOLS = ("AAAUSDT", "BBBUSDT")
VERSION = "0.1.0"
ENGINE = EngineConfig.flat(
    spacing_bps=10,
    levels=3,
    size_per_level=D("0.1"),
    recenter_bps=10,
    max_notional_per_symbol=D(1_000),
    max_notional_total=D(10_000),
    max_orders_per_minute=10_000,
    fill_mode=FillMode.QUOTE,
)
LIMITS = RouterLimits(
    tick_size=D("0.001"), step_size=D("0.001"), min_qty=D("0.001"), min_notional=D(5)
)


def live_config(symbols: tuple[str, ...] = SYMBOLS, **changes: Any) -> LiveConfig:
    """A paper session's configuration, with the lot rules of a venue."""
    values: dict[str, Any] = {
        "engine": ENGINE.with_values({"tick_sizes": dict.fromkeys(symbols, LIMITS.tick_size)}),
        "whitelist": symbols,
        "limits": dict.fromkeys(symbols, LIMITS),
    }
    return LiveConfig(**{**values, **changes})


class LiveStory:
    """One process of a session; the market walks as its seed says.

    Attributes:
        now: Of the process, Unix milliseconds; rises with the market.
        steps: What was folded, where ``keeps_steps`` says so.
    """

    def __init__(
        self,
        folder: Path,
        config: LiveConfig | None = None,
        *,
        core: LiveCore | None = None,
        seed: int = 7,
        now: int = BEGAN_MS,
        step_ms: int = 50,
        checkpoint_ms: int = 60_000,
        version: str = VERSION,
        on_step: Callable[[Event, Step], None] = lambda event, step: None,
    ) -> None:
        self.config = config or live_config()
        self.now, self.step_ms, self.checkpoint_ms = now, step_ms, checkpoint_ms
        self._draws = random.Random(seed)
        self._mids = dict.fromkeys(self.config.whitelist, 100_000)
        self._timer_due = self._checkpoint_due = now
        self._checkpoint_due += checkpoint_ms
        self._trade_id = 0
        head = JournalHead(
            engine_version=version,
            config_hash=self.config.config_hash,
            contract_version=CONTRACT_VERSION,
            ts_ms=now,
        )
        self.journal = Journal.open(folder, head)
        self.core = core or LiveCore(self.config)
        self.scribe = Scribe(self.journal)
        self.loop = LiveLoop(self.core, self.scribe, lambda: self.now, on_step)
        engine = self.config.engine
        self.loop.port = PaperPort(SimVenue(engine.venue, engine.risk.initial_capital), self.put)
        self.scribe.configured(Configured(self.config, ""), {}, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def put(self, payload: Payload | Event) -> None:
        """Hand something to the session."""
        self.loop.put(payload)

    def begin(self, reason: str = "start") -> None:
        """Come up, with everything in order."""
        self.put(Restarted(reason=reason))
        self.put(Leadership(is_leader=True))
        for symbol in self.config.whitelist:
            self.tell(HealthName.CONSTRAINTS_LOADED, 1, symbol)
        for name in (HealthName.FEED_CONNECTED, HealthName.PERSIST_OK, HealthName.USER_STREAM_OK):
            self.tell(name, 1)
        self.put(Timer())
        self.tell(HealthName.SNAPSHOT_TAKEN, 1)
        self.tell(HealthName.BOOTSTRAP_OK, 1)

    def tell(self, name: HealthName, value: int, symbol: str = "") -> None:
        """Tell one fact of the process."""
        self.put(Health(name=name.value, value=value, symbol=symbol))

    def market(self, count: int) -> None:
        """Let so many market events come, with the timers and checkpoints between them."""
        for _ in range(count):
            self.now += self._draws.randrange(2 * self.step_ms + 1)
            if self.now >= self._timer_due:
                self._timer_due = self.now + TIMER_MS
                self.put(Timer())
            if self.now >= self._checkpoint_due:
                self.checkpoint()
            self.put(self._market_event())

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        """Let one quote come."""
        self.put(Event(self.now, _quote(self.now, symbol, D(bid), D(ask))))

    def checkpoint(self) -> None:
        """Write the state down, as a session does each minute."""
        self.tell(HealthName.SNAPSHOT_TAKEN, 1)
        self._checkpoint_due = self.now + self.checkpoint_ms
        self.loop.note_digest()
        seq = self.journal.mark()
        self.journal.checkpoint(seq, self.now, checkpoint_text(self.core, ""))

    def _market_event(self) -> Event:
        draws = self._draws
        symbol = draws.choice(self.config.whitelist)
        kind = draws.randrange(20)
        if kind < 12:  # most quotes stand still, as most of a real stream
            if draws.randrange(3) == 0:
                self._mids[symbol] += draws.randrange(-3, 4) * 3
            if draws.randrange(5_000) == 0:
                self._mids[symbol] += draws.choice((-200, 200))
            mid = D(self._mids[symbol]) / 1_000
            return Event(self.now, _quote(self.now, symbol, mid, mid + D("0.01")))
        if kind < 19:
            self._trade_id += 1
            return Event(
                self.now,
                Trade(
                    ts=self.now,
                    symbol=symbol,
                    price=D(self._mids[symbol]) / 1_000,
                    qty=D("0.5"),
                    is_buyer_maker=draws.randrange(2) == 0,
                    trade_id=self._trade_id,
                ),
            )
        price = D(self._mids[symbol]) / 1_000
        return Event(self.now, MarkPrice(ts=self.now, symbol=symbol, mark_price=price))


def _quote(ts: int, symbol: str, bid: Decimal, ask: Decimal) -> Snapshot:
    return Snapshot(
        ts=ts,
        symbol=symbol,
        bid_price=bid,
        ask_price=ask,
        bid_qty=D(5),
        ask_qty=D(7),
        last_price=bid,
        last_qty=D(0),
    )


def a_story(folder: Path, count: int = 600, **options: Any) -> LiveStory:
    """A session that came up, saw so many market events, and ended in order."""
    with LiveStory(folder, **options) as story:
        story.begin()
        story.market(count)
        story.checkpoint()
    return story


Change = Callable[[int, Row], Row | tuple[Row, ...] | None]


def rewritten(source: Path, target: Path, change: Change, *, version: str = VERSION) -> None:
    """Write a journal anew, chain and all, with its rows changed; checkpoints are left out.

    Args:
        change: Given position and row, returns what to write; ``None``: leave it out.
    """
    with JournalReader(source) as reader:
        rows = list(reader.rows())
    head = JournalHead(
        engine_version=version, config_hash="0" * 16, contract_version=CONTRACT_VERSION, ts_ms=0
    )
    journal = Journal.open(target, head)
    try:
        for position, row in enumerate(rows):
            if row.kind == "JOURNAL_HEAD" or row.stream == "state":
                continue
            made = change(position, row) or ()
            for one in (made,) if isinstance(made, Row) else made:
                if one.stream == "market":
                    journal.append_market(one.body, one.ts_ms)
                else:
                    journal.append(one.stream, one.kind, one.ts_ms, one.body)
    finally:
        journal.close()
