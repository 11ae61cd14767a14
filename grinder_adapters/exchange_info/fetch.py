"""One request to the venue for its rules."""

from __future__ import annotations

from typing import Final

from grinder_core.errors import ConnectorError

EXCHANGE_INFO_URL: Final = "https://fapi.binance.com/fapi/v1/exchangeInfo"
TIMEOUT_S: Final = 30.0
BODY_BYTES_MAX: Final = 64 << 20

_OK: Final = 200


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
