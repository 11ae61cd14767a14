"""A Sharpe ratio for people and for machines: one sentence, short texts, and a JSON block."""

from __future__ import annotations

from typing import Any, Final

from grinder_app.report.sharpe import CONFIDENCE, BestTrial, Deflated, NotDefined, Sharpe, deflate
from grinder_core.errors import ConfigError

RETURNS: Final = {"day": "daily", "hour": "hourly"}
NOT_DEFINED: Final = "not defined"
TRIALS_MAX: Final = 1_000_000_000


def check_trials(trials: int | None) -> int | None:
    """Return how many settings a user says to have tried.

    Raises:
        ConfigError: Fewer than 1, or more than anybody can have tried.
    """
    if trials is not None and not 1 <= trials <= TRIALS_MAX:
        raise ConfigError(f"must be 1 to {TRIALS_MAX}", field="--trials", value=trials)
    return trials


def deflated_by(sharpe: Sharpe | NotDefined, trials: int | None) -> Deflated | None:
    """Return a Sharpe ratio deflated by a stated number of trials; ``None`` without either."""
    return deflate(sharpe, trials) if trials and isinstance(sharpe, Sharpe) else None


def ratio_text(sharpe: Sharpe | NotDefined) -> str:
    """Write the annual ratio, or that there is none."""
    return f"{sharpe.value:.2f}" if isinstance(sharpe, Sharpe) else NOT_DEFINED


def interval_text(sharpe: Sharpe | NotDefined) -> str:
    """Write the 95 % interval, or why there is none."""
    if isinstance(sharpe, NotDefined):
        return sharpe.reason
    return f"{sharpe.low:.1f} to {sharpe.high:.1f}"


def sure_text(sharpe: Sharpe | NotDefined) -> str:
    """Write the confidence that the true ratio is above 0, or a dash."""
    return confidence_text(sharpe.probability) if isinstance(sharpe, Sharpe) else "-"


def confidence_text(probability: float) -> str:
    """Write a confidence as a percentage; never as certainty."""
    if probability < 0.001:
        return "below 0.1 %"
    return "above 99.9 %" if probability > 0.999 else f"{100.0 * probability:.1f} %"


def meaning(sharpe: Sharpe | NotDefined, deflated: Deflated | None = None) -> str:
    """Say in plain words what a Sharpe ratio shows, and what it does not."""
    if isinstance(sharpe, NotDefined):
        return f"The Sharpe ratio is not defined: {sharpe.reason}."
    kind = RETURNS[sharpe.period]
    text = (
        f"A Sharpe ratio of {sharpe.value:.2f} a year from {sharpe.samples:,} {kind} returns: with "
        f"95 % confidence the true one lies between {sharpe.low:.1f} and {sharpe.high:.1f}; "
        f"the confidence that it is above 0 is {confidence_text(sharpe.probability)}"
    )
    needed = sharpe.samples_needed
    if needed is None:
        text += ", and no number of such returns would show that."
    elif needed > sharpe.samples:
        text += f", and 95 % would need {needed:,} such returns."
    else:
        text += "."
    return text if deflated is None else f"{text} {_chosen(sharpe, deflated)}"


def best_meaning(best: BestTrial, name: str, of: str) -> str:
    """Say what the best of several results shows.

    Args:
        name: Which one it is.
        of: What it is the best of, in the plural: ``sessions``, ``runs``.
    """
    return f"Best of the {of}: {name}. {meaning(best.sharpe, best.deflated)}"


def block(sharpe: Sharpe | NotDefined, deflated: Deflated | None = None) -> dict[str, Any]:
    """Return JSON values: figures as text of four places, ``null`` where there is none."""
    found: dict[str, Any] = dict.fromkeys(_KEYS)
    found["meaning"] = meaning(sharpe, deflated)
    if isinstance(sharpe, NotDefined):
        return {**found, "not_defined": sharpe.reason}
    found |= {
        "sharpe": _four(sharpe.value),
        "sharpe_low": _four(sharpe.low),
        "sharpe_high": _four(sharpe.high),
        "standard_error": _four(sharpe.standard_error),
        "probabilistic_sharpe": _four(sharpe.probability),
        "track_record_min": sharpe.samples_needed,
        "confidence": _four(CONFIDENCE),
        "samples": sharpe.samples,
        "sampling": sharpe.period,
        "periods_a_year": sharpe.periods_a_year,
        "skewness": _four(sharpe.skewness),
        "kurtosis": _four(sharpe.kurtosis),
    }
    if deflated is not None:
        found |= {
            "trials": deflated.trials,
            "trials_deviation": _four(sharpe.annual(deflated.deviation)),
            "trials_measured": deflated.is_measured,
            "expected_best": _four(sharpe.annual(deflated.benchmark)),
            "deflated_sharpe": _four(deflated.probability),
        }
    return found


_KEYS: Final = (
    *("sharpe", "sharpe_low", "sharpe_high", "standard_error", "probabilistic_sharpe"),
    *("track_record_min", "confidence", "samples", "sampling", "periods_a_year", "skewness"),
    *("kurtosis", "trials", "trials_deviation", "trials_measured", "expected_best"),
    *("deflated_sharpe", "not_defined", "meaning"),
)


def _chosen(sharpe: Sharpe, deflated: Deflated) -> str:
    if deflated.trials == 1:
        return "It was not chosen among others, so nothing is deflated."
    return (
        f"Of {deflated.trials:,} trials without any skill the best is expected to show "
        f"{sharpe.annual(deflated.benchmark):.2f}; after that the confidence is "
        f"{confidence_text(deflated.probability)} (deflated Sharpe ratio)."
    )


def _four(value: float) -> str:
    return f"{value:.4f}"
