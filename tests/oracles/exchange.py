"""The exchange under test as a process of its own, and a witness that asks it in plain HTTP.

The exchange runs in grinder's interpreter, not in the client's: clients pin other versions of its
dependencies, and one of them patches ``aiohttp``. ``GRINDER_ORACLE_GRINDER`` names the command.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
SYMBOL, OTHER = "BTCUSDT", "ETHUSDT"
DEPOSIT = "10000"
STOP_S = 10


@dataclass(frozen=True)
class Exchange:
    """Where it listens, and the pair that opens it."""

    rest: str
    ws: str
    key: str
    secret: str

    def get(self, path: str, *, signed: bool = False, **values: object) -> Any:
        """Ask as the reference says, with nobody's client in between."""
        if signed:
            values |= {"timestamp": int(time.time() * 1000), "recvWindow": 10_000}
        query = urlencode(values)
        if signed:
            digest = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
            query = f"{query}&signature={digest}"
        request = urllib.request.Request(f"{self.rest}/fapi/{path}?{query}")
        request.add_header("X-MBX-APIKEY", self.key)
        with urllib.request.urlopen(request, timeout=STOP_S) as answer:
            return json.load(answer)


@contextmanager
def serving(*options: str) -> Iterator[Exchange]:
    """Serve until the block is left."""
    command = shlex.split(
        os.environ.get("GRINDER_ORACLE_GRINDER", f"{sys.executable} -m grinder_app")
    )
    serve = ["venue", "serve", "--port", "0", "--json", "--deposit", DEPOSIT, *options]
    with subprocess.Popen(
        [*command, *serve], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the exchange did not start: {command}"
            told = json.loads(line)
            yield Exchange(told["rest"], told["ws"], told["api_key"], told["api_secret"])
        finally:
            process.terminate()
            process.wait(STOP_S)


def scripted_market(path: Path) -> Path:
    """Write a market that stands still but for a print twice a second, and pays funding often.

    So a fill's price is known before the order is sent, and an order within the spread is hit soon.
    """
    lines = ['duration = "10m"', 'funding_interval = "5s"']
    for symbol, price, qty in ((SYMBOL, "90000.0", "2.5"), (OTHER, "3000.00", "40")):
        lines += [
            f"[market.{symbol}]",
            f'start_price = "{price}"',
            f'level_qty = "{qty}"',
            "spread_ticks = 20",
            'funding_rate = "0.0001"',
        ]
    for half in range(1, 1_190):
        side = ("SELL", "BUY", "BUY", "SELL")[half % 4]
        lines += [
            "[[step]]",
            f'at = "{half * 500}ms"',
            f'symbol = "{(SYMBOL, OTHER)[half % 5 == 4]}"',
            f'print = {{side = "{side}", qty = "0.{half % 7 + 1:03}"}}',
        ]
    path.write_text("\n".join(lines) + "\n")
    return path
