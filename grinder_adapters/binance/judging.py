"""What came back on a request: its value, or a failure that shows no secret (LIVE-09).

A venue or a proxy may echo what it was sent; signature, key and listen key are redacted before a
text goes anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import evolve

from grinder_adapters.binance.error_map import FailureKind, Reaction, VenueFailure, classify
from grinder_adapters.binance.rest_answers import read_error
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.signing import KEY_HEADER, REDACTED, Signer
from grinder_adapters.transport import HttpAnswer
from grinder_core.errors import ConnectionNotMadeError, ConnectorError
from grinder_core.resilience.breaker_settings import MINUTE_MS

T = TypeVar("T")
Reader = Callable[[bytes], T]

_ECHOED: Final = re.compile(r"((?:signature|listenKey)[\"']?\s*[=:]\s*[\"']?)[A-Za-z0-9%._~-]+")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_BAN_MS: Final = 300_000
_SILENCING: Final = frozenset({FailureKind.RATE_LIMITED, FailureKind.BANNED})


class Judge:
    """Judges answers.

    Args:
        signer: Whose key is to be redacted; ``None``: there is none.
        venue_now: The venue's time, ms.
    """

    def __init__(self, signer: Signer | None, venue_now: Callable[[], int]) -> None:
        self._signer, self._venue_now = signer, venue_now

    def judged(
        self, op: str, answer: HttpAnswer | ConnectorError, read: Reader[T], timestamp_ms: int
    ) -> T | Failed:
        """Return the value of a good answer, else what the failure means.

        Args:
            op: As the error map names operations.
            answer: An error where none came.
            read: Reads a good body; ``ConnectorError`` where it is none.
            timestamp_ms: The venue's time that the request carried.
        """
        if isinstance(answer, ConnectorError):
            failure = classify(0, None, str(answer), op)
            if isinstance(answer, ConnectionNotMadeError):
                failure = evolve(failure, kind=FailureKind.TRANSIENT, reaction=Reaction.RETRY)
            return Failed(failure=failure, error=answer, timestamp_ms=timestamp_ms)
        code, said = None, answer.body
        if 200 <= answer.status < 300:
            try:
                return read(answer.body)
            except ConnectorError as error:  # it may still be a refusal in an envelope of success
                said = str(error).encode()
        if (body := read_error(answer.body)) is not None:
            code, said = body.code, body.msg.encode()
        failure = classify(answer.status, code, self._redacted(said), op, _retry_after_ms(answer))
        if failure.kind in _SILENCING:
            failure = evolve(failure, retry_after_ms=self._silence_ms(failure))
        return Failed(failure=failure, error=failure.error(op), timestamp_ms=timestamp_ms)

    def _redacted(self, text: bytes) -> str:
        shown = _ECHOED.sub(rf"\1{REDACTED}", text.decode(errors="replace"))
        if self._signer is not None:
            shown = shown.replace(self._signer.headers[KEY_HEADER], REDACTED)
        return shown

    def _silence_ms(self, failure: VenueFailure) -> int:
        """How long nothing may be sent, from now: the longest that the venue named."""
        venue_ms = self._venue_now()
        named = [failure.retry_after_ms or 0]
        if failure.until_ms is not None:
            named.append(failure.until_ms - venue_ms)
        if max(named) > 0:
            return max(named)
        if failure.kind is FailureKind.BANNED:
            return _BAN_MS
        return MINUTE_MS - venue_ms % MINUTE_MS


def _retry_after_ms(answer: HttpAnswer) -> int | None:
    seconds = answer.headers.get("retry-after", "")
    return int(seconds) * 1000 if _SECONDS.fullmatch(seconds) else None
