"""Header scan: files per CPU second, over pydicom's ``dcmread(stop_before_pixels=True)``.

Real headers, each read again and again from the page cache: a GE CT slice (256 elements), a Toshiba
MR slice (71), a Siemens mosaic (139, with 100 KB of private ones) and a Philips multi-frame object
(functional groups of every frame). Large scans use machine code, small ones the interpreter; both
are told, the compiling is not counted.
"""

from __future__ import annotations

import gzip
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import nibabel
import pydicom
from _common import Bench
from pydicom.data import get_testdata_file

from appliance.formats import DicomRecord, scan_dicom
from appliance.formats.dicom_walk import compiled_walk

_NICOM = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"


def samples(folder: Path) -> dict[str, Path]:
    """The files, unpacked."""
    found = {name: Path(str(get_testdata_file(f"{name}.dcm"))) for name in ("CT_small", "MR_small")}
    for name in ("siemens_dwi_1000", "philips_mprage"):
        found[name] = folder / f"{name}.dcm"
        with gzip.open(_NICOM / f"{name}.dcm.gz") as packed, found[name].open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return found


def rates(path: Path, n: int, rounds: int) -> tuple[float, float]:
    """Files per CPU second of ours and of pydicom, which take turns: medians."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for do, taken in zip((ours, theirs), found, strict=True):
            begin = time.process_time()
            assert do([path] * n) == n
            taken.append(n / (time.process_time() - begin))
    return statistics.median(found[0]), statistics.median(found[1])


def ours(paths: list[Path]) -> int:
    """Scan."""
    return sum(isinstance(found, DicomRecord) for found in scan_dicom(paths))


def theirs(paths: list[Path]) -> int:
    """Scan with pydicom."""
    return sum(1 for path in paths if pydicom.dcmread(path, stop_before_pixels=True))


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n, rounds = (200, 3) if bench.small else (1000, 5)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    unit = "files per CPU s"
    try:
        found = samples(root)
        for name, path in found.items():
            few, peer = rates(path, n // (100 if "philips" in name else 4), rounds)
            bench.figure(f"scan_{name}_interpreted", few, unit, baseline=peer)
        compiled_walk()
        for name, path in found.items():
            many, peer = rates(path, n // (100 if "philips" in name else 1), rounds)
            bench.figure(f"scan_{name}", many, unit, baseline=peer, at_least=20)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
