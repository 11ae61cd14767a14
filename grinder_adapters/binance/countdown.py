"""The dead-man switch: the venue cancels a symbol's orders when nobody renews in time (6.1).

It hits every order on the symbol, whoever placed it; who arms it must know that all are his. A
repeated call is harmless, so it needs neither claim nor search for its outcome and is simply tried
again. Renewals count as cancels in the request budget (LIVE-11).
"""

from __future__ import annotations

from attrs import frozen

from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.fields import Fields, count, text
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_record
from grinder_adapters.binance.writes import Writer
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import ConnectorError, ContractError


@frozen(kw_only=True)
class Countdown:
    """What the venue says of one symbol.

    Attributes:
        countdown_ms: From now on, until its orders are cancelled; 0: no countdown runs.
    """

    symbol: str
    countdown_ms: int


def read_countdown(body: bytes) -> Countdown:
    """Read the answer to ``countdownCancelAll``.

    Raises:
        ConnectorError: It is something else.
    """
    return read_record(body, "countdownCancelAll", _countdown)


class DeadManSwitch:
    """Countdowns of the symbols that this process has armed.

    Args:
        client: Sends.
        writer: Whose guard and witness must let each call pass.
    """

    def __init__(self, client: RestClient, writer: Writer) -> None:
        self._client, self._writer = client, writer
        self._until_ms: dict[str, int] = {}

    def is_armed(self, symbol: str) -> bool:
        """Whether a countdown of ours surely runs; one that ran out is armed no more."""
        return self._client.now() < self._until_ms.get(symbol, 0)

    async def set(self, endpoint: Endpoint, symbol: str, countdown_ms: int) -> Countdown:
        """Start or renew a countdown; 0 stops it.

        Args:
            endpoint: Takes it.

        Raises:
            ConnectorNonRetryableError: Guard, witness, breaker, budget or venue refused.
            ConnectorError: No answer: it may have been set or not.
        """
        wanted = Countdown(symbol=symbol, countdown_ms=countdown_ms)

        def read(body: bytes) -> Countdown:
            if (found := read_countdown(body)) != wanted:
                raise ConnectorError(f"must be {wanted}", field="countdown", value=found)
            return found

        # the venue counts from when it hears of it, which is later
        until_ms = self._client.now() + countdown_ms
        if symbol in self._until_ms:  # while the answer is open, the earlier end of the two
            self._until_ms[symbol] = min(until_ms, self._until_ms[symbol])
        parameters = {"symbol": symbol, "countdownTime": str(countdown_ms)}
        answer = await self._client.read(
            Request(endpoint, parameters),
            read,
            check=lambda: self._writer.permit(RiskIntent.CANCEL, symbol),
        )
        self._until_ms[symbol] = until_ms
        return answer


def _countdown(data: Fields) -> Countdown:
    countdown_ms = count(data, "countdownTime")
    if countdown_ms < 0:
        raise ContractError("must be >= 0", field="countdownTime", value=countdown_ms)
    return Countdown(symbol=text(data, "symbol"), countdown_ms=countdown_ms)
