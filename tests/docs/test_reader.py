"""The reader of pages believes nothing: each way a page can be wrong is noticed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.docs.documents import blocks, inline_code, prose
from tests.docs.reader import PageError, Reader

PAGE = """\
Text with `inline code` in it.

<!-- file: notes/one.txt -->

```text
first
  second
```

```python
import pathlib
seen = pathlib.Path("notes/one.txt").read_text()
```

<!-- exit: 2 -->
```sh
# a comment
grinder data inspect \\
    nothing.jsonl
nox -s tests && grinder runs list
```

1. In a list:

   ```python
   assert seen == "first\\n  second\\n"
   ```

<!-- not run: needs the venue -->
```sh
grinder live run
```

<!-- exit: 3 -->
This text ends the comment's reach.

```python
seen = "again"
```
"""


@pytest.fixture
def page(empty_folder: Path) -> Path:
    """A page with one block of each sort, outside the reader's folder."""
    path = empty_folder / "page.md"
    path.write_text(PAGE)
    return path


def one_block(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def test_blocks_know_their_line_language_and_comments(page: Path) -> None:
    found = blocks(page)
    assert [b.language for b in found] == ["text", "python", "sh", "python", "sh", "python"]
    assert [b.exit_code for b in found] == [0, 0, 2, 0, 0, 0]
    assert [b.file for b in found] == ["notes/one.txt", "", "", "", "", ""]
    assert [b.not_run for b in found] == ["", "", "", "", "needs the venue", ""]
    lines = PAGE.splitlines()
    assert all(lines[b.line - 1].strip() == b.text.splitlines()[0] for b in found)
    assert found[0].text == "first\n  second"


def test_inline_code_is_found_outside_fences_only(page: Path) -> None:
    assert list(inline_code(page)) == [(1, "inline code")]
    assert len(prose(page).splitlines()) == len(PAGE.splitlines())


def test_a_page_is_followed_in_order(page: Path) -> None:
    ran: list[list[str]] = []

    def run(words: list[str]) -> int:
        ran.append(words)
        return 2

    Reader(run).follow(page)
    assert ran == [["data", "inspect", "nothing.jsonl"], ["runs", "list"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```sh\ngrinder demo\n```", "exit code 1, not 0: grinder demo"),
        ("<!-- exit: 2 -->\n```sh\ngrinder demo\n```", "exit code 1, not 2"),
        ("```sh\nfrobnicate --all\n```", "none of the tools"),
        ("```sh\nnox -s tests nosuch\n```", "no session \\['nosuch'\\]"),
        ("```sh\npip install 'grinder[data,nosuch]'\n```", "no extra \\['nosuch'\\]"),
        ("```sh\ngrinder runs list | wc -l\n```", "without a shell"),
        ("```sh\ngrinder config show > out.txt\n```", "without a shell"),
        ("```bash\ngrinder demo\n```", "language 'bash'"),
        ("```json\n{'a': 1}\n```", "is no JSON"),
        ("```toml\n[a\n```", "is no TOML"),
        ("```toml\na = 1\n```", "are refused"),
        ("<!-- file: ../up.txt -->\n```text\nx\n```", "own folder"),
        ("```python\n>>> 1 + 1\n3\n```", "Expected:\n +3\nGot:\n +2"),
    ],
)
def test_what_is_not_so_is_noticed(empty_folder: Path, text: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        Reader(lambda _: 1).follow(one_block(empty_folder, text))


def test_python_that_raises_names_the_line_of_the_page(empty_folder: Path) -> None:
    path = one_block(empty_folder, "Text.\n\n```python\na = 1\nraise KeyError(a)\n```\n")
    with pytest.raises(KeyError) as caught:
        Reader(lambda _: 0).follow(path)
    assert caught.traceback[-1].path == path
    assert caught.traceback[-1].lineno == 4  # counted from 0


def test_dialogues_share_names_with_blocks(empty_folder: Path) -> None:
    parts = ("a = 2", ">>> b = a * 2\n>>> b\n4", "assert b == 4")
    text = "\n\n".join(f"```python\n{part}\n```" for part in parts)
    Reader(lambda _: 0).follow(one_block(empty_folder, text))


def test_an_open_fence_is_refused(empty_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"page\.md:1: this fence is never closed"):
        blocks(one_block(empty_folder, "```python\na = 1\n"))


@pytest.mark.usefixtures("no_network")
def test_a_connection_beyond_this_machine_is_refused() -> None:
    with socket.socket() as plug, pytest.raises(AssertionError, match="connects to"):
        plug.connect(("192.0.2.1", 443))
    with socket.socket() as plug, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        plug.connect(listener.getsockname())
