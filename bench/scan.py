"""Header scan: files per CPU second, over pydicom's ``dcmread(stop_before_pixels=True)``.

Real headers, each read again and again from the page cache: a GE CT slice (256 elements), a Toshiba
MR slice (71), a Siemens mosaic (139, with 100 KB of private ones) and a Philips multi-frame object
(functional groups of every frame). Large scans use machine code, small ones the interpreter; both
are told, the compiling is not counted.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import time
from collections.abc import Callable
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


def rate(do: Callable[[list[Path]], int], path: Path, n: int, rounds: int) -> float:
    """Files per CPU second, best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        begin = time.process_time()
        assert do([path] * n) == n
        best = max(best, n / (time.process_time() - begin))
    return best


def ours(paths: list[Path]) -> int:
    """Scan."""
    return sum(isinstance(found, DicomRecord) for found in scan_dicom(paths))


def theirs(paths: list[Path]) -> int:
    """Scan with pydicom."""
    return sum(1 for path in paths if pydicom.dcmread(path, stop_before_pixels=True))


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n, rounds = (200, 2) if bench.small else (2000, 3)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    unit = "files per CPU s"
    try:
        found = samples(root)
        peers = {
            name: rate(theirs, path, n // (100 if "philips" in name else 4), rounds)
            for name, path in found.items()
        }
        for name, path in found.items():
            few = rate(ours, path, n // (100 if "philips" in name else 4), rounds)
            bench.figure(f"scan_{name}_interpreted", few, unit, baseline=peers[name])
        compiled_walk()
        for name, path in found.items():
            many = rate(ours, path, n, rounds)
            bench.figure(f"scan_{name}", many, unit, baseline=peers[name], at_least=20)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
