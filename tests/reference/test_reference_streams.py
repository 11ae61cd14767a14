"""The engine against independent engines on the two published quote streams.

The streams and the other engine's program lie beside the repository, in ``../shared/bench``; the
literals are what four independent engines agree on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from benchmarks.grid_work import engine_run

AGREED = {
    200_000: ("453", "0.03", "70.36710010", "45.05597120", "26.84602880"),
    1_000_000: ("2458", "-0.2", "330.37101520", "243.72778620", "100.04121380"),
}
REALISED_WITHIN = Decimal("1E-6")


@pytest.fixture(scope="module")
def bench(root: Path) -> Path:
    """Folder of the stream generator and the peer engine."""
    folder = Path(os.environ.get("GRINDER_TEST_BENCH", root.parent / "shared" / "bench"))
    if not (folder / "gen_data.py").is_file():
        pytest.skip(f"no stream generator at {folder}; set GRINDER_TEST_BENCH to its folder")
    return folder


@pytest.fixture(scope="module")
def streams(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the generated streams."""
    out = tmp_path_factory.mktemp("streams")
    subprocess.run([sys.executable, bench / "gen_data.py", out], check=True, capture_output=True)
    return out


@pytest.mark.recordings
@pytest.mark.parametrize("count", sorted(AGREED))
def test_the_engine_reproduces_what_independent_engines_agree_on(count: int, streams: Path) -> None:
    session, _, _, outputs = engine_run(np.load(streams / f"tob_{count}.npy"))
    ledger = session.engine.hot.symbols["BTCUSDT"].ledger
    fills, position, realised, fees, equity = map(Decimal, AGREED[count])
    assert outputs == count
    assert ledger.fill_count == fills
    assert ledger.qty == position
    assert ledger.fees_paid == fees
    assert session.engine.hot.account.equity - 10_000 == equity
    assert abs(ledger.realized_pnl - realised) < REALISED_WITHIN


@pytest.mark.recordings
def test_the_engine_agrees_with_the_peer_run_here_and_now(bench: Path, streams: Path) -> None:
    stream = streams / "tob_200000.npy"
    peer = subprocess.run(
        [sys.executable, bench / "decimal_ref.py", stream],
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(peer.stdout)
    session, _, _, _ = engine_run(np.load(stream))
    hot = session.engine.hot
    ledger = hot.symbols["BTCUSDT"].ledger
    assert ledger.fill_count == said["fills"]
    assert float(ledger.qty) == said["pos"]
    assert float(ledger.fees_paid) == said["fees"]
    assert float(hot.account.equity - 10_000) == pytest.approx(said["equity"], abs=1e-9)
    assert float(hot.account.max_drawdown) == pytest.approx(said["maxdd"], abs=1e-9)
