"""Settings that the results speak for; each names the figures it rests on, or is left out."""

from __future__ import annotations

from collections.abc import Iterator

from grinder_app.study.parts import bars_of, by_family, ran, rows_of
from grinder_app.study.results import Results
from grinder_app.study.sums import sum_of, sums_of
from grinder_app.study.tables import signed
from grinder_app.study.variants import ADAPTIVE, STATIC


def proposals(results: Results) -> list[str]:
    """Return what to try, and why, as far as the results speak for it."""
    return [
        *_steps(results),
        *_latch(results),
        *_recentring(results),
        *_thin(results),
        *_room(results),
    ]


def _steps(results: Results) -> Iterator[str]:
    datasets = bars_of(results)
    if not {ADAPTIVE, "coarse"} <= set(ran(results, datasets)):
        return
    fine, coarse = (sum_of(rows_of(results, datasets, n)) for n in (ADAPTIVE, "coarse"))
    better = sum(
        sum_of(rows_of(results, d, "coarse")).net > sum_of(rows_of(results, d, ADAPTIVE)).net
        for d in by_family(datasets).values()
    )
    count = len(by_family(datasets))
    verdict = (
        "Use it for an adaptive grid"
        if 2 * better > count and coarse.net > fine.net
        else "The evidence does not speak for it"
    )
    yield (
        "`alpha_x100 = 100`, `adaptive_step_min_bps = 20` (coarse): steps of a whole true range, "
        "and never narrower than five round trips of fees. Over all sessions on bars it made "
        f"{signed(coarse.net, 0)} against {signed(fine.net, 0)}, better in {better} of {count} "
        f"families, with an average position of {coarse.exposure:,.0f} against "
        f"{fine.exposure:,.0f}. {verdict}."
    )


def _latch(results: Results) -> Iterator[str]:
    rows = [row for row in rows_of(results, bars_of(results), "adaptive-v1") if row.modes]
    if not rows:
        return
    share = sum_of(rows).mode_share("DRAWDOWN")
    yield (
        "`dd_enter_bps`: with controller v1, set it to a loss after which the session shall end, "
        "because it does not come back by itself (DRAWDOWN on "
        f"{100 * share:.0f} % of adaptive-v1's quotes on bars), and let somebody be told. A way "
        "out that does not need equity to rise while nothing is traded would be a change of "
        "CORE-20."
    )


def _recentring(results: Results) -> Iterator[str]:
    datasets = bars_of(results)
    if not {STATIC, "static-recentred"} <= set(ran(results, datasets)):
        return
    still, moved = (sum_of(rows_of(results, datasets, n)) for n in (STATIC, "static-recentred"))
    yield (
        "`recenter_bps`: only with a limit on the position that fits the account. Its drawdowns "
        f"add up to {moved.drawdown_sum:,.0f} against {still.drawdown_sum:,.0f}, and "
        f"{100 * moved.blocked_share:.0f} % of its quotes were blocked."
    )


def _thin(results: Results) -> Iterator[str]:
    datasets = [dataset for dataset in results.datasets if not dataset.is_klines]
    sums = sums_of(results, datasets)
    if not {ADAPTIVE, "adaptive-thin"} <= sums.keys():
        return
    ours, specified = sums[ADAPTIVE], sums["adaptive-thin"]
    yield (
        "`thin_l1_qty`: for each symbol by itself, and away from the sizes that usually stand at "
        "the top: a threshold that they keep crossing re-places the whole grid each time "
        f"({ours.orders:,} orders for {ours.fills:,} fills with one order of ours as the "
        f"threshold, {specified.orders:,} for {specified.fills:,} with 0.1 base units). 0 where "
        "sizes are unknown, as on bars. A state that ends later than it begins (hysteresis) would "
        "be a change of CORE-18."
    )


def _room(results: Results) -> Iterator[str]:
    found = sum_of(rows_of(results, bars_of(results), ADAPTIVE))
    if found.sessions:
        yield (
            "`max_notional_per_symbol` with the adaptive grid: at least twice "
            "`levels_max * notional_per_level` for the plan, and once more for the position. Its "
            f"largest position on bars was {found.exposure_max:,.0f} at 100 a level."
        )
