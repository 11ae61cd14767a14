"""``grinder doctor``: is this machine, this configuration and this venue fit for a live run?"""

from __future__ import annotations

import asyncio
import os

from grinder_app.cli import output
from grinder_app.config.live_plan import LiveFlags
from grinder_app.config.load import load_settings, parse_sets
from grinder_app.runner.doctor_findings import DoctorReport, Verdict
from grinder_app.runner.market_options import split
from grinder_app.runner.options import ConfigOptions, Flag
from grinder_core.codec import to_dict


def doctor(
    *,
    settings: ConfigOptions = ConfigOptions(),  # noqa: B008 - frozen
    venue_url: str | None = None,
    venue_ws_url: str | None = None,
    symbols: str = "",
    armed: Flag = False,
    webhook: Flag = False,
    json: Flag = False,
) -> int:
    """Check everything that a live run needs, and say how to mend what is wrong.

    Sends no order and changes nothing. Without an address, neither here nor in the settings, an
    exchange is started on loopback for the checks. Ends with 1 if a check fails.

    Parameters
    ----------
    venue_url
        Address of the venue for requests, such as that of ``grinder venue serve``.
    venue_ws_url
        Address of its streams, where it does not follow from the other.
    symbols
        Symbols to check instead of those of the settings, separated by commas.
    armed
        Check for a run that is armed: missing guards then fail.
    webhook
        Post a signed test alert to the webhook, and fail unless it is taken.
    json
        Print one JSON line.
    """
    from grinder_app.runner.doctor import Patient, examine

    patient = Patient(
        load=lambda: load_settings(
            settings.config,
            profile=settings.profile,
            environment=os.environ,
            flags=parse_sets(settings.sets),
        ),
        flags=LiveFlags(
            armed=armed,
            symbols=split(symbols) or None,
            rest_url=venue_url,
            ws_url=venue_ws_url,
        ),
        environ=os.environ,
        posts_test_alert=webhook,
    )
    report = asyncio.run(examine(patient))
    _tell(report, json=json)
    return int(report.has_failed)


def _tell(report: DoctorReport, *, json: bool) -> None:
    if json:
        counts = {verdict.value.lower(): report.count(verdict) for verdict in Verdict}
        checks = [to_dict(finding) for finding in report.findings]
        output.print_json({"checks": checks, **counts})
        return
    rows = [(f.verdict.value, f.name, f.found, f.remedy) for f in report.findings]
    output.print_table("doctor", ("verdict", "check", "found", "remedy"), rows)
