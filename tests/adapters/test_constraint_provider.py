"""CORE-34: constraints from memory, a cache file or a venue on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from structlog.testing import CapturingLogger

from grinder_adapters.exchange_info.fetch import fetch_body
from grinder_adapters.exchange_info.provider import ConstraintProvider, ProviderConfig
from grinder_core.errors import ConfigError
from grinder_core.orders.exchange_info import Outcome

NOW_MS = 1_800_000_000_000
TTL_S = 86_400
FRESH_S, STALE_S = 10, TTL_S + 10
CACHED, SERVED = "0.01", "0.001"  # step sizes by which the two are told apart


def body(step: str, **more: Any) -> bytes:
    filters = [{"stepSize": step, "minQty": step, "filterType": "LOT_SIZE"}]
    symbols = [{"symbol": "BTCUSDT", "filters": filters}]
    return json.dumps({"timezone": "UTC", "symbols": symbols, **more}).encode()


class StoppedClock:
    def now_ms(self) -> int:
        return NOW_MS


class Venue:
    """Answers every request in the same way and counts them."""

    def __init__(self, content: bytes = b"", status: int = 200) -> None:
        self.content, self.status, self.asked = content, status, 0

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        headers = {"Location": "/fapi/v1/exchangeInfo"} if 300 <= self.status < 400 else {}
        return web.Response(body=self.content, status=self.status, headers=headers)


class Silent(Venue):
    """Takes the request and does not answer before it is cut off."""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


def served(venue: Venue, work: Callable[[str], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        app = web.Application()
        app.router.add_get("/fapi/v1/exchangeInfo", venue.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            return await work(f"http://{host}:{port}/fapi/v1/exchangeInfo")
        finally:
            await runner.cleanup()

    return asyncio.run(main())


def write_cache(folder: Path, age_s: float, content: bytes) -> Path:
    path = folder / "exchange_info_futures.json"
    path.write_bytes(content)
    seconds = NOW_MS / 1000 - age_s
    os.utime(path, (seconds, seconds))
    return path


def provider_at(folder: Path, url: str, allow_fetch: bool = True) -> ConstraintProvider:
    config = ProviderConfig(cache_dir=folder, allow_fetch=allow_fetch, exchange_info_url=url)
    log = structlog.wrap_logger(CapturingLogger(), processors=[lambda _, name, event: event])
    return ConstraintProvider(config, fetch_body, clock=StoppedClock(), log=log)


def told(provider: ConstraintProvider) -> list[str]:
    return [call.kwargs["event"] for call in provider.log._logger.calls]


def step_of(constraints: Any) -> str | None:
    return str(constraints["BTCUSDT"].step_size) if constraints else None


TABLE = [
    # cache age, allow_fetch, venue's status -> step size, requests, cache step afterwards, log key
    (FRESH_S, True, 200, CACHED, 0, CACHED, "cache_hit_fresh"),
    (FRESH_S, False, 200, CACHED, 0, CACHED, "cache_hit_fresh"),
    (TTL_S, True, 200, CACHED, 0, CACHED, "cache_hit_fresh"),
    (TTL_S + 1, True, 200, SERVED, 1, SERVED, "cache_stale_api_success"),
    (-5, True, 200, SERVED, 1, SERVED, "cache_stale_api_success"),
    (STALE_S, True, 200, SERVED, 1, SERVED, "cache_stale_api_success"),
    (STALE_S, True, 500, CACHED, 1, CACHED, "cache_stale_api_fail"),
    (STALE_S, False, 200, CACHED, 0, CACHED, "cache_stale_api_fail"),
    (None, True, 200, SERVED, 1, SERVED, "cache_stale_api_success"),
    (None, True, 500, None, 1, None, "no_constraints"),
    (None, False, 200, None, 0, None, "no_constraints"),
]


@pytest.mark.parametrize(
    ("age_s", "allow_fetch", "status", "step", "requests", "kept", "key"), TABLE
)
def test_the_decision_table_over_a_real_socket(
    tmp_path: Path,
    age_s: float | None,
    allow_fetch: bool,
    status: int,
    step: str | None,
    requests: int,
    kept: str | None,
    key: str,
) -> None:
    venue = Venue(body(SERVED), status)
    if age_s is not None:
        write_cache(tmp_path, age_s, body(CACHED))

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url, allow_fetch)
        assert step_of(await provider.get_constraints()) == step
        assert told(provider) == [key]
        assert provider.outcome is not None
        assert provider.outcome.value == key

    served(venue, work)
    assert venue.asked == requests
    path = tmp_path / "exchange_info_futures.json"
    assert path.is_file() == (kept is not None)
    if kept is not None:
        again = ConstraintProvider.from_cache(path)
        assert step_of(asyncio.run(again.get_constraints())) == kept


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Venue(b"x", 403), "refused with HTTP 403"),
        (Venue(b"", 302), "refused with HTTP 302"),
        (Venue(b"<html>"), "is no JSON"),
        (Venue(b""), "is no JSON"),
        (Venue(b"[" * 100_000), "is no JSON"),
        (Venue(b'{"code":-1003,"msg":"banned"}'), "list of symbols"),
        (Venue(b'{"symbols":[]}'), "names no symbol with lot rules"),
        (Venue(body("0")), "names no symbol with lot rules"),
        (Venue(body("1").replace(b"UTC", b"\xff")), "is no JSON"),
        (Silent(), "no answer within 0.05 s"),
    ],
)
def test_whatever_the_venue_answers_a_good_cache_stays_and_nothing_raises(
    tmp_path: Path, answer: Venue, failure: str
) -> None:
    path = write_cache(tmp_path, STALE_S, body(CACHED))
    before = path.read_bytes()

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url)
        provider.fetch = partial(fetch_body, timeout_s=0.05 if type(answer) is Silent else 5)
        assert step_of(await provider.get_constraints()) == CACHED
        assert failure in provider.failure
        assert provider.outcome is Outcome.CACHE_STALE_API_FAIL

    answer.asked = 0
    served(answer, work)
    assert answer.asked == 1
    assert path.read_bytes() == before


def test_a_host_that_is_not_there_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/fapi/v1/exchangeInfo"
    provider = provider_at(tmp_path, url)
    assert asyncio.run(provider.get_constraints()) == {}
    assert "no answer" in provider.failure


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"symbols":[]}', b"\xff\xfe"])
def test_an_unreadable_cache_is_a_missing_one(tmp_path: Path, content: bytes) -> None:
    write_cache(tmp_path, FRESH_S, content)
    venue = Venue(body(SERVED))

    async def work(url: str) -> None:
        offline = provider_at(tmp_path, url, allow_fetch=False)
        assert await offline.get_constraints() == {}
        assert told(offline) == ["no_constraints"]
        assert step_of(await provider_at(tmp_path, url).get_constraints()) == SERVED

    served(venue, work)


def test_memory_answers_until_a_refresh_is_forced(tmp_path: Path) -> None:
    venue = Venue(body(SERVED))

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url)
        first = await provider.get_constraints()
        assert await provider.get_constraints() is first
        write_cache(tmp_path, FRESH_S, body(CACHED))
        assert await provider.get_constraints() is first
        assert venue.asked == 1
        venue.content = body("0.5")
        assert step_of(await provider.get_constraints(force_refresh=True)) == "0.5"
        assert step_of(await provider.get_constraints()) == "0.5"
        assert venue.asked == 2

    served(venue, work)


def test_a_forced_refresh_that_fails_falls_back_to_the_file_of_any_age(tmp_path: Path) -> None:
    venue = Venue(status=503)
    write_cache(tmp_path, FRESH_S, body(CACHED))

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url)
        assert step_of(await provider.get_constraints(force_refresh=True)) == CACHED
        assert told(provider) == ["cache_stale_api_fail"]
        silent = provider_at(tmp_path, url, allow_fetch=False)
        assert step_of(await silent.get_constraints(force_refresh=True)) == CACHED
        clientless = provider_at(tmp_path, url)
        clientless.fetch = None
        assert step_of(await clientless.get_constraints(force_refresh=True)) == CACHED

    served(venue, work)
    assert venue.asked == 1


def test_finding_nothing_is_not_remembered(tmp_path: Path) -> None:
    venue = Venue(status=503)

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url)
        assert await provider.get_constraints() == {}
        venue.status, venue.content = 200, body(SERVED)
        assert step_of(await provider.get_constraints()) == SERVED
        assert provider.failure == ""

    served(venue, work)
    assert venue.asked == 2


def test_first_uses_at_the_same_time_ask_once(tmp_path: Path) -> None:
    venue = Venue(body(SERVED))

    async def work(url: str) -> None:
        provider = provider_at(tmp_path, url)
        answers = await asyncio.gather(*(provider.get_constraints() for _ in range(5)))
        assert [step_of(answer) for answer in answers] == [SERVED] * 5

    served(venue, work)
    assert venue.asked == 1


def test_construction_touches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "made"
    ConstraintProvider(ProviderConfig(cache_dir=folder), fetch_body)
    ConstraintProvider.from_cache(folder / "file.json")
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_sorted_indented_complete_and_made_with_its_folder(tmp_path: Path) -> None:
    venue = Venue(body(SERVED, assets=[{"b": 0.1, "a": "\u00e9"}]))
    folder = tmp_path / "var" / "cache"

    async def work(url: str) -> None:
        await provider_at(folder, url).get_constraints()

    served(venue, work)
    (path,) = folder.iterdir()
    assert path.name == "exchange_info_futures.json"
    text = path.read_text("ascii")
    assert json.loads(text) == json.loads(venue.content)
    assert text.startswith('{\n  "assets": [\n    {\n      "a": "\\u00e9",\n      "b": 0.1\n')
    assert text.index('"filterType"') < text.index('"minQty"') < text.index('"stepSize"')


def test_an_answer_that_cannot_be_kept_is_still_an_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    venue = Venue(body(SERVED))

    async def work(url: str) -> None:
        provider = provider_at(tmp_path / "file" / "cache", url)
        assert step_of(await provider.get_constraints()) == SERVED
        assert told(provider) == ["cache_not_written", "cache_stale_api_success"]

    served(venue, work)


def test_skipped_symbols_are_told(tmp_path: Path) -> None:
    two = json.loads(body(CACHED))
    two["symbols"].append({"symbol": "ETHUSDT", "filters": [{"filterType": "LOT_SIZE"}]})
    write_cache(tmp_path, FRESH_S, json.dumps(two).encode())
    provider = provider_at(tmp_path, "http://127.0.0.1:9")
    assert list(asyncio.run(provider.get_constraints())) == ["BTCUSDT"]
    assert told(provider) == ["symbol_skipped", "cache_hit_fresh"]
    assert "ETHUSDT skipped" in provider.warnings[0]


def test_nobody_changes_what_others_were_given(tmp_path: Path) -> None:
    path = write_cache(tmp_path, FRESH_S, body(CACHED))
    found = asyncio.run(ConstraintProvider.from_cache(path).get_constraints())
    with pytest.raises(TypeError):
        found["X"] = found["BTCUSDT"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"cache_ttl_seconds": -1}, "cache_ttl_seconds"),
        ({"cache_ttl_seconds": True}, "cache_ttl_seconds"),
        ({"exchange_info_url": "file:///etc/passwd"}, "exchange_info_url"),
    ],
)
def test_a_config_that_cannot_work_is_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ProviderConfig(**values)
    assert caught.value.field == field
