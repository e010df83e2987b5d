"""Where an image lies that the converter sheared back from the tilt of a gantry.

dcm2niix shears the slices right, but puts the image some millimetres beside where they were taken,
save for one sign of the tilt and one order of the slices. This finds a slice that it did not have
to interpolate, and moves the image to where that one lies; no voxel is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.exchange.dcm2niix import Output

if TYPE_CHECKING:
    from appliance.formats import DicomRecord, ImageHead

__all__ = ["MOVED", "place_tilted"]

MOVED = "OriginMovedMm"
"""Field of the sidecar: by how much, (3,) RAS+ mm."""
_TILT = "Tilt"
_LEAST_MM = 0.01
_MOST_APART_MM = 0.5  # between two ways to measure how far the slices reach
_TO_RAS = np.array([-1.0, -1.0, 1.0])


def place_tilted(outputs: Sequence[Output], source: Path) -> list[Output]:
    """Move images that were sheared back to where their slices lie.

    Parameters
    ----------
    outputs : sequence of Output
        What the converter made of a series, main image first.
    source : Path
        Folder with the objects of the series.

    Returns
    -------
    list of Output
        The same; one that was moved has a sidecar that says by how much.

    Notes
    -----
    Left alone are images of which no slice is found as it was, or whose objects tell no places.
    """
    mains = {one.variant: one for one in outputs}
    return [
        _placed(one, mains[main], source)
        if _TILT in one.variant and (main := _variant_before(one.variant)) in mains
        else one
        for one in outputs
    ]


def _variant_before(variant: str) -> str:
    """Give the variant of the image that was sheared: ``Tilt_1`` is of the main one."""
    return variant.partition(_TILT)[0].rstrip("_")


def _placed(output: Output, main: Output, source: Path) -> Output:
    from appliance.formats import ImageHead, NotPlain

    try:
        heads = ImageHead.read(main.image), ImageHead.read(output.image)
    except NotPlain:
        return output
    found = _as_it_was(_mapped(main.image, heads[0]), _mapped(output.image, heads[1]))
    ends = _ends(source, heads[1])
    if found is None or ends is None:
        return output
    index, row = found
    moved = _corner(ends[index > 0], heads[1]) - (heads[1].affine @ [0, row, index, 1])[:3]
    return _moved(output, main, heads[1], moved) if np.abs(moved).max() > _LEAST_MM else output


def _as_it_was(before: NDArray[Any], after: NDArray[Any]) -> tuple[int, int] | None:
    """Find the first or the last slice, and the row it begins at, in a sheared image (T, Z, Y, X).

    One of the two was not moved, or by whole rows only.
    """
    volumes, slices, n_rows, _ = before.shape
    room = after.shape[2] - n_rows
    for index in (0, slices - 1) if volumes == 1 and before.shape[:2] == after.shape[:2] else ():
        whole = before[0, index]
        rows = [
            r for r in range(room + 1) if np.array_equal(after[0, index, r : r + n_rows], whole)
        ]
        if len(rows) == 1:  # an empty slice looks alike everywhere
            return index, rows[0]
    return None


def _mapped(path: Path, head: ImageHead) -> NDArray[Any]:
    """Give the values of an image without reading them."""
    return np.memmap(path, head.dtype, "r", offset=len(head.raw), shape=head.shape[::-1])


def _ends(source: Path, head: ImageHead) -> tuple[DicomRecord, DicomRecord] | None:
    """Find the objects that became the first and the last slice of an image."""
    from appliance.formats import DicomRecord, scan_dicom

    along = head.affine[:3, 2]
    along = along / np.linalg.norm(along)
    places: list[tuple[float, DicomRecord]] = []
    for one in scan_dicom(path for path in source.iterdir() if path.is_file()):
        if not isinstance(one, DicomRecord) or None in {one.ipp, one.iop, one.pixel_spacing_mm}:
            return None
        places.append((float(np.array(one.ipp) * _TO_RAS @ along), one))
    if len(places) != head.shape[2]:
        return None
    places.sort(key=lambda pair: pair[0])
    (low, first), (high, last) = places[0], places[-1]
    reach = float(np.linalg.norm(head.affine[:3, 2])) * (len(places) - 1)
    return (first, last) if abs(high - low - reach) < _MOST_APART_MM else None


def _corner(record: DicomRecord, head: ImageHead) -> NDArray[np.float64]:
    """Give where the first voxel of a slice lies, RAS+ mm, as the image has its lines."""
    turn = np.array(record.iop).reshape(2, 3) * _TO_RAS
    steps = turn * np.array(record.pixel_spacing_mm)[::-1, None]
    place = np.array(record.ipp) * _TO_RAS
    for axis, n in enumerate((record.cols or 1, record.rows or 1)):
        if steps[axis] @ head.affine[:3, axis] < 0:
            place = place + (n - 1) * steps[axis]
    return np.asarray(place, np.float64)


def _moved(output: Output, main: Output, head: ImageHead, by: NDArray[np.float64]) -> Output:
    with output.image.open("r+b") as stream:
        stream.write(head.enlarged(head.shape, by, seconds=head.seconds))
    own = output.image.with_suffix(".json")
    known = next((p for p in (own, main.image.with_suffix(".json")) if p.exists()), None)
    doc: dict[str, Any] = msgspec.json.decode(known.read_bytes()) if known else {}
    doc[MOVED] = [round(float(x), 3) for x in by]
    own.write_bytes(msgspec.json.encode(doc))
    others = tuple(path for path in output.sidecars if path != own)
    return msgspec.structs.replace(output, sidecars=(own, *others))
