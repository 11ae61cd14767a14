"""Named steps with verdicts: what every smoke harness is made of (LIVE-28).

Steps run in order. After one that failed, or was interrupted, only those run that clean up and ask
the venue what is left; the others are skipped and say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from attrs import frozen

from grinder_adapters.clock import Clock
from grinder_core.errors import ConnectorError, GrinderError

INTERRUPTED = "interrupted"


class StepVerdict(StrEnum):
    """How a step ended."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"


class StepError(GrinderError):
    """A step found something else than it must."""

    code = "E_SMOKE"


@frozen(kw_only=True)
class Step:
    """Something to do and to look at.

    Attributes:
        name: Names the step in the table, unique in its harness.
        work: Does it; returns what it found, raises what is wrong.
        always: It runs whatever failed before it.
    """

    name: str
    work: Callable[[], Awaitable[str]]
    always: bool = False


@frozen(kw_only=True)
class Done:
    """A step that is over.

    Attributes:
        found: In words.
        answer: The venue's last answer in it: the HTTP status, with the venue's code of a refusal;
            empty where it was not asked.
        ms: How long it took.
        is_unreachable: It failed because nobody answered.
    """

    name: str
    verdict: StepVerdict
    found: str
    answer: str = ""
    ms: int = 0
    is_unreachable: bool = False


Tell = Callable[[Done], None]


async def run_steps(
    steps: Sequence[Step], clock: Clock, take_answer: Callable[[], str], tell: Tell
) -> tuple[Done, ...]:
    """Run steps to the end of the list, and never raise for what one of them finds.

    Args:
        take_answer: Returns the venue's last answer since it was asked, and forgets it.
        tell: Told of each step that is over.
    """
    done: list[Done] = []
    goes_on = True
    for step in steps:
        if goes_on or step.always:
            ended = await _run(step, clock, take_answer)
            goes_on = goes_on and ended.verdict is StepVerdict.PASS
        else:
            ended = Done(name=step.name, verdict=StepVerdict.SKIP, found="not reached")
        done.append(ended)
        tell(ended)
    return tuple(done)


async def _run(step: Step, clock: Clock, take_answer: Callable[[], str]) -> Done:
    began, is_unreachable = clock.now_ms(), False
    verdict = StepVerdict.FAIL
    try:
        found = await step.work()
        await asyncio.sleep(0)  # who interrupted it at its very end means it, not the next one
        verdict = StepVerdict.PASS
    except asyncio.CancelledError:
        found = INTERRUPTED
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()  # what is left must be cleaned up
    except GrinderError as error:
        found = str(error) if isinstance(error, StepError) else f"{error.code}: {error}"
        is_unreachable = isinstance(error, ConnectorError)
    return Done(
        name=step.name,
        verdict=verdict,
        found=found,
        answer=take_answer(),
        ms=max(clock.now_ms() - began, 0),
        is_unreachable=is_unreachable,
    )
