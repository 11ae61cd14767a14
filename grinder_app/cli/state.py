"""``grinder state``: what a live session's durable state holds, whether it is sound, ways out."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.cli.state_options import (
    ANYWHERE,
    CORRUPT,
    NO_POLICY,
    SETTINGS,
    StateOptions,
    Where,
)
from grinder_app.cli.state_tables import print_differences, print_verdict, print_view
from grinder_app.report.wording import utc
from grinder_app.runner.options import ConfigOptions, Flag, PolicyOptions
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_adapters.journal import Survey
    from grinder_app.live.state_adopting import Differences

app = App(name="state", help="Show, check, copy and mend the durable state of a live session.")


@app.command
def show(
    *,
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
    policy: PolicyOptions = NO_POLICY,
    json: Flag = False,
) -> int:
    """Show what a state holds, also while a live run writes it; changes nothing.

    Versions, rows, checkpoints, who writes, latches, operating states, positions, orders, money and
    the digest, all as of the last row.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    from grinder_app.live.state_view import view_state

    spec = policy.spec()
    view = view_state(where.existing(settings), None if spec is None else spec.load())
    if json:
        output.print_json(to_dict(view))
    else:
        print_view(view)
    return 0


@app.command
def verify(
    *, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Check every row, block, seal, checkpoint and index of a state, and how far it reaches.

    Says how far it is sound, what can be kept, and which command comes next. The exit code is 3 if
    anything is damaged.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    from grinder_app.live.state_verdict import judge_state

    verdict = judge_state(where.existing(settings), where.given())
    if json:
        output.print_json(verdict.to_dict())
    else:
        print_verdict(verdict)
    return 0 if verdict.is_sound else CORRUPT


@app.command
def backup(
    *, to: Path, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Copy a state to one file, also while a live run writes it, and check the copy.

    Parameters
    ----------
    to
        The file; must not exist.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import backup as copy

    return _told_copy(copy(where.existing(settings), to), to, json, "Copied")


@app.command
def salvage(
    *, to: Path, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Copy the sound beginning of a damaged state to one file; the state stays as it is.

    Every row of the copy agrees with its hash and with the row before it. What comes behind the
    damage is not in it: latches of that time are lost, and the venue must be compared.

    Parameters
    ----------
    to
        The file; must not exist.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import salvage as keep

    return _told_copy(keep(where.existing(settings), to), to, json, "Kept")


@app.command
def restore(
    *,
    source: Annotated[Path, Parameter(name="--from")],
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
    json: Flag = False,
) -> int:
    """Put a copy in the place of a state; what was there is moved aside, never deleted.

    The copy is checked first; a damaged one changes nothing. Refused while a process writes there.

    Parameters
    ----------
    source
        A file that state backup or state salvage made, or a copied state.db, or a state folder.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import restore as put_back
    from grinder_app.live.state_audit import audit
    from grinder_app.live.state_folder import state_folder

    folder, now = state_folder(where.root(settings), where.port), SystemClock().now_ms()
    if not source.exists():
        raise ConfigError("does not exist", field="--from", value=str(source))
    seen, aside = put_back(folder, source, now)
    facts = {
        "aside": "" if aside is None else str(aside),
        "folder": str(folder),
        "from": str(source),
        "last_seq": seen.last_seq,
        "last_ts_ms": seen.last_ts_ms,
    }
    audit(folder, "RESTORED", version("grinder"), now, facts)
    if json:
        output.print_json(facts)
        return 0
    output.print_facts(
        "Restored",
        {
            "state": folder,
            "rows up to": f"{seen.last_seq}, {utc(seen.last_ts_ms)}",
            "what was there": "nothing" if aside is None else aside,
        },
    )
    output.note("next: grinder state show; then grinder live run, which compares with the venue")
    return 0


@app.command(name="set-aside")
def set_aside(
    *, reason: str, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Move a state's files into a folder beneath it, so that the next start begins anew.

    The last way out, where no copy is left: every latch is lost, a kill switch too. Nothing is
    deleted. Refused while a process writes there.

    Parameters
    ----------
    reason
        Why, for the record that the new state begins with.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import set_aside as move
    from grinder_app.live.state_audit import audit

    if not reason.strip():
        raise ConfigError("must say why", field="--reason", value=reason)
    folder, now = where.existing(settings), SystemClock().now_ms()
    aside = move(folder, now)
    facts = {"aside": str(aside), "folder": str(folder), "reason": reason}
    audit(folder, "SET_ASIDE", version("grinder"), now, facts)
    if json:
        output.print_json(facts)
    else:
        output.print_facts("Set aside", facts)
        output.note("next: grinder live run; what the venue holds is not believed by anybody now")
    return 0


@app.command(name="adopt-exchange")
def adopt_exchange(
    *,
    confirm: str = "",
    rest_url: str | None = None,
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
    policy: PolicyOptions = NO_POLICY,
    json: Flag = False,
) -> int:
    """Take over positions and balance as the venue holds them, where no order of ours explains it.

    Without --confirm it only shows what differs, and the token that confirms exactly that. With it
    the journal notes that they are the session's from now on, and the next start goes on from
    there. Nothing is ever written to the venue. The exit code is 1 while something differs and is
    not confirmed.

    Parameters
    ----------
    confirm
        The token that was shown.
    rest_url
        The venue, instead of the settings.
    json
        Print one JSON line.
    """
    found = asyncio.run(_adopt(where, settings, policy, rest_url, confirm))
    is_done = bool(confirm)
    if json:
        output.print_json({**found.to_dict(), "is_adopted": is_done})
    else:
        print_differences(found, is_done=is_done)
    return 0 if is_done or not found.is_any else 1


async def _adopt(
    where: StateOptions,
    settings: ConfigOptions,
    policy: PolicyOptions,
    rest_url: str | None,
    confirm: str,
) -> Differences:
    from grinder_adapters.journal import JournalReader
    from grinder_app.config.live_plan import LiveFlags, draft_live
    from grinder_app.live.recovering import restore as recover
    from grinder_app.live.state_adopting import (
        adopt,
        books_of,
        fees_elsewhere,
        find_differences,
        session_of,
    )
    from grinder_app.live.state_audit import opened_for_operator
    from grinder_app.live.surroundings import Surroundings

    folder, world = where.existing(settings), Surroundings()
    port = PortKind(folder.name)
    if port not in {PortKind.SIM, PortKind.FUTURES, PortKind.SPOT}:
        raise ConfigError("holds nothing at a venue", field="--port", value=port.value)
    spec, now = policy.spec(), world.clock.now_ms()
    made = None if spec is None else spec.load()
    with opened_for_operator(folder, version("grinder"), now, writes=bool(confirm)) as journal:
        restored = recover(folder, made)
        core = session_of(restored, folder)
        with JournalReader(folder) as reader:
            elsewhere = fees_elsewhere(reader)
        flags = LiveFlags(exchange_port=port, symbols=core.config.whitelist, rest_url=rest_url)
        plan = draft_live(flags, settings.load(), os.environ)
        async with books_of(plan, world) as books:
            found = await find_differences(core, books, elsewhere)
        if journal is not None:
            if not found.is_any or confirm != found.token:
                raise ConfigError(
                    "does not stand for what differs now",
                    field="--confirm",
                    value=confirm,
                    remedy="ask again without it, and look at what is shown",
                )
            adopt(journal, core, restored.policy, found, max(now, core.engine.hot.now))
    return found


# -- for people ------------------------------------------------------------------------------------


def _told_copy(seen: Survey, to: Path, json: bool, title: str) -> int:
    facts = {
        "bytes": to.stat().st_size,
        "file": str(to),
        "first_seq": seen.first_seq,
        "last_hash": seen.last_hash,
        "last_seq": seen.last_seq,
        "last_ts_ms": seen.last_ts_ms,
    }
    if json:
        output.print_json(facts)
        return 0
    output.print_facts(
        title,
        {
            "file": f"{to}, {facts['bytes']:,} bytes",
            "rows": f"{seen.first_seq} to {seen.last_seq}, {utc(seen.last_ts_ms)}",
            "hash of the last": seen.last_hash,
        },
    )
    return 0
