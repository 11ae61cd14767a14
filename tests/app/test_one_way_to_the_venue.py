"""Nothing reaches the venue's port but what the session's fold let pass (I-12.1).

The fold returns effects; the loop hands them to its port; the desk performs them. These tests read
the code: whoever calls a writing method of the execution port, or hands the desk an effect, is on a
short list. A call planted anywhere else is found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import grinder_app

ROOT = Path(grinder_app.__file__).parent.parent
PACKAGES = ("grinder_core", "grinder_adapters", "grinder_app")
WRITES = frozenset(
    {
        *("place", "place_market", "place_conditional", "amend", "cancel", "cancel_many"),
        *("cancel_conditional", "cancel_own", "arm_countdown"),
    }
)
PORTS = frozenset({"port", "_port", "execution", "desk_port"})
MAY_WRITE = {
    "grinder_adapters/binance/order_desk.py": {"place", "place_market", "cancel"},
    # renews and takes away countdowns, which place nothing
    "grinder_app/live/dead_man.py": {"arm_countdown"},
    # leaves nothing behind that adds risk when the session itself has failed
    "grinder_app/live/trading_account.py": {"cancel_own"},
    # proofs with orders of their own, each judged by the envelope and journalled before it goes
    "grinder_app/smoke/desk.py": {"place", "place_market", "amend", "cancel"},
    # paper on this machine, in lockstep: the exchange is the process's own
    "grinder_app/runner/socket_venue.py": {"place", "place_market", "cancel"},
}
MAY_PERFORM = {
    "grinder_app/live/loop.py",
    "grinder_app/live/ports.py",
    "grinder_app/smoke/no_orders.py",  # counts on the way to the venue of a fixture
    "grinder_app/runner/free_paper.py",
    "grinder_app/runner/free_venue.py",
}


def calls(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield receiver, method and line of each call of a method."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            yield name, node.func.attr, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in PORTS and node.attr in WRITES:
                yield name, node.attr, node.lineno  # a method taken to be called elsewhere


def breaches(path: str, text: str) -> list[str]:
    """Return what is not allowed in a file."""
    found = []
    for owner, method, line in calls(text):
        if owner in PORTS and method in WRITES and method not in MAY_WRITE.get(path, set()):
            found.append(f"{path}:{line} calls {owner}.{method}")
        if method == "perform" and "desk" in owner and path not in MAY_PERFORM:
            found.append(f"{path}:{line} hands the desk an effect")
        if method == "perform" and owner in PORTS and path not in MAY_PERFORM:
            found.append(f"{path}:{line} hands a port an effect")
    return found


def test_only_the_desk_writes_and_only_the_loop_hands_it_effects() -> None:
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = str(file.relative_to(ROOT))
            found += breaches(path, file.read_text(encoding="utf-8"))
    assert found == []


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("grinder_app/live/health.py", "await self._port.place(order)"),
        ("grinder_app/live/reconciling.py", "await self._port.cancel_own('BTCUSDT')"),
        ("grinder_app/live/session.py", "await self.account.port.place(order)"),
        ("grinder_app/live/trading_account.py", "await self.port.place(order)"),
        ("grinder_app/live/trading_account.py", "self.desk.perform(effect)"),
        ("grinder_app/cli/live.py", "port.amend(order)"),
        ("grinder_app/smoke/desk.py", "await self._port.cancel_own('BTCUSDT')"),
        ("grinder_app/smoke/futures.py", "await self._port.place(order)"),
        ("grinder_app/live/health.py", "write = self._port.place_market"),
        ("grinder_app/live/health.py", "self.loop.port.perform(effect, 0)"),
    ],
)
def test_a_planted_call_is_found(path: str, planted: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    text += f"\n\nasync def planted(self, order, effect, port):\n    {planted}\n"
    assert breaches(path, text)
