"""Single frames of DICOM objects: where each lies in space, and its stored values.

Objects with compressed pixels are decoded in a child process, because what comes from outside may
crash a decoder.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.dicom_colour import is_colour
from appliance.formats.dicom_open import open_dicom, pixel_array

__all__ = ["DicomFrame", "decode_frame", "frame_pixels", "is_compressed", "scan_frames"]

_DECODE_S = 60
_MOSAIC_TILES = (0x0019, 0x100A)


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One frame of one object.

    Attributes
    ----------
    position, rows_along, columns_along : ndarray or None
        Centre of the first voxel, and directions along a row and down a column, in LPS+ mm; None
        when the object does not tell.
    spacing : tuple of float
        Distance of rows and of columns in mm.
    tiles : int
        Slices that a mosaic holds; 0 for an ordinary frame.
    in_colour : bool
        Whether a pixel has a colour, of its own or of a palette.
    length_unit : str
        What the distances are: ``mm``, ``detector`` (mm where the beam met it) or ``pixel``, where
        nobody knows.
    inverted : bool
        Whether the lowest value is the brightest.
    """

    path: Path
    frame: int
    sop_uid: str
    series_uid: str
    instance_number: int | None
    n_rows: int
    n_columns: int
    position: NDArray[np.float64] | None
    rows_along: NDArray[np.float64] | None
    columns_along: NDArray[np.float64] | None
    spacing: tuple[float, float]
    slope: float
    intercept: float
    tiles: int = 0
    in_colour: bool = False
    length_unit: str = "mm"
    inverted: bool = False


def scan_frames(paths: Iterable[Path]) -> list[DicomFrame]:
    """Read the headers of objects; what is no image is left out."""
    return [frame for path in paths for frame in _frames(path)]


def frame_pixels(frame: DicomFrame) -> NDArray[Any]:
    """Give the stored values of a frame, (rows, columns).

    Raises
    ------
    FormatError
        If they cannot be decoded.
    """
    command = [sys.executable, "-m", __name__, str(frame.path), str(frame.frame)]
    try:
        if not is_compressed(frame.path):
            return decode_frame(frame.path, frame.frame)
        done = subprocess.run(command, capture_output=True, timeout=_DECODE_S, check=True)
        found: NDArray[Any] = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    except (OSError, ValueError, AttributeError, RuntimeError, subprocess.SubprocessError) as error:
        raise FormatError("the stored values of the object cannot be decoded") from error
    return found


def _frames(path: Path) -> Iterator[DicomFrame]:
    from pydicom.errors import InvalidDicomError

    try:
        ds = open_dicom(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError, ValueError):
        return
    if not (ds.get("Rows") and ds.get("Columns")):
        return
    n_frames = int(ds.get("NumberOfFrames") or 1)
    groups = ds.get("PerFrameFunctionalGroupsSequence") or [None] * n_frames
    for number in range(n_frames):
        yield _frame(path, ds, groups[number] if number < len(groups) else None, number)


def _frame(path: Path, ds: Any, group: Any, number: int) -> DicomFrame:
    position = _find(ds, group, "PlanePositionSequence", "ImagePositionPatient")
    turn = _find(ds, group, "PlaneOrientationSequence", "ImageOrientationPatient")
    spacing, kind = _spacing(ds, group)
    slope = _find(ds, group, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = _find(ds, group, "PixelValueTransformationSequence", "RescaleIntercept")
    along = None if turn is None else np.array([float(x) for x in turn])
    mosaic = "MOSAIC" in (ds.get("ImageType") or ())
    tiles = ds.get(_MOSAIC_TILES)
    return DicomFrame(
        path=path,
        frame=number,
        sop_uid=str(ds.get("SOPInstanceUID", "")),
        series_uid=str(ds.get("SeriesInstanceUID", "")),
        instance_number=int(ds.InstanceNumber) if ds.get("InstanceNumber") else None,
        n_rows=int(ds.Rows),
        n_columns=int(ds.Columns),
        position=None if position is None else np.array([float(x) for x in position]),
        rows_along=None if along is None else along[:3],
        columns_along=None if along is None else along[3:],
        spacing=spacing,
        length_unit=kind,
        inverted=str(ds.get("PhotometricInterpretation", "")) == "MONOCHROME1",
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        tiles=int(tiles.value) if mosaic and tiles is not None else 0,
        in_colour=is_colour(ds),
    )


def _spacing(ds: Any, group: Any) -> tuple[tuple[float, float], str]:
    """Give the distance of rows and of columns, and what it is: not every object knows it in mm."""
    own = _find(ds, group, "PixelMeasuresSequence", "PixelSpacing")
    for found, kind in ((own, "mm"), (ds.get("ImagerPixelSpacing"), "detector")):
        if found is not None and len(found) == 2 and min(map(float, found)) > 0:
            return (float(found[0]), float(found[1])), kind
    return (1.0, 1.0), "pixel"


def _find(ds: Any, group: Any, sequence: str, keyword: str) -> Any:
    """Look in the frame's own group, in the shared one, then in the object itself."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    for place in (group, shared):
        items = place.get(sequence) if place is not None else None
        if items and items[0].get(keyword) is not None:
            return items[0].get(keyword)
    return ds.get(keyword)


def is_compressed(path: Path) -> bool:
    """Tell whether the values of an object are packed."""
    meta = open_dicom(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
    return "TransferSyntaxUID" in meta and bool(meta.TransferSyntaxUID.is_compressed)


def decode_frame(path: Path, number: int) -> NDArray[Any]:
    """Give the stored values of a frame; whatever the decoder raises is passed on."""
    found = pixel_array(path, number, raw=True)
    if found.ndim != 2:
        raise ValueError("a colour image has no single value")
    return found


if __name__ == "__main__":
    np.save(sys.stdout.buffer, decode_frame(Path(sys.argv[1]), int(sys.argv[2])))
