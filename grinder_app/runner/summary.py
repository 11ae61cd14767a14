"""What a run came to, in figures small enough to cross a process border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from grinder_app.report.sharpe import Deflated, NotDefined, Sharpe
from grinder_app.report.sharpe_words import block, deflated_by, ratio_text, sure_text
from grinder_app.report.statistics import summarise
from grinder_app.report.wording import money, percent
from grinder_app.runner.session_loop import SessionEnd
from grinder_core.codec import digest16, to_dict
from grinder_core.engine.stats import EngineStats
from grinder_core.numbers import ZERO, exact
from grinder_core.session.result import PaperResult

COLUMNS = (
    *("session", "symbols", "quotes", "net PnL", "fees", "funding", "fills", "turnover"),
    *("max drawdown", "Sharpe", "Sharpe > 0", "in market", "blocked"),
)
SYMBOL_COLUMNS = (
    *("symbol", "net PnL", "realised", "unrealised", "fees", "funding", "fills", "turnover"),
    "qty",
)
COSTS_NOTE = "fees and funding: what was paid; less than 0 was received"
_SYMBOLS_SHOWN = 3


@frozen(kw_only=True)
class SessionFigures:
    """One session in a line; money is quote currency.

    Attributes:
        quotes: SNAPSHOT events decided on.
        funding: Paid is positive, received negative.
        sharpe: For display.
        deflated: By the stated number of trials; ``None`` where nobody stated one.
        time_in_market: Share of the session's time, 0 to 1, for display.
        blocks: Snapshots that placed nothing, by ``gate:reason``.
        error: What ended the session early; empty otherwise.
    """

    name: str
    symbols: tuple[str, ...]
    quotes: int
    net_pnl: Decimal
    fees: Decimal
    funding: Decimal
    fills: int
    turnover: Decimal
    max_drawdown: Decimal
    sharpe: Sharpe | NotDefined
    time_in_market: float | None
    blocks: Mapping[str, int]
    digest: str | None
    running_digest: str | None
    error: str = ""
    deflated: Deflated | None = None

    @classmethod
    def of(cls, name: str, end: SessionEnd, trials: int | None = None) -> SessionFigures:
        """Read the figures of a finished session.

        Args:
            trials: How many settings were tried to find this one, where somebody said so.
        """
        result, collected = end.result, end.result.collected
        display = summarise(
            result.equity_curve,
            {},
            walk=end.walk,
            interval_ms=0 if collected is None else collected.equity_interval_ms,
            begin_ms=None if collected is None or collected.first_ts < 0 else collected.first_ts,
        )
        return cls(
            name=name,
            symbols=() if collected is None else tuple(sorted(collected.symbols)),
            quotes=result.stats.events_processed,
            net_pnl=result.net_pnl,
            fees=result.fees_paid,
            funding=result.funding_paid,
            fills=result.stats.total_fills,
            turnover=result.turnover,
            max_drawdown=result.max_drawdown,
            sharpe=display.sharpe,
            deflated=deflated_by(display.sharpe, trials),
            time_in_market=display.time_in_market,
            blocks=blocks_of(result.stats),
            digest=result.digest,
            running_digest=result.running_digest,
            error=result.errors[0].error if result.errors else "",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the display figures are text of four places."""
        share, statistics = self.time_in_market, block(self.sharpe, self.deflated)
        return {
            "name": self.name,
            "symbols": list(self.symbols),
            "quotes": self.quotes,
            "net_pnl": to_dict(self.net_pnl),
            "fees": to_dict(self.fees),
            "funding": to_dict(self.funding),
            "fills": self.fills,
            "turnover": to_dict(self.turnover),
            "max_drawdown": to_dict(self.max_drawdown),
            "blocks": dict(self.blocks),
            "digest": self.digest,
            "running_digest": self.running_digest,
            "error": self.error,
            "sharpe": statistics["sharpe"],
            "time_in_market": None if share is None else f"{share:.4f}",
            "statistics": statistics,
        }

    def row(self) -> tuple[str, ...]:
        """Return the line of the table, under ``COLUMNS``."""
        symbols = ", ".join(self.symbols[:_SYMBOLS_SHOWN])
        if len(self.symbols) > _SYMBOLS_SHOWN:
            symbols += f" and {len(self.symbols) - _SYMBOLS_SHOWN} more"
        share = self.time_in_market
        return (
            self.name,
            symbols or "-",
            f"{self.quotes:,}",
            money(self.net_pnl),
            money(self.fees),
            money(self.funding),
            f"{self.fills:,}",
            money(self.turnover),
            money(self.max_drawdown),
            ratio_text(self.sharpe),
            sure_text(self.sharpe),
            "-" if share is None else percent(100.0 * share, 1),
            "FAILED" if self.error else f"{sum(self.blocks.values()):,}",
        )


@frozen(kw_only=True)
class Totals:
    """Sums over sessions; every session began with its own capital.

    Attributes:
        max_drawdown: Of the session that fell deepest.
        digest: CORE-05 digest over the sorted digests of the sessions; ``None`` if one failed.
    """

    sessions: int
    quotes: int
    net_pnl: Decimal
    fees: Decimal
    funding: Decimal
    fills: int
    turnover: Decimal
    max_drawdown: Decimal
    blocks: Mapping[str, int]
    digest: str | None

    @classmethod
    def over(cls, sessions: Sequence[SessionFigures]) -> Totals:
        """Add up sessions."""
        blocks: dict[str, int] = {}
        for session in sessions:
            for reason, count in session.blocks.items():
                blocks[reason] = blocks.get(reason, 0) + count
        digests = [session.digest for session in sessions if session.digest is not None]
        whole = len(digests) == len(sessions)
        with exact():
            return cls(
                sessions=len(sessions),
                quotes=sum(s.quotes for s in sessions),
                net_pnl=sum((s.net_pnl for s in sessions), ZERO),
                fees=sum((s.fees for s in sessions), ZERO),
                funding=sum((s.funding for s in sessions), ZERO),
                fills=sum(s.fills for s in sessions),
                turnover=sum((s.turnover for s in sessions), ZERO),
                max_drawdown=max((s.max_drawdown for s in sessions), default=ZERO),
                blocks=dict(sorted(blocks.items())),
                digest=digest16(sorted(digests)) if whole else None,
            )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return to_dict(self)

    def row(self) -> tuple[str, ...]:
        """Return the last line of the table, under ``COLUMNS``."""
        return (
            f"total of {self.sessions}",
            "",
            f"{self.quotes:,}",
            money(self.net_pnl),
            money(self.fees),
            money(self.funding),
            f"{self.fills:,}",
            money(self.turnover),
            f"{money(self.max_drawdown)} (worst)",
            "",
            "",
            "",
            f"{sum(self.blocks.values()):,}",
        )


def blocks_table(
    sessions: Sequence[SessionFigures], totals: Totals
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: each session's blocked quotes by gate and reason."""
    reasons = sorted(totals.blocks, key=lambda reason: (-totals.blocks[reason], reason))
    lines = [*((s.name, s.blocks) for s in sessions), (f"total of {len(sessions)}", totals.blocks)]
    rows = [[name, *(f"{blocks.get(r, 0):,}" for r in reasons)] for name, blocks in lines]
    return ["session", *(reason.replace(":", ": ") for reason in reasons)], rows


def blocks_of(stats: EngineStats) -> dict[str, int]:
    """Return why snapshots placed nothing: prefilter and gates by reason, sorted."""
    prefilter = {f"prefilter:{reason}": n for reason, n in stats.prefiltered.items()}
    return dict(sorted({**prefilter, **stats.gate_blocked}.items()))


def blocks_text(blocks: Mapping[str, int]) -> str:
    """Write counts of reasons, the most frequent first."""
    ordered = sorted(blocks.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ordered) or "-"


def symbol_rows(result: PaperResult) -> list[tuple[str, ...]]:
    """Return one line a symbol and a total, under ``SYMBOL_COLUMNS``.

    All is of the whole session, also where it was continued from a checkpoint. Funding that was
    paid is positive, received negative.
    """
    rows = []
    with exact():
        for symbol, costs in sorted(result.costs.items()):
            held = result.final_positions.get(symbol)
            realized = ZERO if held is None else held.realized_pnl
            unrealized = ZERO if held is None else held.unrealized_pnl
            rows.append(
                (
                    symbol,
                    money(realized + unrealized - costs.fees_paid - costs.funding_paid),
                    money(realized),
                    money(unrealized),
                    money(costs.fees_paid),
                    money(costs.funding_paid),
                    f"{costs.fills:,}",
                    money(costs.turnover),
                    "0" if held is None else str(to_dict(held.qty)),
                )
            )
    total = (
        "total",
        money(result.net_pnl),
        money(result.total_realized_pnl),
        money(result.total_unrealized_pnl),
        money(result.fees_paid),
        money(result.funding_paid),
        f"{result.stats.total_fills:,}",
        money(result.turnover),
        "",
    )
    return [*rows, total]
