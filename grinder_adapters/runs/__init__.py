"""Folders of runs: one run, one folder, found again by id or name and read without surprises.

    ROOT/YYYY-MM-DD/run_<start_ms>_<seq>/
        run.json                      what ran, on what, and how it ended
        sessions/<name>/
            result.json               PaperResult v1 and how much of the run it covers
            trades.csv equity.csv prices.csv levels.csv blocks.csv
            outputs.jsonl             one canonical line an output, where they were kept
            files.json                size and SHA-256 of the files above; written last

Files appear whole or not at all. Outputs and trades are written while a session runs; until it is
finished they are called ``outputs.jsonl.part`` and ``trades.csv.part``. Until a run is finished its
status is ``running``, and after a crash it stays so.
"""

from grinder_adapters.runs.store import RunStore, RunSummary
from grinder_adapters.runs.view import RunView, SessionView, TableSource, load_run
from grinder_adapters.runs.writer import RunStatus, RunWriter, SessionWriter

__all__ = [
    "RunStatus",
    "RunStore",
    "RunSummary",
    "RunView",
    "RunWriter",
    "SessionView",
    "SessionWriter",
    "TableSource",
    "load_run",
]
