"""Release of the last of ten series to all catalogued, over `dcm2niix -z n` on the same folder.

The folder is dropped into the watched folder. The clock starts when all its bytes are durable and
its receipt is released (settle time not counted), and stops when all images are catalogued. The
second figure also counts the taking over before: every file renamed and synced to the disk.
Both moments are read from the catalog on disk, so that looking costs the service nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from _common import Bench
from dcm2niix import bin as dcm2niix

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series
from tests.support.service import Service
from tests.support.waiting import wait_until

N_SERIES = 10
_EVERY_S = 0.005


def study(folder: Path, n: int, n_slices: int, size: int) -> Path:
    """A visit of ten series with noise in them."""
    patient = MadePatient(f"DEMO^BENCH{n}", f"BENCH-{n}", study_date=f"202401{n + 1:02d}")
    affine = np.diag([1.0, 1, 1.2, 1])
    noise = np.random.default_rng(n)
    for number in range(1, N_SERIES + 1):
        data = noise.integers(0, 1200, (size, size, n_slices), dtype=np.int16)
        series = MadeSeries(number=number, description=f"series_{number}", patient=patient)
        write_series(folder / f"{number:02d}", data, affine, series)
    return folder


def dcm2niix_s(folder: Path, out: Path) -> float:
    """Wall time of the converter alone."""
    out.mkdir()
    begin = time.perf_counter()
    command = [str(dcm2niix), "-z", "n", "-f", "%s_%p", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took_s = time.perf_counter() - begin
    shutil.rmtree(out)
    return took_s


def our_s(service: Service, folder: Path, known: int) -> tuple[float, float]:
    """Wall time to all catalogued, from the release and from the end of the settle time."""
    with closing(sqlite3.connect(f"file:{service.folder.catalog_path}?mode=ro", uri=True)) as con:

        def reaches(*states: str) -> float:
            def newest() -> bool:
                rows = con.execute("SELECT state FROM receipts ORDER BY id").fetchall()
                return len(rows) > known and rows[-1][0] in states

            wait_until(newest, " or ".join(states), every_s=0.005, within_s=300, show=service.log)
            return time.perf_counter()

        folder.rename(service.folder.drop / folder.name)
        settled = reaches("receiving", "pending", "working", "done")
        released = reaches("working", "done")
        end = reaches("done")
    rows = service.items("/projects/default/files", kind="image")
    assert len(rows) == N_SERIES * (known + 1), len(rows)
    return end - released, end - settled


def main() -> None:
    """Print the figure."""
    bench = Bench.from_arguments(__doc__)
    n_slices, size, rounds = (24, 96, 2) if bench.small else (128, 192, 4)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    rows = []
    try:
        service.start()
        for n in range(rounds):
            folder = study(root / f"visit{n}", n, n_slices, size)
            alone = dcm2niix_s(folder, root / "out")
            rows.append((*our_s(service, folder, n), alone))
            bench.say("round {}: {:.2f} s, {:.2f} s, dcm2niix {:.2f} s".format(n, *rows[-1]))
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    mine, with_taking, peer = (statistics.median(part) for part in zip(*rows[1:], strict=True))
    bench.figure("ingest_10_series", mine, "s", baseline=peer, at_most=1.3)
    bench.figure("ingest_10_series_with_taking_over", with_taking, "s", baseline=peer)


if __name__ == "__main__":
    main()
