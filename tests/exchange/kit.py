"""A small appliance for the tests of this room: real rooms below, a queue run by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appliance.catalog import Catalog, FileQuery, ensure_project, get_project, list_files
from appliance.core import DataFolder, load_settings
from appliance.exchange import Importer, exchange_migrations
from appliance.privacy import IdentityStore

__all__ = ["HandQueue", "Kit", "write_series"]


@dataclass
class HandQueue:
    """Steps in order, done on the caller's thread: what a test asks for happens, nothing else."""

    steps: dict[str, Callable[[int], None]] = field(default_factory=dict)
    waiting: list[tuple[str, int]] = field(default_factory=list)

    def register_step(self, name: str, fn: Callable[[int], None]) -> None:
        self.steps[name] = fn

    def enqueue(self, name: str, row_id: int, priority: int = 0) -> None:
        if (name, row_id) not in self.waiting:
            self.waiting.append((name, row_id))

    def run(self) -> None:
        while self.waiting:
            name, row_id = self.waiting.pop(0)
            self.steps[name](row_id)


class Kit:
    """Catalog, identities and importer on one data folder."""

    def __init__(self, root: Path, queue=None, *, migrations=None, **overrides) -> None:
        defaults = {
            "data.min_free_bytes": 1 << 20,
            "watch.settle_s": 0.2,
            "watch.rescan_s": 0.3,
            "dicom.port": 0,
            "dicom.quiet_s": 0.0,
        }
        self.settings = load_settings(root, overrides={**defaults, **overrides})
        self.folder = DataFolder(root)
        self.folder.prepare()
        self.catalog = Catalog.open(
            self.folder.catalog_path, migrations=migrations or [exchange_migrations]
        )
        self.catalog.write(lambda tx: ensure_project(tx, "default"))
        self.identities = IdentityStore.open(self.folder.identity_path)
        self.queue = queue or HandQueue()
        self.previews: list[int] = []
        self.importer = Importer(
            self.catalog,
            self.identities,
            self.queue,
            self.folder,
            self.settings,
            on_files=self.previews.extend,
        )

    def close(self) -> None:
        self.identities.close()
        self.catalog.close()

    def run(self) -> None:
        """Do everything that is due, including what becomes due through it."""
        self.queue.run()
        self.importer.reconcile()
        self.queue.run()

    def upload(self, path: Path, name: str | None = None, **target):
        upload = self.importer.begin_upload("default", name or path.name, **target)
        upload.write(path.read_bytes())
        key = upload.commit().key
        self.run()
        return self.importer.receipt(key)

    def take_in(self, path: Path, **options):
        key = self.importer.import_path("default", path, **options).key
        self.run()
        return self.importer.receipt(key)

    def files(self, project: str = "default"):
        with self.catalog.read() as con:
            found = list_files(con, get_project(con, project).id, FileQuery(limit=1000))
        return {f"{row.psid}/{row.path}": row for row in found.items}

    def images(self):
        return {name: row for name, row in self.files().items() if row.kind == "image"}

    def originals(self) -> list[Path]:
        return sorted(p for p in self.folder.originals.rglob("*.dcm") if p.is_file())


def write_series(
    folder: Path,
    *,
    n: int = 4,
    patient_id: str = "P1",
    name: str = "DOE^JANE",
    birth: str = "19700102",
    sex: str = "F",
    study_uid: str = "1.2.826.0.1.3680043.10.999.1",
    series_uid: str | None = None,
    number: int = 3,
    description: str = "t1 mprage",
    date: str = "20240502",
    size: int = 16,
    first: int = 0,
    value: int = 0,
    **more,
) -> list[Path]:
    """Write a small oblique MR series, 1 x 1 x 2 mm."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    series_uid = series_uid or f"{study_uid}.{number}"
    paths = []
    for k in range(first, first + n):
        ds = Dataset()
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        ds.SOPInstanceUID = f"{series_uid}.{k + 1}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = (
            patient_id, name, birth, sex,
        )  # fmt: skip
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = date
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101112"
        ds.StudyDescription, ds.SeriesDescription, ds.ProtocolName = (
            "head",
            description,
            description,
        )
        ds.Modality, ds.Manufacturer, ds.SeriesNumber, ds.InstanceNumber = (
            "MR",
            "Made",
            number,
            k + 1,
        )
        ds.AcquisitionNumber, ds.StudyID, ds.AccessionNumber = 1, "1", ""
        ds.ReferringPhysicianName, ds.FrameOfReferenceUID = "", f"{study_uid}.9"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
        ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.MagneticFieldStrength = 2000, 2.3, 8, 3
        ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = "GR", "SP", "3D"
        ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [1, 1], 2, 2
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [0, 0, 2.0 * k]
        ds.Rows = ds.Columns = size
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        pixels = (np.arange(size * size) % 500 + k * 10 + value).astype("<u2")
        ds.PixelData = pixels.tobytes()
        for tag, content in more.items():
            setattr(ds, tag, content)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"IM{number}_{k:04d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
