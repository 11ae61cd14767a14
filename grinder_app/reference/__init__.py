"""Pages of ``docs/reference`` made from the code, so that they cannot say anything else.

The page of settings is made by ``grinder config reference``.
"""

from collections.abc import Callable

from grinder_app.reference.alerts import alerts_markdown
from grinder_app.reference.capabilities import capabilities_markdown
from grinder_app.reference.cli import cli_markdown
from grinder_app.reference.environment import environment_markdown
from grinder_app.reference.events import events_markdown
from grinder_app.reference.library import library_markdown
from grinder_app.reference.metrics import metrics_markdown
from grinder_app.reference.outputs import outputs_markdown
from grinder_app.reference.reasons import reasons_markdown

PAGES: dict[str, Callable[[], str]] = {
    "alerts.md": alerts_markdown,
    "capabilities.md": capabilities_markdown,
    "cli.md": cli_markdown,
    "environment.md": environment_markdown,
    "events.md": events_markdown,
    "library.md": library_markdown,
    "metrics.md": metrics_markdown,
    "outputs.md": outputs_markdown,
    "reasons.md": reasons_markdown,
}

__all__ = [
    "PAGES",
    "alerts_markdown",
    "capabilities_markdown",
    "cli_markdown",
    "environment_markdown",
    "events_markdown",
    "library_markdown",
    "metrics_markdown",
    "outputs_markdown",
    "reasons_markdown",
]
