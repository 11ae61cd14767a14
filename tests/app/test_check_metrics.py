"""``grinder check metrics``: the catalog, and what a running session shows (LIVE-30)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest

from grinder_adapters.metrics.catalog import CATALOG
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.checks.metrics import fresh_scrape
from grinder_app.cli import run

Capsys = pytest.CaptureFixture[str]


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/metrics" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_session_that_has_not_begun_shows_all_that_is_required(capsys: Capsys) -> None:
    assert run(["check", "metrics", "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)
    assert told["metrics"] == len(CATALOG)
    assert told["required"] > 200
    assert told["problems"] == []


def test_a_running_session_is_asked(capsys: Capsys) -> None:
    with answering(200, fresh_scrape().encode()) as url:
        assert run(["check", "metrics", "--url", url]) == 0
        assert run(["check", "metrics", "--url", f"{url}/metrics"]) == 0


def test_what_a_scrape_lacks_is_told(capsys: Capsys) -> None:
    with answering(200, Exposition(CATALOG[1:]).text({})) as url:
        assert run(["check", "metrics", "--url", url]) == 1
    assert "no line matches ^grinder_up" in capsys.readouterr().out


@pytest.mark.parametrize("status", [404, 500])
def test_somebody_else_who_answers_is_no_session(status: int, capsys: Capsys) -> None:
    with answering(status, b"no") as url:
        assert run(["check", "metrics", "--url", url]) == 4
    assert f"answers {status}" in capsys.readouterr().err


def test_nobody_who_answers_is_told(capsys: Capsys) -> None:
    with answering(200, b"") as url:
        pass
    assert run(["check", "metrics", "--url", url]) == 4
    assert "is a session running there?" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:9090", "file:///etc/passwd", ""])
def test_an_address_has_a_scheme(url: str, capsys: Capsys) -> None:
    assert run(["check", "metrics", "--url", url]) == 2
    assert "must be an address" in capsys.readouterr().err
