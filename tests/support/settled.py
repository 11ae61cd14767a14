"""The journal of a session in memory put on disk, and its ledger settled with its exchange."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.journal import Journal, JournalHead, JournalReader
from grinder_app.config.live_keys import local_pair
from grinder_app.live.connecting import open_client
from grinder_app.live.settling import Settling
from grinder_app.live.state_adopting import adopt, find_differences
from grinder_core.analysis.balance import Settlement, settle
from grinder_core.analysis.settlement import Ledger, Statement
from grinder_core.live.config import CONTRACT_VERSION
from tests.support.memory_session import URL, MemoryLive

KEPT = {"event", "exec", "head"}


def stored_journal(world: MemoryLive, folder: Path) -> Path:
    """Write the rows of the session so far to a state folder."""
    head = JournalHead(
        engine_version="test", config_hash="0" * 16, contract_version=CONTRACT_VERSION, ts_ms=0
    )
    journal = Journal.open(folder, head)
    try:
        for row in world.disk.written:
            if row.stream == "market":
                journal.append_market(row.body, row.ts_ms)
            elif row.stream in KEPT:
                journal.append(row.stream, row.kind, row.ts_ms, row.body)
    finally:
        journal.close()
    return folder


async def taken_over(world: MemoryLive) -> None:
    """Take over what the exchange holds, as ``grinder state adopt-exchange`` does."""
    head = JournalHead(
        engine_version="test",
        config_hash="0" * 16,
        contract_version=CONTRACT_VERSION,
        ts_ms=world.clock.now_ms(),
    )
    journal: Any = world.disk.open(folder=Path(), head=head)
    core = world.disk.restore(Path()).core
    assert core is not None
    async with AsyncExitStack() as stack:
        client = open_client(world._world(), URL, local_pair(), world.plan.live, stack)
        await client.venue_clock.sync()
        found = await find_differences(core, AccountPort(client))
    adopt(journal, core, "", found, world.clock.now_ms())
    journal.close()


async def settled(world: MemoryLive, folder: Path) -> tuple[Ledger, Statement, Settlement]:
    """Settle the session as it is now; the folder must be new."""
    with JournalReader(stored_journal(world, folder)) as reader:
        settling = Settling(reader)
        ledger = settling.fold()
        async with AsyncExitStack() as stack:
            client = open_client(world._world(), URL, local_pair(), world.plan.live, stack)
            await client.venue_clock.sync()
            ledger, statement = await settling.ask(AccountPort(client), ledger)
    return ledger, statement, settle(ledger, statement)
