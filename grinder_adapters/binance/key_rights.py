"""What an API key may do at the venue, beyond trading (`GET /sapi/v1/account/apiRestrictions`).

A key that trades needs no right to move money out, so that whoever steals it cannot either. The
call belongs to the venue's wallet interface, on the spot host; test venues and the local exchange
do not serve it. It is not described in our notes on USDT-M futures: path and names are those of
the venue's own client libraries. Every flag is required, because a missing one says nothing.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from grinder_adapters.binance.endpoints import Request, ask
from grinder_adapters.binance.fields import Fields, flag
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_record
from grinder_core.resilience.breaker_settings import Operation

KEY_RIGHTS: Final = ask("/sapi/v1/account/apiRestrictions", circuit=Operation.CONNECT)


@frozen(kw_only=True)
class KeyRights:
    """What one key may do.

    Attributes:
        can_withdraw: Money may leave the account.
        can_transfer: It may move to other accounts or wallets of the owner.
        is_bound_to_ip: Requests from other addresses are refused.
    """

    can_read: bool
    can_trade_futures: bool
    can_trade_spot: bool
    can_withdraw: bool
    can_transfer: bool
    is_bound_to_ip: bool


async def ask_key_rights(client: RestClient) -> KeyRights:
    """Ask what the client's key may do.

    Args:
        client: Of the spot host, signed, its clock synced.

    Raises:
        ConnectorError: The venue cannot be asked, or does not say it all.
    """
    return await client.read(Request(KEY_RIGHTS), read_key_rights)


def read_key_rights(body: bytes) -> KeyRights:
    """Read the answer.

    Raises:
        ConnectorError: It is something else, or a flag is missing.
    """

    def rights(data: Fields) -> KeyRights:
        transfers = [flag(data, name) for name in _TRANSFERS]
        return KeyRights(
            can_read=flag(data, "enableReading"),
            can_trade_futures=flag(data, "enableFutures"),
            can_trade_spot=flag(data, "enableSpotAndMarginTrading"),
            can_withdraw=flag(data, "enableWithdrawals"),
            can_transfer=any(transfers),
            is_bound_to_ip=flag(data, "ipRestrict"),
        )

    return read_record(body, "apiRestrictions", rights)


_TRANSFERS: Final = ("enableInternalTransfer", "permitsUniversalTransfer")
