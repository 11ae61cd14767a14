"""``grinder report settle``: is every cent of a live session's ledger in the venue's books?"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grinder_adapters.binance.permission import PortKind
from grinder_app.cli import output
from grinder_app.cli.state_options import ANYWHERE, NO_POLICY, SETTINGS, Where
from grinder_app.runner.options import ConfigOptions, Flag, PolicyOptions
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_core.analysis.balance import Settlement
    from grinder_core.analysis.settlement import Ledger

ACCOUNTS: Final = frozenset({PortKind.SIM, PortKind.FUTURES})
FORMS: Final = (".html", ".csv")


def settle(
    *,
    where: Where = ANYWHERE,
    rest_url: str | None = None,
    settings: ConfigOptions = SETTINGS,
    policy: PolicyOptions = NO_POLICY,
    out: Path | None = None,
    json: Flag = False,
) -> int:
    """Settle a live session's ledger with the venue's trades and income list, to the last digit.

    Reads the journal, also while a live run writes it, and asks the venue with the keys of a live
    run; sends no order and changes nothing. An entry that one record lacks, has twice or has with
    another amount is named with all values. What is newer than the list, which lags by a minute,
    or than the journal is pending. The exit code is 1 if something is not explained.

    Parameters
    ----------
    rest_url
        Address of the venue, instead of the setting; that of the live run.
    out
        Also write the page (.html) or every entry of all records (.csv) to this file.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import JournalReader
    from grinder_app.config.live_plan import LiveFlags, draft_live
    from grinder_app.live.journal_tail import newest_configured
    from grinder_app.live.settling import settle_session
    from grinder_app.live.surroundings import Surroundings
    from grinder_app.report.money_page import write_money
    from grinder_app.report.page import check_installed
    from grinder_app.report.settle_page import settle_json, settle_page, write_csv

    if out is not None and out.suffix not in FORMS:
        raise ConfigError(f"must end in {' or '.join(FORMS)}", field="--out", value=str(out))
    if out is not None and out.suffix == ".html":
        check_installed()
    folder = where.existing(settings)
    port = PortKind(folder.name)
    if port not in ACCOUNTS:
        raise ConfigError(
            "has no account: nobody out there was written to",
            field="session",
            value=port.value,
            remedy="name the state of another port; paper is compared with 'grinder compare'",
        )
    with JournalReader(folder) as reader:
        rows = reader.last_seq() - reader.first_seq() + 1
        told = newest_configured(reader)
    flags = LiveFlags(rest_url=rest_url, exchange_port=port, symbols=told.config.whitelist)
    plan = draft_live(flags, settings.load(), os.environ)
    spec = policy.spec()
    with (
        output.progress("journal, rows", rows) as folded,
        output.progress("venue, questions") as asked,
    ):
        ledger, statement, found = asyncio.run(
            settle_session(
                folder,
                plan,
                Surroundings(),
                policy=None if spec is None else spec.load(),
                folded=folded,
                asked=asked,
            )
        )
    if out is not None and out.suffix == ".csv":
        write_csv(ledger, statement, out)
    elif out is not None:
        write_money(settle_page(ledger, statement, found), out)
    if json:
        output.print_json(settle_json(ledger, statement, found))
    else:
        _print(ledger, found)
        if out is not None:
            print(f"written: {out}")
    return 0 if found.is_settled else 1


def _print(ledger: Ledger, found: Settlement) -> None:
    from grinder_app.report import settle_page as page

    output.print_table("By symbol", page.SYMBOL_COLUMNS, page.symbol_rows(found))
    output.print_table(f"Balance, {ledger.quote}", page.TERM_COLUMNS, page.term_rows(found))
    if found.elsewhere:
        title = f"Fees in other assets, booked in {ledger.quote}"
        output.print_table(title, page.ELSEWHERE_COLUMNS, page.elsewhere_rows(found))
    if any(asset != ledger.quote for asset, _ in found.assets):
        output.print_table("By asset", page.ASSET_COLUMNS, page.asset_rows(found))
    if found.findings:
        rows = page.finding_rows(found.findings)
        output.print_table("Not the same everywhere", page.FINDING_COLUMNS, rows)
    print(page.sentence(found, ledger.quote))
    for line in page.advice(found):
        output.note(line)
