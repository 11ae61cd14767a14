"""A session's ledger settled with its venue: the journal folded, the account asked, both compared.

Nothing is written and nothing is sent but questions; the process that writes the journal may run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from attrs import evolve

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.journal import JournalReader
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.bookkeeping import Bookkeeper
from grinder_app.live.connecting import open_client
from grinder_app.live.retelling import Reteller, Retold
from grinder_app.live.statement import owners, read_statement
from grinder_app.live.surroundings import Surroundings
from grinder_app.report.wording import quote_currency
from grinder_core.analysis.balance import Settlement, settle
from grinder_core.analysis.settlement import Ledger, Statement
from grinder_core.errors import ArtifactError, ConfigError
from grinder_core.live.core import LiveCore
from grinder_core.ports import Policy

REPLAY: Final = "grinder replay --journal"
Advance = Callable[[int], None]


class Settling:
    """Settles one session.

    Args:
        reader: Its journal.
        policy: The user's own, if the session had one.
    """

    def __init__(self, reader: JournalReader, policy: Policy | None = None) -> None:
        self._reader = reader
        self._books = Bookkeeper()
        self._reteller = Reteller(policy, self._books)

    def fold(self, advance: Advance = lambda rows: None) -> Ledger:
        """Fold the journal as far as it goes, and return what was booked.

        Raises:
            ArtifactError: It is damaged, or a replay says otherwise than it.
            ConfigError: The session has no account, or needs its policy.
        """
        self._check(self._reteller.run(self._reader, advance=advance))
        if not self._core.hot.has_started:
            raise ConfigError(
                "has no account: nobody out there was written to",
                field="session",
                value=str(self._reader.path),
                remedy="settle a session that traded; paper is compared with 'grinder compare'",
            )
        return self._ledger()

    async def ask(
        self, account: AccountPort, ledger: Ledger, advance: Advance = lambda questions: None
    ) -> tuple[Ledger, Statement]:
        """Ask the venue, then fold what the journal got meanwhile.

        Raises:
            ConnectorError: The venue cannot be asked.
            ArtifactError: As ``fold``.
        """
        statement = await read_statement(account, ledger.symbols, ledger.begin_ms, advance)
        self._check(self._reteller.more(self._reader))
        ledger = self._ledger()
        return ledger, evolve(statement, owners=await owners(account, ledger, statement, advance))

    @property
    def _core(self) -> LiveCore:
        core = self._reteller.core
        if core is None:
            raise ArtifactError("holds no session", where=str(self._reader.path))
        return core

    def _ledger(self) -> Ledger:
        core = self._core
        return self._books.ledger(core, quote_currency(core.config.whitelist))

    def _check(self, found: Retold) -> None:
        parting = found.parting
        if parting is not None:
            raise ArtifactError(
                f"says otherwise than a replay at row {parting.seq}",
                where=str(self._reader.path),
                remedy=f"see both with '{REPLAY} {self._reader.path.parent}'",
            )


async def settle_session(
    folder: Path,
    plan: LivePlan,
    world: Surroundings,
    *,
    policy: Policy | None = None,
    folded: Advance = lambda rows: None,
    asked: Advance = lambda questions: None,
) -> tuple[Ledger, Statement, Settlement]:
    """Settle the session of a state folder with the venue of a plan.

    Raises:
        ArtifactError: The journal is damaged.
        ConfigError: There is no key, no venue, or no account.
        ConnectorError: The venue cannot be asked.
    """
    if plan.urls is None:
        raise ConfigError(
            "is missing: an exchange of a session's own process ends with it",
            field="rest_url",
            remedy="give --rest-url, such as the address that the live run printed",
        )
    if plan.keys is None:
        raise ConfigError(
            "is missing",
            field="key pair",
            remedy="set BINANCE_API_KEY and BINANCE_API_SECRET, or their _FILE forms",
        )
    with JournalReader(folder) as reader:
        settling = Settling(reader, policy)
        ledger = settling.fold(folded)
        async with AsyncExitStack() as stack:
            client = open_client(world, plan.urls.rest, plan.keys, plan.live, stack)
            await client.venue_clock.sync()
            ledger, statement = await settling.ask(AccountPort(client, world.sleep), ledger, asked)
    return ledger, statement, settle(ledger, statement)
