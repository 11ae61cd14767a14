"""One request to the venue for its rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from grinder_adapters.exchange_info.document import parse_document
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConnectorError, InputError
from grinder_core.orders.exchange_info import parse_exchange_info

Fetch = Callable[[str], Awaitable[bytes]]

EXCHANGE_INFO_URL: Final = "https://fapi.binance.com/fapi/v1/exchangeInfo"
TIMEOUT_S: Final = 30.0
BODY_BYTES_MAX: Final = 64 << 20

_OK: Final = 200


@frozen(kw_only=True)
class Answer:
    """What a venue said, and what it means.

    Attributes:
        body: The JSON as it came.
        constraints: By symbol, in order; not empty.
        warnings: One for each symbol skipped.
    """

    body: bytes
    constraints: dict[str, SymbolConstraints]
    warnings: tuple[str, ...]


async def ask(fetch: Fetch, url: str) -> Answer:
    """Ask once for ``exchangeInfo``.

    Raises:
        ConnectorError: There is no answer, or it holds no lot rules, so that it must not take
            the place of an earlier one.
    """
    body = await fetch(url)
    try:
        constraints, warnings = parse_exchange_info(parse_document(body, url))
    except InputError as error:
        rule = f"{error.field} {error.rule}".strip()
        raise ConnectorError(f"answers something else: {rule}", where=url) from None
    if not constraints:
        raise ConnectorError("names no symbol with lot rules", where=url)
    return Answer(body=body, constraints=constraints, warnings=warnings)


async def fetch_body(url: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """Get a URL once: no second attempt, no redirect.

    Args:
        timeout_s: For the whole exchange, seconds.

    Raises:
        ConnectorError: The host cannot be reached in time, refuses, or answers without end.
    """
    from aiohttp import ClientError, ClientSession, ClientTimeout

    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=timeout_s)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != _OK:
                raise ConnectorError(f"refused with HTTP {response.status}", where=url)
            body = bytearray()
            async for block in response.content.iter_any():
                body += block
                if len(body) > BODY_BYTES_MAX:
                    raise ConnectorError(f"answers more than {BODY_BYTES_MAX} bytes", where=url)
            return bytes(body)
    except TimeoutError as error:
        raise ConnectorError(f"no answer within {timeout_s:g} s", where=url) from error
    except (ClientError, OSError, ValueError) as error:
        raise ConnectorError(
            f"no answer: {error or type(error).__name__}",
            where=url,
            remedy="check the network and the address",
        ) from error
