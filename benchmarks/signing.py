"""How long it takes to build and sign an order.

    python -m benchmarks.signing [--orders N]

Printed is the least of several rounds, and its ratio to one bare HMAC of the standard library
over the same bytes in the same run.
"""

from __future__ import annotations

import argparse
import hmac
import time
from collections.abc import Callable

from grinder_adapters.binance.signing import Secret, Signer

ROUNDS = 7
KEY = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "0.012",
    "price": "91000.1",
    "timeInForce": "GTX",
    "newClientOrderId": "g1-0123456789abcdef0123",
    "reduceOnly": "false",
    "recvWindow": "5000",
}
START_MS = 1_700_000_000_000


def least_us(count: int, action: Callable[[int], object]) -> float:
    """Return microseconds of one action, in the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for number in range(count):
            action(number)
        best = min(best, time.perf_counter() - began)
    return best / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=50_000)
    count = parser.parse_args().orders
    signer = Signer(Secret("key"), Secret(KEY))
    secret, query = KEY.encode(), signer.signed_query(ORDER, START_MS)
    foreign = ORDER | {"symbol": "\u5e01\u5b89USDT"}
    bare = least_us(count, lambda _: hmac.new(secret, query, "sha256").hexdigest())
    cases: dict[str, Callable[[int], object]] = {
        "sign alone": lambda _: signer.sign(query),
        "build and sign": lambda number: signer.signed_query(ORDER, START_MS + number),
        "with a value to encode": lambda number: signer.signed_query(foreign, START_MS + number),
    }
    print(f"{'hmac.new':24} {bare:6.2f} us")
    for name, action in cases.items():
        took = least_us(count, action)
        print(f"{name:24} {took:6.2f} us  {took / bare:.2f} of hmac.new")


if __name__ == "__main__":
    main()
