"""What the report says in words: numbers, times, reasons, and a warning of zero fees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from grinder_core.numbers import canonical

NO_CURRENCY: Final = "quote currency"  # where symbols have none, or several
QUOTE_CURRENCIES: Final = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH")

REASONS: Final[Mapping[str, str]] = {
    "RATE_LIMIT_EXCEEDED": "More orders in the last minute than max_orders_per_minute allows.",
    "COOLDOWN_ACTIVE": "Less than cooldown_ms since the last placement on the symbol.",
    "NOTIONAL_LIMIT": (
        "Position plus plan would exceed max_notional_per_symbol or max_notional_total."
    ),
    "DAILY_LOSS_LIMIT": "The loss since the start of the UTC day reached daily_loss_limit.",
    "SPREAD_SPIKE": "The spread was wider than max_spread_bps.",
    "PRICE_IMPACT_HIGH": "The price moved more than max_price_impact_bps within the look-back.",
    "KILL_SWITCH_ACTIVE": "The kill switch had latched.",
    "DRAWDOWN_LIMIT_EXCEEDED": "Equity had fallen max_drawdown_pct below its peak.",
    "FSM_STATE_BLOCKED": "The operating state of the session let no new risk pass.",
    "SYMBOL_NOT_ALLOWED": "The symbol is not on prefilter_allow_list.",
    "SPREAD_TOO_HIGH": "The spread was wider than prefilter_spread_max_bps.",
    "VOLUME_24H_TOO_LOW": "Turnover of 24 h was below prefilter_vol_24h_min_usd, or unknown.",
    "OPEN_INTEREST_TOO_LOW": "Open interest was below prefilter_oi_min_usd, or unknown.",
    "NOT_IN_TOPK": "The selection did not choose the symbol.",
}


def fee_warning(kind: str, venue: Mapping[str, Any]) -> str | None:
    """Return a warning when fills cost nothing; ``None`` otherwise."""
    free = [n for n in ("maker", "taker") if not int(venue.get(f"{n}_fee_bps_x100", 0))]
    if kind == "replay" or not free:
        return None
    return (
        f"Zero fees: the {' and '.join(free)} fee of this run is 0. No venue trades for nothing; "
        "a grid that earns without fees often loses with them. Set maker_fee_bps_x100 and "
        "taker_fee_bps_x100 (200 and 500 are 2 and 5 bps)."
    )


def basis_points(x100: int) -> str:
    """Write hundredths of a basis point as basis points."""
    return canonical(Decimal(x100).scaleb(-2))


def quote_currency(symbols: Iterable[str]) -> str:
    """Return the currency all symbols are quoted in, or ``quote currency``."""
    found = {_quote_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else NO_CURRENCY


def _quote_of(symbol: str) -> str:
    return next((c for c in QUOTE_CURRENCIES if symbol.endswith(c)), NO_CURRENCY)


def money(value: Any, *, signed: bool = False) -> str:
    """Write an amount: two digits, more where it is small; thousands with a comma."""
    number = float(value)
    size = abs(number)
    digits = 2 if size >= 1 or size == 0 else 4 if size >= 0.0001 else 8
    text = f"{number:{'+' if signed else ''},.{digits}f}"
    zero = not any(c in "123456789" for c in text)
    return text.lstrip("+-") if zero else text


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Write a percentage, or a dash for ``None``."""
    return "-" if value is None else f"{value:{'+' if signed else ''}.{digits}f} %"


def percent_of_bps(value: int) -> str:
    """Write basis points as a percentage."""
    return f"{canonical(Decimal(value).scaleb(-2))} %"


def plain(value: Any) -> str:
    """Write a number as it is: decimals without superfluous zeros, thousands with a comma."""
    text = canonical(Decimal(str(value)))
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole not in {"-0"} else text


def utc(ts_ms: int) -> str:
    """Write Unix milliseconds as UTC, to the second."""
    seconds = ts_ms // 1000
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(span_ms: int) -> str:
    """Write a length of time in its two largest units."""
    units = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))
    parts: list[str] = []
    for name, size in units:
        count, span_ms = divmod(span_ms, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "0 s"


def nearest_second(span_ms: int) -> int:
    """Round a length of time to seconds, so that a few milliseconds do not make 8 h 7 h 59 min."""
    return (span_ms + 500) // 1000 * 1000


def some(items: Sequence[str], limit: int) -> str:
    """List the first few items and count the rest."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
