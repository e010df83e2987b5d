"""Series of DICOM objects as scanners write them, for conversions: made small or as large as real.

Single slices of one volume or of several, with what converters look at; every element is made up.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Stack", "diffusion_tags", "write_enhanced", "write_mosaics", "write_stack"]

_ROOT = "1.2.826.0.1.3680043.10.1000"
_DIMENSIONS = (0x00209056, 0x00209057, 0x00209128)  # stack, place in it, time
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
    """Write all slices as the frames of one enhanced object."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    folder.mkdir(parents=True, exist_ok=True)
    ds = _common(stack)
    kind = {"MR": "4.1", "CT": "2.1", "PT": "130"}[stack.modality]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
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
    ds.DimensionIndexSequence = Items([_dimension(tag) for tag in _DIMENSIONS])
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
        told = stack.per_volume[volume] if stack.per_volume else {}
        if "DiffusionBValue" in told:
            frame.MRDiffusionSequence = Items([_weighting(told)])
        yield frame


def _dimension(tag: int) -> Any:
    from pydicom.dataset import Dataset

    found = Dataset()
    found.DimensionIndexPointer, found.FunctionalGroupPointer = tag, 0x00209111
    found.DimensionOrganizationUID = f"{_ROOT}.12"
    return found


def _weighting(told: dict[str, Any]) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    found, turn = Dataset(), Dataset()
    found.DiffusionBValue = told["DiffusionBValue"]
    found.DiffusionDirectionality = "DIRECTIONAL" if told["DiffusionBValue"] else "NONE"
    if told["DiffusionBValue"]:
        turn.DiffusionGradientOrientation = told["DiffusionGradientOrientation"]
        found.DiffusionGradientDirectionSequence = Items([turn])
    return found


def write_mosaics(
    folder: Path,
    volumes: int,
    change: Callable[[Any, int], None] | None = None,
    *,
    every: int = 4,
    weighted: bool = False,
) -> list[Path]:
    """Write a series grown from a real Siemens mosaic of nibabel's, each with other values.

    Parameters
    ----------
    change : callable or None
        Called with each data set and its index before it is written.
    every : int
        How much coarser its slices are than 128 x 128.
    weighted : bool
        Whether it keeps what makes it a series of diffusion weighted ones.
    """
    import nibabel
    from pydicom import dcmread

    real = Path(nibabel.__file__).parent / "nicom" / "tests" / "data" / "siemens_dwi_0.dcm.gz"
    with gzip.open(real) as packed:
        ds = dcmread(io.BytesIO(packed.read()))
    values = ds.pixel_array.astype("<u2")[::every, ::every]
    ds.Rows, ds.Columns = values.shape
    ds.PixelSpacing = [float(x) * every for x in ds.PixelSpacing]
    if not weighted:
        _unweight(ds)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(volumes):
        ds.InstanceNumber = ds.AcquisitionNumber = index + 1
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{_ROOT}.11.{index + 1}"
        seconds = 36_000 + 6.6 * index
        ds.AcquisitionTime = ds.ContentTime = (
            f"{int(seconds // 3600):02d}{int(seconds // 60 % 60):02d}{seconds % 60:09.6f}"
        )
        ds.PixelData = np.roll(values, 3 * index, axis=1).tobytes()
        if change is not None:
            change(ds, index)
        paths.append(folder / f"{index:05d}.dcm")
        ds.save_as(paths[-1])
    return paths


def _unweight(ds: Any) -> None:
    """Make a diffusion weighted mosaic one that never was."""
    ds.ImageType, ds.SequenceName = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], "*epfid2d1_64"
    for tag in (0x0019100C, 0x0019100D, 0x0019100E, 0x00191027):
        if tag in ds:
            del ds[tag]
    block = ds[0x00291010].value
    for name in (
        b"B_value",
        b"B_matrix",
        b"DiffusionDirectionality",
        b"DiffusionGradientDirection",
    ):
        at = block.find(name + b"\0")
        end, items = at + 84, b""
        for _ in range(int.from_bytes(block[at + 76 : at + 80], "little")):
            length = int.from_bytes(block[end + 4 : end + 8], "little")
            items += bytes(8) + block[end + 8 : end + 12] + bytes(4)
            end += 16 + length + -length % 4
        block = block[: at + 84] + items + block[end:]
    ds[0x00291010].value = block


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
