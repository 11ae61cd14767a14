"""Forbidden characters are found where they are, and nothing else is (CORE-45)."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.checks.unicode_policy import check_unicode, scan
from grinder_app.cli import run
from grinder_core.errors import ConfigError

NAMED = (
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0x200B, 0x200E),
    0xFEFF,
    0xAD,
    0x2060,
    0xE0001,
)
FORBIDDEN = st.sampled_from([chr(code) for code in NAMED])
HARMLESS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cf", "Cs"), exclude_characters="\0\r")
)


@given(HARMLESS, FORBIDDEN, HARMLESS)
def test_an_inserted_character_is_found_at_its_position(
    before: str, forbidden: str, after: str
) -> None:
    found = list(scan((before + forbidden + after).encode(), "f.md"))
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    code, name = ord(forbidden), unicodedata.name(forbidden)
    assert [str(item) for item in found] == [f"f.md:{line}:{column} U+{code:04X} {name}"]


@given(
    st.text(st.characters(max_codepoint=0x7F)),
    st.text(st.characters(min_codepoint=0x400, max_codepoint=0x4FF)),
)
def test_ascii_and_cyrillic_never_are(ascii_text: str, cyrillic: str) -> None:
    assert list(scan((ascii_text + cyrillic).encode(), "f")) == []


def test_box_drawing_and_the_em_dash_are_allowed() -> None:
    text = "".join(map(chr, range(0x2500, 0x2580))) + "\u2014"
    assert list(scan(text.encode(), "f")) == []


def test_worked_example_core_45() -> None:
    found = list(scan("one\ntwo\nfour\u200bfive\n".encode(), "f.md"))
    assert [str(item) for item in found] == ["f.md:3:5 U+200B ZERO WIDTH SPACE"]


def test_a_byte_order_mark_is_found() -> None:
    found = list(scan(b"\xef\xbb\xbftext", "f"))
    assert [str(item) for item in found] == ["f:1:1 U+FEFF ZERO WIDTH NO-BREAK SPACE"]


@given(HARMLESS, st.sampled_from([b"\xff", b"\x80", b"\xc3"]), st.just(" "))
def test_a_byte_that_is_no_utf8_is_found_at_its_position(
    before: str, byte: bytes, after: str
) -> None:
    found = list(scan(before.encode() + byte + after.encode(), "f"))
    column = len(before) - (before.rfind("\n") + 1) + 1
    assert [(item.line, item.column, item.what) for item in found] == [
        (before.count("\n") + 1, column, f"0x{byte[0]:02X} INVALID UTF-8")
    ]


def test_a_folder_is_scanned_whole_and_binaries_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("x\u202ey", encoding="utf-8")
    (tmp_path / "b.bin").write_bytes(b"\0\xff\xfe")
    (tmp_path / "c.txt").write_text("fine")
    scanned, findings = check_unicode([tmp_path])
    assert scanned == 2
    assert [(Path(item.path).name, item.column) for item in findings] == [("a.txt", 2)]


@pytest.fixture
def work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "tracked.md").write_text("a\u00adb", encoding="utf-8")
    (tmp_path / "untracked.md").write_text("a\u00adb", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "clean.md").write_text("ab")
    subprocess.run(["git", "-C", str(tmp_path), "add", "tracked.md", "deep"], check=True)
    monkeypatch.chdir(tmp_path / "deep")  # also from below the top
    return tmp_path


def test_without_paths_all_tracked_files_are_scanned(
    work_tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "unicode"]) == 1
    told = capsys.readouterr()
    assert told.out == "tracked.md:1:2 U+00AD SOFT HYPHEN\n"
    assert "2 text files" in told.err
    (work_tree / "tracked.md").write_text("ab")
    assert run(["check", "unicode"]) == 0


def test_json_lists_the_findings(work_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "unicode", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "files": 2,
        "findings": [{"path": "tracked.md", "line": 1, "column": 2, "what": "U+00AD SOFT HYPHEN"}],
    }


def test_a_missing_path_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "unicode", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_outside_a_work_tree_paths_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigError, match="name the paths"):
        check_unicode()
