"""What the results say, in sentences whose every number is computed from them.

Nothing here is remembered from an earlier run: which words are used depends on the figures too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, median

from grinder_app.study.datasets import MINUTE_MS, Dataset
from grinder_app.study.parts import bars_of, minutes_of, ran, rows_of
from grinder_app.study.regimes import DAY_MS, RegimeSum, regime_sums
from grinder_app.study.results import MAIN_MODE, Results, Row
from grinder_app.study.sums import Sum, against_static, sum_of, sums_of
from grinder_app.study.tables import signed
from grinder_app.study.variants import ADAPTIVE, STATIC, VARIANTS, config_of
from grinder_core.contracts.enums import ControllerMode, Regime
from grinder_core.policies.adaptive_grid import MULT_X100, base_width_bps, level_count, step_bps

_SHOWN = 5
_NATRS = (5, 10, 20, 30)


def reasons(results: Results) -> list[str]:
    """Say where and why the adaptive policy does better or worse than the static one."""
    told = (
        _where(results),
        _anchor(results),
        _left_over(results),
        _reach(results),
        _size(results),
        _edge(results),
        _steps(results),
        _drift(results),
        _recentring(results),
        _latch(results),
        _v0(results),
        _v0_on_adaptive(results),
        _states(results),
    )
    return [sentence for sentences in told for sentence in sentences]


def _where(results: Results) -> Iterator[str]:
    """Name the sessions in which adaptive lost most against static, and won most."""
    found = against_static(results, bars_of(results), ADAPTIVE)
    if not found:
        return
    found.sort(key=lambda pair: (pair[1], pair[0].name))
    worse = [pair for pair in found if pair[1] < 0]
    yield (
        f"**Where.** adaptive did worse than static in {len(worse)} of {len(found)} sessions on "
        f"bars, by {signed(sum(d for _, d in worse), 0)} together, and better in the others by "
        f"{signed(sum(d for _, d in found if d > 0), 0)}. Worst: {_list(found[:_SHOWN])}. "
        f"Best: {_list(found[-_SHOWN:][::-1])}."
    )


def _list(found: Sequence[tuple[Dataset, float]]) -> str:
    return "; ".join(
        f"{d.symbol} in {d.family} {signed(difference, 0)} (price {100 * d.price_change:+.0f} %)"
        for d, difference in found
    )


def _anchor(results: Results) -> Iterator[str]:
    """Say how much each grid trades when nothing moves its anchor, and when something does."""
    datasets = bars_of(results)
    sums = sums_of(results, datasets)
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return
    days = sum(dataset.end_ms - dataset.begin_ms for dataset in datasets) / DAY_MS
    shown = (STATIC, "static-recentred", "static-wide", ADAPTIVE, "static-v1", "adaptive-v1")
    parts = [f"{name} {sums[name].fills / days:,.1f}" for name in shown if name in sums]
    yield (
        "**Anchor.** Neither grid follows the price: the static one is never recentred, and the "
        "adaptive one moves its step, width and levels, but not its centre. Once the price has "
        "left, both hold what they bought or sold and wait for it to come back. Fills a day and "
        f"session on bars: {', '.join(parts)}. Only controller v1 moves the adaptive grid's "
        "anchor, so v1 alone can keep it trading."
    )


def _left_over(results: Results) -> Iterator[str]:
    """Split profit into what was closed and what was left at the end."""
    sums = sums_of(results, bars_of(results))
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return
    names = [n for n in (STATIC, "static-wide", ADAPTIVE, "coarse") if n in sums]
    parts = [
        f"{name} {signed(sums[name].realized, 0)} and {signed(sums[name].unrealized, 0)}"
        for name in names
    ]
    rows = [row for name in names for row in rows_of(results, bars_of(results), name)]
    earned = sum(row.realized >= 0 for row in rows)
    yield (
        "**What is left over.** A grid that keeps its anchor buys below and sells above it, so "
        f"what it closes it closes with a profit: in {earned} of {len(rows)} such sessions. The "
        "loss is the position that is left. Realised and unrealised on bars: "
        f"{'; '.join(parts)}. A fill re-arms only one level of the other side, so the first "
        "excursion through the whole grid decides on which side inventory may sit from then on: "
        "a narrow grid has that decided by the noise of its first hours, a wide one by a move."
    )


def _reach(results: Results) -> Iterator[str]:
    """Say how far the adaptive grid reaches under its own formulas (no result is needed)."""
    if not minutes_of(results):
        return
    fine, coarse = (
        config_of(minutes_of(results)[0], variant, MAIN_MODE).policies
        for variant in VARIANTS
        if variant.name in {ADAPTIVE, "coarse"}
    )
    parts = []
    for natr in _NATRS:
        width = base_width_bps(fine, natr, MINUTE_MS)
        reaches = [
            min(width, level_count(each, width, step) * step)
            for each in (fine, coarse)
            for step in [step_bps(each, natr, MULT_X100)]
        ]
        parts.append(f"{natr}: {width} wanted, {reaches[0]} reached (coarse {reaches[1]})")
    yield (
        "**Reach.** Width and step both follow the true range, but the number of levels is cut at "
        f"`levels_max` ({fine.levels_max}), so the grid does not reach the width it was given for "
        f"an hour. For a true range of N bps on 1-minute bars, in bps: {'; '.join(parts)}. What "
        "should not be run over in an hour is run over, and all of it is bought near the anchor."
    )


def _size(results: Results) -> Iterator[str]:
    """Compare what the grids hold."""
    sums = sums_of(results, bars_of(results))
    if not {STATIC, "static-wide", ADAPTIVE} <= sums.keys():
        return
    parts = [
        f"{name} {sums[name].exposure:,.0f} on average and {sums[name].exposure_max:,.0f} at most"
        for name in (STATIC, "static-wide", ADAPTIVE)
    ]
    yields = [
        f"{name} {signed(_percent(sums[name].on_exposure))} %"
        for name in (STATIC, "static-wide", ADAPTIVE)
    ]
    yield (
        f"**Size.** At equal notional per level the adaptive grid holds more, because it has more "
        f"levels: {', '.join(parts)}. Per unit of average position the results are "
        f"{', '.join(yields)}: compare adaptive with static-wide, which may hold as much, before "
        "calling a difference adaptation."
    )


def _edge(results: Results) -> Iterator[str]:
    """Set what is earned before costs against what fees take."""
    sums = sums_of(results, minutes_of(results))
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return
    parts = [
        f"{name} {signed(each.bps(each.gross))} before costs, {signed(each.bps(each.net))} after"
        for name, each in sums.items()
    ]
    yield (
        "**Edge.** On 1-minute bars, in basis points of turnover (a fill costs "
        f"{sums[STATIC].bps(sums[STATIC].fees) or 0.0:.1f} in fees): {'; '.join(parts)}."
    )


def _steps(results: Results) -> Iterator[str]:
    """Compare how much is traded, and re-placed, for it."""
    sums = sums_of(results, minutes_of(results))
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return
    parts = []
    for name in (n for n in (STATIC, ADAPTIVE, "adaptive-v1", "coarse") if n in sums):
        each = sums[name]
        ratio = each.orders / each.fills if each.fills else 0.0
        parts.append(
            f"{name} {each.fills / each.sessions:,.0f} fills a session, {ratio:,.1f} orders placed "
            f"for each, {each.gross / each.fills if each.fills else 0.0:+.3f} before costs a fill"
        )
    yield (
        "**Steps.** A level is worth 100, so a fill costs 0.02 and a round trip 0.04; a step of "
        f"5 bps, the adaptive grid's narrowest, earns 0.05. {'; '.join(parts)}. On bars a "
        "re-placed order loses nothing, because no queue is simulated there; at a venue it loses "
        "its place."
    )


def _drift(results: Results) -> Iterator[str]:
    """Split sessions by how far the price went."""
    datasets = bars_of(results)
    names = [n for n in (STATIC, "static-wide", ADAPTIVE, "coarse") if n in ran(results, datasets)]
    if not {STATIC, ADAPTIVE} <= set(names) or len(datasets) < 4:
        return
    middle = median(abs(dataset.price_change) for dataset in datasets)
    near = [d for d in datasets if abs(d.price_change) <= middle]
    far = [d for d in datasets if abs(d.price_change) > middle]
    parts = [
        f"{name} {signed(_mean(results, near, name), 1)} and {signed(_mean(results, far, name), 1)}"
        for name in names
    ]
    yield (
        "**Drift.** A grid sells what rises and buys what falls: it earns on the way back and "
        f"holds the loss while there is none. Mean net PnL of the {len(near)} sessions on bars "
        f"whose price ended within {100 * middle:.0f} % of its beginning, and of the {len(far)} "
        f"others: {'; '.join(parts)}."
    )


def _mean(results: Results, datasets: Sequence[Dataset], name: str) -> float:
    rows = rows_of(results, datasets, name)
    return fmean(float(row.net_pnl) for row in rows) if rows else 0.0


def _recentring(results: Results) -> Iterator[str]:
    """Say what moving the anchor does to inventory."""
    sums = sums_of(results, bars_of(results))
    if not {STATIC, "static-recentred"} <= sums.keys():
        return
    still, moved = sums[STATIC], sums["static-recentred"]
    refused = moved.blocks.get("risk_gate:NOTIONAL_LIMIT", 0) / moved.quotes
    yield (
        "**Recentring.** A reset forgets which levels are spent, so each new centre may buy again: "
        f"the average position grows from {still.exposure:,.0f} to {moved.exposure:,.0f} and the "
        f"notional limit refuses the plan on {100 * refused:.0f} % of all quotes. It refuses the "
        "whole plan, the side that would shrink the position included. Net PnL goes from "
        f"{signed(still.net, 0)} to {signed(moved.net, 0)}, the worst drawdown from "
        f"{still.drawdown_max:,.0f} to {moved.drawdown_max:,.0f}."
    )


def _latch(results: Results) -> Iterator[str]:
    """Say how long controller v1 stays in DRAWDOWN."""
    mode = ControllerMode.DRAWDOWN.value
    for name in ("static-v1", "adaptive-v1"):
        rows = [row for row in rows_of(results, bars_of(results), name) if row.modes]
        if not rows:
            continue
        share = sum_of(rows).mode_share(mode)
        stuck = sum(2 * row.modes.get(mode, 0) > sum(row.modes.values()) for row in rows)
        yield (
            f"**The latch of controller v1.** {name} was in {mode} mode on {100 * share:.0f} % of "
            f"the quotes on bars; in {stuck} of {len(rows)} sessions on more than half. It begins "
            "300 bps below the peak and ends 150 bps below it, but while it holds only reduces: "
            "once the position is closed equity cannot move, so nothing ends it but an operator. "
            "From then on it neither earns nor loses, which looks like caution and is standstill."
        )


def _v0(results: Results) -> Iterator[str]:
    """Say what controller v0 does to the static grid."""
    sums = sums_of(results, bars_of(results))
    if not {STATIC, "static-v0"} <= sums.keys():
        return
    still, steered = sums[STATIC], sums["static-v0"]
    shares = {mode: steered.mode_share(mode) for mode in ("TIGHTEN", "BASE", "WIDEN")}
    held = ", ".join(f"{mode} {100 * share:.1f} %" for mode, share in shares.items())
    yield (
        f"**Controller v0.** On bars it held {held} of the quotes. Each change re-places the whole "
        f"grid around the same centre: {steered.orders:,} orders for {steered.fills:,} fills, "
        f"where static placed {still.orders:,} for {still.fills:,}. Net PnL "
        f"{signed(steered.net, 0)} against {signed(still.net, 0)}."
    )


def _v0_on_adaptive(results: Results) -> Iterator[str]:
    """Count sessions in which v0 changed nothing of the adaptive grid."""
    pairs = _pairs(results, results.datasets, ADAPTIVE, "adaptive-v0")
    if pairs:
        same = sum(_trade_alike(a, b) for a, b in pairs)
        yield (
            "**Controller v0 on the adaptive grid** may only pause it, when the spread was above "
            f"50 bps: in {same} of {len(pairs)} sessions every fill is the same as without it."
        )


def _states(results: Results) -> Iterator[str]:
    """Say how much of the time was anything but RANGE, and what it brought."""
    for what, datasets in (
        ("1-minute bars", minutes_of(results)),
        ("longer bars", [d for d in bars_of(results) if d not in minutes_of(results)]),
    ):
        if not {STATIC, ADAPTIVE} <= set(ran(results, datasets)):
            continue
        found = {n: regime_sums(rows_of(results, datasets, n)) for n in (STATIC, ADAPTIVE)}
        whole = sum(each.ms for each in found[STATIC].values())
        calm = found[STATIC].get(Regime.RANGE, RegimeSum()).ms / whole if whole else 0.0
        parts = [
            f"{regime} {signed(found[STATIC][regime].per_day)} and "
            f"{signed(found[ADAPTIVE][regime].per_day)}"
            for regime in sorted(found[STATIC])
            if regime in found[ADAPTIVE] and found[STATIC][regime].is_known
        ]
        yield (
            f"**Market states.** On {what} the classifier says RANGE {100 * calm:.2f} % of the "
            "time, so what the adaptive grid does differently in a trend or a shock hardly ever "
            f"happens. Net PnL a day spent in each, static and adaptive, before funding, of states "
            f"that held for a day in all: {'; '.join(parts)}."
        )


def _pairs(
    results: Results, datasets: Sequence[Dataset], one: str, other: str
) -> list[tuple[Row, Row]]:
    """Return the sessions that two variants share."""
    others = {row.dataset: row for row in rows_of(results, datasets, other)}
    return [
        (row, others[row.dataset])
        for row in rows_of(results, datasets, one)
        if row.dataset in others
    ]


def _trade_alike(one: Row, other: Row) -> bool:
    """Whether two sessions made the same trades; ids of orders may differ."""
    return (one.fills, one.turnover, one.net_pnl) == (other.fills, other.turnover, other.net_pnl)


def gating_sentences(results: Results) -> list[str]:
    """Say what reading the book changed."""
    found = []
    for one, other in ((ADAPTIVE, "adaptive-gated"), ("adaptive-v1", "adaptive-v1-gated")):
        pairs = _pairs(results, results.datasets, one, other)
        if not pairs:
            continue
        same = sum(_trade_alike(a, b) for a, b in pairs)
        before, after = sum_of([a for a, _ in pairs]), sum_of([b for _, b in pairs])
        found.append(
            f"{other} against {one}: the fills are the same in {same} of {len(pairs)} sessions; "
            f"together {before.fills:,} fills become {after.fills:,}, {before.orders:,} orders "
            f"{after.orders:,}, net PnL {signed(before.net, 2)} becomes {signed(after.net, 2)}."
        )
    return found


def thin_sentences(results: Results) -> list[str]:
    """Say what one threshold of a thin book for all symbols does."""
    pairs = _pairs(results, results.datasets, ADAPTIVE, "adaptive-thin")
    if not pairs:
        return []
    ours, theirs = sum_of([a for a, _ in pairs]), sum_of([b for _, b in pairs])
    shares = []
    for rows in zip(*pairs, strict=True):
        sums = regime_sums(rows)
        whole = sum(each.ms for each in sums.values())
        thin = sums.get(Regime.THIN_BOOK, RegimeSum())
        shares.append(thin.ms / whole if whole else 0.0)
    return [
        "**Thin books.** The state THIN_BOOK doubles the step, and top quantities flicker. With "
        f"one order of ours as the threshold it held {100 * shares[0]:.1f} % of the time and "
        f"{ours.orders:,} orders were placed for {ours.fills:,} fills; with 0.1 base units for "
        f"every symbol {100 * shares[1]:.1f} %, {theirs.orders:,} orders for {theirs.fills:,} "
        f"fills. The rate limiter stopped {_limited(ours):,} and {_limited(theirs):,} quotes; net "
        f"PnL {signed(ours.net, 2)} and {signed(theirs.net, 2)}."
    ]


def _limited(found: Sum) -> int:
    return sum(n for reason, n in found.blocks.items() if reason.startswith("rate_limiter:"))


def _percent(value: float | None) -> float | None:
    return None if value is None else 100.0 * value
