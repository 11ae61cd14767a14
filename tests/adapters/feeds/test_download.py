"""The download client against a server on loopback that misbehaves on request."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web

from grinder_adapters.feeds.download import DownloadReport, download
from grinder_app.cli import Exit, _code_of
from grinder_core.errors import ConfigError, ConnectorError, ContractError

DAY = date(2024, 1, 1)
NAME = "BTCUSDT-trades-2024-01-01.zip"
URL = f"/data/futures/um/daily/trades/BTCUSDT/{NAME}"
BODY = bytes(range(256)) * 4096  # 1 MiB


class Venue:
    """Serves some files and counts what it was asked.

    Attributes:
        cuts: For a path, after how many bytes of the answer to break off; one entry an answer.
        statuses: For a path, statuses to answer with first.
        ranges: Whether Range is understood.
        asked: ``(path, Range header)`` of every request.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        for path, body in files.items():
            digest = hashlib.sha256(body).hexdigest()
            self.files[f"{path}.CHECKSUM"] = f"{digest}  {path.rsplit('/', 1)[1]}\n".encode()
        self.cuts: dict[str, list[int]] = {}
        self.statuses: dict[str, list[int]] = {}
        self.bodies: dict[str, list[bytes]] = {}
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        if self.statuses.get(request.path):
            return web.Response(status=self.statuses[request.path].pop(0))
        if request.path not in self.files:
            return web.Response(status=404)
        body = self.files[request.path]
        if self.bodies.get(request.path):
            body = self.bodies[request.path].pop(0)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if not self.ranges:
            start = 0
        if start >= len(body) and start:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        headers = {"Content-Length": str(len(body) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        if self.cuts.get(request.path):
            await response.write(body[start : start + self.cuts[request.path].pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(body[start:])
        await response.write_eof()
        return response


def run(
    venue: Venue,
    out: Path,
    *,
    symbols: tuple[str, ...] = ("BTCUSDT",),
    end: date = DAY,
    kind: str = "trades",
    interval: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[DownloadReport, list[float]]:
    """Download from the venue; returns the report and the waits between attempts."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def session() -> DownloadReport:
        return await with_server(
            venue,
            lambda base: download(
                kind,
                symbols,
                DAY,
                end,
                out,
                base_url=base,
                interval=interval,
                on_progress=on_progress,
                sleep=sleep,
            ),
        )

    return asyncio.run(session()), waits


async def with_server(
    venue: Venue, use: Callable[[str], Awaitable[DownloadReport]]
) -> DownloadReport:
    app = web.Application()
    app.router.add_get("/{path:.*}", venue.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return await use(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()


def test_a_file_is_fetched_verified_and_kept_with_its_checksum(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    report, waits = run(venue, tmp_path / "new" / "folder")
    target = tmp_path / "new" / "folder" / NAME
    assert report == DownloadReport(
        downloaded=(target,), present=(), missing=(), bytes_received=len(BODY)
    )
    assert target.read_bytes() == BODY
    assert waits == []
    assert sorted(p.name for p in target.parent.iterdir()) == [NAME, f"{NAME}.CHECKSUM"]


def test_klines_lie_below_their_interval(tmp_path: Path) -> None:
    name = "BTCUSDT-5m-2024-01-01.zip"
    venue = Venue({f"/data/futures/um/daily/klines/BTCUSDT/5m/{name}": b"bars"})
    report, _ = run(venue, tmp_path, kind="klines", interval="5m")
    assert report.downloaded == (tmp_path / name,)


def test_a_cut_connection_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.cuts[URL] = [300_000, 300_000]
    report, waits = run(venue, tmp_path)
    assert (tmp_path / NAME).read_bytes() == BODY
    ranges = [wanted for path, wanted in venue.asked if path == URL]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert report.bytes_received == len(BODY)
    assert waits == [0.5, 0.5]  # each attempt made progress


def test_a_part_of_an_earlier_run_is_continued(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(BODY[:1000])
    venue = Venue({URL: BODY})
    report, _ = run(venue, tmp_path)
    assert venue.asked[-1] == (URL, "bytes=1000-")
    assert report.bytes_received == len(BODY) - 1000
    assert (tmp_path / NAME).read_bytes() == BODY


def test_a_complete_part_only_needs_its_name(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(BODY)
    venue = Venue({URL: BODY})
    report, _ = run(venue, tmp_path)
    assert report.downloaded == (tmp_path / NAME,)
    assert [path for path, _ in venue.asked] == [f"{URL}.CHECKSUM"]


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * (len(BODY) + 1)], ids=["wrong", "too long"])
def test_a_stale_part_is_thrown_away(tmp_path: Path, stale: bytes) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(stale)
    run(Venue({URL: BODY}), tmp_path)
    assert (tmp_path / NAME).read_bytes() == BODY


def test_without_range_support_the_file_begins_anew(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.ranges = False
    venue.cuts[URL] = [300_000]
    report, _ = run(venue, tmp_path)
    assert (tmp_path / NAME).read_bytes() == BODY
    assert report.bytes_received == len(BODY) + 300_000


def test_a_missing_day_is_listed(tmp_path: Path) -> None:
    done: list[int] = []
    venue = Venue({URL: BODY})
    report, _ = run(
        venue,
        tmp_path,
        symbols=("BTCUSDT", "ETHUSDT"),
        end=date(2024, 1, 2),
        on_progress=done.append,
    )
    assert report.downloaded == (tmp_path / NAME,)
    assert report.missing == (
        "BTCUSDT-trades-2024-01-02.zip",
        "ETHUSDT-trades-2024-01-01.zip",
        "ETHUSDT-trades-2024-01-02.zip",
    )
    assert done == [1, 1, 1, 1]


def test_a_verified_file_costs_no_request(tmp_path: Path) -> None:
    run(Venue({URL: BODY}), tmp_path)
    venue = Venue({URL: BODY})
    report, _ = run(venue, tmp_path)
    assert report.present == (tmp_path / NAME,)
    assert report.bytes_received == 0
    assert venue.asked == []


def test_a_file_without_its_checksum_is_verified_first(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BODY)
    venue = Venue({URL: BODY})
    report, _ = run(venue, tmp_path)
    assert report.present == (tmp_path / NAME,)
    assert [path for path, _ in venue.asked] == [f"{URL}.CHECKSUM"]
    assert (tmp_path / f"{NAME}.CHECKSUM").exists()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    run(Venue({URL: BODY}), tmp_path)
    (tmp_path / NAME).write_bytes(BODY[:-1])
    report, _ = run(Venue({URL: BODY}), tmp_path)
    assert report.downloaded == (tmp_path / NAME,)
    assert (tmp_path / NAME).read_bytes() == BODY


def test_one_bad_checksum_is_forgiven(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.bodies[URL] = [b"y" * len(BODY)]
    run(venue, tmp_path)
    assert (tmp_path / NAME).read_bytes() == BODY
    assert venue.asked[-1] == (URL, None)  # nothing of the bad one was kept


def test_two_bad_checksums_are_not(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.bodies[URL] = [b"y" * len(BODY)] * 2
    with pytest.raises(ConnectorError, match=rf"{NAME}: sha256 = .* as published"):
        run(venue, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_checksum_file_is_refused(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.files[f"{URL}.CHECKSUM"] = b"<html>"
    with pytest.raises(ConnectorError, match="must be a SHA-256"):
        run(venue, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_busy_venue_is_asked_again_ever_later(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.statuses[URL] = [503, 500, 429, 502]
    _, waits = run(venue, tmp_path)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert (tmp_path / NAME).read_bytes() == BODY


def test_a_venue_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.statuses[f"{URL}.CHECKSUM"] = [503] * 9
    with pytest.raises(ConnectorError, match="no answer after 5 attempts: HTTP 503"):
        run(venue, tmp_path)
    assert Counter(venue.asked) == {(f"{URL}.CHECKSUM", None): 5}


def test_a_refusal_is_not_repeated(tmp_path: Path) -> None:
    venue = Venue({URL: BODY})
    venue.statuses[f"{URL}.CHECKSUM"] = [403]
    with pytest.raises(ConnectorError, match="refused with HTTP 403"):
        run(venue, tmp_path)
    assert len(venue.asked) == 1


def test_an_unreachable_host_ends_the_command_with_4(tmp_path: Path, unused_port: int) -> None:
    async def sleep(_: float) -> None:
        pass

    with pytest.raises(ConnectorError, match="no answer after 5 attempts") as caught:
        asyncio.run(
            download(
                "trades",
                ["BTCUSDT"],
                DAY,
                DAY,
                tmp_path,
                base_url=f"http://127.0.0.1:{unused_port}",
                sleep=sleep,
            )
        )
    assert caught.value.code == "E_CONNECTOR"
    assert _code_of(caught.value) is Exit.UNREACHABLE
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": "candles"}, ConfigError),
        ({"symbols": ()}, ConfigError),
        ({"symbols": ("BTCUSDT", "BTCUSDT")}, ConfigError),
        ({"symbols": ("../up",)}, ContractError),
        ({"end": date(2023, 12, 31)}, ConfigError),
        ({"interval": "1m"}, ConfigError),
        ({"kind": "klines"}, ConfigError),
        ({"kind": "klines", "interval": "7m"}, ConfigError),
    ],
)
def test_nonsense_is_refused_before_anything_is_asked(
    tmp_path: Path, change: dict[str, object], error: type[Exception]
) -> None:
    venue = Venue({URL: BODY})
    with pytest.raises(error):
        run(venue, tmp_path, **change)  # type: ignore[arg-type]
    assert venue.asked == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="out"):
        run(Venue({URL: BODY}), tmp_path / "file")
