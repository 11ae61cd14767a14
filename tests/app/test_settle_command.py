"""``grinder report settle`` over sockets: a live session and the exchange that it traded at."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.clock import SystemClock
from grinder_app.cli import run
from grinder_app.live.embedded import Embedded, embedded_exchange
from grinder_app.runner.fault_choice import fault_plan
from grinder_app.runner.loop_thread import LoopThread
from tests.support.live_story import a_story

Capsys = pytest.CaptureFixture[str]
LIVE = ("--armed", "--mode", "live_trade", "--exchange-port", "sim", "--symbols", "ETHUSDT")


@pytest.fixture
def exchange() -> Iterator[Embedded]:
    """An exchange that outlives the sessions at it."""
    with LoopThread("exchange") as thread:

        async def open_one() -> Embedded:
            made = embedded_exchange(("ETHUSDT",), Decimal(10_000), 7, fault_plan("calm"))
            return await thread.stack.enter_async_context(made)

        yield thread.run(open_one())


@pytest.fixture
def state(tmp_path: Path, exchange: Embedded, capsys: Capsys) -> Path:
    """The state folder of a session at it, which is over."""
    words = ["live", "run", *LIVE, "--rest-url", exchange.rest, "--duration", "2"]
    assert run([*words, "--state-dir", str(tmp_path / "state"), "--json"]) == 0
    capsys.readouterr()
    return tmp_path / "state"


def test_a_session_is_settled_with_its_exchange(
    tmp_path: Path, state: Path, exchange: Embedded, capsys: Capsys
) -> None:
    venue = exchange.venue.exchange
    settle = ["report", "settle", "--state-dir", str(state), "--rest-url", exchange.rest]
    assert run([*settle, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_settled"]
    assert (told["unlisted"], told["quote"]) == ("0", "USDT")
    assert {term["name"] for term in told["terms"]} >= {"start equity", "fees", "wallet"}

    venue.deposit("main", Decimal(5), SystemClock().now_ms())  # nobody runs who could book it
    assert run([*settle, "--out", str(tmp_path / "all.csv")]) == 0
    assert "1 entries are pending" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    moved = [row for row in rows if row["kind"] == "transfer"]
    assert [(row["record"], row["amount"], row["asset"]) for row in moved] == [
        ("income", "5", "USDT")
    ]

    account = venue.floor.account("main")
    account.cross_wallet -= 1  # and in no list
    pytest.importorskip("plotly")
    assert run([*settle, "--out", str(tmp_path / "page.html")]) == 1
    assert "-1 USDT of the wallet is in no list" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert '"waterfall"' in page
    assert "in no list" in page


def test_there_must_be_somebody_to_ask(state: Path, capsys: Capsys) -> None:
    assert run(["report", "settle", "--state-dir", str(state)]) == 2
    assert "--rest-url" in capsys.readouterr().err


def test_paper_has_nothing_to_settle(tmp_path: Path, exchange: Embedded, capsys: Capsys) -> None:
    a_story(tmp_path / "paper", 50)
    words = ["report", "settle", "--state-dir", str(tmp_path), "--rest-url", exchange.rest]
    assert run(words) == 2
    assert "has no account" in capsys.readouterr().err


def test_a_file_of_another_kind_is_refused(tmp_path: Path, capsys: Capsys) -> None:
    assert run(["report", "settle", "--out", str(tmp_path / "x.txt")]) == 2
    assert ".html or .csv" in capsys.readouterr().err
