"""Fetch the venue's public dump files, each verified by its published SHA-256."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeVar

from attrs import frozen

from grinder_adapters.feeds.download_file import DumpFile, Sleep, State
from grinder_core.contracts.checks import check_symbol
from grinder_core.errors import ConfigError

T = TypeVar("T")

BASE_URL: Final = "https://data.binance.vision"
KINDS: Final = ("aggTrades", "bookDepth", "bookTicker", "klines", "trades")
INTERVALS: Final = (
    *("1m", "3m", "5m", "15m", "30m"),
    *("1h", "2h", "4h", "6h", "8h", "12h", "1d"),
)

_CONNECT_S: Final = 10
_READ_S: Final = 30


@frozen(kw_only=True)
class DownloadReport:
    """What a download did, in the order symbol, then day.

    Attributes:
        downloaded: Files fetched and verified now.
        present: Files that were there, verified against the checksum kept beside them.
        missing: Names of files the venue does not have.
        bytes_received: Bytes of dump files received, those of failed attempts included.
    """

    downloaded: tuple[Path, ...]
    present: tuple[Path, ...]
    missing: tuple[str, ...]
    bytes_received: int


def _no_progress(_files: int) -> None:
    """Tell nobody."""


async def download(
    kind: str,
    symbols: Sequence[str],
    start: date,
    end: date,
    out: Path,
    *,
    base_url: str = BASE_URL,
    interval: str | None = None,
    on_progress: Callable[[int], None] = _no_progress,
    concurrency: int = 4,
    sleep: Sleep = asyncio.sleep,
) -> DownloadReport:
    """Fetch the daily dump files of some symbols and days into one folder.

    Args:
        kind: One of ``KINDS``.
        symbols: USDT-M futures symbols.
        start, end: First and last day, both included, UTC.
        out: Folder; made when missing.
        base_url: Where the dumps lie.
        interval: Length of klines, such as ``1m``; only for klines.
        on_progress: Called with 1 for every file that is done, present or missing.
        concurrency: Files in transfer at once.
        sleep: How to wait between attempts, seconds.

    Raises:
        ConfigError: An argument outside its range.
        ContractError: A symbol outside our grammar.
        ConnectorError: The host cannot be reached, keeps failing or refuses; or a file differs
            from its checksum twice. Files verified before stay.
    """
    from aiohttp import ClientSession, ClientTimeout

    _check(kind, symbols, start, end, interval, base_url, concurrency)
    days = [start + timedelta(days=index) for index in range((end - start).days + 1)]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be made a folder: {error.strerror}", field="out", value=str(out)
        ) from error
    slots = asyncio.Semaphore(concurrency)
    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
    async with ClientSession(timeout=timeout, auto_decompress=False) as session:

        async def one(symbol: str, day: date) -> DumpFile:
            label = interval or kind
            name = f"{symbol}-{label}-{day.isoformat()}.zip"
            folder = f"{kind}/{symbol}/{interval}" if interval else f"{kind}/{symbol}"
            url = f"{base_url.rstrip('/')}/data/futures/um/daily/{folder}/{name}"
            file = DumpFile(session, url, out / name, sleep)
            async with slots:
                await file.fetch()
            on_progress(1)
            return file

        files = await _all([one(symbol, day) for symbol in symbols for day in days])
    return DownloadReport(
        downloaded=tuple(f.target for f in files if f.state is State.DOWNLOADED),
        present=tuple(f.target for f in files if f.state is State.PRESENT),
        missing=tuple(f.target.name for f in files if f.state is State.MISSING),
        bytes_received=sum(f.received for f in files),
    )


async def _all(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run all; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _check(
    kind: str,
    symbols: Sequence[str],
    start: date,
    end: date,
    interval: str | None,
    base_url: str,
    concurrency: int,
) -> None:
    if kind not in KINDS:
        raise ConfigError(f"must be one of {', '.join(KINDS)}", field="kind", value=kind)
    if not symbols:
        raise ConfigError("must name at least one symbol", field="symbols")
    for symbol in symbols:
        check_symbol(symbol)
    if len(set(symbols)) < len(symbols):
        raise ConfigError("must not repeat", field="symbols", value=list(symbols))
    if end < start:
        raise ConfigError(f"must not lie before {start}", field="end", value=str(end))
    if kind == "klines" and interval not in INTERVALS:
        raise ConfigError(
            f"must be one of {', '.join(INTERVALS)} for klines", field="interval", value=interval
        )
    if kind != "klines" and interval is not None:
        raise ConfigError("is only for klines", field="interval", value=interval)
    if not base_url.startswith(("http://", "https://")):
        raise ConfigError("must begin with https:// or http://", field="base_url", value=base_url)
    if concurrency < 1:
        raise ConfigError("must be >= 1", field="concurrency", value=concurrency)
