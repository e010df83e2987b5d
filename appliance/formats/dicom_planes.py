"""The planes of an image's DICOM objects, and which voxels of a mask lie on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats.dicom_frames import DicomFrame, scan_frames
from appliance.geometry import Grid, Volume

__all__ = ["ON_PLANE", "frame_world", "image_planes", "plane_voxels", "without_person"]

ON_PLANE = 0.05
"""How far, in voxels, a pixel's middle may lie from a voxel's."""
_PERSON = (
    *("AccessionNumber", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"),
    *("StudyDate", "StudyTime"),
    *("StudyID", "InstitutionName"),
)


def image_planes(objects: Sequence[Path]) -> list[DicomFrame]:
    """Give the frames of a series that tell their place: one for each place, the first of several.

    Raises
    ------
    Invalid
        If there is none, or the objects hold mosaics.
    """
    found: dict[bytes, DicomFrame] = {}
    for frame in scan_frames(objects):
        if frame.position is None or frame.rows_along is None or frame.columns_along is None:
            continue
        if frame.tiles:
            raise Invalid("the image's objects hold mosaics, whose slices cannot be referred to")
        turn = np.concatenate([frame.position, frame.rows_along, frame.columns_along])
        key = np.round(turn, 3).tobytes()
        other = found.get(key)
        if other is None or (frame.instance_number or 0) < (other.instance_number or 0):
            found[key] = frame
    if not found:
        raise Invalid("the image's DICOM objects do not tell where their planes lie")
    return list(found.values())


def plane_voxels(frames: Sequence[DicomFrame], mask: Volume) -> list[NDArray[Any]]:
    """Give the values of a mask or label map at the pixels of every frame, (rows, columns).

    Raises
    ------
    Invalid
        If some of the mask lies on no frame.
    """
    data = mask.frame(0)
    planes, covered = [], np.zeros(mask.grid.shape, bool)
    for frame in frames:
        along = _along_axes(frame, mask.grid)
        if along is not None:
            mesh, order = along
            planes.append(data[mesh].transpose(order)[:, :, 0])
            covered[mesh] = True
            continue
        index, inside = _all_voxels(frame, mask.grid)
        plane = np.zeros(inside.shape, data.dtype)
        place = tuple(index[inside].T)
        plane[inside] = data[place]
        covered[place] = True
        planes.append(plane)
    if ((data > 0) & ~covered).any():
        raise Invalid(
            "the ROI does not lie on the planes of the image's DICOM objects",
            hint="Save it on the grid of the image that was converted from them.",
        )
    return planes


def frame_world(
    frame: DicomFrame, rows: NDArray[Any], columns: NDArray[Any]
) -> NDArray[np.float64]:
    """Give the places (..., 3) of rows and columns of a frame, world RAS+ mm."""
    assert frame.position is not None  # noqa: S101
    assert frame.rows_along is not None  # noqa: S101
    assert frame.columns_along is not None  # noqa: S101
    lps: NDArray[np.float64] = (
        frame.position
        + rows[..., None] * frame.spacing[0] * frame.columns_along
        + columns[..., None] * frame.spacing[1] * frame.rows_along
    )
    return lps * [-1, -1, 1]


def without_person(ds: Any) -> Any:
    """Empty what an object tells of the person and of the visit."""
    for keyword in _PERSON:
        setattr(ds, keyword, "")
    ds.PatientName = ds.PatientID = ""
    return ds


def _along_axes(
    frame: DicomFrame, grid: Grid
) -> tuple[tuple[NDArray[np.intp], ...], tuple[int, int, int]] | None:
    """Give a frame as a part of the grid, and the axes of rows, columns and slices.

    None when it lies across the axes, between voxels or partly outside: then pixels are looked up
    one by one.
    """
    rows, columns = np.array([0, 1, 0]), np.array([0, 0, 1])
    first, *ends = grid.to_voxel(frame_world(frame, rows, columns))
    steps = np.array([ends[0] - first, ends[1] - first])
    whole, start = np.round(steps), np.round(first)
    if not (np.abs(whole).sum(axis=1) == 1).all() or np.abs(whole).sum(axis=0).max() > 1:
        return None
    drift = np.abs(steps - whole) * [[frame.n_rows], [frame.n_columns]]
    if (np.abs(first - start) + drift.sum(axis=0)).max() > ON_PLANE:
        return None
    down, across = (int(np.argmax(np.abs(step))) for step in whole)
    index = [np.array([int(one)]) for one in start]
    index[down] = index[down] + int(whole[0, down]) * np.arange(frame.n_rows)
    index[across] = index[across] + int(whole[1, across]) * np.arange(frame.n_columns)
    if any(one.min() < 0 or one.max() >= n for one, n in zip(index, grid.shape, strict=True)):
        return None
    return np.ix_(*index), (down, across, 3 - down - across)


def _all_voxels(frame: DicomFrame, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the voxel of every pixel of a frame, (rows, columns, 3), and which lie on the grid."""
    place = grid.to_voxel(frame_world(frame, *np.indices((frame.n_rows, frame.n_columns))))
    index = np.floor(place + 0.5).astype(np.int64)
    near = np.abs(place - index).max(axis=-1) <= ON_PLANE
    return index, near & grid.contains(index)
