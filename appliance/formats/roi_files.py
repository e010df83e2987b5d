"""Masks and label maps on the grid of another image: written to the bit of its geometry.

The names and colours of a label map stand in the NIfTI header as the XML table that NORA and Caret
read: ``<Label Key Red Green Blue>name</Label>``, colours from 0 to 1.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid
from appliance.formats.guard import reading
from appliance.formats.kinds import suffix_of
from appliance.formats.library import nibabel
from appliance.formats.nifti import header_marks, load_nifti, marked_facts
from appliance.geometry import Grid

__all__ = ["Label", "RoiReference", "read_labels", "read_reference", "read_xdata", "write_roi"]

_NIFTI = frozenset({".nii", ".nii.gz", ".hdr", ".img"})
_PLACE = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)
_MAX_NIFTI1_LENGTH = 32767
_MAX_TABLE_BYTES = 4 << 20
_CARET = 30  # the registered code of this kind of extension
_LABEL = re.compile(r"<Label\b([^>]*)>(.*?)</Label>", re.DOTALL)
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*[\"']([^\"']*)[\"']")
_TABLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<CaretExtension><VolumeInformation Index="0">\n'
    "<LabelTable>\n{}\n</LabelTable>\n<VolumeType>Label</VolumeType>\n"
    "</VolumeInformation></CaretExtension>\n"
)
_ROW = '<Label Key="{}" Red="{:.6g}" Green="{:.6g}" Blue="{:.6g}" Alpha="1">{}</Label>'


@dataclass(frozen=True)
class Label:
    """One label of a map; `color` is ``#rrggbb``."""

    value: int
    name: str
    color: str


@dataclass(frozen=True, eq=False)
class RoiReference:
    """The geometry that a ROI copies.

    Attributes
    ----------
    grid : Grid
        Shape and affine of one frame.
    n_frames : int
        Length of the fourth axis.
    sform_code, qform_code : int
        NIfTI codes of the two forms.
    header : object, optional
        The NIfTI header to copy from, field by field; without it `grid` becomes both forms.
    length_unit : str
        What a length of the grid is: ``mm``, ``detector``, ``angstrom`` or ``pixel``.
    """

    grid: Grid
    n_frames: int = 1
    sform_code: int = 1
    qform_code: int = 1
    header: Any = None
    length_unit: str = "mm"


def read_reference(path: Path) -> RoiReference:
    """Read the geometry of an image, and nothing of its values.

    Raises
    ------
    FormatError
        If it cannot be read, or has no place in space.
    """
    if suffix_of(path) in _NIFTI:
        with reading(path, "NIfTI"):
            return _nifti_reference(path)
    from appliance.formats.volumes import read_header

    facts = read_header(path)
    grid = Grid(_three(facts["shape"]), np.array(facts["affine"]))
    unit = facts["facts"].get("length_unit", "mm")
    return RoiReference(grid, int(facts.get("n_volumes", 1)), length_unit=unit)


def write_roi(
    stream: BinaryIO,
    name: str,
    data: NDArray[Any],
    reference: RoiReference,
    labels: Sequence[Label] = (),
) -> None:
    """Write a mask or label map onto the grid of its reference.

    Parameters
    ----------
    stream : BinaryIO
        Open file.
    name : str
        Ends in ``.nii``, or in ``.nii.gz`` to be compressed.
    data : ndarray
        (I, J, K) or (I, J, K, T), uint8 or uint16.
    labels : sequence of Label
        Names and colours to be put into the header.

    Raises
    ------
    Invalid
        If the name ends in something else, or the shape is not that of the reference.
    """
    if not name.endswith((".nii", ".nii.gz")):
        raise Invalid(f"not a NIfTI name: {name}", hint="Let it end in .nii or .nii.gz.")
    if data.shape[:3] != reference.grid.shape:
        raise Invalid(
            f"the ROI has {_times(data.shape[:3])} voxels and its reference"
            f" {_times(reference.grid.shape)}"
        )
    image = _copied(data, reference) if reference.header is not None else _made(data, reference)
    if marks := header_marks({"length_unit": reference.length_unit}):
        image.header["intent_name"] = marks
    if labels:
        extension = nibabel().nifti1.Nifti1Extension(_CARET, _table(labels))
        image.header.extensions.append(extension)
    with _packed(stream, name) as out:
        image.to_stream(out)


def read_labels(path: Path) -> list[Label]:
    """Read the names and colours that a NIfTI label map carries; none for other files."""
    for raw in _extensions(path):
        if b"<Label" in raw:
            return _labels(raw.decode("utf-8", "replace"))
    return []


def read_xdata(path: Path) -> list[float]:
    """Read what the header says of the time points, ``{"xdata": [...]}``; none for most files."""
    for raw in _extensions(path):
        if b'"xdata"' not in raw:
            continue
        try:
            told = json.loads(raw.rstrip(b"\0"))["xdata"]
            return [float(x) for x in told]
        except (ValueError, TypeError, KeyError):
            continue
    return []


def _extensions(path: Path) -> list[bytes]:
    """Give the contents of a NIfTI header's extensions; none of other files, none that is huge."""
    if suffix_of(path) not in _NIFTI:
        return []
    with reading(path, "NIfTI"):
        found = [bytes(e.content) for e in getattr(load_nifti(path).header, "extensions", ())]
    return [raw for raw in found if len(raw) <= _MAX_TABLE_BYTES]


def _nifti_reference(path: Path) -> RoiReference:
    image = load_nifti(path)
    header, shape = image.header, image.shape
    if image.affine is None or not np.isfinite(image.affine).all():
        raise FormatError(f"{path.name} has no place in space")
    grid = Grid(_three(shape), image.affine)
    n_frames = int(np.prod(shape[3:])) if len(shape) > 3 else 1
    if not hasattr(header, "get_sform"):  # Analyze: an affine by convention only
        return RoiReference(grid, n_frames)
    codes = int(header["sform_code"]), int(header["qform_code"])
    marked = marked_facts(bytes(header["intent_name"]).split(b"\0")[0])
    unit = marked.get("length_unit", "mm")
    return RoiReference(grid, n_frames, *codes, header=header, length_unit=unit)


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    i, j, k = (*(int(n) for n in shape[:3]), 1, 1)[:3]
    return i, j, k


def _copied(data: NDArray[Any], reference: RoiReference) -> Any:
    """Copy the fields that tell the place, one by one: nothing is computed anew."""
    nib, source = nibabel(), reference.header
    wide = int(source["sizeof_hdr"]) == 540 or max(data.shape) > _MAX_NIFTI1_LENGTH
    kind = nib.Nifti2Image if wide else nib.Nifti1Image
    header = kind.header_class()
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    for field in _PLACE:
        header[field] = source[field]
    header["pixdim"][:4] = source["pixdim"][:4]
    if data.ndim == 4 and int(source["dim"][0]) > 3:
        header["pixdim"][4] = source["pixdim"][4]
    return kind(data, None, header)


def _made(data: NDArray[Any], reference: RoiReference) -> Any:
    nib = nibabel()
    large = max(data.shape) > _MAX_NIFTI1_LENGTH
    image = (nib.Nifti2Image if large else nib.Nifti1Image)(data, reference.grid.affine)
    image.set_sform(reference.grid.affine, reference.sform_code or 1)
    image.set_qform(reference.grid.affine, reference.qform_code or 1)
    image.header.set_xyzt_units("mm", "sec")
    return image


@contextmanager
def _packed(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if not name.endswith(".gz"):
        yield raw
        return
    with gzip.GzipFile("", "wb", 4, raw, mtime=0) as stream:
        yield stream  # type: ignore[misc]


def _table(labels: Sequence[Label]) -> bytes:
    rows = [
        _ROW.format(
            label.value,
            *(int(label.color[at : at + 2], 16) / 255 for at in (1, 3, 5)),
            html.escape(label.name, quote=False),
        )
        for label in labels
    ]
    return _TABLE.format("\n".join(rows)).encode()


def _labels(text: str) -> list[Label]:
    """Read the rows of a table; a row without a whole number as key is left out."""
    found = []
    for attributes, name in _LABEL.findall(text):
        told = dict(_ATTRIBUTE.findall(attributes))
        if told.get("Key", "").strip().isdecimal():
            shades = [_shade(told.get(part, "1")) for part in ("Red", "Green", "Blue")]
            color = "#{:02x}{:02x}{:02x}".format(*shades)
            found.append(Label(int(told["Key"]), html.unescape(name).strip(), color))
    return found


def _shade(text: str) -> int:
    try:
        return round(255 * min(1.0, max(0.0, float(text))))
    except ValueError:
        return 255


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
