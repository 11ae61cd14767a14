"""Pages are for everybody: plain ASCII, no machine's paths or hosts, nothing unfinished."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import documents, shown

FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(?:home|root|tmp|work|mnt|Users|opt)/\w"),
    "a package index": re.compile(
        r"--(?:extra-)?index-url|--find-links|--trusted-host|(?:PIP|UV)_\w*(?:INDEX|URL)"
        r"|\b(?:artifactory|nexus|devpi|verdaccio)\b",
        re.IGNORECASE,
    ),
    "a private address": re.compile(
        r"\b(?:10|127(?!\.0\.0\.1\b)|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b"
        r"|\b[\w-]+\.(?:internal|local|lan|corp|invalid|example)\b"
    ),
    "how the text came about": re.compile(
        r"\b(?:assistant|chatbot|copilot|language model|ai[- ]generated)\b", re.IGNORECASE
    ),
    "something unfinished": re.compile(
        r"\b(?:TODO|FIXME|XXX|TBD|WIP|coming soon|lorem ipsum|placeholder)\b"
    ),
}


def faults(text: str) -> list[str]:
    """Return what a text must not say, with its lines, from 1."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN.items():
            if match := pattern.search(line):
                found.append(f"line {number}: {what}: {match[0]}")
        if not line.isascii():
            found.append(f"line {number}: not ASCII")
    return found


@pytest.mark.parametrize("page", documents(), ids=shown)
def test_a_page_says_nothing_it_must_not(page: Path) -> None:
    assert not faults(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "see /home/me/data",
        "written to `/opt/out.json`",
        "pip install --index-url https://host/simple grinder",
        "export PIP_INDEX_URL=x",
        "listens on 192.168.1.4",
        "fetch from build.internal",
        "this is AI-generated",
        "TODO: explain",
        "na\u00efve",
    ],
)
def test_forbidden_text_is_found(text: str) -> None:
    assert len(faults(f"fine\n{text}")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/home/page",
        "docs/tmp/x",
        "version 0.1.0 of 10.5 bps",
        "an example session",
    ],
)
def test_harmless_text_is_not(text: str) -> None:
    assert not faults(text)
