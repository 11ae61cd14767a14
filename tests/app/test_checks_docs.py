"""Documentation must hold: every kind of claim is caught when it does not (CORE-46)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.checks.command_tree import CommandNode, problems_of, read_tree
from grinder_app.checks.documentation import check_documentation, check_pages
from grinder_app.checks.markdown import read_page
from grinder_app.checks.shell_lines import commands_of
from grinder_app.cli import run

FILES = [
    "README.md",
    "docs/page.md",
    "grinder_core/engine.py",
    "grinder_app/__main__.py",
    "fixtures/case/config.json",
    "noxfile.py",
]


def a_tree(*without: str) -> CommandNode:
    """Commands of a made-up ``grinder``, some of them left out."""
    app, data = App(name="grinder"), App(name="data")

    def paper(source: Path, *, digest: bool = True, out: Path | None = None) -> None: ...

    def convert(*, out: Path) -> None: ...

    if "paper" not in without:
        app.command(paper)
    if "data" not in without:
        app.command(data)
        if "convert" not in without:
            data.command(convert)
    return read_tree(app, "grinder")


def make_repository(folder: Path) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "grinder_core/engine.py").write_text(
        'LIMIT = "GRINDER_LIMIT_MS"\nMETRIC = "grinder_steps_total"\n'
    )
    (folder / "noxfile.py").write_text(
        "@nox.session\ndef tests(session): ...\n\n@nox.session(name='lint')\ndef x(session): ...\n"
    )
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path)


def findings(repository: Path, text: str, tree: CommandNode | None = None) -> list[str]:
    """Check one page at ``docs/page.md`` and return what is wrong, with lines."""
    (repository / "docs/page.md").write_text(text)
    found = check_pages(
        repository, FILES, ["docs/page.md"], {"grinder": tree if tree is not None else a_tree()}
    )
    return [f"{item.line}: {item.what}" for item in found]


def shell(*lines: str, language: str = "sh") -> str:
    return "\n".join((f"```{language}", *lines, "```", ""))


GOOD_LINES = [
    "grinder paper FILE --no-digest --out x.json",
    "grinder data convert --out=x",
    ".venv/bin/grinder data --help",
    "python -m grinder_app paper FILE",
    "python3.11 -m venv .venv && . .venv/bin/activate",
    "GRINDER_LIMIT_MS=5 grinder paper FILE > out.txt 2> err.txt  # said plainly",
    "for f in *.jsonl; do grinder paper $f; done",
    "nox -s tests lint -- -k demo",
    "grinder paper fixtures/case | head -n 3",
    "git clone https://example.org/grinder; cd grinder",
]


@pytest.mark.parametrize("line", GOOD_LINES)
def test_what_works_is_no_finding(repository: Path, line: str) -> None:
    assert findings(repository, shell(line)) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("grinder trade", "grinder has no command trade"),
        ("grinder data import x", "grinder data has no command import"),
        ("grinder paper FILE --fast", "grinder paper has no option --fast"),
        ("grinder paper FILE -x", "grinder paper has no option -x"),
        ("echo hi && grinder trade", "grinder has no command trade"),
        ("A=1 B=2 grinder trade", "grinder has no command trade"),
        ("python -m grinder_app trade", "grinder has no command trade"),
        ("python -m grinder_core.nothing", "python -m grinder_core.nothing: no such module"),
        ("python -m no_such_module_anywhere", "python -m no_such_module_anywhere: no such module"),
        ("griner paper", "griner is neither a known tool nor an entry point"),
        ("nox -s test", "nox has no session test"),
        ("grinder paper fixtures/other", "fixtures/other: no such path"),
        ("./run.sh", "./run.sh: no such file"),
        ("grinder paper 'FILE", "no shell could read: grinder paper 'FILE"),
    ],
)
def test_a_shell_line_that_cannot_work_is_found(repository: Path, line: str, told: str) -> None:
    assert findings(repository, "intro\n" + shell("ls", line)) == [f"4: {told}"]


def test_every_documented_command_is_needed(repository: Path) -> None:
    text = shell("grinder paper FILE", "grinder data convert --out x")
    assert findings(repository, text) == []
    assert findings(repository, text, a_tree("paper")) == ["2: grinder has no command paper"]
    assert findings(repository, text, a_tree("convert")) == [
        "3: grinder data has no command convert"
    ]
    assert findings(repository, text, a_tree("data")) == ["3: grinder has no command data"]


PLANNED = st.sampled_from(
    [
        "## Planned\n\n{}",
        "## Planned for later\n\n### Deeper\n\n{}",
        "# Page\n\n## Planned\n\n{}\n\n# Next\n",
    ]
)
CLAIMS = st.sampled_from(
    [
        shell("grinder trade"),
        "`grinder trade now`",
        "[gone](gone.md)",
        "`docs/gone.md`",
        "GRINDER_NO_SUCH_THING",
        "grinder_no_such_metric_total",
    ]
)


@given(CLAIMS, PLANNED)
def test_marking_a_claim_as_planned_passes(
    tmp_path_factory: pytest.TempPathFactory, claim: str, frame: str
) -> None:
    repository = make_repository(tmp_path_factory.mktemp("repository"))
    assert len(findings(repository, claim)) == 1
    assert findings(repository, frame.format(claim)) == []
    lines = [f"{line} (Planned)" if "```" not in line else line for line in claim.split("\n")]
    assert findings(repository, "\n".join(lines)) == []
    ended = frame.format("nothing") + "\n# After\n\n" + claim
    assert len(findings(repository, ended)) == 1


def test_console_blocks_hold_commands_only_behind_a_prompt(repository: Path) -> None:
    text = shell("$ grinder trade", "trade: no such command", language="console")
    assert findings(repository, text) == ["2: grinder has no command trade"]


def test_blocks_of_other_languages_are_no_shell(repository: Path) -> None:
    assert findings(repository, shell("grinder trade", language="python")) == []


def test_a_long_command_is_one_command(repository: Path) -> None:
    text = shell("grinder paper FILE \\", "  --out x \\", "  --fast")
    assert findings(repository, text) == ["2: grinder paper has no option --fast"]


def test_a_here_document_is_no_command(repository: Path) -> None:
    text = shell("cat > mine.py <<'END'", "trade now", "END", "grinder trade")
    assert findings(repository, text) == ["5: grinder has no command trade"]


def test_inline_commands_are_checked_with_their_alternatives(repository: Path) -> None:
    assert findings(repository, "`grinder data convert|paper`") == [
        "1: grinder data has no command paper"
    ]
    assert (
        findings(repository, "`grinder COMMAND --help`, `grinder ...`, `grinder paper [--out]`")
        == []
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[x](gone.md)", "link to gone.md: no such file"),
        ("[x](../../outside.md)", "link to ../../outside.md: no such file"),
        ("[x](/docs/page.md)", "link to /docs/page.md: no such file"),
        ("![x](images/a.png)", "link to images/a.png: no such file"),
        ("[x]: gone.md#part", "link to gone.md#part: no such file"),
        ('<img src="gone.png">', "link to gone.png: no such file"),
        ("`grinder_core/gone.py`", "grinder_core/gone.py: no such path"),
        ("`elsewhere/gone.py:12`", "elsewhere/gone.py: no such path"),
        ("`fixtures/<name>/gone.json`", "fixtures/<name>/gone.json: no such path"),
        ("`CHANGES.md`", "CHANGES.md: no such file"),
        ("set GRINDER_LIMIT_S", "environment variable GRINDER_LIMIT_S does not occur in the code"),
        (
            "`GRINDER_ORDERS__LEVELS`",
            "environment variable GRINDER_ORDERS__LEVELS does not occur in the code",
        ),
        ("`grinder_stops_total`", "metric grinder_stops_total does not occur in the code"),
    ],
)
def test_a_claim_that_does_not_hold_is_found(repository: Path, text: str, told: str) -> None:
    assert findings(repository, f"# Title\n\n{text}\n") == [f"3: {told}"]


@pytest.mark.parametrize(
    "text",
    [
        "[x](../README.md#part) [y](https://example.org) [z](#part) [w](mailto:a@b.c)",
        "`grinder_core/engine.py:2` `grinder_core/engine.py::test` `grinder_core/` `docs/`",
        "`fixtures/<name>/config.json` `fixtures/*/config.json` `README.md`",
        "`var/runs/x.json` and `report.html` are written by runs; `a/b` is a ratio",
        "GRINDER_LIMIT_MS, GRINDER_POLICIES__LEVELS, any `GRINDER_*`",
        "GRINDER_APP__DATA_DIR, GRINDER_ORDERS__TICK_SIZES__BTCUSDT",
        "`grinder_steps_total` of `grinder_core.engine`",
        "``a ` b`` and `x",
    ],
)
def test_claims_that_hold_are_no_findings(repository: Path, text: str) -> None:
    assert findings(repository, text) == []


def test_a_tests_only_metric_does_not_count(repository: Path) -> None:
    (repository / "noxfile.py").write_text('X = "grinder_tooling_total"\n')
    assert findings(repository, "grinder_tooling_total") == [
        "1: metric grinder_tooling_total does not occur in the code"
    ]


def test_options_are_read_from_the_commands_definition() -> None:
    tree = a_tree()
    paper = tree.commands["paper"]
    assert {"--out", "--digest", "--no-digest", "--help", "-h"} <= paper.options
    assert not tree.runs
    assert paper.runs
    assert list(problems_of(["paper", "x", "--", "--anything"], tree)) == []
    assert list(problems_of(["paper", "-5"], tree)) == []


def test_a_page_knows_its_blocks_from_its_prose() -> None:
    page = read_page("a `b`\n~~~~sh\n`c`\n~~~\n[d](e)\n~~~~\n[f](g)\n", "p.md")
    assert page.code == ((1, "b"),)
    assert page.links == ((7, "g"),)
    assert [spot for block in page.blocks for spot in block.lines] == [
        (3, "`c`"),
        (4, "~~~"),
        (5, "[d](e)"),
    ]


def test_commands_come_with_their_lines() -> None:
    block = read_page(shell("a b | c", "", "# note", "if true; then d; fi"), "p.md").blocks[0]
    assert list(commands_of(block)) == [(2, ["a", "b"]), (2, ["c"]), (5, ["d"])]


def make_work_tree(folder: Path, target: str) -> None:
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "x"\n[project.scripts]\nown = "{target}"\n'
    )
    (folder / "README.md").write_text(shell("own go --fast"))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "."], check=True)


@pytest.fixture
def own_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository whose entry point lives in a module of its own."""
    (tmp_path / "own_command.py").write_text(
        "from cyclopts import App\n\napp = App(name='own')\n\n\n@app.command\n"
        "def go(*, fast: bool = False) -> None: ...\n\n\ndef main() -> None:\n    app()\n\n\n"
        "def broken() -> int:\n    raise SystemExit(3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path
    sys.modules.pop("own_command", None)


def test_an_entry_point_that_works_is_no_finding(own_command: Path) -> None:
    make_work_tree(own_command, "own_command:main")
    assert check_documentation(own_command) == (1, [])


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("own_command:broken", "own --help ends with 3"),
        ("own_command:gone", "own_command:gone is no function"),
        ("no_such_module_here:main", "does not import"),
    ],
)
def test_a_broken_entry_point_is_found_where_it_is_declared(
    own_command: Path, target: str, told: str
) -> None:
    make_work_tree(own_command, target)
    _, found = check_documentation(own_command)
    told_of_it = [item for item in found if item.path == "pyproject.toml"]
    assert [item.line for item in told_of_it] == [4]
    assert told in told_of_it[0].what


def test_the_command_prints_file_and_line_and_exits_1(
    own_command: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_work_tree(own_command, "own_command:main")
    assert run(["check", "docs", "--root", str(own_command)]) == 0
    (own_command / "README.md").write_text(shell("own go --slow"))
    assert run(["check", "docs", "--root", str(own_command)]) == 1
    assert "README.md:2: own go has no option --slow\n" in capsys.readouterr().out
    assert run(["check", "docs", "--root", str(own_command), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"] == [
        {"path": "README.md", "line": 2, "what": "own go has no option --slow"}
    ]


def test_without_a_repository_it_is_a_usage_error(tmp_path: Path) -> None:
    assert run(["check", "docs", "--root", str(tmp_path)]) == 2
