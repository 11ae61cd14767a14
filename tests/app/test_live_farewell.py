"""A stop in order says what became of every order (LIVE-38)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_app.live.farewell import Farewell, Fate, summary
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from tests.support.memory_session import SYMBOL, MemoryLive, live


def fates(world: MemoryLive) -> dict[str, str]:
    """What was told of each order at the last stop, by client id."""
    found = {}
    for line in world.lines("stop"):
        head, is_of_an_order, fate = line.partition("): ")
        if not is_of_an_order:
            continue
        found[head.rpartition("(")[2]] = fate
    return found


def test_entries_are_cancelled_and_it_says_so_of_each(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        before = set(world.open_orders())
        ended = await world.end()
        assert world.open_orders() == {}
        assert fates(world) == dict.fromkeys(before, Fate.CANCELLED.value)
        assert ended.orders == "2 cancelled"

    live(tmp_path, scene)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(OrderState), st.booleans()), min_size=1, max_size=8
    )
)
def test_every_order_has_exactly_the_fate_it_had(
    orders: list[tuple[bool, OrderState, bool]],
) -> None:
    """Whether it reduces, its last state, and whether the session heard of it."""
    book: dict[str, OrderRecord] = {}
    for n, (reduces, _, _) in enumerate(orders):
        book[f"o{n}"] = OrderRecord(
            client_order_id=f"o{n}", order_id=str(n), symbol=SYMBOL, side=Side.BUY, level_id=1,
            price=Decimal(10), qty=Decimal(1), state=OrderState.OPEN, reduce_only=reduces,
        )  # fmt: skip
    grid = SimpleNamespace(live=book, leaving={})
    hot = SimpleNamespace(symbols={SYMBOL: SimpleNamespace(grid=grid)})
    core: Any = SimpleNamespace(engine=SimpleNamespace(hot=hot), hot=SimpleNamespace(waiting={}))
    farewell = Farewell(core)
    wanted = {}
    for n, (reduces, state, is_told) in enumerate(orders):
        name = f"o{n}"
        if state.is_final:
            del book[name]
            if is_told:
                update = OrderUpdate(
                    ts=1, symbol=SYMBOL, client_order_id=name, order_id=str(n), side=Side.BUY,
                    state=state, reason="",
                )  # fmt: skip
                farewell.stepped(Event(1, update), cast(Any, None))
                wanted[name] = {
                    OrderState.CANCELLED: Fate.CANCELLED, OrderState.FILLED: Fate.FILLED,
                }.get(state, Fate.ENDED)  # fmt: skip
            else:
                wanted[name] = Fate.WITHDRAWN
        else:
            book[name] = evolve(book[name], state=state)
            wanted[name] = Fate.KEPT if reduces else Fate.RESTS
            if state is OrderState.UNKNOWN:
                wanted[name] = Fate.UNKNOWN
    parted = farewell.orders()
    assert {each.order.client_order_id: each.fate for each in parted} == wanted
    assert sum(
        int(part.split()[0]) for part in summary(parted).split(", ") if part[0].isdigit()
    ) == len(orders)


def test_an_order_that_cannot_be_cancelled_is_named(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        before = set(world.open_orders())
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.CANCEL)))
        ended = await world.end()
        assert set(world.open_orders()) == before
        assert fates(world) == dict.fromkeys(before, Fate.RESTS.value)
        assert ended.orders == f"2 {Fate.RESTS.value}"

    live(tmp_path, scene)


def test_a_fill_on_the_way_out_is_a_fill(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.suffer(
            Fault(
                kind=FaultKind.FILL_BEFORE_CANCEL,
                match=Match(op=RequestOp.CANCEL),
                share_bps=10_000,
            )
        )
        await world.end()
        assert Fate.FILLED.value in fates(world).values()
        assert world.open_orders(SYMBOL) == {}

    live(tmp_path, scene)


def test_with_nothing_open_it_says_that(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        session.command(Control(command=Command.PAUSE, actor="test"))
        await world.pass_ms(5_000)
        assert (await world.end()).orders == "none were open"

    live(tmp_path, scene)
