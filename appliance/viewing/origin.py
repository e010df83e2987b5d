"""From a voxel of an image back to the DICOM object it was converted from: frame, row, column.

The frame is found by its place in space and proved by its values: every value of the plane must be
the one in the image. What cannot be proved is said with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats import DicomFrame, frame_pixels, read_volume, scan_frames
from appliance.geometry import Volume, voxel_to_world

__all__ = ["VoxelSource", "voxel_source"]

_ON_PLANE = 0.05  # of a voxel
_MOST_TRIED = 2000
_RESAMPLED = (
    "the image was resampled when it was converted (a tilted gantry, or unequal gaps): no stored"
    " voxel has this place"
)


class VoxelSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a voxel came from.

    Attributes
    ----------
    exact : bool
        Whether frame, row and column are proved; else `why` says why not.
    equal : bool
        Whether the rescaled stored value is the image's value, as float32.
    row, column : int or None
        In the frame, from 0.
    """

    exact: bool
    why: str
    value: float | None
    equal: bool = False
    sop_uid: str = ""
    series_uid: str = ""
    instance_number: int | None = None
    frame: int | None = None
    row: int | None = None
    column: int | None = None
    raw: float | None = None
    slope: float | None = None
    intercept: float | None = None
    rescaled: float | None = None


@dataclass(frozen=True, eq=False)
class _Hit:
    """A frame that may hold the voxel, and how its rows and columns run in the image."""

    frame: DicomFrame
    row: int
    column: int
    plane: NDArray[Any]
    """Values of the image at all places of the frame, (rows, columns); NaN outside."""
    tile: int = 0


def voxel_source(
    image: Path, objects: Sequence[Path], ijk: tuple[int, int, int], t: int = 0
) -> VoxelSource:
    """Find the stored value behind a voxel.

    Parameters
    ----------
    image : Path
        Converted image.
    objects : sequence of Path
        DICOM objects of its series.
    ijk : tuple of int
        Voxel of the image's own matrix.
    t : int
        Time point.

    Raises
    ------
    Invalid
        If there is no such voxel.
    """
    volume = read_volume(image)
    if not volume.grid.contains(np.array(ijk)) or not 0 <= t < volume.n_volumes:
        raise Invalid(f"the image has no voxel {ijk} at time point {t}")
    value = float(volume.frame(t)[ijk])
    if not objects:
        return VoxelSource(exact=False, why="its DICOM objects are not kept here", value=value)
    frames = scan_frames(objects)
    if any(frame.tiles for frame in frames):
        hits = [hit for frame in frames for hit in _tiles(volume, frame, ijk, t)]
    else:
        hits = [hit for frame in frames if (hit := _on_plane(volume, frame, ijk, t)) is not None]
    if not hits:
        return VoxelSource(exact=False, why=_RESAMPLED, value=value)
    return _proved(hits, value, t, volume.n_volumes)


def _on_plane(volume: Volume, frame: DicomFrame, ijk: tuple[int, int, int], t: int) -> _Hit | None:
    """Find the row and column of a voxel in a frame that passes through it."""
    if frame.position is None or frame.rows_along is None or frame.columns_along is None:
        return None
    x, y, z = voxel_to_world(volume.affine, np.array(ijk))
    away = np.array([-x, -y, z]) - frame.position
    normal = np.cross(frame.rows_along, frame.columns_along)
    row = away @ frame.columns_along / frame.spacing[0]
    column = away @ frame.rows_along / frame.spacing[1]
    at = round(float(row)), round(float(column))
    near = max(abs(row - at[0]), abs(column - at[1])) <= _ON_PLANE
    if not near or abs(away @ normal) > _ON_PLANE * min(volume.grid.voxel_mm):
        return None
    if not (0 <= at[0] < frame.n_rows and 0 <= at[1] < frame.n_columns):
        return None
    return _Hit(frame, *at, _plane(volume, frame, t))


def _plane(volume: Volume, frame: DicomFrame, t: int) -> NDArray[Any]:
    """Read the image at the places of a frame's pixels."""
    assert frame.position is not None  # noqa: S101
    assert frame.rows_along is not None  # noqa: S101
    assert frame.columns_along is not None  # noqa: S101
    rows, columns = np.indices((frame.n_rows, frame.n_columns))
    lps = (
        frame.position
        + rows[..., None] * frame.spacing[0] * frame.columns_along
        + columns[..., None] * frame.spacing[1] * frame.rows_along
    )
    index = np.floor(volume.grid.to_voxel(lps * [-1, -1, 1]) + 0.5).astype(int)
    inside = volume.grid.contains(index)
    plane = np.full(inside.shape, np.nan)
    plane[inside] = volume.frame(t)[tuple(index[inside].T)]
    return plane


def _tiles(volume: Volume, frame: DicomFrame, ijk: tuple[int, int, int], t: int) -> list[_Hit]:
    """Take every tile of a mosaic that has the image's size: values will tell which one it is."""
    side = int(np.ceil(np.sqrt(frame.tiles)))
    n_rows, n_columns = frame.n_rows // side, frame.n_columns // side
    if volume.data.shape[:3] != (n_columns, n_rows, frame.tiles):
        return []
    plane = volume.frame(t)[:, ::-1, ijk[2]].T  # the converter turns the rows of a mosaic round
    top, left = n_rows - 1 - ijk[1], ijk[0]
    return [
        _Hit(
            frame,
            tile // side * n_rows + top,
            tile % side * n_columns + left,
            plane,
            tile,
        )
        for tile in range(frame.tiles)
    ]


def _proved(hits: Sequence[_Hit], value: float, t: int, n_volumes: int) -> VoxelSource:
    """Choose the frame whose values are those of the image; of several in time the one at `t`."""
    pixels: dict[tuple[Path, int], NDArray[Any]] = {}
    matching = []
    for hit in hits[:_MOST_TRIED]:
        key = hit.frame.path, hit.frame.frame
        if key not in pixels:
            pixels[key] = frame_pixels(hit.frame)
        if _same(hit, pixels[key]):
            matching.append(hit)
    if len(matching) == 1:
        return _told(matching[0], pixels, value, exact=True, why="")
    if not matching:
        hit = hits[min(t, len(hits) - 1)] if len(hits) == n_volumes else hits[0]
        why = "the values of the image are not those of the objects: it was changed or scaled"
        return _told(hit, pixels, value, exact=False, why=why)
    ordered = sorted(matching, key=lambda hit: (hit.frame.instance_number or 0, hit.frame.frame))
    why = f"{len(ordered)} frames hold just these values at this place"
    return _told(ordered[min(t, len(ordered) - 1)], pixels, value, exact=False, why=why)


def _same(hit: _Hit, pixels: NDArray[Any]) -> bool:
    part = pixels
    if hit.frame.tiles:
        n_rows, n_columns = hit.plane.shape
        side = int(np.ceil(np.sqrt(hit.frame.tiles)))
        top, left = hit.tile // side * n_rows, hit.tile % side * n_columns
        part = pixels[top : top + n_rows, left : left + n_columns]
    if part.shape != hit.plane.shape:
        return False
    rescaled = part * hit.frame.slope + hit.frame.intercept
    known = ~np.isnan(hit.plane)
    return bool(known.any() and np.allclose(rescaled[known], hit.plane[known], rtol=1e-5))


def _told(
    hit: _Hit,
    pixels: dict[tuple[Path, int], NDArray[Any]],
    value: float,
    *,
    exact: bool,
    why: str,
) -> VoxelSource:
    frame = hit.frame
    raw = float(pixels[frame.path, frame.frame][hit.row, hit.column])
    rescaled = raw * frame.slope + frame.intercept
    return VoxelSource(
        exact=exact,
        why=why,
        value=value,
        equal=bool(np.float32(rescaled) == np.float32(value)),
        sop_uid=frame.sop_uid,
        series_uid=frame.series_uid,
        instance_number=frame.instance_number,
        frame=frame.frame,
        row=hit.row,
        column=hit.column,
        raw=raw,
        slope=frame.slope,
        intercept=frame.intercept,
        rescaled=rescaled,
    )
