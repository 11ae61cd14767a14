"""How long a process takes to come back from its journal.

    python -m benchmarks.recovery [--events 1000000] [--json] [--keep FOLDER]

A session on paper of ten symbols is lived through under a clock of its own: quotes, prints, mark
prices, timers, orders and fills, all through the real loop into a real journal. Then three things
are timed, each as a start would meet it: recovery of everything from the first row (no checkpoint
is used), recovery from the newest checkpoint with a minute of market behind it, and the comparison
of every word that ``grinder replay --journal`` makes. The state that comes back must be that which
was left.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from grinder_adapters.journal import JournalReader
from grinder_app.live.recovering import Replayer, replay_stored, restore
from grinder_app.live.retelling import Reteller
from grinder_core.live.core import LiveCore
from tests.support.live_story import LiveStory, live_config

SYMBOLS: Final = tuple(f"{letter * 3}USDT" for letter in "ABCDEFGHIJ")
STEP_MS: Final = 5  # two hundred market events a second
TAIL_MS: Final = 60_000
CHUNK: Final = 10_000


def live_through(folder: Path, events: int) -> LiveStory:
    """Make a journal that ends a minute behind its last checkpoint."""
    tail = TAIL_MS // STEP_MS
    with LiveStory(folder, live_config(SYMBOLS), step_ms=STEP_MS) as story:
        story.begin()
        while story.core.hot.events < events - tail:
            story.market(min(CHUNK, events - tail - story.core.hot.events))
        story.checkpoint()
        story.checkpoint_ms = story.now  # none any more
        story.market(1)
        story.market(max(events - story.core.hot.events, 0))
    return story


def measure(folder: Path, events: int) -> dict[str, Any]:
    """Make a journal and time what is done with it."""
    made: dict[str, Any] = {}
    story = _timed(made, "living_s", lambda: live_through(folder, events))
    left = story.core

    def everything() -> LiveCore:
        replayer = Replayer()
        with JournalReader(folder) as reader:
            replay_stored(replayer, reader.stored())
        return replayer.begun()

    def compared() -> str:
        reteller = Reteller()
        with JournalReader(folder) as reader:
            found = reteller.run(reader)
        if found.parting is not None:
            raise SystemExit(f"the replay says something else: {found.parting}")
        return found.digest

    whole = _timed(made, "recovery_of_everything_s", everything)
    _check(whole, left)
    restored = _timed(made, "recovery_from_a_checkpoint_s", lambda: restore(folder))
    if restored.core is None:
        raise SystemExit("no session came back")
    _check(restored.core, left)
    if _timed(made, "replay_and_comparison_s", compared) != left.digest:
        raise SystemExit("the replay ends elsewhere")
    hot = left.engine.hot
    return {
        "events": left.hot.events,
        "symbols": len(SYMBOLS),
        "outputs": left.hot.outputs,
        "fills": hot.stats.total_fills,
        "journal_mb": round((folder / "state.db").stat().st_size / 1e6, 1),
        "replayed_behind_the_checkpoint": restored.replayed,
        **made,
    }


def _timed(made: dict[str, Any], name: str, work: Any) -> Any:
    wall, cpu = perf_counter(), process_time()
    result = work()
    made[name] = round(perf_counter() - wall, 2)
    made[f"{name[:-2]}_cpu_s"] = round(process_time() - cpu, 2)
    return result


def _check(core: LiveCore, left: LiveCore) -> None:
    if (core.digest, core.state()) != (left.digest, left.state()):
        raise SystemExit("what came back is not what was left")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="leave the journal in this new folder")
    given = parser.parse_args()
    if given.keep is not None:
        facts = measure(given.keep, given.events)
    else:
        with tempfile.TemporaryDirectory() as folder:
            facts = measure(Path(folder) / "state", given.events)
    if given.json:
        print(json.dumps(facts, sort_keys=True))
        return
    for name, value in facts.items():
        print(f"{name:<34} {value}")


if __name__ == "__main__":
    main()
