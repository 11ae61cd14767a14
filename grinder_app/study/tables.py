"""The tables of the study, as Markdown; every cell is a sum over rows of the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grinder_app.reference.markdown import table
from grinder_app.report.sharpe import NotDefined, Sharpe
from grinder_app.report.sharpe_words import confidence_text
from grinder_app.report.wording import duration, money, percent, utc
from grinder_app.study.datasets import Dataset
from grinder_app.study.parts import by_family, ran, rows_of
from grinder_app.study.regimes import regime_sums
from grinder_app.study.results import MAIN_MODE, Results, Row
from grinder_app.study.sums import Sum, best_trial, daily_difference, portfolio_sharpe, sum_of
from grinder_app.study.variants import STATIC, VARIANTS, funding_source, thin_l1_qty
from grinder_core.contracts.enums import FillMode
from grinder_core.numbers import canonical

_FUNDING = {"data": "the venue's", "constant": "constant", "none": "none (spot)"}


def signed(value: float | None, digits: int = 1) -> str:
    """Write a number with its sign, or a dash."""
    return "-" if value is None else f"{value:+,.{digits}f}"


def family_table(results: Results) -> str:
    """What was traded: a line a family."""
    rows = []
    for family, datasets in by_family(results.datasets).items():
        static = rows_of(results, datasets, STATIC)
        span = sum(d.end_ms - d.begin_ms for d in datasets)
        rows.append(
            (
                family,
                str(len(datasets)),
                utc(min(d.begin_ms for d in datasets))[:10],
                utc(max(d.end_ms for d in datasets))[:10],
                duration(span),
                f"{sum(row.quotes for row in static):,}",
                ", ".join(sorted({_FUNDING[funding_source(d)] for d in datasets})),
            )
        )
    return table(("family", "sessions", "first day", "last day", "time", "quotes", "funding"), rows)


def left_out_table(results: Results) -> str:
    """What was not traded, and why."""
    return table(("file", "why"), [(each.file, each.reason) for each in results.left_out])


def variant_table() -> str:
    """What is compared, and which settings each changes."""
    rows = []
    for each in VARIANTS:
        changed = ", ".join(f"`{name}={value}`" for name, value in each.settings.items())
        rows.append((each.name, each.about, changed or "none", each.where.value))
    return table(("variant", "what it is", "settings", "run on"), rows)


_COLUMNS = (
    *("variant", "won", "net PnL", "before costs", "fees", "funding", "before costs, bps"),
    *("net, bps", "fills", "turnover", "average position", "worst drawdown", "blocked"),
)


def variant_sums(results: Results, datasets: Sequence[Dataset]) -> str:
    """Every variant over some datasets: profit, costs, risk, and how often a gate said no."""
    rows = []
    for name in ran(results, datasets):
        found = sum_of(rows_of(results, datasets, name))
        rows.append((name, *_sum_cells(found)))
    return table(_COLUMNS, rows)


def _sum_cells(found: Sum) -> tuple[str, ...]:
    return (
        f"{found.won} of {found.sessions}",
        signed(found.net, 0),
        signed(found.gross, 0),
        signed(-found.fees, 0),
        signed(-found.funding, 0),
        signed(found.bps(found.gross)),
        signed(found.bps(found.net)),
        f"{found.fills:,}",
        f"{found.turnover:,.0f}",
        f"{found.exposure:,.0f}",
        f"{found.drawdown_max:,.0f}",
        percent(100.0 * found.blocked_share, 1),
    )


def certainty_table(results: Results, datasets: Sequence[Dataset]) -> str:
    """Sharpe ratios of all sessions of a family together, and of each variant against static."""
    names = ran(results, datasets)
    rows = []
    for name in names:
        ours = rows_of(results, datasets, name)
        against = daily_difference(ours, rows_of(results, datasets, STATIC))
        sharpe, better = portfolio_sharpe(ours), against.sharpe
        rows.append(
            (
                name,
                _ratio(sharpe),
                confidence_text(sharpe.probability) if isinstance(sharpe, Sharpe) else "-",
                "-" if name == STATIC else signed(against.total, 0),
                confidence_text(better.probability)
                if isinstance(better, Sharpe) and name != STATIC
                else "-",
            )
        )
    columns = ("variant", "Sharpe a year (95 %)", "sure > 0", "against static", "sure > static")
    return table(columns, rows)


def best_sentence(results: Results, family: str, datasets: Sequence[Dataset]) -> str:
    """Say what the best variant of a family is worth after having been chosen."""
    names = ran(results, datasets)
    best = best_trial([rows_of(results, datasets, name) for name in names])
    if isinstance(best, NotDefined):
        return f"No variant of {family} can be called the best: {best.reason}."
    annual = best.sharpe.annual(best.deflated.benchmark)
    return (
        f"Best of {family} by Sharpe ratio: {names[best.index]}, {best.sharpe.value:.2f} a year "
        f"over {best.sharpe.samples} days. Of {best.deflated.trials} trials without skill whose "
        f"ratios scatter as these do the best would show {annual:.2f}; the confidence left that "
        f"it is above 0 is {confidence_text(best.deflated.probability)} (deflated Sharpe ratio)."
    )


def _ratio(sharpe: Sharpe | NotDefined) -> str:
    if isinstance(sharpe, NotDefined):
        return f"- ({sharpe.reason})"
    return f"{sharpe.value:.2f} ({sharpe.low:.1f} to {sharpe.high:.1f})"


def session_table(results: Results, datasets: Sequence[Dataset], cell: Callable[[Row], str]) -> str:
    """One figure of each session, a column a variant."""
    names = [v.name for v in VARIANTS if rows_of(results, datasets, v.name)]
    by_key = {(row.dataset, row.variant): row for row in results.rows if row.fill_mode is MAIN_MODE}
    rows = []
    for dataset in datasets:
        cells = [by_key.get((dataset.name, name)) for name in names]
        figures = ["-" if row is None else "FAILED" if row.error else cell(row) for row in cells]
        rows.append((dataset.name, percent(100.0 * dataset.price_change, 1, signed=True), *figures))
    return table(("session", "price", *names), rows)


def net_cell(row: Row) -> str:
    """Net profit, quote currency."""
    return money(row.net_pnl, signed=True)


def bps_cell(row: Row) -> str:
    """Net profit in basis points of turnover."""
    return signed(sum_of([row]).bps(float(row.net_pnl)))


def drawdown_cell(row: Row) -> str:
    """Deepest fall of equity, quote currency."""
    return money(row.max_drawdown)


def regime_table(results: Results, datasets: Sequence[Dataset], names: Sequence[str]) -> str:
    """Time and profit in each market state."""
    found = {name: regime_sums(rows_of(results, datasets, name)) for name in names}
    regimes = sorted({regime for sums in found.values() for regime in sums})
    whole = sum(each.ms for each in found[names[0]].values())
    rows = []
    for regime in regimes:
        first = found[names[0]].get(regime)
        share = first.ms / whole if first and whole else 0.0
        cells = []
        for name in names:
            own = found[name].get(regime)
            cells.append("-" if own is None else f"{own.net:+,.1f} / {own.fills:,}")
        rows.append((regime, percent(100.0 * share, 3), *cells))
    return table(("state", "time", *(f"{name}: net / fills" for name in names)), rows)


def symbol_regime_table(results: Results, datasets: Sequence[Dataset], names: Sequence[str]) -> str:
    """Time and profit in each market state of each session."""
    by_key = {row.key: row for row in results.rows}
    rows = []
    for dataset in datasets:
        found = [by_key.get((dataset.name, name, MAIN_MODE.value)) for name in names]
        sums = [{} if row is None else regime_sums([row]) for row in found]
        whole = sum(each.ms for each in sums[0].values())
        for regime in sorted({regime for each in sums for regime in each}):
            first = sums[0].get(regime)
            share = first.ms / whole if first and whole else 0.0
            cells = [f"{s[regime].net:+,.1f}" if regime in s else "-" for s in sums]
            rows.append((dataset.name, regime, percent(100.0 * share, 2), *cells))
    return table(("session", "state", "time", *names), rows)


def mode_table(results: Results) -> str:
    """How much of the quotes each mode of a controller held."""
    steered = [v.name for v in VARIANTS if v.settings.get("controller_enabled")]
    rows = []
    for family, datasets in by_family(results.datasets).items():
        for name in steered:
            found = sum_of(rows_of(results, datasets, name))
            if found.modes:
                held = ", ".join(
                    f"{mode} {percent(100.0 * found.mode_share(mode), 1)}" for mode in found.modes
                )
                rows.append((family, name, held))
    return table(("family", "variant", "quotes in each mode"), rows)


def block_table(results: Results) -> str:
    """Which gate kept which variant from placing, as a share of its quotes."""
    found = {v.name: sum_of(rows_of(results, results.datasets, v.name)) for v in VARIANTS}
    reasons = sorted({reason for each in found.values() for reason in each.blocks})
    rows = []
    for name, each in found.items():
        if each.quotes:
            shares = [100.0 * each.blocks.get(reason, 0) / each.quotes for reason in reasons]
            rows.append((name, f"{each.quotes:,}", *(percent(share, 2) for share in shares)))
    return table(("variant", "quotes", *(r.replace(":", ": ") for r in reasons)), rows)


def gating_table(results: Results, names: Sequence[str]) -> str:
    """What reading the book changed, on the sessions that have one."""
    datasets = [dataset for dataset in results.datasets if dataset.has_depth]
    columns = [f"{name}: net / fills / orders" for name in names]
    rows = []
    for dataset in datasets:
        cells = []
        for name in names:
            own = rows_of(results, [dataset], name)
            cells.append(
                f"{own[0].net_pnl:+,.2f} / {own[0].fills:,} / {own[0].orders_placed:,}"
                if own
                else "-"
            )
        rows.append((dataset.name, *cells))
    return table(("session", *columns), rows)


MODES = (FillMode.TOUCH, FillMode.CROSSING, FillMode.QUOTE, FillMode.QUEUE)


def band_table(results: Results) -> str:
    """The same sessions under every fill model, from the most to the least generous."""
    rows = []
    for family, datasets in by_family(results.datasets).items():
        for name, found in band_sums(results, datasets).items():
            count = max(each.sessions for each in found.values())
            cells = [
                f"{found[mode].net:+,.1f} ({signed(found[mode].bps(found[mode].net))} bps)"
                if mode in found
                else "-"
                for mode in MODES
            ]
            rows.append((family, name, str(count), *cells))
    return table(("family", "variant", "sessions", *(mode.value for mode in MODES)), rows)


def band_sums(results: Results, datasets: Sequence[Dataset]) -> dict[str, dict[FillMode, Sum]]:
    """Return, by variant and fill model, the sessions that were run under all of them."""
    rows = {row.key: row for row in results.rows if not row.error}
    wanted = {dataset.name for dataset in datasets}
    banded = sorted(
        {(r.variant, r.dataset) for r in rows.values() if r.fill_mode is FillMode.TOUCH}
    )
    found: dict[str, dict[FillMode, list[Row]]] = {}
    for variant, dataset in banded:
        if dataset not in wanted:
            continue
        for mode in MODES:
            row = rows.get((dataset, variant, mode.value))
            if row is not None:
                found.setdefault(variant, {}).setdefault(mode, []).append(row)
    return {
        variant: {mode: sum_of(each) for mode, each in modes.items()}
        for variant, modes in found.items()
    }


def assumption_table(results: Results) -> str:
    """What differs between sessions in how they are read."""
    rows = []
    for dataset in results.datasets:
        missing = dataset.funding_hours_missing
        funding = _FUNDING[funding_source(dataset)]
        rows.append(
            (
                dataset.name,
                canonical(dataset.price_step),
                f"{dataset.bar_interval_ms / 1000:g} s",
                canonical(thin_l1_qty(dataset)),
                f"{funding}, {missing} h of it missing" if missing else funding,
            )
        )
    return table(("session", "price step", "bar", "thin_l1_qty", "funding"), rows)
