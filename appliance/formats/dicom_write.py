"""From a volume to single-frame DICOM objects, one for each slice; knows no rules about patients.

Whose image it is and how it was made comes as tags; geometry, pixels and identifiers are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.core import FormatError, Invalid
from appliance.geometry import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

__all__ = ["dicom_series", "dicom_uid", "write_dicom_series"]

_STORAGE = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
_SIGNED = {np.dtype(np.int16): 1, np.dtype(np.uint16): 0}
_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def dicom_uid(*parts: object) -> str:
    """Make a UID that depends on `parts` only, so that a second run gives the same objects."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def dicom_series(volume: Volume, tags: Mapping[str, Any]) -> list[Dataset]:
    """Make one object for each slice along the third axis.

    Parameters
    ----------
    volume : Volume
        int16 or uint16 (I, J, K); I runs along the image rows, J down the columns, K over the
        slices. Affine voxel -> world, RAS+ mm.
    tags : mapping
        Values by DICOM keyword. ``Modality`` and ``StudyInstanceUID`` are needed; without a
        ``SeriesInstanceUID`` one is made of the study's, the number and the description. What is
        named here wins over what is worked out.

    Returns
    -------
    list of Dataset
        Each with its file meta information, ready to be written or sent.

    Raises
    ------
    FormatError
        If the volume has no form that single-frame objects can hold.
    Invalid
        If a tag is unknown or missing, or the modality is none that is written.
    """
    _check(volume, tags)
    common = _common(volume, tags)
    return [_instance(volume, common, k) for k in range(volume.data.shape[2])]


def write_dicom_series(folder: Path, volume: Volume, tags: Mapping[str, Any]) -> list[Path]:
    """Write a series as numbered ``.dcm`` files and return their paths; see `dicom_series`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for item in dicom_series(volume, tags):
        path = folder / f"{item.Modality}{int(item.InstanceNumber):04d}.dcm"
        item.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _check(volume: Volume, tags: Mapping[str, Any]) -> None:
    from pydicom.datadict import tag_for_keyword

    if volume.data.ndim != 3 or volume.data.dtype not in _SIGNED:
        told = f"{volume.data.dtype} with {volume.data.ndim} axes"
        raise FormatError(f"no DICOM series can hold {told}", hint="Use a 3D image of 16 bits.")
    unknown = [name for name in tags if tag_for_keyword(name) is None]
    if unknown:
        raise Invalid(f"no DICOM keyword: {', '.join(unknown)}")
    missing = [name for name in ("Modality", "StudyInstanceUID") if not tags.get(name)]
    if missing:
        raise Invalid(f"a DICOM series needs {' and '.join(missing)}")
    if tags["Modality"] not in _STORAGE and "SOPClassUID" not in tags:
        raise Invalid(
            f"no DICOM objects are written of modality {tags['Modality']!r}",
            hint=f"Modalities: {', '.join(_STORAGE)}.",
        )


def _common(volume: Volume, tags: Mapping[str, Any]) -> Dataset:
    """Everything that all slices of a series share."""
    from pydicom.dataset import Dataset

    study = tags["StudyInstanceUID"]
    number, description = tags.get("SeriesNumber", ""), tags.get("SeriesDescription", "")
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = _STORAGE.get(tags["Modality"])
    ds.SeriesInstanceUID = dicom_uid(study, number, description)
    ds.FrameOfReferenceUID = dicom_uid(study, "frame")
    ds.AcquisitionNumber = 1
    _geometry(ds, volume)
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def _geometry(ds: Dataset, volume: Volume) -> None:
    """Pixel module and orientation."""
    steps = volume.affine[:3, :3]
    column, row, between = (float(np.linalg.norm(steps[:, a])) for a in range(3))
    ds.ImageOrientationPatient = [f"{v:.9f}" for v in np.concatenate(_directions(volume.affine))]
    ds.PixelSpacing = [f"{row:.6f}", f"{column:.6f}"]
    ds.SliceThickness = ds.SpacingBetweenSlices = f"{between:.6f}"
    ds.Rows, ds.Columns = int(volume.data.shape[1]), int(volume.data.shape[0])
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = _SIGNED[volume.data.dtype]


def _directions(affine: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Unit vectors along rows and columns in DICOM's LPS frame."""
    return [_TO_LPS @ affine[:3, a] / np.linalg.norm(affine[:3, a]) for a in (0, 1)]


def _instance(volume: Volume, common: Dataset, k: int) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.update(common)
    item.SOPInstanceUID = dicom_uid(common.SeriesInstanceUID, "instance", k)
    item.file_meta = _meta(item)
    corner = _TO_LPS @ (volume.affine @ [0, 0, k, 1])[:3]
    item.ImagePositionPatient = [f"{v:.6f}"[:16] for v in corner]
    along_rows, along_columns = _directions(volume.affine)
    normal = np.cross(along_rows, along_columns)
    item.SliceLocation = f"{float(np.dot(corner, normal)):.6f}"
    item.InstanceNumber = k + 1
    pixels = np.ascontiguousarray(volume.data[:, :, k].T)
    item.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    return item


def _meta(item: Dataset) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = item.SOPClassUID
    meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
