"""Pseudonymising: objects per CPU second, over pydicom's plain read and write of the same files.

Real objects: a GE CT slice (256 elements), a Toshiba MR slice (71), a Siemens mosaic (139, with
100 KB of private ones), a Philips multi-frame object; all with the options that research uses. An
ultrasound picture of 768 x 1024 has its burned-in text blackened, plain and packed (packed pixels
are unpacked in a child process of their own). dicognito and dicom-anonymizer reach about a third of
pydicom's read and write; the aim is to be ahead of them where only headers change.
"""

from __future__ import annotations

import gzip
import io
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from _common import Bench
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from appliance.formats import rewrite_dicom
from appliance.privacy import DicomPolicy, Pseudonymizer, Stand

_NICOM = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"
_POLICY = DicomPolicy(
    dicom_options=("modified_dates", "descriptors", "patient", "private", "pixels"),
    dicom_burned_in="trust",
)
_KNOWN = ("DOE^JANE", "QX4711", "19700102")
_HEADERS = ("CT_small", "MR_small", "siemens_dwi_1000", "philips_mprage")


def samples(folder: Path) -> dict[str, Path]:
    """The files, unpacked."""
    found = {name: Path(str(get_testdata_file(f"{name}.dcm"))) for name in _HEADERS[:2]}
    for name in _HEADERS[2:]:
        found[name] = folder / f"{name}.dcm"
        with gzip.open(_NICOM / f"{name}.dcm.gz") as packed, found[name].open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    for name, is_packed in (("ultrasound", False), ("ultrasound_rle", True)):
        found[name] = _ultrasound(folder / f"{name}.dcm", is_packed=is_packed)
    return found


def _ultrasound(path: Path, *, is_packed: bool) -> Path:
    ds, region = Dataset(), Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.826.77.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.77.2", "1.2.826.77.3"
    ds.PatientName, ds.PatientID, ds.Modality = "DOE^JANE", "QX4711", "US"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PixelRepresentation = 768, 1024, 1, 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PhotometricInterpretation = 7, "MONOCHROME2"
    region.RegionSpatialFormat = 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 14, 38
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 1010, 758
    ds.SequenceOfUltrasoundRegions = [region]
    speckle = np.random.default_rng(1).integers(0, 256, (768, 1024), np.uint8)
    ds.PixelData = speckle.tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if is_packed:
        ds.compress(RLELossless)
    ds.save_as(path, enforce_file_format=True)
    return path


def spent() -> float:
    """CPU seconds of this process and of its children that have ended."""
    own, theirs = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime


def rate(do: Callable[[Path], bytes], path: Path, n: int, rounds: int) -> float:
    """Objects per CPU second, best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        begin = spent()
        for _ in range(n):
            assert do(path)
        best = max(best, n / (spent() - begin))
    return best


def theirs(path: Path) -> bytes:
    """Read and write with pydicom."""
    stream = io.BytesIO()
    pydicom.dcmread(path).save_as(stream)
    return stream.getvalue()


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n, rounds = (20, 2) if bench.small else (100, 5)
    engine = Pseudonymizer(_POLICY, b"k" * 32, Stand("S-0001-ABCD", -100), _KNOWN)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in samples(Path(folder)).items():
            packed = name.endswith("_rle")
            some = max(2, n // 20) if packed else n
            plain = rate(theirs, path, n, rounds)
            own = rate(lambda one: rewrite_dicom(one, engine), path, some, rounds)
            bench.figure(
                f"{name}, pseudonymised",
                own,
                "objects/s",
                baseline=plain,
                at_least=0.33 if name in _HEADERS else None,
            )
            if not packed:
                own_ms, plain_ms = 1e3 / own, 1e3 / plain
                bench.figure(f"{name}, beyond reading and writing", own_ms - plain_ms, "ms")


if __name__ == "__main__":
    main()
