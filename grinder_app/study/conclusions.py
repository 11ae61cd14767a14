"""What the study shows in the end, in sentences whose every number is computed from the results.

Which words are used depends on the figures too: nothing here is remembered from an earlier run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from grinder_app.report.sharpe import BestTrial, NotDefined, Sharpe
from grinder_app.report.sharpe_words import confidence_text
from grinder_app.study.datasets import Dataset
from grinder_app.study.parts import bars_of, by_family, ran, rows_of
from grinder_app.study.results import Results
from grinder_app.study.sums import against_static, best_trial, daily_difference, sums_of
from grinder_app.study.tables import band_sums, signed
from grinder_app.study.variants import ADAPTIVE, STATIC
from grinder_core.contracts.enums import FillMode

SURE = 0.95


def conclusions(results: Results) -> list[str]:
    """Say what the study shows, family by family and in all."""
    told = [_family(results, family, d) for family, d in by_family(bars_of(results)).items()]
    return [
        *_overall(results),
        *_chance(results),
        *(sentence for sentence in told if sentence),
        *_candidates(results),
        *_band(results),
    ]


def _overall(results: Results) -> Iterator[str]:
    """Say what static and adaptive came to over all sessions on bars."""
    datasets = bars_of(results)
    sums = sums_of(results, datasets)
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return
    wins = sum(difference > 0 for _, difference in against_static(results, datasets, ADAPTIVE))
    static, adaptive = sums[STATIC], sums[ADAPTIVE]
    made = [name for name, each in sums.items() if each.net > 0]
    verb = "more" if adaptive.net > static.net else "less"
    yield (
        f"Over all {static.sessions} sessions on bars the static grid came to "
        f"{signed(static.net, 0)} and the adaptive one to {signed(adaptive.net, 0)}: {verb}, with "
        f"{adaptive.exposure / static.exposure if static.exposure else 0.0:.1f} times the average "
        f"position, and better in {wins} of {static.sessions} sessions. Fees and funding took "
        f"{static.fees + static.funding:,.0f} and {adaptive.fees + adaptive.funding:,.0f}. "
        f"Variants with a profit over all of them: {', '.join(made) if made else 'none'}."
    )


def _family(results: Results, family: str, datasets: Sequence[Dataset]) -> str:
    sums = sums_of(results, datasets)
    if not {STATIC, ADAPTIVE} <= sums.keys():
        return ""
    best = max(sums, key=lambda name: (sums[name].net, name))
    against = daily_difference(
        rows_of(results, datasets, ADAPTIVE), rows_of(results, datasets, STATIC)
    )
    better = sum(d > 0 for _, d in against_static(results, datasets, ADAPTIVE))
    sure = (
        f"; sure above 0: {confidence_text(against.sharpe.probability)}"
        if isinstance(against.sharpe, Sharpe)
        else ""
    )
    return (
        f"{family}: static {signed(sums[STATIC].net, 0)}, adaptive {signed(sums[ADAPTIVE].net, 0)} "
        f"over {len(datasets)} sessions; adaptive did better in {better} of them (difference "
        f"{signed(against.total, 0)}{sure}). Most was made by {best}: {signed(sums[best].net, 0)}, "
        f"with a worst drawdown of {sums[best].drawdown_max:,.0f}."
    )


def _chance(results: Results) -> Iterator[str]:
    """Count the families in which anything is beyond chance."""
    best = bests(results)
    if not best:
        return
    sure = [family for family, each in best.items() if each.deflated.probability >= SURE]
    parts = [
        f"{family} {confidence_text(each.deflated.probability)}" for family, each in best.items()
    ]
    verdict = "no variant of any family" if not sure else f"only the best of {', '.join(sure)}"
    yield (
        f"After fees and funding, {verdict} shows a profit that is 95 % sure once it is counted "
        f"how many were tried. What is left of each family's best: {'; '.join(parts)}."
    )


def bests(results: Results) -> Mapping[str, BestTrial]:
    """Return each family's variant with the highest Sharpe ratio, where there is one."""
    found = {}
    for family, datasets in by_family(bars_of(results)).items():
        names = ran(results, datasets)
        best = best_trial([rows_of(results, datasets, name) for name in names])
        if not isinstance(best, NotDefined):
            found[family] = best
    return found


def _candidates(results: Results) -> Iterator[str]:
    """Say whether the candidate did better than what it was made of, in each family."""
    parts, better, count = [], 0, 0
    for family, datasets in by_family(bars_of(results)).items():
        sums = sums_of(results, datasets)
        if not {ADAPTIVE, "coarse"} <= sums.keys():
            continue
        count += 1
        better += sums["coarse"].net > sums[ADAPTIVE].net
        parts.append(
            f"{family} {signed(sums['coarse'].net, 0)} against {signed(sums[ADAPTIVE].net, 0)}, "
            f"drawdowns together {sums['coarse'].drawdown_sum:,.0f} against "
            f"{sums[ADAPTIVE].drawdown_sum:,.0f}"
        )
    if parts:
        yield (
            f"The candidate with wider steps (coarse) earned more than adaptive in {better} of "
            f"{count} families: {'; '.join(parts)}."
        )


def _band(results: Results) -> Iterator[str]:
    """Say how far the fill model decides."""
    flips, count, widest = 0, 0, ("", 0.0)
    for family, datasets in by_family(results.datasets).items():
        for name, found in band_sums(results, datasets).items():
            nets = [each.net for each in found.values()]
            count += 1
            flips += min(nets) < 0 < max(nets)
            if max(nets) - min(nets) > widest[1]:
                widest = (f"{name} on {family}", max(nets) - min(nets))
    if count:
        yield (
            f"The fill model alone changes the sign of the result in {flips} of {count} pairs of "
            f"family and variant; it moves {widest[0]} by {widest[1]:,.0f}. {_strict(results)}"
        )


def _strict(results: Results) -> str:
    """Compare the generous and the strict end over all sessions that have both."""
    touch, quote = 0.0, 0.0
    for datasets in by_family(results.datasets).values():
        for found in band_sums(results, datasets).values():
            touch += found[FillMode.TOUCH].net
            quote += found[FillMode.QUOTE].net if FillMode.QUOTE in found else 0.0
    return f"Over all of them touch fills make {touch:+,.0f} and quote fills {quote:+,.0f}."
