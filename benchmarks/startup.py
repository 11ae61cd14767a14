"""How long it takes until the library is imported and until the command shows its help.

    python -m benchmarks.startup [--rounds N]

Whole processes, as a ratio to an empty one of the same interpreter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

CASES = {
    "empty": [sys.executable, "-c", ""],
    "import grinder_core": [sys.executable, "-c", "import grinder_core"],
    "grinder --help": [sys.executable, "-m", "grinder_app", "--help"],
}


def seconds(command: list[str]) -> float:
    """Time one whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure the cases in turn and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, command in CASES.items():
            times[name].append(seconds(command))
    empty = statistics.median(times["empty"])
    for name, values in times.items():
        median = statistics.median(values)
        extra = (median - empty) * 1000
        print(f"{name:22} {median * 1000:7.0f} ms  {median / empty:5.1f} x empty  +{extra:.0f} ms")


if __name__ == "__main__":
    main()
