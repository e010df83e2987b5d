"""Reading volumes of any format, and their headers without their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from appliance.core import FormatError
from appliance.formats.complex_parts import ComplexPart
from appliance.formats.guard import reading
from appliance.formats.kinds import suffix_of
from appliance.formats.mrc import mrc_grid, mrc_volume
from appliance.formats.nifti import (
    load_nifti,
    nifti_facts,
    nifti_frame,
    nifti_slab,
    nifti_volume,
)
from appliance.formats.nrrd import nrrd_volume, read_nrrd_header
from appliance.geometry import Volume, orientation_codes, voxel_sizes

__all__ = ["VolumeHeader", "read_frame", "read_header", "read_slab", "read_volume"]


class VolumeHeader(TypedDict):
    """Facts of an image, ready for JSON.

    `shape` has the three axes of space, `n_volumes` counts the rest, `affine` is voxel -> world
    RAS+ mm in rows, `codes` the orientation, `facts` what else the header tells. Free text, which
    may name a patient, is left out.
    """

    format: str
    shape: list[int]
    n_volumes: int
    voxel_mm: list[float]
    dtype: str
    affine: list[list[float]]
    codes: str
    facts: dict[str, Any]


def read_volume(path: Path, part: ComplexPart = "magnitude") -> Volume:
    """Read an image.

    Parameters
    ----------
    path : Path
        NIfTI, Analyze, MGH, NRRD or MRC, compressed or not.
    part : str
        What is taken of complex values; the phase is in radians.

    Returns
    -------
    Volume
        Values with the header's scaling applied, in the machine's byte order.

    Raises
    ------
    FormatError
        If it is damaged, cut off or no image.
    NotFound, StorageError
        If the file is not there or not readable.
    """
    path = Path(path)
    kind = _format_of(path)
    with reading(path, kind[0]), np.errstate(all="ignore"):
        return nifti_volume(path, part) if kind is _NIFTI else kind[2](path)


def read_frame(path: Path, index: int = 0) -> Volume:
    """Read one frame of an image; of NIfTI and MGH files only that frame is loaded.

    Parameters
    ----------
    path : Path
        As for `read_volume`.
    index : int
        Which frame; one past the end gives the last.

    Returns
    -------
    Volume
        Data (I, J, K); colour images keep their last axis.

    Raises
    ------
    FormatError, NotFound, StorageError
        As `read_volume`.
    """
    path = Path(path)
    kind = _format_of(path)
    if kind not in (_NIFTI, _MGH):
        volume = read_volume(path)
        return volume.like(volume.frame(index))
    with reading(path, kind[0]), np.errstate(all="ignore"):
        return nifti_frame(path, index)


def read_slab(path: Path, axis: int, index: int) -> Volume:
    """Read one slice of the first frame of an image; of a plain NIfTI little else is read.

    Parameters
    ----------
    path : Path
        As for `read_volume`.
    axis : {0, 1, 2}
        Axis of the array that the slice is cut across.
    index : int
        Which slice.

    Returns
    -------
    Volume
        One voxel thick along `axis`, at its place in the world.

    Raises
    ------
    FormatError, NotFound, StorageError
        As `read_volume`.
    """
    path = Path(path)
    if path.suffix.lower() == ".nii":
        with reading(path, _NIFTI[0]), np.errstate(all="ignore"):
            slab = nifti_slab(path, axis, index)
        if slab is not None:
            return slab
    whole = read_frame(path)
    affine = np.array(whole.affine)
    affine[:3, 3] += affine[:3, axis] * index
    return Volume(np.take(whole.data, [index], axis=axis), affine)


def read_header(path: Path) -> VolumeHeader:
    """Read shape, place and type of an image; its values are not touched.

    Raises
    ------
    FormatError, NotFound, StorageError
        As `read_volume`.
    """
    path = Path(path)
    name, facts, _ = _format_of(path)
    with reading(path, name), np.errstate(all="ignore"):
        return facts(path)


def _nifti_header(path: Path) -> VolumeHeader:
    image = load_nifti(path)
    facts = nifti_facts(image)
    name = facts.pop("format")
    for private in ("qform", "description"):
        facts.pop(private, None)
    return _header(name, image.shape, image.affine, image.get_data_dtype(), facts)


def _nrrd_header(path: Path) -> VolumeHeader:
    header = read_nrrd_header(path)
    facts = {key: text for key, text in header.facts.items() if key.startswith("Segment")}
    return _header("nrrd", header.shape, header.affine, header.dtype, facts)


def _mrc_header(path: Path) -> VolumeHeader:
    return _header("mrc", *mrc_grid(path), {"length_unit": "angstrom"})


def _header(
    name: str,
    shape: tuple[int, ...],
    affine: ArrayLike,
    dtype: np.dtype[Any],
    facts: dict[str, Any],
) -> VolumeHeader:
    space = [int(n) for n in (*shape, 1, 1)[:3]]
    return VolumeHeader(
        format=name,
        shape=space,
        n_volumes=int(np.prod(shape[3:], dtype=object)),
        voxel_mm=[round(float(size), 6) for size in voxel_sizes(affine)],
        dtype="rgb" if dtype.fields else dtype.newbyteorder("=").name,
        affine=[[float(x) for x in row] for row in np.asarray(affine, float)],
        codes=orientation_codes(affine),
        facts=facts,
    )


_Format = tuple[str, Callable[[Path], VolumeHeader], Callable[[Path], Volume]]
_NIFTI: _Format = ("NIfTI", _nifti_header, nifti_volume)
_MGH: _Format = ("MGH", _nifti_header, nifti_volume)
_NRRD: _Format = ("NRRD", _nrrd_header, nrrd_volume)
_MRC: _Format = ("MRC", _mrc_header, mrc_volume)
_FORMATS: dict[str, _Format] = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr", ".img"), _NIFTI),
    **dict.fromkeys((".mgh", ".mgz"), _MGH),
    **dict.fromkeys((".nrrd", ".nhdr", ".seg.nrrd"), _NRRD),
    **dict.fromkeys((".mrc", ".mrc.gz", ".map", ".rec", ".st", ".ali", ".preali"), _MRC),
}


def _format_of(path: Path) -> _Format:
    suffix = suffix_of(path)
    if suffix not in _FORMATS:
        raise FormatError(
            f"{path.name} is not an image format that is read here",
            hint="Images are NIfTI (.nii, .nii.gz), MGH, NRRD or MRC files.",
        )
    return _FORMATS[suffix]
