"""A page's other terminals: what is started there must run, and end well."""

from __future__ import annotations

from pathlib import Path

import pytest

from grinder_app import cli
from tests.docs.reader import PageError, Reader

PAGE = """
<!-- beside: venue -->
```sh
{command}
```

It ends by itself before the same terminal takes the next one:

<!-- beside: venue -->
```sh
grinder live run --symbols ETHUSDT
```

```sh
grinder live status --until ACTIVE
```
"""


@pytest.mark.usefixtures("empty_folder", "no_network")
@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("grinder live run --symbols ETHUSDT --duration 1", ""),
        ("grinder live run --symbols ETHUSDT --mode live_trade --armed", "exit code 1, not 0"),
        ("grinder no-such-command", "exit code 2, not 0"),
        ("git status", "one command of grinder"),
        ("grinder runs list && grinder runs list", "one command of grinder"),
    ],
)
def test_what_ends_badly_in_another_terminal_fails_the_page(
    tmp_path: Path, command: str, complaint: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(command=command), encoding="utf-8")
    reader = Reader(cli.run)
    if not complaint:
        reader.follow(page)
        return
    with pytest.raises(PageError, match=complaint):
        reader.follow(page)
