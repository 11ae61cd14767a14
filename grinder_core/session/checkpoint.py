"""Stopping a session between two events and continuing it elsewhere (design section 4)."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from grinder_core.codec import canonical_json, dump_state, load_state, parse_json, sha256_hex
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.engine.state import EngineState
from grinder_core.errors import ArtifactError, ConfigError
from grinder_core.ports import OutputSink, Policy
from grinder_core.session.session import Driver, Session
from grinder_core.venue.sim import RestingVenue, SimVenue

CHECKPOINT_VERSION = 1


@frozen(kw_only=True)
class Checkpoint:
    """Everything a session depends on, as values.

    Attributes:
        events_read: Events of the source that are already in; the continuation skips them.
        chain: The running digest so far, 32 bytes in hexadecimal.
    """

    version: int
    driver: Driver
    events_read: int
    output_count: int
    chain: str
    engine: EngineState
    venue: str

    def to_text(self) -> str:
        """Return the checkpoint file: one canonical JSON line and its SHA-256."""
        body = canonical_json(dump_state(self))
        return f"{body}\n{sha256_hex(body.encode('ascii'))}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read a checkpoint file.

        Raises:
            ArtifactError: It is cut, changed, or no checkpoint.
        """
        body, _, tail = text.partition("\n")
        if sha256_hex(body.encode("utf-8")) != tail.strip():
            raise ArtifactError(
                "its checksum does not match",
                field="checkpoint",
                remedy="use an older checkpoint or run from the start",
            )
        return load_state(cls, parse_json(body, "checkpoint"))


def take(session: Session, events_read: int) -> Checkpoint:
    """Take a checkpoint between two events.

    Raises:
        ConfigError: The session runs without digests, so that no chain could go on.
    """
    if session.running_digest is None:
        raise ConfigError("needs a session with digests", field="digest", value=False)
    if not isinstance(session.venue, SimVenue):
        raise ConfigError("needs the simulated venue", field="venue", value=type(session.venue))
    return Checkpoint(
        version=CHECKPOINT_VERSION,
        driver=session.driver,
        events_read=events_read,
        output_count=session.output_count,
        chain=session.chain.hex(),
        engine=session.engine.state(),
        venue=canonical_json(dump_state(session.venue)),
    )


def resume(
    checkpoint: Checkpoint,
    config: EngineConfig,
    policy: Policy | None = None,
    *,
    on_output: Any = None,
    on_line: OutputSink | None = None,
) -> Session:
    """Return a session that continues as if it had never stopped.

    Raises:
        ArtifactError: The checkpoint is damaged or belongs to another configuration.
    """
    if checkpoint.version != CHECKPOINT_VERSION:
        raise ArtifactError(
            f"must be {CHECKPOINT_VERSION}", field="checkpoint version", value=checkpoint.version
        )
    session = Session(
        config, policy, driver=checkpoint.driver, on_output=on_output, on_line=on_line
    )
    session.engine = Engine.from_state(checkpoint.engine, config, policy)
    kind = RestingVenue if checkpoint.driver is Driver.REPLAY else SimVenue
    venue = load_state(kind, parse_json(checkpoint.venue, "venue state"))
    for book in venue.books.values():
        book.orders = dict(sorted(book.orders.items()))  # placement order
    session.venue = venue
    session.chain = bytes.fromhex(checkpoint.chain)
    session.output_count = checkpoint.output_count
    session.forget_list_digest()
    return session
