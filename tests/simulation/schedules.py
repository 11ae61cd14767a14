"""Schedules by seed: making one, playing it under all rules, and cutting a failing one down."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attrs import fields, frozen

from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.ports import Policy
from tests.simulation.configs import a_config
from tests.simulation.markets import Market
from tests.simulation.rules import Rules
from tests.simulation.whims import Whims
from tests.support.world import Entry, Item, World

LENGTHS = (60, 200, 200, 500, 1_500)


@frozen
class Schedule:
    """Settings, the strategy, and what happens."""

    config: EngineConfig
    policy: Policy | None
    items: tuple[Item, ...]


def a_start(draw: Random) -> tuple[EngineConfig, Policy | None]:
    """Draw settings and, sometimes, a user's own strategy."""
    config = a_config(draw)
    own = draw.random() < 0.25 and not config.policies.adaptive_policy_enabled
    return config, Whims(draw.randint(0, 10**6)) if own else None


def make(seed: str, length: int | None = None) -> Schedule:
    """Return the schedule of a seed; the same on every machine."""
    draw = Random(seed)
    config, policy = a_start(draw)
    market = Market(draw, config, hops=draw.choice((0.002, 0.01, 0.1)))
    return Schedule(config, policy, tuple(market.items(length or draw.choice(LENGTHS))))


def play(schedule: Schedule) -> World:
    """Play a schedule under all rules; then again without a stop, and compare.

    Returns:
        The first run, for its count of steps.
    """
    rules = Rules(schedule.config)
    world = World(schedule.config, schedule.policy, rules).run(schedule.items)
    rules.close(world)
    straight = World(schedule.config, schedule.policy)
    straight.run(item for item in schedule.items if isinstance(item, Event))
    same(world, straight)
    return world


def same(world: World, straight: World) -> None:
    """Restart equals original, and an engine fed the same inputs says the same."""
    for index, (here, there) in enumerate(zip(world.log, straight.log, strict=False)):
        assert here == there, f"restarted at step {index}: {_differences(here, there)}"
    assert len(world.log) == len(straight.log)
    one, two = world.session, straight.session
    assert one.running_digest == two.running_digest
    assert one.output_count == two.output_count
    assert one.engine.state() == two.engine.state()
    assert one.venue == two.venue


def _differences(here: Entry, there: Entry) -> str:
    """Name the fields of two entries that are not equal."""
    if here.event != there.event or len(here.outputs) != len(there.outputs):
        return f"{here} is not {there}"
    told = [
        f"{name} = {getattr(a, name)}, without a stop {getattr(b, name)}"
        for a, b in zip(here.outputs, there.outputs, strict=True)
        for name in (field.name for field in fields(type(a)))
        if type(a) is not type(b) or getattr(a, name) != getattr(b, name)
    ]
    return "; ".join(told) or f"{here[2:]} is not {there[2:]}"


def broken(schedule: Schedule) -> Exception | None:
    """Play a schedule and return what went wrong, if anything did."""
    try:
        play(schedule)
    except Exception as error:  # noqa: BLE001 - whatever it is, a world may not do it
        return error
    return None


def _name(error: Exception | None) -> str:
    """What broke and where; the same while a schedule is cut."""
    if error is None:
        return ""
    trace, where = error.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {where}"


def shrink(schedule: Schedule) -> Schedule:
    """Cut items out as long as the same thing breaks."""
    wanted, items = _name(broken(schedule)), list(schedule.items)
    size = max(1, len(items) // 2)
    while True:
        start, cut = 0, False
        while start < len(items):
            fewer = items[:start] + items[start + size :]
            if _name(broken(_with(schedule, fewer))) == wanted:
                items, cut = fewer, True
            else:
                start += size
        if size == 1 and not cut:
            return _with(schedule, items)
        size = size if cut and size == 1 else max(1, size // 2)


def _with(schedule: Schedule, items: Sequence[Item]) -> Schedule:
    return Schedule(schedule.config, schedule.policy, tuple(items))
