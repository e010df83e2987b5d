"""A hundred series into the drop folder, to all catalogued, over `dcm2niix -z n` on the same files.

The service has the byte code of its packages, as an installed one has: one was started before,
for a process that compiles its code keeps much memory. The folder is moved into the
watched folder in one go. The clock starts there and stops when all images are catalogued; the
settle time is part of it and is told beside. The baseline is one process for each visit, one after
the other: it reads and writes the same, but makes nothing durable. Beside it stands what the
service is asked to do at least: one process for each series, as many at a time as there are
processors. Memory is the peak of the service's own process, without its children.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from _common import Bench
from dcm2niix import bin as dcm2niix

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series
from tests.support.service import Service
from tests.support.waiting import wait_until

_SETTLE_S = 1.0


def visits(folder: Path, n_series: int, n_slices: int, size: int) -> Path:
    """Ten visits with a tenth of the series each."""
    affine = np.diag([1.0, 1, 1.2, 1])
    noise = np.random.default_rng(0)
    for k in range(n_series):
        patient = MadePatient(f"DEMO^DROP{k // 10}", f"DROP-{k // 10}", study_date="20240105")
        data = noise.integers(0, 1200, (size, size, n_slices), dtype=np.int16)
        series = MadeSeries(number=k % 10 + 1, description=f"series_{k % 10}", patient=patient)
        write_series(folder / f"v{k // 10:02d}" / f"{k % 10:02d}", data, affine, series)
    return folder


def dcm2niix_s(folder: Path, out: Path) -> float:
    """Wall time of the converter alone, one call for each visit."""
    begin = time.perf_counter()
    for visit in sorted(folder.iterdir()):
        (out / visit.name).mkdir(parents=True)
        command = [str(dcm2niix), "-z", "n", "-f", "%s_%p", "-o", str(out / visit.name), str(visit)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def dcm2niix_each_s(folder: Path, out: Path) -> float:
    """Wall time of the converter alone, one call for each series, on all processors."""

    def convert(series: Path) -> None:
        target = out / series.parent.name / series.name
        target.mkdir(parents=True)
        command = [str(dcm2niix), "-z", "n", "-f", "%s_%p", "-o", str(target), str(series)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    begin = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(convert, sorted(folder.glob("*/*"))))
    return time.perf_counter() - begin


def our_s(service: Service, folder: Path, n_series: int) -> float:
    """Wall time from the move to all catalogued."""
    query = "SELECT count(*) FROM files WHERE kind = 'image'"
    uri = f"file:{service.folder.catalog_path}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as con:
        begin = time.perf_counter()
        folder.rename(service.folder.drop / folder.name)
        wait_until(
            lambda: con.execute(query).fetchone()[0] == n_series,
            "all series are catalogued",
            every_s=0.02,
            within_s=900,
            show=service.log,
        )
        return time.perf_counter() - begin


def peak_mib(service: Service) -> float:
    """Largest resident size of the service's process so far."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n_series, n_slices, size = (20, 24, 96) if bench.small else (100, 96, 128)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    env = {
        "NORA__WATCH__SETTLE_S": str(_SETTLE_S),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(root / "bytecode"),
    }
    Service(root / "first", env).start().stop()
    service = Service(root / "data", env)
    try:
        service.start()
        folder = visits(root / "visits", n_series, n_slices, size)
        alone = dcm2niix_s(folder, root / "out")
        each = dcm2niix_each_s(folder, root / "each")
        before = peak_mib(service)
        mine = our_s(service, folder, n_series)
        bench.figure("drop_series", mine, "s", baseline=alone, at_most=1.5)
        bench.figure("drop_series_without_settling", mine - _SETTLE_S, "s", baseline=alone)
        bench.figure("drop_series_over_a_dcm2niix_for_each", mine, "s", baseline=each)
        bench.figure("drop_peak_memory_of_the_service", peak_mib(service), "MiB", baseline=before)
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
