"""One way to break the code."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Mutant:
    """One replacement and who must object to it.

    Attributes:
        place: A file, or a folder whose files are searched: moving code between the files of a
            room does not move the mistake.
        old: Occurs exactly once there.
        tests: What pytest is asked to run: files, or ``file::test`` names.
    """

    name: str
    place: str
    old: str
    new: str
    tests: tuple[str, ...]

    def files(self, root: Path) -> list[Path]:
        """Files below ``root`` that hold the old text, once for each time that they do."""
        place = root / self.place
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        return [
            path
            for path in paths
            if path.is_file()
            for _ in range(path.read_text("utf-8").count(self.old))
        ]
