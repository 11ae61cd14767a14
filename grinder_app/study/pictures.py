"""Draws the study's figures into PNG files: plotly in a Chromium without a window."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from grinder_app.study.figures import Picture, pictures_of
from grinder_app.study.results import Results
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH: Final = 1280
_VARIABLE: Final = "GRINDER_CHROMIUM"
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def check_browser() -> str:
    """Return the path of a Chromium.

    Raises:
        ConfigError: There is none, or the extras ``report`` and ``dev`` are not installed.
    """
    missing = [name for name in ("plotly", "playwright") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"pictures need {' and '.join(missing)}",
            field="--pictures",
            remedy="pip install 'grinder[report,dev]', or give --no-pictures",
        )
    named = os.environ.get(_VARIABLE, "")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not Path(found).exists():
        raise ConfigError(
            "pictures need a Chromium",
            field="--pictures",
            value=found,
            remedy=f"install one, name it in {_VARIABLE}, or give --no-pictures",
        )
    return found


def write_pictures(results: Results, folder: Path, chromium: str) -> list[Path]:
    """Draw all pictures of the results into a folder.

    Args:
        chromium: As ``check_browser`` returns it.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started, TemporaryDirectory() as scratch:
        browser = started.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        pictures = pictures_of(results)
        written = [_draw(picture, folder, browser, Path(scratch)) for picture in pictures]
        browser.close()
    return written


def _draw(picture: Picture, folder: Path, browser: Browser, scratch: Path) -> Path:
    page_file = scratch / f"{picture.name}.html"
    page_file.write_text(_html(picture), encoding="utf-8")
    page = browser.new_page(viewport={"width": WIDTH, "height": picture.height})
    page.goto(page_file.as_uri())
    page.wait_for_function("() => window.isDrawn === true")
    target = folder / f"{picture.name}.png"
    page.screenshot(path=target)
    page.close()
    return target


def _html(picture: Picture) -> str:
    from plotly.offline import get_plotlyjs

    figure = json.dumps(picture.figure, sort_keys=True).replace("<", "\\u003c")
    script = get_plotlyjs().replace("</script", "<\\/script")
    return (
        "<!doctype html><meta charset='utf-8'><style>body{margin:0}</style>"
        f"<div id='chart' style='width:{WIDTH}px;height:{picture.height}px'></div>"
        f"<script>{script}</script><script>const figure = {figure};"
        "Plotly.newPlot('chart', figure.data, figure.layout, {staticPlot: true})"
        ".then(() => { window.isDrawn = true; });</script>"
    )
