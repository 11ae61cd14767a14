"""What the venue says of an account since a session began: trades, income, wallet, positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from grinder_adapters.binance.account_port import WINDOW_MS, AccountPort
from grinder_adapters.binance.rest_records import IncomeAnswer, TradeAnswer
from grinder_app.live.money import LAG_MS
from grinder_core.analysis.settlement import IncomeRow, Ledger, Statement, TradeRow
from grinder_core.contracts.enums import Liquidity
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ConnectorError

ROUNDS: Final = 5
OWNERS_MAX: Final = 200  # a ledger that lacks more lacks everything
Advance = Callable[[int], None]


async def read_statement(
    account: AccountPort,
    symbols: Sequence[str],
    begin_ms: int,
    advance: Advance = lambda questions: None,
) -> Statement:
    """Read everything since a time, by windows of the length that the venue allows.

    The wallet is asked for before and after the trades: what moved it meanwhile is read again.

    Args:
        symbols: Whose trades.
        advance: Told of each further part of the history.

    Raises:
        ConnectorError: The venue cannot be asked, or the wallet does not hold still.
    """
    first = max(await account.server_time(), begin_ms + 1)
    income: list[IncomeAnswer] = []
    for start, end in windows(begin_ms + 1, first):
        income += await account.income(start, end)
        advance(1)
    trades: dict[str, list[TradeAnswer]] = {}
    for symbol in symbols:
        number = await account.first_trade(symbol, begin_ms + 1, first)
        found = () if number is None else await account.trades(symbol, number)
        trades[symbol] = list(found)
        advance(1)
    for _ in range(ROUNDS):
        before = (await account.account()).wallet_balance
        for symbol in symbols:
            known = trades[symbol]
            begin = known[-1].trade_id + 1 if known else None
            if begin is None:
                until = max(await account.server_time(), begin_ms + 1)
                begin = await account.first_trade(symbol, begin_ms + 1, until)
            known += () if begin is None else await account.trades(symbol, begin)
        read_ms = await account.server_time()
        last = max([begin_ms + 1, *(row.ts for row in income)])
        fresh = await account.income(last, max(read_ms, last))
        known_rows = {(row.kind, row.tran_id, row.symbol) for row in income}
        income += [r for r in fresh if (r.kind, r.tran_id, r.symbol) not in known_rows]
        positions = await account.positions()
        if (await account.account()).wallet_balance == before:
            break
    else:
        raise ConnectorError(
            f"changed {ROUNDS} times while it was read", field="wallet", value=str(before)
        )
    return Statement(
        trades=tuple(_trade(one) for known in trades.values() for one in known),
        income=tuple(_income(row) for row in sorted(income, key=lambda r: (r.ts, r.tran_id))),
        read_ms=read_ms,
        listed_ms=read_ms - LAG_MS,
        wallet=before,
        positions={
            one.symbol: (one.position_amt, one.mark_price, one.unrealized_pnl)
            for one in positions
            if one.position_side == "BOTH"
        },
    )


async def owners(
    account: AccountPort,
    ledger: Ledger,
    statement: Statement,
    advance: Advance = lambda questions: None,
) -> dict[tuple[str, str], str]:
    """Ask whose the orders are whose trades a ledger lacks, the first ``OWNERS_MAX`` of them.

    Raises:
        ConnectorError: The venue cannot be asked.
    """
    booked = {(one.fill.symbol, one.trade_id) for one in ledger.fills}
    lacking = dict.fromkeys(
        (row.fill.symbol, row.fill.order_id)
        for row in statement.trades
        if (row.fill.symbol, row.trade_id) not in booked
    )
    found = {}
    for symbol, order_id in list(lacking)[:OWNERS_MAX]:
        name = await account.owner(symbol, order_id)
        if name is not None:
            found[symbol, order_id] = name
        advance(1)
    return found


def windows(begin_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Return the spans, both ends included, in which a time is asked about."""
    return [
        (start, min(start + WINDOW_MS - 1, end_ms))
        for start in range(begin_ms, end_ms + 1, WINDOW_MS)
    ]


def _trade(answer: TradeAnswer) -> TradeRow:
    return TradeRow(
        ts=answer.ts,
        trade_id=answer.trade_id,
        fill=Fill(
            fill_id=f"trade_{answer.trade_id}",
            order_id=answer.order_id,
            ts=answer.ts,
            symbol=answer.symbol,
            side=answer.side,
            price=answer.price,
            qty=answer.qty,
            fee=answer.fee,
            liquidity=Liquidity.MAKER if answer.is_maker else Liquidity.TAKER,
            level_id=0,
        ),
        fee_asset=answer.fee_asset,
        realized=answer.realized_pnl,
    )


def _income(answer: IncomeAnswer) -> IncomeRow:
    return IncomeRow(
        ts=answer.ts,
        kind=answer.kind,
        symbol=answer.symbol,
        asset=answer.asset,
        amount=answer.amount,
        tran_id=answer.tran_id,
        trade_id=answer.trade_id,
    )
