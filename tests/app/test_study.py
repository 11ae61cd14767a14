"""The study: what it finds to trade, what it keeps, and pages made of nothing but results."""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from grinder_app.study.__main__ import run as command
from grinder_app.study.conclusions import conclusions
from grinder_app.study.datasets import Found, LeftOut, find
from grinder_app.study.figures import COLOURS, pictures_of
from grinder_app.study.page import main_page, session_page
from grinder_app.study.results import Results, Row, load, save
from grinder_app.study.run import Running, band_tasks, run_study
from grinder_app.study.sums import best_of_kind, daily_returns, sum_of
from grinder_app.study.variants import (
    ADAPTIVE,
    CAPITAL,
    STATIC,
    VARIANTS,
    Variant,
    config_of,
    thin_l1_qty,
)
from grinder_app.study.work import Task, daily, run_task
from grinder_core.contracts.enums import FillMode
from grinder_core.errors import ConfigError
from tests.docs.documents import ROOT

DAY_MS = 86_400_000
BEGIN_MS = 1_746_388_800_000  # 2025-05-04 20:00 UTC
BARS = 8 * 60
TWO = tuple(variant for variant in VARIANTS if variant.name in {STATIC, ADAPTIVE})


def _write_klines(path: Path, base: int, swing: int) -> None:
    """Bars that swing, so that a grid trades, and end above their beginning."""
    lines = ["open_time,open,high,low,close,volume"]
    before = base
    for i in range(BARS):
        close = base + i // 40 + swing * ((i * 37) % 61 - 30) // 30
        high, low = max(before, close) + swing // 2, min(before, close) - swing // 2
        prices = ",".join(f"{p / 100:.2f}" for p in (before, high, low, close))
        lines.append(f"{BEGIN_MS + 60_000 * i},{prices},{800 + i % 7}")
        before = close
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols of bars, settlements of one of them, and a file that holds no quotes."""
    root = tmp_path_factory.mktemp("recordings")
    for name in ("klines_1m", "reference", "trades"):
        (root / name).mkdir()
    _write_klines(root / "klines_1m" / "AAAUSDT-1m-20250504-20250505.csv", 10_000, 40)
    _write_klines(root / "klines_1m" / "BBBUSDT-1m-20250504-20250505.csv", 40_000, 90)
    settled = [f"AAAUSDT,{BEGIN_MS + 28_800_000 * i},0.0001" for i in range(-4, 12)]
    with gzip.open(root / "reference" / "usdm_funding.csv.gz", "wt") as file:
        file.write("\n".join(["symbol,fundingTime,fundingRate", *settled]) + "\n")
    (root / "trades" / "odd.jsonl").write_text(json.dumps({"e": "aggTrade"}) + "\n")
    return root


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return find(folder)


@pytest.fixture(scope="module")
def study(folder: Path, found: Found, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study of two variants, run as the command runs it."""
    out = tmp_path_factory.mktemp("study")
    running = Running(
        root=folder, out=out, jobs=1, tell=lambda _: None, on_row=lambda *_: None, variants=TWO
    )
    run_study(found, running)
    return out


@pytest.fixture(scope="module")
def results(study: Path) -> Results:
    return load(study)


def row_of(results: Results, symbol: str, variant: str) -> Row:
    mode = FillMode.CROSSING
    name = next(d.name for d in results.datasets if d.symbol == symbol)
    return next(r for r in results.rows if r.key == (name, variant, mode.value))


def test_it_finds_what_can_be_traded_and_names_what_cannot(found: Found) -> None:
    assert [(d.symbol, d.family) for d in found.datasets] == [
        ("AAAUSDT", "klines-1m-2025"),
        ("BBBUSDT", "klines-1m-2025"),
    ]
    assert found.datasets[0].funding == ("reference/usdm_funding.csv.gz",)
    assert found.datasets[1].funding == ()
    assert found.datasets[0].first_price == Decimal(100)
    assert found.left_out == (
        LeftOut(file="trades/odd.jsonl", reason="of a form that grinder does not read"),
    )


def test_files_of_consecutive_days_are_one_session(tmp_path: Path) -> None:
    raw = tmp_path / "ws_raw"
    raw.mkdir()
    for day, first in (("20240723", 0), ("20240724", 80), ("20240726", 160)):
        frames = []
        for i in range(first, first + 80):
            quote = {"u": i, "s": "CCCUSDT", "b": "1.21", "B": "9", "a": "1.23", "A": "9"}
            body = json.dumps({"stream": "cccusdt@bookTicker", "data": quote})
            frames.append(f"{1_721_750_382_000_000 + 250_000 * i} {body}\n")
        with gzip.open(raw / f"spot_cccusdt_{day}.gz", "wt") as file:
            file.writelines(frames)
    found = find(tmp_path)
    assert [dataset.name for dataset in found.datasets] == ["spot_cccusdt_20240723+20240724"]
    dataset = found.datasets[0]
    assert not dataset.is_perpetual
    assert dataset.bar_interval_ms == 1_000
    assert dataset.price_step == Decimal("0.01")
    assert thin_l1_qty(dataset) == Decimal("81.96721311")  # 100 of quote currency at 1.22
    reasons = [each.reason for each in found.left_out]
    assert reasons == ["CCCUSDT has fewer than 100 quotes"]


def test_a_folder_without_anything_to_trade_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing that can be traded"):
        find(tmp_path)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_is_a_valid_configuration(found: Found, variant: Variant) -> None:
    deep = evolve(found.datasets[0], is_klines=False, has_depth=True, family="recorded")
    config = config_of(deep, variant, FillMode.CROSSING)
    assert config.uses_depth == variant.needs_depth
    assert config.policies.adaptive_policy_enabled != variant.name.startswith(STATIC)
    assert variant.runs_on(deep)
    assert variant.name in COLOURS


def test_a_row_keeps_the_books(results: Results) -> None:
    for row in results.rows:
        assert row.error == ""
        assert row.fills > 0
        gross = row.realized + row.unrealized
        assert row.net_pnl == gross - row.fees - row.funding
        assert sum(row.daily.values(), Decimal(0)) == round(row.net_pnl, 2)
        assert sum(each.outputs for each in row.regimes) == row.quotes
        before_funding = sum((each.net_pnl for each in row.regimes), Decimal(0))
        assert before_funding == row.net_pnl + row.funding
        assert sum(each.fills for each in row.regimes) == row.fills


def test_fees_are_the_makers(results: Results) -> None:
    for row in results.rows:
        assert abs(row.fees - row.turnover * 2 / 10_000) < Decimal("0.0001")


def test_the_same_task_gives_the_same_row(folder: Path, found: Found, results: Results) -> None:
    task = Task(root=folder, dataset=found.datasets[0], variant=TWO[0], fill_mode=FillMode.CROSSING)
    told: list[int] = []
    assert run_task(task, told.append) == row_of(results, "AAAUSDT", STATIC)
    assert sum(told) > BARS


def test_days_are_those_of_utc() -> None:
    midnight = 1_746_316_800_000  # 2025-05-04 00:00 UTC
    samples = {
        "ts": [midnight - 1, midnight, midnight + DAY_MS - 1, midnight + DAY_MS],
        "equity": [Decimal(100), Decimal("101.006"), Decimal("102.004"), Decimal(99)],
    }
    assert daily(samples, Decimal(100)) == {
        "2025-05-03": Decimal(0),
        "2025-05-04": Decimal("2.00"),
        "2025-05-05": Decimal("-3.00"),
    }


def test_sessions_add_up(results: Results) -> None:
    rows = [row_of(results, symbol, STATIC) for symbol in ("AAAUSDT", "BBBUSDT")]
    both = sum_of(rows)
    assert both.net == pytest.approx(float(rows[0].net_pnl + rows[1].net_pnl))
    assert both.won == sum(row.net_pnl > 0 for row in rows)
    assert both.gross - both.fees - both.funding == pytest.approx(both.net)
    returns = daily_returns(rows)
    assert sum(returns.values()) * 2 * CAPITAL == pytest.approx(both.net, abs=0.05)


def test_results_read_back_as_they_were_written(results: Results, tmp_path: Path) -> None:
    path = save(results, tmp_path)
    assert load(tmp_path) == results
    before = path.read_bytes()
    save(load(tmp_path), tmp_path)
    assert path.read_bytes() == before


def test_another_run_replaces_rows_and_keeps_others(results: Results) -> None:
    changed = evolve(results.rows[0], fills=results.rows[0].fills + 1)
    merged = results.with_rows([changed])
    assert merged.rows[0] == changed
    assert merged.rows[1:] == results.rows[1:]


def test_fill_models_are_run_for_the_best_of_each_kind(
    folder: Path, found: Found, results: Results
) -> None:
    running = Running(
        root=folder, out=folder, jobs=1, tell=lambda _: None, on_row=lambda *_: None, variants=TWO
    )
    tasks = band_tasks(found.datasets, results, running)
    assert {(t.variant.name, t.fill_mode.value) for t in tasks} == {
        (name, mode) for name in (STATIC, ADAPTIVE) for mode in ("touch", "quote")
    }
    assert best_of_kind(results, found.datasets, STATIC) == STATIC


def test_generous_fills_trade_no_less_than_strict_ones(results: Results) -> None:
    fills = {row.key: row.fills for row in results.rows}
    for dataset in results.datasets:
        touch, crossing, quote = (
            fills[dataset.name, STATIC, mode] for mode in ("touch", "crossing", "quote")
        )
        assert touch >= crossing >= quote


def test_the_page_is_a_function_of_the_results(results: Results, study: Path) -> None:
    assert main_page(results) == main_page(load(study))
    shuffled = evolve(results, rows=results.rows[::-1])
    assert main_page(shuffled) == main_page(results)
    assert session_page(shuffled) == session_page(results)


def test_the_conclusion_says_what_the_rows_say(results: Results) -> None:
    said = next(text for text in conclusions(results) if text.startswith("klines-1m-2025: static"))
    for variant in (STATIC, ADAPTIVE):
        net = sum(row_of(results, s, variant).net_pnl for s in ("AAAUSDT", "BBBUSDT"))
        assert f"{variant} {round(float(net)):+,}" in said
    better = sum(
        row_of(results, s, ADAPTIVE).net_pnl > row_of(results, s, STATIC).net_pnl
        for s in ("AAAUSDT", "BBBUSDT")
    )
    assert f"adaptive did better in {better} of them" in said


def test_a_changed_result_changes_the_conclusion(results: Results) -> None:
    richer = [evolve(row, net_pnl=row.net_pnl + 1_000) for row in results.rows]
    assert conclusions(results.with_rows(richer)) != conclusions(results)


def test_every_picture_of_the_page_is_drawn(results: Results) -> None:
    shown = set(re.findall(r"\]\((\w+)\.png\)", main_page(results)))
    assert shown == {picture.name for picture in pictures_of(results)}
    assert shown == {"equity", "sessions", "costs", "drift", "band"}  # no state held for a day


def test_the_command_writes_pages_from_results(
    study: Path, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["--from-results", "--no-pictures", "--out", str(study)]) == 0
    assert (study / "README.md").read_text(encoding="ascii") == main_page(results)
    assert (study / "sessions.md").read_text(encoding="ascii") == session_page(results)
    assert "page: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "RECORDINGS"),
        (["nowhere"], "is no folder"),
        (["--from-results", "--out", "nowhere"], "holds no results.json"),
        (["nowhere", "--jobs", "0"], "must be >= 1"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command([*arguments, "--no-pictures"]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_family_is_named_with_those_that_are_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [str(folder), "--out", str(tmp_path), "--only", "ticks", "--no-pictures"]
    assert command(asked) == 2
    assert "klines-1m-2025" in capsys.readouterr().err


def test_the_published_pages_are_those_of_the_published_results() -> None:
    published = ROOT / "docs" / "study"
    kept = load(published)
    assert (published / "README.md").read_text(encoding="ascii") == main_page(kept)
    assert (published / "sessions.md").read_text(encoding="ascii") == session_page(kept)
    assert not [row.key for row in kept.rows if row.error]


def test_the_published_pictures_are_wide_enough_and_small() -> None:
    published = ROOT / "docs" / "study"
    pictures = pictures_of(load(published))
    assert len(pictures) == 6
    for picture in pictures:
        data = (published / f"{picture.name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(data[16:20], "big") == 1280
        assert len(data) < 300_000
