"""A DICOM series opened as it is: its frames put together by their places, values rescaled.

For looking at objects that were not converted. Compressed series are decoded in a child process.
Colours become red, green and blue.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.dicom_colour import decode_colours
from appliance.formats.dicom_frames import DicomFrame, decode_frame, is_compressed, scan_frames
from appliance.formats.dicom_kinds import no_image
from appliance.geometry import Volume

__all__ = ["read_dicom_volume"]


_DECODE_S = 300
_MOST_BYTES = 4 << 30
_SAME_TURN = 1e-3
_EVEN = 0.02  # of the mean distance of two slices
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_dicom_volume(paths: Sequence[Path]) -> Volume:
    """Read the series of the first object from it and those beside it.

    Parameters
    ----------
    paths : sequence of Path
        The object that is asked for, then others; those of other series and planes that are
        not parallel to its own are left out.

    Returns
    -------
    Volume
        Slices along the third axis by their place, repetitions along the fourth; without places
        in the order of instances, one millimetre apart. Colours are bytes along the fourth axis.
        `header` tells of uneven gaps and of colours.

    Raises
    ------
    FormatError
        If the object holds no image, or its values cannot be decoded.
    """
    frames = _of_one_series(paths)
    grid, affine, facts = _arranged(frames)
    first = frames[0]
    if len(frames) * first.n_rows * first.n_columns * 4 > _MOST_BYTES:
        raise FormatError("the series needs more than 4 GB", hint="Import it to have it converted.")
    ordered = [frame for slices in grid for frame in slices]
    facts |= {"inverted": True} if first.inverted else {}
    facts |= {"length_unit": first.length_unit} if first.length_unit != "mm" else {}
    if first.in_colour:
        colours = _decoded(ordered).transpose(2, 1, 0, 3)
        return Volume(colours, _TO_RAS @ affine, {**facts, "colour": True})
    values = _values(ordered)
    shape = len(grid), len(grid[0]), first.n_rows, first.n_columns
    data = values.reshape(shape).transpose(3, 2, 0, 1)
    return Volume(data[..., 0] if shape[1] == 1 else data, _TO_RAS @ affine, facts)


def _of_one_series(paths: Sequence[Path]) -> list[DicomFrame]:
    own = scan_frames(paths[:1])
    if not own:
        raise no_image(paths[0])
    first = own[0]
    others = scan_frames(path for path in paths[1:] if path != paths[0])
    same = [
        frame
        for frame in others
        if frame.series_uid == first.series_uid
        and (frame.n_rows, frame.n_columns) == (first.n_rows, first.n_columns)
        and frame.in_colour == first.in_colour
        and _turned_alike(frame, first)
    ]
    return sorted([*own, *same], key=lambda one: (one.instance_number or 0, one.sop_uid, one.frame))


def _turned_alike(frame: DicomFrame, first: DicomFrame) -> bool:
    """Tell whether two frames are parallel; localizers hold planes of all directions."""
    if frame.rows_along is None or first.rows_along is None:
        return frame.rows_along is first.rows_along
    return bool(np.abs(_turn(frame) - _turn(first)).max() < _SAME_TURN)


def _turn(frame: DicomFrame) -> NDArray[np.float64]:
    assert frame.rows_along is not None  # noqa: S101
    assert frame.columns_along is not None  # noqa: S101
    return np.concatenate([frame.rows_along, frame.columns_along])


def _have_places(frames: Sequence[DicomFrame]) -> bool:
    if any(f.position is None or f.rows_along is None or f.columns_along is None for f in frames):
        return False
    if any(frame.tiles for frame in frames):
        return False
    first = _turn(frames[0])
    return all(np.abs(_turn(frame) - first).max() < _SAME_TURN for frame in frames)


_Placed = tuple[list[list[DicomFrame]], NDArray[np.float64], dict[str, Any]]


def _arranged(frames: Sequence[DicomFrame]) -> _Placed:
    """Put frames in order; colours have no axis for time, so repetitions follow each other."""
    if not _have_places(frames):
        return _unplaced(frames)
    found = _placed(frames)
    return _unplaced(frames) if frames[0].in_colour and len(found[0][0]) > 1 else found


def _placed(frames: Sequence[DicomFrame]) -> _Placed:
    """Sort frames by their distance along the normal; equal ones follow each other in time."""
    rows_along, columns_along = np.split(_turn(frames[0]), 2)
    normal = np.cross(rows_along, columns_along)
    levels: dict[float, list[DicomFrame]] = {}
    for frame in frames:
        assert frame.position is not None  # noqa: S101
        levels.setdefault(round(float(frame.position @ normal), 2), []).append(frame)
    grid = [levels[at] for at in sorted(levels)]
    times = min(len(slices) for slices in grid)
    grid = [slices[:times] for slices in grid]
    origin, last = grid[0][0].position, grid[-1][0].position
    assert origin is not None  # noqa: S101
    assert last is not None  # noqa: S101
    step = (last - origin) / (len(grid) - 1) if len(grid) > 1 else normal
    gaps = np.diff(sorted(levels))
    uneven = len(gaps) > 0 and np.abs(gaps - gaps.mean()).max() > _EVEN * gaps.mean()
    spacing = frames[0].spacing
    affine = np.eye(4)
    affine[:3] = np.stack(
        [rows_along * spacing[1], columns_along * spacing[0], step, origin], axis=1
    )
    return grid, affine, {"format": "dicom", "uneven_gaps": bool(uneven)}


def _unplaced(frames: Sequence[DicomFrame]) -> _Placed:
    spacing = frames[0].spacing
    affine = np.diag([spacing[1], spacing[0], 1.0, 1.0])
    return [[frame] for frame in frames], affine, {"format": "dicom", "unplaced": True}


def _values(frames: Sequence[DicomFrame]) -> NDArray[Any]:
    """Give the rescaled values, (frames, rows, columns); whole numbers stay whole."""
    raw = _decoded(frames)
    slopes = np.array([frame.slope for frame in frames])
    shifts = np.array([frame.intercept for frame in frames])
    if (slopes == 1).all() and (shifts == np.round(shifts)).all() and raw.dtype.kind in "iu":
        whole = raw.astype(np.int32) + shifts.astype(np.int32)[:, None, None]
        small = np.iinfo(np.int16)
        fits = small.min <= whole.min() and whole.max() <= small.max
        return whole.astype(np.int16) if fits else whole
    scaled: NDArray[Any] = raw * slopes[:, None, None] + shifts[:, None, None]
    return scaled.astype(np.float32)


def _decoded(frames: Sequence[DicomFrame]) -> NDArray[Any]:
    try:
        if not any(is_compressed(path) for path in {frame.path for frame in frames}):
            return _stacked((one.path, one.frame, one.in_colour) for one in frames)
        order = json.dumps([[str(one.path), one.frame, one.in_colour] for one in frames])
        command = [sys.executable, "-m", __name__]
        done = subprocess.run(
            command, input=order.encode(), capture_output=True, timeout=_DECODE_S, check=True
        )
        found: NDArray[Any] = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    except (OSError, ValueError, AttributeError, RuntimeError, subprocess.SubprocessError) as error:
        raise FormatError(
            "the stored values of the object cannot be decoded",
            hint="The object is damaged, or packed in a way that is not read. Import it again.",
        ) from error
    return found


def _stacked(wanted: Iterable[tuple[Path | str, int, bool]]) -> NDArray[Any]:
    return np.stack(
        [(decode_colours if colour else decode_frame)(Path(p), n) for p, n, colour in wanted]
    )


if __name__ == "__main__":
    np.save(sys.stdout.buffer, _stacked(json.load(sys.stdin)))
