"""Processor time of an idle service that watches a folder of 200,000 files, in % of a core.

The files were all taken in before (their rows are written beforehand), so nothing is to be done;
2,000 folders hold 100 files each. Beside it the same service with an empty watched folder. What
the service spends on finding all of them known after its start is not counted.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from _common import Bench

from appliance.exchange.names import path_hash
from tests.support.service import Service

_QUIET_S = 1.0  # in 90 s


def tree(root: Path, n_folders: int, n_files: int) -> list[tuple[str, int, int]]:
    """Write the files; gives the rows that say that they were taken."""
    rows = []
    for k in range(n_folders):
        folder = root / f"{k % 50:02d}" / f"{k:05d}"
        folder.mkdir(parents=True)
        for n in range(n_files):
            path = folder / f"IM{n:04d}.dcm"
            path.touch()
            rows.append((path_hash(path), 0, path.stat().st_mtime_ns))
    return rows


def cpu_s(service: Service) -> float:
    """Processor time of the service's process so far."""
    assert service.process is not None
    fields = Path(f"/proc/{service.process.pid}/stat").read_text(encoding="ascii").split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def idle_percent(
    root: Path, watched: Path, rows: list[tuple[str, int, int]], seconds: int
) -> float:
    """Start a service, let it see everything, and measure it while nothing happens."""
    folders = json.dumps([{"path": str(watched)}]).replace(":", "=").replace('"path"', "path")
    env = {
        "NORA__WATCH__FOLDERS": folders,
        "NORA__WATCH__SETTLE_S": "5",
        "NORA__WATCH__RESCAN_S": "60",
    }
    service = Service(root, env)
    try:
        service.start()
        service.stop()
        with closing(sqlite3.connect(service.folder.catalog_path)) as con, con:
            con.executemany("INSERT INTO taken_files VALUES (?, ?, ?, 0)", rows)
        service = Service(root, env)
        service.start()
        _wait_for_quiet(service)  # everything is seen, found known, and settled
        before = cpu_s(service)
        time.sleep(seconds)
        used_s = cpu_s(service) - before
        with closing(sqlite3.connect(service.folder.catalog_path)) as con:
            assert con.execute("SELECT count(*) FROM receipts").fetchone()[0] == 0
        return 100 * used_s / seconds
    finally:
        service.stop()


def _wait_for_quiet(service: Service) -> None:
    for _ in range(10):
        before = cpu_s(service)
        time.sleep(90)
        if cpu_s(service) - before < _QUIET_S:
            return


def main() -> None:
    """Print the figure."""
    bench = Bench.from_arguments(__doc__)
    n_folders, seconds = (200, 70) if bench.small else (2000, 240)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        (root / "none").mkdir()
        rows = tree(root / "many", n_folders, 100)
        bench.say(f"{len(rows)} files")
        alone = idle_percent(root / "alone", root / "none", [], seconds)
        bench.say(f"the service with nothing to watch: {alone:.2f} % of a core")
        whole = idle_percent(root / "data", root / "many", rows, seconds)
        bench.figure("idle_with_200k_files_whole_service", whole, "% of a core", baseline=alone)
        bench.figure("idle_with_200k_files_watcher", whole - alone, "% of a core", at_most=1)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
