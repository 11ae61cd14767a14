"""Running a whole stream and what comes back (CORE-05, CORE-42)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import Factory, field, frozen

from grinder_core.codec import to_dict
from grinder_core.contracts.account import Position
from grinder_core.contracts.control import Selection
from grinder_core.contracts.enums import Override, SelectionSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import Fill
from grinder_core.contracts.outputs import SCHEMA_VERSION, PaperOutput, PnlSnapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import EngineStats
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ConfigError, GrinderError
from grinder_core.numbers import ZERO, exact
from grinder_core.ports import OutputSink, Policy
from grinder_core.selection.topk import select_two_pass
from grinder_core.session.collect import Collector
from grinder_core.session.counted import CountedEvents
from grinder_core.session.samples import Columns
from grinder_core.session.selection_pass import two_pass_v1
from grinder_core.session.session import Driver, Session


@frozen(kw_only=True)
class RunError:
    """What ended a run early; ``event_index`` counts events of the stream from 0."""

    event_index: int
    step: str
    error: str


@frozen(kw_only=True)
class SymbolCosts:
    """What trading one symbol cost over the whole session; quote currency.

    Attributes:
        book_gaps, book_crossings: How often its book was lost and waited for a snapshot.
    """

    fills: int
    turnover: Decimal
    fees_paid: Decimal
    funding_paid: Decimal
    book_gaps: int
    book_crossings: int


@frozen(kw_only=True)
class PaperResult:
    """Result of one paper session (PaperResult v1); additions never change a digest.

    Attributes:
        digest: ``None`` after an error, for a continued session, or when switched off.
        running_digest: Chain over all outputs; equal for one run and for its halves; ``None``
            when switched off.
        outputs: Kept only when asked for.
        funding_paid: Paid is positive, received negative.
        costs: By symbol, for all that were seen.
        override: What an operator, or a guard on an operator's behalf, imposed; ``None``: nothing.
        guard: Drawdown guard v1, where it is on.
        stats: All counters of the engine.
        collected: Trades, equity and prices, when collected.
        failure: The exception behind ``errors``, for callers that want to raise it.
    """

    fixture_path: str
    digest: str | None
    running_digest: str | None
    outputs: tuple[PaperOutput, ...] | None
    stats: EngineStats
    final_positions: Mapping[str, Position]
    total_realized_pnl: Decimal
    total_unrealized_pnl: Decimal
    fees_paid: Decimal
    funding_paid: Decimal
    turnover: Decimal
    costs: Mapping[str, SymbolCosts]
    equity: Decimal
    max_drawdown: Decimal
    kill_switch: Mapping[str, Any]
    override: Override | None
    guard: Mapping[str, Any] | None
    selection: Selection | None
    collected: Collector | None
    errors: tuple[RunError, ...] = ()
    failure: Exception | None = field(default=None, eq=False, repr=False)
    schema_version: str = SCHEMA_VERSION
    config_hash: str = ""
    events_ignored: Mapping[str, int] = Factory(dict)

    @property
    def net_pnl(self) -> Decimal:
        """Realised plus unrealised profit less fees and funding, quote currency."""
        with exact():
            gross = self.total_realized_pnl + self.total_unrealized_pnl
            return gross - self.fees_paid - self.funding_paid

    @property
    def trades(self) -> Columns:
        """Fills as plain columns; give them to the data frame library of your choice.

        Raises:
            ConfigError: The session was told not to keep them.
        """
        return {} if self.collected is None else self.collected.trade_columns()

    @property
    def equity_curve(self) -> Columns:
        """Equity samples as plain columns, one in each ``collected.equity_interval_ms``."""
        return {} if self.collected is None else self.collected.equity

    def to_dict(self) -> dict[str, Any]:
        """Return PaperResult v1 as JSON values, without outputs and collected columns."""
        stats = self.stats
        result: dict[str, Any] = {
            "schema_version": self.schema_version,
            "fixture_path": self.fixture_path,
            "digest": self.digest,
            "running_digest": self.running_digest,
            "events_processed": stats.events_processed,
            "events_gated": stats.events_gated,
            "orders_placed": stats.orders_placed,
            "orders_blocked": stats.orders_blocked,
            "orders_filled": stats.orders_filled,
            "total_fills": stats.total_fills,
            "final_positions": {k: to_dict(v) for k, v in self.final_positions.items()},
            "total_realized_pnl": to_dict(self.total_realized_pnl),
            "total_unrealized_pnl": to_dict(self.total_unrealized_pnl),
            "fees_paid": to_dict(self.fees_paid),
            "funding_paid": to_dict(self.funding_paid),
            "net_pnl": to_dict(self.net_pnl),
            "turnover": to_dict(self.turnover),
            "equity": to_dict(self.equity),
            "max_drawdown": to_dict(self.max_drawdown),
            "kill_switch": dict(self.kill_switch),
            "override": None if self.override is None else self.override.value,
            "costs": {symbol: to_dict(costs) for symbol, costs in self.costs.items()},
            "errors": [to_dict(error) for error in self.errors],
            "events_ignored": dict(self.events_ignored),
            "config_hash": self.config_hash,
            "stats": to_dict(stats),
        }
        if self.guard is not None:
            result["dd_guard_v1"] = dict(self.guard)
        if self.selection is not None:
            result |= _selection_dict(self.selection)
        if self.collected is not None and self.collected.steering.modes:
            result["controller_decisions"] = self.collected.steering.to_dict()
        if self.collected is not None and self.collected.regimes:
            result["regimes"] = self.collected.regime_rows()
        return result


def _selection_dict(selection: Selection) -> dict[str, Any]:
    """The keys of CORE-42 for v0 or v1."""
    name = "topk_v1" if selection.scores_v1 else "topk"
    result: dict[str, Any] = {
        f"{name}_selected_symbols": list(selection.symbols),
        "topk_k": selection.k,
        "topk_lookahead": selection.lookahead,
    }
    if not selection.scores_v1:
        return {**result, "topk_scores": dict(selection.scores)}
    scores = {score.symbol: to_dict(score) for score in selection.scores_v1}
    excluded = {k: row["gates_failed"] for k, row in scores.items() if row["gates_failed"]}
    return {**result, "topk_v1_scores": scores, "topk_v1_gate_excluded": excluded}


def run(
    events: Iterable[Event],
    config: EngineConfig | None = None,
    policy: Policy | None = None,
    *,
    driver: Driver = Driver.PAPER,
    name: str = "",
    keep_outputs: bool = False,
    collect: bool = True,
    keep_trades: bool = True,
    digest: bool = True,
    on_line: OutputSink | None = None,
    on_trade: Callable[[Fill], None] | None = None,
    on_event: Callable[[], None] | None = None,
) -> PaperResult:
    """Run a stream of events through a fresh session and return its result.

    Args:
        events: Re-iterable where ``selection_source`` asks for a separate pass.
        policy: A user's own policy instead of the static grid.
        name: Shown as ``fixture_path``.
        keep_outputs: Keep every output in memory.
        collect: Gather trades, equity and prices for reading and reports. Samples have a fixed
            room, whatever the number of days.
        keep_trades: Keep every fill in memory, which grows with the session. Switch it off for a
            long one and take them by ``on_trade``; ``trades`` of the result then raises.
        digest: Render every output and compute digests; off is about a third faster.
        on_line: Called with each output and its canonical line.
        on_trade: Called with each fill as it comes.
        on_event: Called after each event, for progress.

    Raises:
        ConfigError: ``on_trade`` is given, and nothing is to be collected.

    Returns:
        The result; an exception in a step is in ``errors`` and ``failure``, never lost.
    """
    if on_trade is not None and not collect:
        raise ConfigError("needs collect=True", field="on_trade")
    kept: list[PaperOutput] = []
    collector = Collector(keep_trades=keep_trades, on_trade=on_trade) if collect else None
    session = Session(
        config,
        policy,
        driver=driver,
        on_output=_both(kept.append if keep_outputs else None, collector),
        on_line=on_line,
        digest=digest,
    )
    feed_selection(session, events)
    return run_session(
        session,
        events,
        name=name,
        kept=kept if keep_outputs else None,
        collector=collector,
        on_event=on_event,
    )


def feed_selection(session: Session, events: Iterable[Event]) -> None:
    """Make the separate selection pass where the settings ask for one, and feed its result."""
    settings = session.config.selection
    if settings.selection_source is SelectionSource.STATIC or settings.topk_prefix_events:
        return
    if settings.selection_source is SelectionSource.TOPK_V1:
        selection = two_pass_v1(events, session.config.indicators, session.config.gates, settings)
    else:
        selection = select_two_pass(events, settings)
    session.feed(Event(0, selection))


def run_session(
    session: Session,
    events: Iterable[Event],
    *,
    name: str = "",
    kept: list[PaperOutput] | None = None,
    collector: Collector | None = None,
    on_event: Callable[[], None] | None = None,
    is_over: bool = True,
) -> PaperResult:
    """Run a prepared session over a stream and return its result.

    Args:
        is_over: Nothing continues it, so what no output has told is told to the collector.
    """
    errors: tuple[RunError, ...] = ()
    failure: Exception | None = None
    counting = CountedEvents(events, on_event)
    try:
        session.run(counting)
    except Exception as error:  # noqa: BLE001 - the loop's edge: recorded, shown, never lost
        failure = error
        code = error.code if isinstance(error, GrinderError) else type(error).__name__
        errors = (
            RunError(event_index=counting.index, step=counting.kind, error=f"{code}: {error}"),
        )
    if collector is not None:
        if is_over:
            for s in session.engine.hot.symbols.values():
                if s.fills:
                    collector.rest(_pnl_of(s), s.fills)
        collector.finish()
    return result_of(session, name, kept, collector, errors, failure)


def carry_over(session: Session, collector: Collector) -> None:
    """Tell a collector what a session that was continued brings along."""
    for s in session.engine.hot.symbols.values():
        with exact():
            untold = sum((payment.amount for payment in s.funding), ZERO)
            told = s.ledger.funding_paid - untold
        collector.carry(_pnl_of(s), s.ledger.fees_paid, told)


def _pnl_of(s: SymbolState) -> PnlSnapshot:
    return PnlSnapshot(
        symbol=s.symbol,
        qty=s.ledger.qty,
        avg_entry_price=s.ledger.avg_entry_price,
        realized_pnl=s.ledger.realized_pnl,
        unrealized_pnl=s.unrealized,
        mark_price=s.mark,
    )


def _both(
    first: Callable[[PaperOutput], None] | None, second: Callable[[PaperOutput], None] | None
) -> Callable[[PaperOutput], None] | None:
    if first is None or second is None:
        return first or second

    def both(output: PaperOutput) -> None:
        first(output)
        second(output)

    return both


def result_of(
    session: Session,
    name: str,
    kept: list[PaperOutput] | None,
    collector: Collector | None,
    errors: tuple[RunError, ...],
    failure: Exception | None,
) -> PaperResult:
    """Read a session's result from its engine."""
    hot = session.engine.hot
    traded = {k: s for k, s in sorted(hot.symbols.items()) if s.ledger.fill_count}
    with exact():
        ledgers = [s.ledger for s in hot.symbols.values()]
        return PaperResult(
            fixture_path=name,
            digest=None if errors else session.digest,
            running_digest=session.running_digest,
            outputs=None if kept is None else tuple(kept),
            stats=hot.stats,
            final_positions={k: s.ledger.position(s.mark) for k, s in traded.items()},
            total_realized_pnl=sum((x.realized_pnl for x in ledgers), ZERO),
            total_unrealized_pnl=hot.unrealized,
            fees_paid=sum((x.fees_paid for x in ledgers), ZERO),
            funding_paid=sum((x.funding_paid for x in ledgers), ZERO),
            turnover=sum((x.turnover for x in ledgers), ZERO),
            costs={
                symbol: SymbolCosts(
                    fills=s.ledger.fill_count,
                    turnover=s.ledger.turnover,
                    fees_paid=s.ledger.fees_paid,
                    funding_paid=s.ledger.funding_paid,
                    book_gaps=0 if s.depth is None else s.depth.gaps,
                    book_crossings=0 if s.depth is None else s.depth.crossings,
                )
                for symbol, s in sorted(hot.symbols.items())
            },
            equity=hot.account.equity,
            max_drawdown=hot.account.max_drawdown,
            kill_switch={
                "triggered": hot.kill.active,
                "reason": None if hot.kill.reason is None else hot.kill.reason.value,
                "ts": hot.kill.ts,
                "trips": dict(hot.kill.trips),
            },
            override=hot.override,
            guard=_guard_dict(hot),
            selection=hot.selection,
            collected=collector,
            errors=errors,
            failure=failure,
            config_hash=session.config.config_hash,
            events_ignored=dict(hot.stats.ignored),
        )


def _guard_dict(hot: HotState) -> dict[str, Any] | None:
    guard = hot.guard
    if guard is None:
        return None
    return {
        "state": guard.state.value,
        "reason": None if guard.reason is None else guard.reason.value,
        "symbol": guard.breached_symbol,
        "ts": guard.ts,
    }
