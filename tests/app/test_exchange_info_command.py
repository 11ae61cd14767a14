"""CORE-34: ``grinder exchange-info fetch|show``, against a server on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from grinder_app.cli import run

CACHE = Path("var/cache/exchange_info_futures.json")


def listed(symbol: str, step: str = "0.001", *more: dict[str, str]) -> dict[str, Any]:
    lot = {"filterType": "LOT_SIZE", "stepSize": step, "minQty": "0.0020"}
    return {"symbol": symbol, "filters": [lot, *more]}


BODY = {
    "timezone": "UTC",
    "symbols": [
        listed(
            "ETHUSDT",
            "0.010",
            {"filterType": "PRICE_FILTER", "tickSize": "0.50"},
            {"filterType": "MIN_NOTIONAL", "notional": "20"},
        ),
        listed("ADAUSDT"),
        listed("BADUSDT", "0"),
    ],
}


@contextmanager
def venue(content: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/fapi/v1/exchangeInfo"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_fetch_keeps_what_show_prints_and_settings_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with venue(json.dumps(BODY).encode()) as url:
        assert run(["exchange-info", "fetch", "--url", url, "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["url"] == url
    assert told["out"] == str(CACHE)
    assert told["symbols"] == 2
    assert "BADUSDT skipped" in told["skipped"][0]
    assert "warning: BADUSDT skipped" in said.err
    assert json.loads(CACHE.read_text("ascii")) == BODY

    assert run(["exchange-info", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["state"] == "cache_hit_fresh"
    assert "BADUSDT skipped" in shown["skipped"][0]
    assert shown["symbols"] == {
        "ADAUSDT": {
            "step_size": "0.001", "min_qty": "0.002", "tick_size": None, "min_notional": "0"
        },
        "ETHUSDT": {
            "step_size": "0.01", "min_qty": "0.002", "tick_size": "0.5", "min_notional": "20"
        },
    }  # fmt: skip
    assert run(["config", "show", "--set", f"constraints_file={CACHE}", "--json"]) == 0
    orders = json.loads(capsys.readouterr().out)["settings"]["orders"]
    assert orders["symbol_constraints"] == shown["symbols"]
    assert orders["tick_sizes"]["ETHUSDT"] == "0.5"


def test_fetch_obeys_out_and_tells_people_what_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "rules.json"
    with venue(json.dumps(BODY).encode()) as url:
        assert run(["exchange-info", "fetch", "--url", url, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert out.is_file()
    assert not CACHE.exists()
    assert "symbols" in said.out
    assert f"--set constraints_file={out}" in said.err


def test_fetch_makes_the_file_that_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "grinder.toml").write_text(
        "[app]\ncache_dir = 'mine'\nconstraints_file = 'mine/exchange_info_futures.json'\n"
    )
    assert run(["config", "show"]) == 2
    with venue(json.dumps(BODY).encode()) as url:
        assert run(["exchange-info", "fetch", "--url", url]) == 0
    assert run(["config", "show"]) == 0


@pytest.mark.parametrize(
    ("content", "status", "rule"),
    [
        (b"{}", 200, "list of symbols"),
        (b"<html>", 200, "is no JSON"),
        (json.dumps({"symbols": [listed("BADUSDT", "0")]}).encode(), 200, "names no symbol"),
        (b"", 451, "refused with HTTP 451"),
    ],
)
def test_a_venue_that_does_not_answer_is_exit_4_and_the_cache_stays(
    content: bytes, status: int, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    CACHE.parent.mkdir(parents=True)
    CACHE.write_text("as before")
    with venue(content, status) as url:
        assert run(["exchange-info", "fetch", "--url", url]) == 4
    assert rule in capsys.readouterr().err
    assert CACHE.read_text() == "as before"


def test_an_address_that_is_none_and_a_folder_that_cannot_be_made_are_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["exchange-info", "fetch", "--url", "fapi.binance.com"]) == 2
    assert "must be an https or http address" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    with venue(json.dumps(BODY).encode()) as url:
        arguments = ["exchange-info", "fetch", "--url", url, "--out", "file/x/rules.json"]
        assert run(arguments) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_folder_that_is_none_names_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grinder.toml").write_text("[app]\n\ncache_dir = '~/cache'\n")
    assert run(["exchange-info", "show"]) == 2
    expected = "E_CONFIG: grinder.toml:3: app.cache_dir = '~/cache': '~' is not expanded"
    assert expected in capsys.readouterr().err


def test_show_without_a_cache_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exchange-info", "show"]) == 2
    said = capsys.readouterr()
    assert "run: grinder exchange-info fetch" in said.err
    assert said.out == ""


def test_show_reads_an_old_cache_and_says_that_it_is_old(
    capsys: pytest.CaptureFixture[str],
) -> None:
    CACHE.parent.mkdir(parents=True)
    CACHE.write_text(json.dumps(BODY))
    os.utime(CACHE, (1, 1))
    assert run(["exchange-info", "show", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["state"] == "cache_stale_api_fail"
    assert "cache=stale" in said.err


def test_show_prints_the_chosen_symbols_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "info.json").write_text(json.dumps(BODY))
    assert run(["exchange-info", "show", "info.json", "--symbols", "ETHUSDT"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if "ETHUSDT" in line]
    cells = [cell.strip() for cell in row.strip("\u2502").split("\u2502")]
    assert cells == ["ETHUSDT", "0.5", "0.01", "0.002", "20"]
    assert "ADAUSDT" not in out
    assert run(["exchange-info", "show", "info.json"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "ADAUSDT" in line]
    assert [cell.strip() for cell in row.strip("\u2502").split("\u2502")][1] == "-"
    assert run(["exchange-info", "show", "info.json", "--symbols", "NOUSDT"]) == 2
    assert "'NOUSDT': is not in the file" in capsys.readouterr().err
    assert run(["exchange-info", "show", "absent.json"]) == 2


@pytest.mark.recordings
def test_show_reads_the_recorded_bodies(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, symbols in (
        ("fapi_exchangeInfo_20210722.json.gz", 122),
        ("ccxt_binanceusdm_markets_202503.json.gz", 454),
    ):
        assert run(["exchange-info", "show", str(recordings / "rest" / name), "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["symbols"]) == symbols


# -- symbols -------------------------------------------------------------------------------------


@contextmanager
def market(rules: object, quotes: object) -> Iterator[str]:
    """A venue that answers rules and quotes, whichever is asked for."""
    bodies = {
        "/fapi/v1/exchangeInfo": json.dumps(rules).encode(),
        "/fapi/v1/ticker/bookTicker": json.dumps(quotes).encode(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def traded(symbol: str, step: str, least: str, notional: str, **more: str) -> dict[str, Any]:
    filters = [
        {"filterType": "LOT_SIZE", "stepSize": step, "minQty": least},
        {"filterType": "MIN_NOTIONAL", "notional": notional},
    ]
    return {"symbol": symbol, "status": "TRADING", "filters": filters, **more}


RULES = {
    "symbols": [
        traded("BTCUSDT", "0.0005", "0.001", "5"),
        traded("DOGEUSDT", "1", "1", "5"),
        traded("XRPUSDT", "0.1", "0.1", "5"),
        traded("OLDUSDT", "1", "1", "5", status="SETTLING"),
        traded("QTRUSDT", "1", "1", "5", contractType="CURRENT_QUARTER"),
        traded("DEADUSDT", "1", "1", "5"),
    ]
}
ASKS = {
    "BTCUSDT": "90000",
    "DOGEUSDT": "0.15",
    "XRPUSDT": "2.2",
    "OLDUSDT": "1",
    "QTRUSDT": "1",
    "DEADUSDT": "0",
}
QUOTES = [{"symbol": symbol, "bidPrice": "0.1", "askPrice": ask} for symbol, ask in ASKS.items()]


def test_the_least_orders_are_listed_the_cheapest_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = "exchange-info symbols --max-min-notional 90 --json --rest-url"
    with market(RULES, QUOTES) as url:
        assert run([*command.split(), url]) == 0
    listed = json.loads(capsys.readouterr().out)["symbols"]
    # a lot of BTC is worth 90 although the venue asks for 5 only
    rows = [(row["symbol"], row["qty"], row["notional"]) for row in listed]
    assert rows == [
        ("XRPUSDT", "2.3", "5.06"),
        ("DOGEUSDT", "34", "5.1"),
        ("BTCUSDT", "0.001", "90"),
    ]


def test_a_symbol_above_the_limit_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    command = "exchange-info symbols --max-min-notional 89.99 --json --rest-url"
    with market(RULES, QUOTES) as url:
        assert run([*command.split(), url]) == 0
    listed = json.loads(capsys.readouterr().out)["symbols"]
    assert [row["symbol"] for row in listed] == ["XRPUSDT", "DOGEUSDT"]


@pytest.mark.parametrize("quotes", [{"code": -1}, [{"symbol": "XRPUSDT"}], [7]])
def test_quotes_that_are_none_are_the_venues_fault(
    quotes: object, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "exchange-info symbols --max-min-notional 10 --rest-url"
    with market(RULES, quotes) as url:
        assert run([*command.split(), url]) == 4
    assert "answers something else" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "some", "1e3"])
def test_a_limit_that_lists_nothing_is_refused(
    limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["exchange-info", "symbols", f"--max-min-notional={limit}"]) == 2
    assert "--max-min-notional" in capsys.readouterr().err
