"""``grinder data`` from the command line: results, exit codes, and nothing half-written."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from grinder_adapters.feeds.event_file import open_events
from grinder_app.cli import run

T0 = 1_700_000_000_000


def quote(n: int, **more: object) -> str:
    data = {"e": "bookTicker", "u": n, "E": T0 + n, "s": "BTCUSDT"}
    data |= {"b": f"{100 + n}.0", "B": "1", "a": f"{101 + n}.0", "A": "2"} | more
    frame = {"stream": f"{str(data['s']).lower()}@bookTicker", "data": data}
    return f"{(T0 + n) * 1000} {json.dumps(frame)}\n"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.gz"
    path.write_bytes(gzip.compress("".join(map(quote, range(1, 6))).encode()))
    return path


def last_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return value


def test_a_funding_list_is_inspected_and_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [T0, T0 + 28_800_004, T0 + 57_599_997]
    path = tmp_path / "funding.csv"
    rows = [f"SOLUSDT,{time},-0.000125" for time in times]
    path.write_text("\n".join(["symbol,fundingTime,fundingRate", *rows]))
    out = tmp_path / "funding.parquet"
    assert run(["data", "import", str(path), "--out", str(out), "--json"]) == 0
    assert last_json(capsys)["kinds"] == {"FUNDING": 3}
    assert [event.ts_ms for event in open_events(out)] == times
    for source in (path, out):
        assert run(["data", "inspect", str(source), "--json"]) == 0
        symbols = last_json(capsys)["symbols"]
        assert isinstance(symbols, list)
        assert symbols[0]["funding"]["settlements"] == 3
        assert symbols[0]["funding"]["rate_sum"] == "-0.000375"
        assert run(["data", "inspect", str(source)]) == 0
        shown = capsys.readouterr().out
        assert "-0.0375 %" in shown
        assert "8 h" in shown
        assert "7 h" not in shown


@pytest.mark.parametrize("form", [".jsonl", ".jsonl.gz", ".parquet"])
def test_import_inspect_and_export(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out = tmp_path / f"events{form}"
    assert run(["data", "import", str(capture), "--out", str(out), "--json"]) == 0
    report = last_json(capsys)
    assert report["events"] == 5
    assert report["kinds"] == {"SNAPSHOT": 5}
    assert report["skipped"] == 0
    assert run(["data", "inspect", str(out), "--json"]) == 0
    found = last_json(capsys)
    assert found["symbols"][0]["gap_max_ms"] == 1
    assert found["symbols"][0]["price_max"] == "106"
    plain = tmp_path / "again.jsonl"
    assert run(["data", "export", str(out), "--out", str(plain)]) == 0
    assert "SNAPSHOT" in capsys.readouterr().out
    assert list(open_events(plain)) == list(open_events(out))


def test_a_raw_capture_can_be_inspected_as_it_is(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "inspect", str(capture), "--gap-ms", "1"]) == 0
    assert "BTCUSDT" in capsys.readouterr().out


def test_bad_input_ends_with_2_one_message_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture"
    path.write_text(quote(1) + quote(2, b=5) + quote(3))
    out = tmp_path / "events.jsonl"
    assert run(["data", "import", str(path), "--out", str(out)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said == [
        f"E_FIXTURE: {path}:2: b = 5: must be a decimal string like '1.5'; "
        "write digits with at most one point, in quotes"
    ]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["capture"]


def test_skipping_is_counted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "capture"
    path.write_text(quote(1) + "".join(quote(n, b=5) for n in range(2, 30)) + quote(30))
    out = tmp_path / "events.jsonl"
    command = ["data", "import", str(path), "--out", str(out), "--on-error", "skip"]
    assert run([*command, "--json"]) == 0
    report = last_json(capsys)
    assert (report["events"], report["skipped"]) == (2, 28)
    assert report["skipped_first"][0].startswith(f"{path}:2: b = 5")
    assert run(command) == 0
    said = capsys.readouterr().err
    assert f"skipped: {path}:21: b = 5" in said
    assert "skipped: and 8 more" in said


def test_symbols_are_chosen_with_commas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "capture"
    path.write_text(quote(1) + quote(2, s="ETHUSDT") + quote(3, s="ADAUSDT"))
    out = tmp_path / "events.jsonl"
    command = ["data", "import", str(path), "--out", str(out), "--symbols"]
    assert run([*command, "BTCUSDT,ADAUSDT", "--json"]) == 0
    report = last_json(capsys)
    assert report["events"] == 2
    assert report["left_out"] == {"frames of symbols not asked for": 1}
    out.unlink()
    assert run([*command, "XRPUSDT"]) == 2
    assert "'XRPUSDT': does not occur" in capsys.readouterr().err
    assert not out.exists()


def test_recordings_of_several_kinds_make_one_stream(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    klines = tmp_path / "LTCUSDT-1m-2023.csv"
    header = "open_time,open,high,low,close,volume"
    klines.write_text(f"{header}\n{T0 - 10_000},70.0,71.0,69.5,70.5,12.5\n")
    out = tmp_path / "events.jsonl"
    command = ["data", "import", str(capture), str(klines), "--out", str(out), "--json"]
    assert run([*command, "--spread-bps", "4"]) == 0
    events = list(open_events(out))
    assert {event.payload.symbol for event in events} == {"BTCUSDT", "LTCUSDT"}
    assert [event.ts_ms for event in events] == sorted(event.ts_ms for event in events)
    capsys.readouterr()
    assert run([*command, "--symbols", "LTCUSDT"]) == 0
    assert {event.payload.symbol for event in open_events(out)} == {"LTCUSDT"}
    assert last_json(capsys)["left_out"]["events of symbols not asked for"] == 5
    assert run([*command, "--symbols", "XRPUSDT"]) == 2
    assert "the source holds LTCUSDT, BTCUSDT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--spread-bps", "3"], "--spread-bps: is for klines"),
        (["--symbol", "BTCUSDT"], "--symbol: is for dump files, klines and funding"),
        (["--quotes", "book", "--no-depth"], "needs depth"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    capture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    out = tmp_path / "events.jsonl"
    assert run(["data", "import", str(capture), "--out", str(out), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing", None, "does not exist"),
        ("empty", b"", "is empty"),
        ("notes.txt", b"hello\n", "is no capture, dump file, klines or funding"),
        ("cut.gz", gzip.compress("".join(map(quote, range(50))).encode())[:-12], "truncated"),
    ],
)
def test_a_source_that_is_none_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    said: str,
) -> None:
    path, out = tmp_path / name, tmp_path / "events.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert run(["data", "import", str(path), "--out", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert run(["data", "inspect", str(path)]) == 2
    assert not out.exists()


def test_targets_that_cannot_be_are_refused_before_reading(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (tmp_path / "events.csv", tmp_path / "no" / "events.jsonl", tmp_path):
        assert run(["data", "import", str(capture), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("E_") == 3


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("import", "inspect", "export", "download"):
        assert run(["data", command, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None:
        """Requests are no output of a test."""


@pytest.fixture
def dump_host(tmp_path: Path) -> Iterator[str]:
    """A host that has the klines of 1 January 2024 only."""
    name = "BTCUSDT-1m-2024-01-01.zip"
    folder = tmp_path / "host" / "data/futures/um/daily/klines/BTCUSDT/1m"
    folder.mkdir(parents=True)
    content = b"not looked into"
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"{name}.CHECKSUM").write_text(f"{digest}  {name}\n")
    handler = partial(_Quiet, directory=str(tmp_path / "host"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_download_fetches_verifies_and_names_what_is_missing(
    tmp_path: Path, dump_host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        *("data", "download", "klines", "--symbols", "BTCUSDT", "--interval", "1m"),
        *("--start", "2024-01-01", "--end", "2024-01-02", "--out", str(tmp_path / "dumps")),
        *("--base-url", dump_host),
    ]
    assert run([*command, "--json"]) == 0
    report = last_json(capsys)
    assert [Path(path).name for path in report["downloaded"]] == ["BTCUSDT-1m-2024-01-01.zip"]
    assert report["missing"] == ["BTCUSDT-1m-2024-01-02.zip"]
    assert run(command) == 0
    said = capsys.readouterr()
    assert "files already there" in said.out
    assert "missing at the venue: BTCUSDT-1m-2024-01-02.zip" in said.err


def test_a_day_that_is_no_date_is_a_usage_error(tmp_path: Path) -> None:
    command = ["data", "download", "trades", "--symbols", "BTCUSDT", "--out", str(tmp_path)]
    assert run([*command, "--start", "yesterday", "--end", "2024-01-01"]) == 2
    assert run([*command, "--start", "2024-01-02", "--end", "2024-01-01"]) == 2
