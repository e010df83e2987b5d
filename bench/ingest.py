"""Release of the last of ten series to all catalogued, over `dcm2niix -z n` on the same folder.

The folder is dropped into the watched folder; the clock starts when its receipt is released (the
settle time is not counted) and stops when the receipt is closed and every image can be listed.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import Bench
from dcm2niix import bin as dcm2niix

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series
from tests.support.service import Service
from tests.support.waiting import wait_until

N_SERIES = 10


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


def our_s(service: Service, folder: Path, known: int) -> float:
    """Wall time from release to all catalogued."""
    folder.rename(service.folder.drop / folder.name)

    def newest() -> str | None:
        rows = service.receipts()
        return rows[0]["state"] if len(rows) > known else None

    wait_until(lambda: newest() not in {None, "receiving", "pending"}, "release", every_s=0.005)
    begin = time.perf_counter()
    wait_until(lambda: newest() == "done", "all in", every_s=0.01, within_s=300, show=service.log)
    rows = service.items("/projects/default/files", kind="image")
    took_s = time.perf_counter() - begin
    assert len(rows) == N_SERIES * (known + 1), len(rows)
    return took_s


def main() -> None:
    """Print the figure."""
    bench = Bench.from_arguments(__doc__)
    n_slices, size, rounds = (24, 96, 2) if bench.small else (128, 192, 4)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    pairs = []
    try:
        service.start()
        for n in range(rounds):
            folder = study(root / f"visit{n}", n, n_slices, size)
            alone = dcm2niix_s(folder, root / "out")
            pairs.append((our_s(service, folder, n), alone))
            bench.say(f"round {n}: {pairs[-1][0]:.2f} s, dcm2niix {alone:.2f} s")
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    mine, peer = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    bench.figure("ingest_10_series", mine, "s", baseline=peer, at_most=1.3)


if __name__ == "__main__":
    main()
