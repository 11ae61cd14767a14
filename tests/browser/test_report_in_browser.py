"""The report in a real browser: it draws, fits, fetches nothing and can be read.

``GRINDER_UPDATE_SCREENSHOTS=1 pytest -m browser tests/browser`` writes the screenshots that the
documentation shows, ``docs/images/report-1280.png`` and ``report-390.png``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from grinder_adapters.runs import RunStore, load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli.demo import demo_config
from grinder_app.report.page import write_report
from grinder_core.session.result import run

pytestmark = pytest.mark.browser

SIZE_MAX = 6_000_000
SCREENSHOT_MAX = 400_000
WIDTHS = (1280, 390)
START_MS = 1_736_143_200_000  # 2025-01-06 06:00 UTC, when the demo's last quote was made
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

OVERFLOWING = """() => {
  const wide = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".scroll table, svg, .chart")) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 1 || box.left < -1)) {
      wide.push(element.outerHTML.slice(0, 120));
    }
  }
  return wide;
}"""

FAINT = """() => {
  // relative luminance and contrast of WCAG 2
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const channel = c => linear(c / 255);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const backOf = element => {
    for (let e = element; e; e = e.parentElement) {
      const back = parse(getComputedStyle(e).backgroundColor);
      if (back.length === 3 || back[3] === 1) return back;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, script, style, noscript")) continue;
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(backOf(element));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push([contrast, element.textContent.trim().slice(0, 60)]);
  }
  return faint;
}"""


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of the demo session, and one of a backtest of several sessions."""
    folder = tmp_path_factory.mktemp("reports")
    store = RunStore(folder / "runs")
    events = demo_events()
    config = demo_config(events)
    facts = {
        "config": config.to_dict(),
        "config_hash": config.config_hash,
        "data": [{"name": events.name, "kind": "events"}],
    }
    paths = {}
    with store.create("demo", START_MS) as writer:
        writer.session("demo").finish(run(events, config, name=events.name))
        writer.manifest(command=["grinder", "demo"], **facts)
    paths["demo"] = writer.path
    quotes = list(events)
    free = config.with_values({"maker_fee_bps_x100": 0})
    with store.create("backtest", START_MS + 1) as writer:
        for part in range(1, 15):
            hour = run(quotes[: part * 300], free)
            writer.session(f"a-session-with-a-rather-long-name-{part:02d}").finish(hour)
        writer.manifest(command=["grinder", "backtest"], **{**facts, "config": free.to_dict()})
    paths["backtest"] = writer.path
    for name, run_folder in paths.items():
        target = folder / f"{name}.html"
        assert write_report(load_run(run_folder), target) < SIZE_MAX
        paths[name] = target
    return paths


@pytest.fixture(scope="module")  # while it lives, no other test can run an event loop
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium; a missing one is a failure, because nothing else proves the page."""
    named = os.environ.get("GRINDER_CHROMIUM", "")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not Path(found).exists():
        pytest.fail(
            f"no Chromium at {found or '/usr/bin/chromium'}: apt-get install -y chromium, or set "
            "GRINDER_CHROMIUM to the path of a Chromium or Chrome"
        )
    launched = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
    yield launched
    launched.close()


class Watched:
    """A page that remembers what went wrong and what was asked for."""

    def __init__(self, browser: Browser, width: int, **options: Any) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _on_console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def open(self, path: Path, fragment: str = "") -> Page:
        self.page.goto(f"{path.as_uri()}{fragment}")
        return self.page

    def draw_everything(self) -> int:
        """Open all sessions, scroll to each chart until it is drawn; return their number."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        charts = self.page.locator(".chart")
        for index in range(charts.count()):
            chart = charts.nth(index)
            chart.scroll_into_view_if_needed()
            self.page.wait_for_function(
                "index => document.querySelectorAll('.chart')[index].dataset.ready", arg=index
            )
        return charts.count()


@pytest.fixture
def watch(browser: Browser) -> Iterator[Any]:
    opened: list[Watched] = []

    def begin(width: int, **options: Any) -> Watched:
        opened.append(Watched(browser, width, **options))
        return opened[-1]

    yield begin
    for each in opened:
        each.page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["demo", "backtest"])
def test_it_draws_fits_and_fetches_nothing(
    watch: Any, reports: dict[str, Path], name: str, width: int, tmp_path: Path
) -> None:
    watched = watch(width)
    page = watched.open(reports[name])
    charts = watched.draw_everything()
    assert charts == {"demo": 5, "backtest": 12 * 5 + 1}[name] - _without_blocks(page)
    for index in range(charts):
        chart = page.locator(".chart").nth(index)
        assert chart.locator("svg.main-svg").count() >= 1
        assert chart.locator(".trace path, .points path").count() >= 1, chart.get_attribute("id")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    assert watched.complaints == []
    assert watched.requests == [reports[name].as_uri()]
    page.screenshot(path=tmp_path / f"{name}-{width}.png", full_page=True)


def _without_blocks(page: Page) -> int:
    """Sessions in which nothing was blocked say so instead of drawing a chart of it."""
    return page.get_by_text("Nothing was blocked").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_text_stands_out_from_its_background(
    watch: Any, reports: dict[str, Path], scheme: str, width: int
) -> None:
    watched = watch(width, color_scheme=scheme)
    page = watched.open(reports["backtest"])
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate(FAINT) == []


def test_charts_follow_the_colour_scheme(watch: Any, reports: dict[str, Path]) -> None:
    watched = watch(1280, color_scheme="light")
    page = watched.open(reports["demo"])
    watched.draw_everything()
    tick = page.locator("#s1-equity .ytick text").first
    light = tick.evaluate("e => getComputedStyle(e).fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => before !== "
        "getComputedStyle(document.querySelector('#s1-equity .ytick text')).fill",
        arg=light,
    )
    assert watched.complaints == []


def test_headings_and_tables_are_marked_up(watch: Any, reports: dict[str, Path]) -> None:
    page = watch(1280).open(reports["backtest"])
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => Number(e.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator(".scroll:not([aria-label]), .chart:not([aria-label])").count() == 0
    for target in page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1))"
    ):
        assert page.locator(f"[id='{target}']").count() == 1, target


def test_a_legend_hides_and_shows_a_line(watch: Any, reports: dict[str, Path]) -> None:
    watched = watch(1280)
    page = watched.open(reports["demo"])
    watched.draw_everything()
    lines = page.locator("#s1-profit .scatterlayer .trace")
    before = lines.count()
    button = page.locator("[data-for='s1-profit'] button", has_text="unrealised")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_function(
        "n => document.querySelectorAll('#s1-profit .scatterlayer .trace').length === n",
        arg=before - 1,
    )
    button.click()
    page.wait_for_function(
        "n => document.querySelectorAll('#s1-profit .scatterlayer .trace').length === n",
        arg=before,
    )
    assert watched.complaints == []


def test_a_link_to_a_session_opens_it(watch: Any, reports: dict[str, Path]) -> None:
    watched = watch(1280)
    page = watched.open(reports["backtest"])
    third = page.locator("#s3")
    assert third.get_attribute("open") is None
    page.locator("a[href='#s3']").click()
    page.wait_for_function("() => document.querySelector('#s3').open")
    page.wait_for_function("() => document.querySelector('#s3-equity').dataset.ready")


def test_without_javascript_every_table_is_there(watch: Any, reports: dict[str, Path]) -> None:
    page = watch(1280, java_script_enabled=False).open(reports["demo"])
    assert "Charts need JavaScript" in page.locator("noscript").inner_html()
    assert page.get_by_role("rowheader", name="BTCUSDT").is_visible()
    assert page.get_by_text("There is no queue").is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_screenshots_of_the_documentation(
    watch: Any, reports: dict[str, Path], root: Path, tmp_path: Path, width: int
) -> None:
    """They are there, small enough, and of this width; the variable makes them anew."""
    watched = watch(width)
    page = watched.open(reports["demo"])
    watched.draw_everything()
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_function("() => window.scrollY === 0")
    last = page.locator("figure", has=page.locator("#s1-price-1")).bounding_box()
    assert last is not None
    page.set_viewport_size({"width": width, "height": int(last["y"] + last["height"]) + 16})
    kept = root / "docs" / "images" / f"report-{width}.png"
    if os.environ.get("GRINDER_UPDATE_SCREENSHOTS") == "1":
        page.screenshot(path=kept)
    taken = tmp_path / kept.name
    page.screenshot(path=taken)
    for picture in (taken, kept):
        assert picture.stat().st_size < SCREENSHOT_MAX
        header = picture.read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(header[16:20], "big") == width
