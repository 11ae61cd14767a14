"""What of a folder of recordings can be traded, and what is left out and why.

The folder's layout tells what is what: ``klines_*`` hold bars, ``ws_raw`` and ``ws_raw_multi``
captures, ``quotes_1m`` and ``trades`` files of rows, ``reference`` funding settlements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import field, frozen

from grinder_adapters.feeds.csv_rows import stem
from grinder_adapters.feeds.funded import read_funding
from grinder_adapters.feeds.funding import FundingFiles
from grinder_adapters.feeds.funding_gaps import funding_gaps
from grinder_app.study.survey import Surveyed, survey_klines, survey_quotes
from grinder_core.errors import ConfigError, FixtureError

RECORDED: Final = "recorded"
QUOTES_MIN: Final = 100
COVERED_MIN: Final = 0.95  # of a session's time must have settlements before they are used
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000

_KLINE_FOLDER: Final = re.compile(r"klines_(?P<interval>(?P<count>\d+)(?P<unit>[mhd]))")
_UNIT_MS: Final = {"m": MINUTE_MS, "h": HOUR_MS, "d": 24 * HOUR_MS}
_QUOTE_FOLDERS: Final = ("ws_raw", "ws_raw_multi", "quotes_1m", "trades")
_DATED: Final = re.compile(r"(?P<name>.+)_(?P<date>\d{8})(?P<rest>\..+)")
_FUNDING: Final = "reference/*funding*"

Tell = Callable[[str], None]


@frozen(kw_only=True)
class Dataset:
    """One session's data: one symbol, in files that continue each other.

    Attributes:
        files: Below the folder of recordings, with ``/``.
        is_klines: Its quotes are made of bars along an assumed path.
        is_perpetual: Else spot, which pays no funding.
        bar_interval_ms: Of the features.
        sample_ms: Of the equity curve.
        price_step: Of quotes made of bars, and of our orders.
        funding: Files of settlements that cover it; empty where a constant rate stands in.
        funding_hours_missing: Hours without the settlements that were due, where files are used.
    """

    name: str
    family: str
    symbol: str
    files: tuple[str, ...]
    is_klines: bool
    is_perpetual: bool
    has_depth: bool
    has_trades: bool
    begin_ms: int
    end_ms: int
    first_price: Decimal
    last_price: Decimal
    price_step: Decimal
    bar_interval_ms: int
    sample_ms: int
    funding: tuple[str, ...] = ()
    funding_hours_missing: int = 0

    @property
    def price_change(self) -> float:
        """From the first to the last price, as a share."""
        return float(self.last_price) / float(self.first_price) - 1.0


@frozen(kw_only=True)
class LeftOut:
    """A file that cannot be traded."""

    file: str
    reason: str


@frozen(kw_only=True)
class Found:
    """What a folder holds, in order of family and name."""

    datasets: tuple[Dataset, ...]
    left_out: tuple[LeftOut, ...] = ()


def find(root: Path, tell: Tell = lambda _: None) -> Found:
    """Survey a folder of recordings.

    Args:
        tell: Called with the name of each file before it is read.

    Raises:
        ConfigError: It is no folder, or nothing in it can be traded.
        FixtureError: A file that should be tradable is malformed.
    """
    if not root.is_dir():
        raise ConfigError("is no folder", field="RECORDINGS", value=str(root))
    search = _Search(root, tell)
    datasets = [*search.klines(), *search.quotes()]
    if not datasets:
        raise ConfigError(
            "holds nothing that can be traded",
            field="RECORDINGS",
            value=str(root),
            remedy="it needs folders like klines_1m or ws_raw",
        )
    ordered = sorted(datasets, key=lambda d: (d.family, d.name))
    return Found(
        datasets=tuple(ordered), left_out=tuple(sorted(search.left_out, key=lambda x: x.file))
    )


@frozen
class _Search:
    root: Path
    tell: Tell
    left_out: list[LeftOut] = field(factory=list)
    funding: dict[str, FundingFiles] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for path in sorted(self.root.glob(_FUNDING)):
            self.funding[self._short(path)] = read_funding([path])

    def klines(self) -> Iterator[Dataset]:
        for folder in sorted(self.root.iterdir()):
            match = _KLINE_FOLDER.fullmatch(folder.name)
            if not match:
                continue
            span = int(match["count"]) * _UNIT_MS[match["unit"]]
            for path in _files(folder):
                self.tell(path.name)
                found = survey_klines(path, stem(path).partition("-")[0])
                year = datetime.fromtimestamp(found.begin_ms / 1000, UTC).year
                yield self._dataset(
                    found,
                    (path,),
                    name=path.name.partition(".")[0],
                    family=f"klines-{match['interval']}-{year}",
                    bar_interval_ms=span,
                    sample_ms=max(span, 15 * MINUTE_MS),
                    is_klines=True,
                )

    def quotes(self) -> Iterator[Dataset]:
        for folder in _QUOTE_FOLDERS:
            for paths in _continued(_files(self.root / folder)):
                for path in paths:
                    self.tell(path.name)
                yield from self._quoted(paths)

    def _quoted(self, paths: Sequence[Path]) -> Iterator[Dataset]:
        try:
            found = survey_quotes(paths)
        except FixtureError:
            self._leave_out(paths, "of a form that grinder does not read")
            return
        if not any(each.quotes for each in found):
            what = "trades only" if any(each.has_trades for each in found) else "depth only"
            self._leave_out(paths, f"{what}, no quotes")
            return
        name = "+".join([_stem(paths[0]), *(_date(path) for path in paths[1:])])
        for each in found:
            own = name if len(found) == 1 else f"{name}-{each.symbol}"
            if each.quotes < QUOTES_MIN:
                self._leave_out(paths, f"{each.symbol} has fewer than {QUOTES_MIN} quotes")
                continue
            long = each.end_ms - each.begin_ms >= HOUR_MS
            yield self._dataset(
                each,
                paths,
                name=own,
                family=RECORDED,
                bar_interval_ms=MINUTE_MS if long else 1_000,
                sample_ms=MINUTE_MS if long else 1_000,
                is_klines=False,
            )

    def _dataset(
        self,
        found: Surveyed,
        paths: Sequence[Path],
        *,
        name: str,
        family: str,
        bar_interval_ms: int,
        sample_ms: int,
        is_klines: bool,
    ) -> Dataset:
        is_perpetual = not paths[0].name.startswith("spot_")
        covering, missing = self._funding_of(found) if is_perpetual else ((), 0)
        return Dataset(
            name=name,
            family=family,
            symbol=found.symbol,
            files=tuple(map(self._short, paths)),
            is_klines=is_klines,
            is_perpetual=is_perpetual,
            has_depth=found.has_depth,
            has_trades=found.has_trades,
            begin_ms=found.begin_ms,
            end_ms=found.end_ms,
            first_price=found.first_price,
            last_price=found.last_price,
            price_step=found.price_step,
            bar_interval_ms=bar_interval_ms,
            sample_ms=sample_ms,
            funding=covering,
            funding_hours_missing=missing,
        )

    def _funding_of(self, found: Surveyed) -> tuple[tuple[str, ...], int]:
        """Return the first file whose settlements cover a session, and the hours they lack."""
        span = found.end_ms - found.begin_ms
        for name, files in self.funding.items():
            settled = files.by_symbol.get(found.symbol, ())
            if not settled:
                continue
            gaps = funding_gaps(settled, found.begin_ms, found.end_ms)
            ends = [(max(g.begin_ms, found.begin_ms), min(g.end_ms, found.end_ms)) for g in gaps]
            lost = sum(end - begin for begin, end in ends if end > begin)
            if lost <= (1 - COVERED_MIN) * span:
                return (name,), round(lost / HOUR_MS)
        return (), 0

    def _leave_out(self, paths: Sequence[Path], reason: str) -> None:
        self.left_out.extend(LeftOut(file=self._short(path), reason=reason) for path in paths)

    def _short(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def _continued(paths: Sequence[Path]) -> list[list[Path]]:
    """Group files of the same name whose dates follow each other: they were cut at midnight."""
    groups: list[list[Path]] = []
    for path in paths:
        if groups and _follows(groups[-1][-1], path):
            groups[-1].append(path)
        else:
            groups.append([path])
    return groups


def _follows(before: Path, after: Path) -> bool:
    a, b = _DATED.fullmatch(before.name), _DATED.fullmatch(after.name)
    if a is None or b is None or (a["name"], a["rest"]) != (b["name"], b["rest"]):
        return False
    day, next_day = (datetime.strptime(m["date"], "%Y%m%d").replace(tzinfo=UTC) for m in (a, b))
    return next_day - day == timedelta(days=1)


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def _date(path: Path) -> str:
    return _stem(path).rpartition("_")[2]
