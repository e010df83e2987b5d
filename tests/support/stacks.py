"""Series of DICOM objects as scanners write them, for conversions: made small or as large as real.

Single slices of one volume or of several, with what converters look at; every element is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Stack", "diffusion_tags", "write_enhanced", "write_stack"]

_ROOT = "1.2.826.0.1.3680043.10.1000"
_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass
class Stack:
    """What a scanner made: volumes of slices.

    Attributes
    ----------
    shape : tuple of int
        Columns, rows, slices, volumes.
    step : tuple of float or None
        From one slice to the next in mm; along the normal by default.
    private_bytes : int
        Length of the vendor's own block, as real headers have.
    per_volume : sequence of dict
        Elements of each volume.
    """

    shape: tuple[int, int, int, int] = (20, 18, 6, 1)
    orientation: Sequence[float] = _AXIAL
    origin: Sequence[float] = (-31.5, -22.25, 14.125)
    spacing: tuple[float, float] = (1.25, 1.25)
    slice_mm: float = 2.5
    step: Sequence[float] | None = None
    modality: str = "MR"
    number: int = 5
    stored: str = "<u2"
    ceiling: int = 1800
    slope: tuple[float, float] | None = None
    private_bytes: int = 0
    tags: dict[str, Any] = field(default_factory=dict)
    per_volume: Sequence[dict[str, Any]] = ()
    data: Any = None  # (volumes, slices, rows, columns)

    @property
    def uid(self) -> str:
        """Its SeriesInstanceUID."""
        return f"{_ROOT}.{self.number}"

    def volumes(self) -> Any:
        """Give its stored values."""
        if self.data is not None:
            return np.asarray(self.data, self.stored)
        columns, rows, slices, volumes = self.shape
        noise = np.random.default_rng(self.number)
        low = -self.ceiling // 2 if self.stored == "<i2" else 0
        shape = volumes, slices, rows, columns
        return noise.integers(low, self.ceiling, shape, dtype=np.int32).astype(self.stored)

    def position(self, index: int) -> list[float]:
        """Give where a slice lies."""
        turn = np.asarray(self.orientation, float)
        normal = np.cross(turn[:3], turn[3:]) * self.slice_mm
        step = np.asarray(normal if self.step is None else self.step, float)
        return [round(float(x), 6) for x in np.asarray(self.origin) + index * step]


def diffusion_tags(n: int, b_value: float = 1000.0) -> list[dict[str, Any]]:
    """Make the elements of n volumes, the first without diffusion weighting, as Philips does."""
    noise = np.random.default_rng(7)
    found: list[dict[str, Any]] = []
    for volume in range(n):
        turn = noise.normal(size=3)
        turn = turn / np.linalg.norm(turn) if volume else np.zeros(3)
        found.append(
            {
                "DiffusionBValue": b_value if volume else 0.0,
                "DiffusionGradientOrientation": [float(x) for x in turn],
            }
        )
    return found


def write_stack(folder: Path, stack: Stack) -> list[Path]:
    """Write each slice as a file, volume after volume."""
    folder.mkdir(parents=True, exist_ok=True)
    ds = _common(stack)
    values = stack.volumes()
    paths = []
    for volume, index in _order(stack):
        instance = volume * stack.shape[2] + index + 1
        ds.SOPInstanceUID = f"{stack.uid}.{instance}"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.InstanceNumber = instance
        ds.ImagePositionPatient = [f"{x:.6g}" for x in stack.position(index)]
        second = 2 * volume
        ds.AcquisitionTime = f"10{second // 60:02d}{second % 60:02d}.000000"
        if stack.modality == "MR":
            ds.TemporalPositionIdentifier = volume + 1
        for name, value in (stack.per_volume[volume] if stack.per_volume else {}).items():
            setattr(ds, name, value)
        ds.PixelData = values[volume, index].tobytes()
        path = folder / f"{instance:06d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def write_enhanced(folder: Path, stack: Stack) -> Path:
    """Write all slices as the frames of one enhanced MR object."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    folder.mkdir(parents=True, exist_ok=True)
    ds = _common(stack)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{stack.uid}.1"
    ds.InstanceNumber = 1
    ds.NumberOfFrames = stack.shape[2] * stack.shape[3]
    shared, plane, turn = Dataset(), Dataset(), Dataset()
    plane.PixelSpacing, plane.SliceThickness = ds.PixelSpacing, ds.SliceThickness
    plane.SpacingBetweenSlices = stack.slice_mm
    turn.ImageOrientationPatient = ds.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([plane]), Items([turn])
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.PerFrameFunctionalGroupsSequence = Items(_frames(stack))
    for name in ("PixelSpacing", "ImageOrientationPatient", "SliceThickness"):
        delattr(ds, name)
    ds.PixelData = stack.volumes().tobytes()
    path = folder / "enhanced.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def _frames(stack: Stack) -> Iterator[Any]:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    for volume, index in _order(stack):
        frame, place, content = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [f"{x:.6g}" for x in stack.position(index)]
        content.InStackPositionNumber, content.StackID = index + 1, "1"
        content.TemporalPositionIndex = volume + 1
        content.DimensionIndexValues = [1, index + 1, volume + 1]
        frame.FrameContentSequence, frame.PlanePositionSequence = Items([content]), Items([place])
        yield frame


def _order(stack: Stack) -> Iterator[tuple[int, int]]:
    return ((t, k) for t in range(stack.shape[3]) for k in range(stack.shape[2]))


def _common(stack: Stack) -> Any:
    """Make what all slices say."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    ds = Dataset()
    is_mr = stack.modality == "MR"
    kind = {"MR": "4", "CT": "2", "PT": "128"}[stack.modality]
    ds.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{_ROOT}.1", stack.uid
    ds.FrameOfReferenceUID = f"{_ROOT}.9"
    ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = (
        "STACK-1", "MADE^STACK", "19700102", "O",
    )  # fmt: skip
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240502"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101112"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = stack.modality, "Philips", "Made"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.StudyID, ds.AccessionNumber = stack.number, 1, "1", ""
    ds.SeriesDescription = ds.ProtocolName = f"made_{stack.number}"
    ds.StudyDescription, ds.ReferringPhysicianName, ds.PatientPosition = "head", "", "HFS"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"] if is_mr else ["ORIGINAL", "PRIMARY", "AXIAL"]
    if is_mr:
        ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.MagneticFieldStrength = 2000, 2.3, 8, 3
        ds.ScanningSequence, ds.SequenceVariant = "GR", "SP"
        ds.MRAcquisitionType = "3D" if stack.shape[3] == 1 else "2D"
    ds.PixelSpacing, ds.SliceThickness = list(stack.spacing), stack.slice_mm
    if is_mr:
        ds.SpacingBetweenSlices = stack.slice_mm
    ds.ImageOrientationPatient = [f"{x:.8g}" for x in stack.orientation]
    ds.Columns, ds.Rows = stack.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = int(stack.stored == "<i2")
    if stack.slope:
        ds.RescaleSlope, ds.RescaleIntercept = stack.slope
    if stack.private_bytes:
        block = ds.private_block(0x0099, "MADE 1.0", create=True)
        block.add_new(0x01, "OB", bytes(stack.private_bytes))
    for name, value in stack.tags.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
