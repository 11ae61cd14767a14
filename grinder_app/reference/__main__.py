"""``python -m grinder_app.reference``: print, write or check the generated pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grinder_app.cli import Exit
from grinder_app.reference import PAGES


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all pages, write them into a folder, or say which of a folder's are stale."""
    parser = argparse.ArgumentParser(prog="python -m grinder_app.reference", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", type=Path, metavar="DIR", help="write the pages into DIR")
    what.add_argument("--check", type=Path, metavar="DIR", help="exit 1 if a page of DIR is stale")
    chosen = parser.parse_args(arguments)
    if chosen.write is not None:
        write(chosen.write)
    elif chosen.check is not None:
        return check(chosen.check)
    else:
        sys.stdout.write("\n".join(make() for make in PAGES.values()))
    return Exit.GOOD


def write(folder: Path) -> None:
    """Write every page into a folder, which is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="ascii", newline="\n")


def check(folder: Path) -> Exit:
    """Name the pages of a folder that are missing or not what the code says; 1 if there is one."""
    stale = [name for name, make in PAGES.items() if not _is_fresh(folder / name, make())]
    for name in stale:
        print(f"{folder / name}: is not what the code says", file=sys.stderr)
    if stale:
        print(f"run: python -m grinder_app.reference --write {folder}", file=sys.stderr)
    return Exit.FAILED if stale else Exit.GOOD


def _is_fresh(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("ascii")


if __name__ == "__main__":
    sys.exit(main())
