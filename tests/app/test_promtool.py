"""LIVE-30, LIVE-31: Prometheus's own checker reads a scrape of a session, and the alert rules.

Where it is not installed, the distribution's package is fetched and unpacked for this test alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grinder_adapters.metrics.catalog import BY_NAME, CATALOG
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.cli import run
from grinder_app.live.gathering import Gatherer
from tests.support.memory_session import MemoryLive, live

LINT = 3  # exit code: it reads, and some names are not as Prometheus recommends
UNITS = "metric names should not contain abbreviated units"
# published names of the specification, kept although Prometheus would have others
PUBLISHED = {
    "grinder_clock_skew_ms",
    "grinder_decision_latency_ms",
    "grinder_order_latency_ms",
    "grinder_reconcile_last_remediation_ts_ms",
}


@pytest.fixture(scope="session")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker: of this machine, or out of the package; without either the test fails."""
    found = shutil.which("promtool")
    if found is not None:
        return found
    folder = tmp_path_factory.mktemp("prometheus")
    if shutil.which("apt-get") is None:
        pytest.fail("promtool is missing and there is no apt-get: install Prometheus")
    tries = [["apt-get", "download", "prometheus"]]
    tries = [*tries, ["apt-get", "update", "-qq"], *tries]  # lists may be missing or old
    for command in tries:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        packages = sorted(folder.glob("prometheus_*.deb"))
        if packages:
            subprocess.run(["dpkg-deb", "-x", packages[0], folder / "x"], check=True)
            return str(folder / "x" / "usr" / "bin" / "promtool")
    pytest.fail(f"promtool is missing and its package cannot be had: {done.stderr.strip()}")


def check(promtool: str, text: bytes) -> tuple[int, set[str]]:
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode()
    return done.returncode, {line.strip() for line in said.splitlines() if line.strip()}


def test_promtool_accepts_a_scrape_but_for_published_names(promtool: str, tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> bytes:
        session = world.start()
        gatherer = Gatherer(session)
        await world.pass_ms(5_000)
        assert world.is_ready
        return Exposition(CATALOG).text(gatherer.values())

    code, said = check(promtool, live(tmp_path, scene))
    assert code == LINT, said
    assert said == {f"{name} {UNITS}" for name in PUBLISHED}


def test_promtool_refuses_what_is_no_exposition(promtool: str) -> None:
    code, said = check(promtool, b'grinder_up{role="active} 1\n')
    assert code == 1
    assert said


# -- alert rules -----------------------------------------------------------------------------------

RULES = Path("docs/reference/alerts.rules.yml")
SAMPLE = re.compile(r"\b(grinder_[a-z_]+)(?:\{([^}]*)\})?")


def test_promtool_accepts_the_alert_rules(promtool: str, root: Path) -> None:
    command = [promtool, "check", "rules", root / RULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_use_metrics_and_label_values_that_there_are(root: Path) -> None:
    lines = (root / RULES).read_text("ascii").splitlines()
    used = [found for line in lines if "look:" not in line for found in SAMPLE.findall(line)]
    assert len(used) > 20
    for name, wanted in used:
        metric = BY_NAME[name]
        for pair in filter(None, wanted.split(",")):
            label, value = pair.split("=")
            at = metric.labels.index(label)
            assert value.strip('"') in {labels[at] for labels in metric.series}, name


def test_every_rule_names_a_command_that_there_is(root: Path) -> None:
    text = (root / RULES).read_text("ascii")
    looks = re.findall(r'look: "grinder ([^"]+)"', text)
    assert len(looks) == text.count("- alert:")
    for words in set(looks):
        assert run([*words.split(), "--help"]) == 0
