"""Writes an image or streamlines in another format, chosen by the name of the file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core import Invalid, atomic_write
from appliance.formats.kinds import suffix_of
from appliance.formats.library import nibabel
from appliance.formats.nifti import write_nifti
from appliance.formats.streamlines import read_streamlines, write_tck
from appliance.formats.volumes import read_volume
from appliance.geometry import Tractogram, Volume

__all__ = ["WRITTEN", "convert_file"]

_NRRD_TYPES = {
    "uint8": "uchar",
    "int8": "signed char",
    "int16": "short",
    "uint16": "ushort",
    "int32": "int",
    "uint32": "uint",
    "float32": "float",
    "float64": "double",
}


def convert_file(source: Path, target: Path) -> None:
    """Convert a file.

    Parameters
    ----------
    source : Path
        Any image that is read (NIfTI, NRRD, MGH, MRC ...), or ``.tck`` or ``.trk``.
    target : Path
        One of the names of `WRITTEN`; images to images, streamlines to streamlines.

    Raises
    ------
    Invalid
        If such a file is not written, or not from that source.
    FormatError
        If the source is damaged.
    """
    lines = suffix_of(source) in (".tck", ".trk")
    known: dict[str, Callable[[Path, Any], None]] = _LINES if lines else _IMAGES
    write = known.get(suffix_of(target))
    if write is None:
        raise Invalid(
            f"{source.name} cannot be written as {target.name}",
            hint=f"Let the name end in {', '.join(known)}.",
        )
    write(target, read_streamlines(source) if lines else read_volume(source))


def _nifti(path: Path, volume: Volume) -> None:
    write_nifti(path, volume)


def _mgh(path: Path, volume: Volume) -> None:
    """Write FreeSurfer's format, which knows bytes, shorts, ints and floats."""
    data = volume.data
    if data.dtype not in (np.uint8, np.int16, np.int32, np.float32):
        data = data.astype(np.int32 if data.dtype.kind in "bui" else np.float32)
    image = nibabel("freesurfer").MGHImage(data, volume.affine)
    with atomic_write(path) as raw:
        if suffix_of(path) == ".mgz":
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(raw)


def _nrrd(path: Path, volume: Volume) -> None:
    """Write one file with a text header and packed values; frames come last."""
    data = volume.data if volume.data.dtype.name in _NRRD_TYPES else volume.data.astype(np.float32)
    steps = [_vector(volume.affine[:3, axis]) for axis in range(3)]
    moving = data.ndim == 4
    head = [
        "NRRD0005",
        f"type: {_NRRD_TYPES[data.dtype.name]}",
        f"dimension: {data.ndim}",
        "space: right-anterior-superior",
        f"sizes: {' '.join(map(str, data.shape))}",
        f"space directions: {' '.join([*steps, *(['none'] if moving else [])])}",
        f"kinds: domain domain domain{' list' if moving else ''}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(volume.affine[:3, 3])}",
        "",
        "",
    ]
    values = np.asarray(data, data.dtype.newbyteorder("<")).tobytes(order="F")
    with atomic_write(path) as stream:
        stream.write("\n".join(head).encode("ascii") + gzip.compress(values, 6, mtime=0))


def _vector(numbers: Any) -> str:
    return f"({','.join(f'{float(number):.17g}' for number in numbers)})"


def _trk(path: Path, tracts: Tractogram) -> None:
    """Write TrackVis on a grid of 1 mm around the streamlines, so that places stay exact."""
    nib = nibabel("streamlines")
    low = np.floor(tracts.points.min(axis=0)) if len(tracts.points) else np.zeros(3)
    high = np.ceil(tracts.points.max(axis=0)) if len(tracts.points) else np.ones(3)
    affine = np.eye(4)
    affine[:3, 3] = low
    size = np.minimum(high - low + 1, np.iinfo(np.int16).max).astype(np.int16)
    header = {"voxel_to_rasmm": affine, "voxel_sizes": np.ones(3), "dimensions": size}
    inner = nib.Tractogram(list(tracts), affine_to_rasmm=np.eye(4))
    with atomic_write(path) as stream:
        nib.TrkFile(inner, header={**header, "voxel_order": "RAS"}).save(stream)


_IMAGES: dict[str, Callable[[Path, Volume], None]] = {
    ".nii": _nifti,
    ".nii.gz": _nifti,
    ".nrrd": _nrrd,
    ".mgh": _mgh,
    ".mgz": _mgh,
}
_LINES: dict[str, Callable[[Path, Tractogram], None]] = {".tck": write_tck, ".trk": _trk}
WRITTEN = (*_IMAGES, *_LINES)
