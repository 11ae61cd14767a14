"""What the study found, as plain values, and the file it is kept in.

The file is canonical and sorted, one value a line; page and pictures are made of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.study.datasets import Dataset, LeftOut
from grinder_core.codec import canonical_json, from_dict, parse_json, to_dict
from grinder_core.contracts.enums import FillMode
from grinder_core.errors import ConfigError

FILE: Final = "results.json"
MAIN_MODE: Final = FillMode.CROSSING
_PARTS: Final = ("datasets", "left_out", "rows")


@frozen(kw_only=True)
class RegimeRow:
    """What one market state (CORE-18) brought; ``net_pnl`` is before funding."""

    regime: str
    outputs: int
    ms: int
    fills: int
    net_pnl: Decimal


@frozen(kw_only=True)
class SharpeRow:
    """A Sharpe ratio a year with its 95 % interval; text of four places, empty: not defined.

    Attributes:
        reason: Why it is not defined.
        probability: The confidence that the true ratio is above 0, 0 to 1.
    """

    value: str = ""
    low: str = ""
    high: str = ""
    probability: str = ""
    samples: int = 0
    period: str = ""
    reason: str = ""


@frozen(kw_only=True)
class Row:
    """One session: a variant on a dataset under a fill model; money is quote currency.

    Attributes:
        net_pnl: Realised plus unrealised profit less fees and funding.
        max_drawdown: The engine's own, over every update.
        exposure, exposure_max: Absolute position at cost, average over time and peak; cents.
        time_in_market: Share of the time with a position, text of four places.
        blocks: Quotes that placed nothing, by ``gate:reason``.
        modes: Quotes in each mode of the controller.
        daily: Change of equity on each UTC day, ``YYYY-MM-DD``, in cents.
        book_losses: How often the book was lost and waited for a snapshot.
        digest: 16 characters over all fills.
        error: What ended it early; empty otherwise.
    """

    dataset: str
    variant: str
    fill_mode: FillMode
    quotes: int
    net_pnl: Decimal
    realized: Decimal
    unrealized: Decimal
    fees: Decimal
    funding: Decimal
    turnover: Decimal
    fills: int
    orders_placed: int
    max_drawdown: Decimal
    exposure: Decimal
    exposure_max: Decimal
    time_in_market: str
    sharpe: SharpeRow
    blocks: Mapping[str, int]
    modes: Mapping[str, int]
    regimes: tuple[RegimeRow, ...]
    daily: Mapping[str, Decimal]
    book_losses: int
    config_hash: str
    digest: str
    error: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.dataset, self.variant, self.fill_mode.value


@frozen(kw_only=True)
class Results:
    """The whole study."""

    datasets: tuple[Dataset, ...]
    left_out: tuple[LeftOut, ...]
    rows: tuple[Row, ...]

    def with_rows(self, rows: Iterable[Row]) -> Results:
        """Return it with further rows; of equal keys the new one stays."""
        by_key = {row.key: row for row in (*self.rows, *rows)}
        return evolve(self, rows=tuple(by_key[key] for key in sorted(by_key)))


def save(results: Results, folder: Path) -> Path:
    """Write the results into a folder, which is made when missing.

    Raises:
        InputError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for name in _PARTS:
        lines = ",\n".join(canonical_json(to_dict(value)) for value in getattr(results, name))
        parts.append(f'"{name}":[\n{lines}\n]' if lines else f'"{name}":[]')
    path = folder / FILE
    with atomic_file(path) as file:
        file.write(("{" + ",\n".join(parts) + "}\n").encode("ascii"))
    return path


def load(folder: Path) -> Results:
    """Read the results of a folder.

    Raises:
        ConfigError: There are none.
        ContractError: They are damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        raise ConfigError(
            f"holds no {FILE}",
            field="--out",
            value=str(folder),
            remedy="run the study first, without --from-results",
        )
    return from_dict(Results, parse_json(path.read_text(encoding="ascii"), FILE))
