"""ROIs, their versions and comparisons, as the API takes and gives them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.viewing import Segment
from appliance.web.schemas.base import Input
from appliance.web.schemas.data import FileRow

__all__ = [
    "Agreement",
    "ChosenRoi",
    "CompareRois",
    "DrawnRoi",
    "ExplicitGrid",
    "FileVersion",
    "Restore",
    "RoiFile",
    "SaveRois",
    "SavedFile",
    "SliceDifference",
]

IfChanged = Literal["refuse", "replace", "new_name"]


class ExplicitGrid(Input, frozen=True):
    """A geometry that is not taken from a file; `affine` is voxel -> world RAS+ mm.

    `length_unit` says what these are where they are no millimetres.
    """

    shape: tuple[int, int, int]
    affine: list[list[float]]
    sform_code: int = 1
    qform_code: int = 1
    length_unit: Literal["mm", "angstrom", "detector", "pixel"] = "mm"


class DrawnRoi(Input, frozen=True):
    """One ROI.

    Attributes
    ----------
    data : bytes
        Base64 of gzip of one bit or one byte per voxel, i fastest, lowest bit first; each frame
        begins at a byte.
    value : int
        Its number in a label map; 0: the next free one.
    """

    name: str
    data: bytes
    color: str = ""
    value: int = 0


class SaveRois(Input, frozen=True):
    """ROIs to be saved as one file.

    Attributes
    ----------
    reference_id : int or None
        Image whose geometry and codes are copied; else `grid`.
    version : str or None
        Of the file that was loaded; null: there must be none.
    if_changed : str
        What to do when the file is no longer that version.
    """

    path: str
    rois: list[DrawnRoi]
    reference_id: int | None = None
    grid: ExplicitGrid | None = None
    kind: Literal["mask", "labels"] = "mask"
    n_frames: int = 1
    packing: Literal["bits", "bytes"] = "bits"
    overlap: Literal["refuse", "last"] = "refuse"
    tags: list[str] = msgspec.field(default_factory=list)
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class SavedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was saved.

    Attributes
    ----------
    version_n : int
        Number of this version.
    operation_id : int
        Takes the save back.
    requested_path : str
        Differs from that of `file` when it was saved under a new name.
    """

    file: FileRow
    created: bool
    version_n: int
    operation_id: int
    requested_path: str
    segments: list[Segment]


class RoiFile(msgspec.Struct, frozen=True, kw_only=True):
    """A mask or label map with its segments; `kept` names an earlier version."""

    file_id: int
    path: str
    name: str
    version: str
    kept: int | None
    kind: str
    shape: list[int]
    affine: list[list[float]]
    sform_code: int
    qform_code: int
    n_frames: int
    segments: list[Segment]


class FileVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a file; the present one is first in a list."""

    n: int
    is_current: bool
    saved_at: str
    saved_by: str
    origin: str
    note: str
    size_bytes: int
    sha256: str
    version: str


class Restore(Input, frozen=True):
    """Bring an earlier version back; `version` is the present one that was looked at."""

    version: str
    if_changed: Literal["refuse", "replace"] = "refuse"
    note: str = ""


class ChosenRoi(Input, frozen=True):
    """One ROI of a file; without `value` all that is above 0."""

    file_id: int
    value: int = 0
    kept: int | None = None


class CompareRois(Input, frozen=True):
    """Two ROIs: two versions, two raters, or any others."""

    a: ChosenRoi
    b: ChosenRoi
    frame: int = 0


class SliceDifference(msgspec.Struct, frozen=True):
    """Voxels of a slice of the first ROI's grid that only one of the two holds."""

    k: int
    n_only_a: int
    n_only_b: int


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How well two ROIs agree; distances in mm between the borders, null when one is empty.

    Without a known size of a voxel (`length_unit`) there are neither volumes nor distances.
    """

    dice: float | None
    jaccard: float | None
    n_a: int
    n_b: int
    n_both: int
    n_only_a: int
    n_only_b: int
    length_unit: str
    volume_a_ml: float | None
    volume_b_ml: float | None
    mean_surface_mm: float | None
    hausdorff_mm: float | None
    hausdorff95_mm: float | None
    resampled: str
    slices: list[SliceDifference]
