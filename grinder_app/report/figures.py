"""The words and numbers of one session, ready for the page."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from grinder_adapters.runs import SessionView
from grinder_app.report.closed_trades import FillWalk
from grinder_app.report.loading import blocked_by, equity_of, fills_walked, line_of
from grinder_app.report.sharpe import Deflated, Sharpe
from grinder_app.report.sharpe_words import (
    RETURNS,
    confidence_text,
    deflated_by,
    interval_text,
    meaning,
    ratio_text,
)
from grinder_app.report.statistics import Statistics, deepest_fall, net_profit, summarise
from grinder_app.report.wording import (
    REASONS,
    duration,
    money,
    percent,
    plain,
    quote_currency,
    some,
    utc,
)


@frozen(kw_only=True)
class Card:
    """One key figure; ``tone`` is ``good``, ``bad`` or empty."""

    name: str
    value: str
    unit: str = ""
    detail: str = ""
    tone: str = ""


@frozen(kw_only=True)
class SessionFigures:
    """One session and what was computed from its tables, which are not kept.

    Attributes:
        walk: All its fills.
        line: Times and net profit, thinned to ``LINE_POINTS``.
        samples: Rows of equity, of which ``line`` shows some or all.
        blocks: Snapshots that each reason stopped.
        sampled_fall: Deepest fall among the samples of equity, quote currency.
        trials: As ``SessionFigures.of``.
    """

    view: SessionView
    statistics: Statistics
    walk: FillWalk
    line: tuple[Sequence[int], Sequence[float]]
    samples: int
    blocks: Mapping[str, int]
    sampled_fall: float
    trials: int | None = None

    @classmethod
    def of(cls, view: SessionView, trials: int | None = None) -> SessionFigures:
        """Compute the figures of one session.

        Args:
            trials: How many settings were tried to find this one, where somebody said so.
        """
        walk, equity = fills_walked(view), equity_of(view)
        statistics = summarise(
            equity,
            {},
            walk=walk,
            max_drawdown=Decimal(view.result["max_drawdown"]),
            interval_ms=sampled_every(view, "equity"),
            begin_ms=begun_at(view),
        )
        sampled_fall, _ = deepest_fall(equity["equity"], equity["high_water_mark"])
        return cls(
            view=view,
            statistics=statistics,
            walk=walk,
            line=line_of(equity["ts"], array("d", net_profit(equity))),
            samples=len(equity["ts"]),
            blocks=blocked_by(view),
            sampled_fall=sampled_fall,
            trials=trials,
        )

    @property
    def deflated(self) -> Deflated | None:
        """The Sharpe ratio deflated by the stated trials."""
        return deflated_by(self.statistics.sharpe, self.trials)

    def sharpe_sentence(self) -> str:
        """Say what the Sharpe ratio shows."""
        return meaning(self.statistics.sharpe, self.deflated)

    @property
    def symbols(self) -> list[str]:
        """All symbols that were seen."""
        return sorted(self.view.result["costs"])

    @property
    def currency(self) -> str:
        """What money is counted in."""
        return quote_currency(self.symbols)

    @property
    def net_pnl(self) -> float:
        """The engine's own net profit."""
        return float(self.view.result["net_pnl"])

    @property
    def fell_between_samples(self) -> bool:
        """Whether equity fell deeper than any sample, and so any chart, shows."""
        return self.statistics.max_drawdown > self.sampled_fall * 1.001

    @property
    def period(self) -> str:
        """First and last instant, UTC, and the time between."""
        begin, end = self.statistics.start_ms, self.statistics.end_ms
        return f"{utc(begin)} to {utc(end)} UTC ({duration(end - begin)})" if end else "no events"

    @property
    def blocked(self) -> int:
        """Snapshots on which the prefilter, the selection or a gate stopped a symbol."""
        return sum(self.blocks.values())

    def sentence(self) -> str:
        """Say the result in one sentence."""
        result, unit = self.view.result, self.currency
        if not self.statistics.fills:
            return f"No order was filled; {self.blocked:,} snapshots were blocked."
        verb = "Earned" if self.net_pnl > 0 else "Lost" if self.net_pnl < 0 else "Made"
        return (
            f"{verb} {money(abs(self.net_pnl))} {unit} "
            f"({percent(self.statistics.return_pct, 3, signed=True)}): "
            f"realised {money(result['total_realized_pnl'], signed=True)}, "
            f"unrealised {money(result['total_unrealized_pnl'], signed=True)}, "
            f"fees {money(-float(result['fees_paid']), signed=True)}{self._funding_clause()}."
        )

    def _funding_clause(self) -> str:
        paid = float(self.view.result["funding_paid"])
        return f", funding {money(-paid, signed=True)}" if paid else ""

    def cards(self) -> list[Card]:
        """Return the key figures in the order people look for them."""
        s, result, unit = self.statistics, self.view.result, self.currency
        fall = money(-s.max_drawdown)
        return [
            Card(
                name="Net PnL",
                value=money(self.net_pnl, signed=True),
                unit=unit,
                detail=f"{percent(s.return_pct, 3, signed=True)} of {money(s.initial_equity)}",
                tone="good" if self.net_pnl > 0 else "bad" if self.net_pnl < 0 else "",
            ),
            Card(
                name="Max drawdown",
                value=fall,
                unit=unit,
                detail=f"{percent(s.max_drawdown_pct, 3)} of the peak",
            ),
            *self._sharpe_cards(),
            Card(
                name="Fills",
                value=f"{s.fills:,}",
                detail=f"{int(result['orders_placed']):,} orders placed",
            ),
            Card(
                name="Closed trades",
                value=f"{s.closed_trades:,}",
                detail=_closed_detail(s, unit),
            ),
            Card(
                name="Fees",
                value=money(result["fees_paid"]),
                unit=unit,
                detail=_fee_rate(result),
            ),
            Card(
                name="Funding",
                value=money(-float(result["funding_paid"]), signed=True),
                unit=unit,
                detail=_funding_detail(int(result["stats"]["funding_payments"])),
            ),
            Card(
                name="Turnover",
                value=money(result["turnover"]),
                unit=unit,
                detail=_times(float(result["turnover"]), s.initial_equity),
            ),
            Card(
                name="Time in market",
                value=share(s.time_in_market),
                detail=f"of {duration(s.end_ms - s.start_ms)}",
            ),
            Card(
                name="Exposure",
                value="-" if s.exposure is None else money(s.exposure),
                unit=unit,
                detail=f"average; {money(s.exposure_max)} at most",
            ),
            Card(name="Blocked", value=f"{self.blocked:,}", detail=self._blocked_share()),
        ]

    def _sharpe_cards(self) -> list[Card]:
        sharpe, deflated = self.statistics.sharpe, self.deflated
        value = ratio_text(sharpe)
        if not isinstance(sharpe, Sharpe):
            return [Card(name="Sharpe", value=value, detail=sharpe.reason)]
        unit, needed = RETURNS[sharpe.period], sharpe.samples_needed
        shows = "no number of them shows it" if needed is None else f"95 % needs {needed:,}"
        cards = [
            Card(
                name="Sharpe",
                value=value,
                detail=f"95 %: {interval_text(sharpe)}; {sharpe.samples:,} {unit} returns",
            ),
            Card(
                name="Sharpe above 0",
                value=confidence_text(sharpe.probability),
                detail=f"confidence from {sharpe.samples:,} returns; {shows}",
            ),
        ]
        if deflated is not None:
            best = sharpe.annual(deflated.benchmark)
            cards.append(
                Card(
                    name="Deflated Sharpe",
                    value=confidence_text(deflated.probability),
                    detail=f"best of {deflated.trials:,} trials without skill: {best:.2f}",
                )
            )
        return cards

    def _blocked_share(self) -> str:
        seen = int(self.view.result["events_processed"])
        return f"{percent(100.0 * self.blocked / seen)} of {seen:,} snapshots" if seen else "-"

    def busiest(self, limit: int) -> list[str]:
        """Return the symbols with most fills, in order of name."""
        fills = self.walk.symbols
        known = {*self.symbols, *self.view.result["final_positions"]}
        ranked = sorted(known, key=lambda s: (-(fills[s].fills if s in fills else 0), s))
        return sorted(ranked[:limit])

    def symbol_rows(self, limit: int) -> list[dict[str, str]]:
        """Return one row a symbol: fills, position and where its profit comes from.

        Args:
            limit: Rows at most; symbols with most fills come first.
        """
        rows = []
        positions: Mapping[str, Any] = self.view.result["final_positions"]
        costs: Mapping[str, Any] = self.view.result["costs"]
        for symbol in self.busiest(limit):
            fills, position = self.walk.symbols.get(symbol), positions.get(symbol)
            realized = float(position["realized_pnl"]) if position else 0.0
            unrealized = float(position["unrealized_pnl"]) if position else 0.0
            fees = fills.fees if fills else 0.0
            funding = float(costs[symbol]["funding_paid"]) if symbol in costs else 0.0
            net = realized + unrealized - fees - funding
            rows.append(
                {
                    "symbol": symbol,
                    "fills": f"{fills.fills if fills else 0:,}",
                    "turnover": money(fills.turnover if fills else 0),
                    "qty": plain(position["qty"]) if position else "0",
                    "entry": plain(position["avg_entry_price"]) if position else "-",
                    "realized": money(realized, signed=True),
                    "unrealized": money(unrealized, signed=True),
                    "fees": money(-fees, signed=True),
                    "funding": money(-funding, signed=True),
                    "net": money(net, signed=True),
                    "tone": tone(net),
                }
            )
        return rows

    def block_rows(self) -> list[dict[str, str]]:
        """Return one row a reason, most frequent first."""
        seen = int(self.view.result["events_processed"])
        return [
            {
                "reason": reason,
                "meaning": REASONS.get(reason, ""),
                "count": f"{count:,}",
                "share": percent(100.0 * count / seen) if seen else "-",
            }
            for reason, count in sorted(self.blocks.items(), key=lambda row: (-row[1], row[0]))
        ]


def begun_at(view: SessionView) -> int | None:
    """Return the time of the session's first output; ``None`` where it is not known."""
    first = int(view.result.get("collected", {}).get("first_ts", -1))
    return None if first < 0 else first


def sampled_every(view: SessionView, what: str) -> int:
    """Return the interval, milliseconds, of ``equity``, ``price`` or ``block`` samples; 0: unknown.

    A long session has wider ones than were asked for, so that it keeps no more samples.
    """
    collected: Mapping[str, Any] = view.result.get("collected", {})
    return int(collected.get(f"{what}_interval_ms", 0))


def sampling_note(view: SessionView) -> str:
    """Say which samples are further apart than was asked for; empty where none are."""
    asked = int(view.result.get("collected", {}).get("interval_ms", 0))
    names = {"equity": "equity", "price": "prices", "block": "blocked snapshots"}
    wider = {name: sampled_every(view, what) for what, name in names.items()}
    told = [f"{name} every {duration(ms)}" for name, ms in wider.items() if ms > asked]
    if not told:
        return ""
    return f"Sampled less often than every {duration(asked)}, for it was long: {some(told, 3)}."


def tone(value: float) -> str:
    """Return the colour class of a profit; one that shows as zero has none."""
    return "good" if value >= 1e-8 else "bad" if value <= -1e-8 else ""


def share(value: float | None) -> str:
    """Write a share of 1 as a percentage."""
    return "-" if value is None else percent(100.0 * value, 1)


def _closed_detail(statistics: Statistics, unit: str) -> str:
    if statistics.win_share is None or statistics.average_trade is None:
        return "nothing was closed"
    average = money(statistics.average_trade, signed=True)
    return f"{share(statistics.win_share)} won; {average} {unit} on average"


def _fee_rate(result: Mapping[str, Any]) -> str:
    turnover = float(result["turnover"])
    return f"{1e4 * float(result['fees_paid']) / turnover:.2f} bps of turnover" if turnover else "-"


def _funding_detail(payments: int) -> str:
    if not payments:
        return "no settlement of a position"
    return f"{payments:,} settlement{'' if payments == 1 else 's'}; - was paid, + received"


def _times(turnover: float, equity: float) -> str:
    return f"{turnover / equity:,.1f} times initial equity" if equity > 0 else "-"
