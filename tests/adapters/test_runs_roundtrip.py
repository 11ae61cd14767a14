"""A run written is the run read back; a run damaged is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.runs import RunStatus, RunStore, SessionWriter, load_run
from grinder_adapters.runs.tables import TABLES, TRADES, read_rows, write_table
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ArtifactError, InputError, InvariantError
from grinder_core.session.result import PaperResult, run

CONFIG = EngineConfig.flat(
    notional_per_level=Decimal(100), maker_fee_bps_x100=200, taker_fee_bps_x100=500
)
START_MS = 1_723_075_200_123  # 2024-08-08T00:00:00.123Z


class StoppedClock:
    """Says 5 s after the start, always."""

    def now_ms(self) -> int:
        return START_MS + 5_000


def quotes(count: int) -> list[Event]:
    """Two symbols whose mids swing across several grid levels."""
    events = []
    for index in range(count):
        for symbol, base in (("BTCUSDT", 60_000), ("ETHUSDT", 2_500)):
            mid = Decimal(base) + Decimal(base) * ((index % 20) - 10) / 2_000
            ts = START_MS + index * 30_000
            snapshot = Snapshot(
                ts=ts,
                symbol=symbol,
                bid_price=mid - Decimal("0.5"),
                ask_price=mid + Decimal("0.5"),
                bid_qty=Decimal(1),
                ask_qty=Decimal(1),
                last_price=mid,
                last_qty=Decimal(1),
            )
            events.append(Event(ts, snapshot))
    return events


def result_of(count: int = 60, lines: list[bytes] | None = None) -> PaperResult:
    keep = None if lines is None else lambda _output, line: lines.append(line)
    return run(quotes(count), CONFIG, name="two symbols", on_line=keep)


def store(root: Path) -> RunStore:
    return RunStore(root, StoppedClock())


def write_run(root: Path) -> tuple[Path, PaperResult, list[bytes]]:
    lines: list[bytes] = []
    result = result_of(lines=lines)
    with store(root).create("paper", START_MS, name="first-light") as writer:
        session = writer.session("both")
        for line in lines:
            session.outputs_line(line)
        session.finish(result)
        writer.manifest(command=["grinder", "paper"], assumptions=["Fills: at the mid."])
    return writer.path, result, lines


def test_everything_collected_comes_back_typed(tmp_path: Path) -> None:
    path, result, lines = write_run(tmp_path)
    assert path == tmp_path / "2024-08-08" / f"run_{START_MS}_0"
    view = load_run(path)
    (session,) = view.sessions
    collected = result.collected
    assert collected is not None
    assert result.stats.total_fills > 0, "the stream must trade, or this test shows nothing"
    assert session.trades == result.trades
    assert session.equity == result.equity_curve
    assert session.prices == collected.prices
    assert session.levels == collected.levels
    assert session.blocks == collected.blocks
    assert session.result["net_pnl"] == result.net_pnl
    assert session.result["stats"]["total_fills"] == result.stats.total_fills
    assert session.result["digest"] == result.digest
    held = session.result["final_positions"]["BTCUSDT"]
    assert held["qty"] == result.final_positions["BTCUSDT"].qty
    assert session.result["collected"]["ms_seen"] == 59 * 30_000
    assert session.outputs is not None
    assert session.outputs.read_bytes() == b"".join(line + b"\n" for line in lines)


def test_the_manifest_says_what_ran_and_how_it_ended(tmp_path: Path) -> None:
    path, _, _ = write_run(tmp_path)
    manifest = load_run(path).manifest
    assert manifest["status"] == "good"
    assert manifest["run_id"] == f"{START_MS}_0"
    assert manifest["created_at"] == "2024-08-08T00:00:00.123Z"
    assert manifest["duration_ms"] == 5_000
    assert manifest["sessions"] == ["both"]
    assert manifest["command"] == ["grinder", "paper"]
    assert manifest["contract_schema"] == "v1"
    text = (path / "run.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_a_result_without_collected_columns_gives_empty_tables(tmp_path: Path) -> None:
    writer = store(tmp_path).create("paper", START_MS)
    writer.session("s").finish(run(quotes(3), collect=False))
    writer.finish("good")
    (session,) = load_run(writer.path).sessions
    assert session.trades["ts"] == []
    assert session.prices == {}
    assert session.outputs is None


def test_a_crash_leaves_an_unfinished_run_with_its_finished_sessions(tmp_path: Path) -> None:
    writer = store(tmp_path).create("backtest", START_MS)
    writer.session("done").finish(result_of())
    cut = writer.session("cut")
    cut.outputs_line(b'{"a":1}')
    view = load_run(writer.path)  # nobody finished the run
    assert view.manifest["status"] == "running"
    assert view.manifest["duration_ms"] is None
    assert [session.name for session in view.sessions] == ["done"]
    assert view.unfinished == ("cut",)
    assert [run.status for run in store(tmp_path).list()] == ["unfinished"]
    assert not (cut.folder / "outputs.jsonl").exists()
    cut.close()


def test_an_exception_ends_the_run_as_failed_and_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError), store(tmp_path).create("paper", START_MS) as writer:
        raise InputError("is empty", where="x.jsonl")
    manifest = load_run(writer.path).manifest
    assert manifest["status"] == "failed"
    assert manifest["error"] == "E_INPUT: x.jsonl: is empty"


def test_an_interrupt_ends_the_run_as_interrupted(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store(tmp_path).create("paper", START_MS) as writer:
        raise KeyboardInterrupt
    assert load_run(writer.path).manifest["status"] == "interrupted"


def test_a_run_ends_once_and_keeps_its_identity(tmp_path: Path) -> None:
    writer = store(tmp_path).create("paper", START_MS)
    with pytest.raises(InvariantError, match="run_id"):
        writer.manifest(run_id="other")
    writer.finish(RunStatus.FAILED)
    with pytest.raises(InvariantError, match="finished"):
        writer.finish(RunStatus.GOOD)


def test_a_worker_opens_a_session_by_path(tmp_path: Path) -> None:
    writer = store(tmp_path).create("backtest", START_MS)
    SessionWriter.at(writer.path, "BTCUSDT_2024-08-08").finish(result_of(3))
    writer.finish("good")
    assert load_run(writer.path).manifest["sessions"] == ["BTCUSDT_2024-08-08"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 101])
def test_a_session_name_is_a_safe_folder_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="session"):
        store(tmp_path).create("paper", START_MS).session(name)


def test_two_sessions_of_one_name_are_refused(tmp_path: Path) -> None:
    writer = store(tmp_path).create("paper", START_MS)
    writer.session("a")
    with pytest.raises(InputError, match="exists already"):
        writer.session("a")


def streamed(root: Path, skip: int = 0) -> tuple[SessionWriter, PaperResult]:
    """A session whose fills were written as they came, but for the last ones."""
    writer = store(root).create("paper", START_MS).session("s")
    kept = result_of().collected
    assert kept is not None
    for fill in kept.trades[: len(kept.trades) - skip]:
        writer.trade(fill)
    return writer, run(quotes(60), CONFIG, keep_trades=False)


def test_trades_written_as_they_come_are_those_written_at_the_end(tmp_path: Path) -> None:
    path, result, _ = write_run(tmp_path / "kept")
    writer, lean = streamed(tmp_path / "streamed")
    part = writer.folder / "trades.csv.part"
    assert part.exists()
    assert not (writer.folder / TRADES.file).exists()
    writer.finish(lean)
    assert not part.exists()
    kept = (path / "sessions" / "both" / TRADES.file).read_bytes()
    assert (writer.folder / TRADES.file).read_bytes() == kept
    (session,) = load_run(writer.folder.parents[1]).sessions
    assert session.trades == result.trades
    assert session.result["collected"]["fills"] == len(result.trades["ts"])


def test_a_crash_leaves_the_trades_so_far_unsealed(tmp_path: Path) -> None:
    writer, _ = streamed(tmp_path)
    writer.close()
    assert (writer.folder / "trades.csv.part").read_text().count("\n") > 1
    assert not (writer.folder / TRADES.file).exists()
    assert load_run(writer.folder.parents[1]).unfinished == ("s",)


@pytest.mark.parametrize("skip", [1, 10**6])
def test_a_session_is_not_sealed_without_all_its_trades(tmp_path: Path, skip: int) -> None:
    writer, lean = streamed(tmp_path, skip)
    with pytest.raises(InvariantError, match="fills of the session"):
        writer.finish(lean)
    assert not (writer.folder / "files.json").exists()


def test_a_session_that_traded_nothing_has_an_empty_table(tmp_path: Path) -> None:
    writer = store(tmp_path).create("paper", START_MS).session("s")
    writer.finish(run(quotes(1), keep_trades=False))
    (session,) = load_run(writer.folder.parents[1]).sessions
    assert session.trades["ts"] == []


SESSION_FILES = ["result.json", "outputs.jsonl", *(table.file for table in TABLES)]


@pytest.mark.parametrize("name", SESSION_FILES)
def test_a_cut_file_is_refused(tmp_path: Path, name: str) -> None:
    path, _, _ = write_run(tmp_path)
    file = path / "sessions" / "both" / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=name):
        load_run(path)


@pytest.mark.parametrize("name", SESSION_FILES)
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    path, _, _ = write_run(tmp_path)
    (path / "sessions" / "both" / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        load_run(path)


@given(st.data())
@settings(max_examples=40)
def test_any_changed_byte_of_a_table_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path, _, _ = write_run(tmp_path_factory.mktemp("run"))
    name = data.draw(st.sampled_from(["trades.csv", "equity.csv", "prices.csv", "result.json"]))
    file = path / "sessions" / "both" / name
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 127))
    file.write_bytes(content)
    with pytest.raises(ArtifactError):
        load_run(path)


def test_a_session_that_lost_its_seal_is_refused(tmp_path: Path) -> None:
    path, _, _ = write_run(tmp_path)
    (path / "sessions" / "both" / "files.json").unlink()
    with pytest.raises(ArtifactError, match=r"no files\.json"):
        load_run(path)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema":"grinder_run_v1"}', '{"schema":"other"}', '{"a":1.5}']
)
def test_a_damaged_manifest_is_refused_and_listed_as_damaged(tmp_path: Path, content: str) -> None:
    path, _, _ = write_run(tmp_path)
    (path / "run.json").write_text(content)
    with pytest.raises(ArtifactError):
        load_run(path)
    assert [run.status for run in store(tmp_path).list()] == ["damaged"]


def cells(kind: type) -> st.SearchStrategy[object]:
    if kind is int:
        return st.integers(-(10**18), 10**18)
    if kind is Decimal:
        return st.decimals(
            allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12
        )
    return st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(st.lists(st.tuples(*(cells(kind) for kind in TRADES.columns.values()))))
def test_any_rows_survive_a_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]]
) -> None:
    path = tmp_path_factory.mktemp("table") / TRADES.file
    assert write_table(path, TRADES, rows) == len(rows)
    assert [tuple(row) for row in read_rows(path, TRADES)] == rows
    some = ("symbol", "ts")
    places = [list(TRADES.columns).index(name) for name in some]
    assert list(read_rows(path, TRADES, some)) == [[row[i] for i in places] for row in rows]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("", ":1:"),
        ("reason,from_ts\n", ":1:"),
        ("reason,from_ts,count\nX,1\n", ":2:"),
        ("reason,from_ts,count\nX,1,2\nX,1.5,2\n", ":3:"),
        ('reason,from_ts,count\n"X,1,2\n', "damaged"),
        ("reason,from_ts,count\nX,1,\xe9\n", "damaged"),
    ],
)
def test_a_foreign_table_is_refused_by_line(tmp_path: Path, content: str, where: str) -> None:
    path = tmp_path / "blocks.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ArtifactError, match=where):
        list(read_rows(path, next(table for table in TABLES if table.file == path.name)))
