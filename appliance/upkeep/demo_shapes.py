"""Surfaces and streamlines of the demo head: surface nets, GIFTI, arcs in white matter, TCK."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["arcs_in", "surface_nets", "write_gifti", "write_tck"]

CORNERS = np.array([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
EDGES = [(p, q) for p in range(8) for q in range(p) if np.abs(CORNERS[p] - CORNERS[q]).sum() == 1]


def surface_nets(
    values: NDArray[np.float32], level: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Make a closed surface at `level` (naive surface nets), in voxel coordinates.

    Parameters
    ----------
    values : ndarray
        (I, J, K), below `level` at the border.
    level : float
        Where the surface runs.

    Returns
    -------
    points : ndarray
        float32 (n, 3).
    triangles : ndarray
        int32 (m, 3), outward.
    """
    corners = np.stack([_corner(values, offset) for offset in CORNERS])
    inside = corners > level
    cells = inside.any(0) & ~inside.all(0)
    index = np.full(cells.shape, -1, dtype=np.int32)
    index[cells] = np.arange(int(cells.sum()), dtype=np.int32)
    points = np.argwhere(cells) + _offsets(corners[:, cells], level)
    return points.astype(np.float32), _quads(values > level, index)


def arcs_in(
    mask: NDArray[np.bool_], affine: NDArray[np.float64], *, step_mm: float = 1.0
) -> list[NDArray[np.float32]]:
    """Callosal and descending arcs, each cut to its longest run inside `mask` (world mm)."""
    paths = [*_callosal(), *_descending()]
    kept = (_longest_inside(_resampled(path, step_mm), mask, affine) for path in paths)
    return [line for line in kept if len(line) * step_mm >= 25]


def write_gifti(path: Path, points: NDArray[np.float32], triangles: NDArray[np.int32]) -> None:
    """Write a GIFTI surface (gzip and base64)."""
    arrays = _gifti_array("POINTSET", "FLOAT32", points.astype("<f4")) + _gifti_array(
        "TRIANGLE", "INT32", triangles.astype("<i4")
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<GIFTI Version="1.0" NumberOfDataArrays="2">\n'
        f"{arrays}</GIFTI>\n",
        encoding="utf-8",
    )


def write_tck(path: Path, lines: list[NDArray[np.float32]]) -> None:
    """Write streamlines as MRtrix TCK (float32, world mm)."""
    head = f"mrtrix tracks\ndatatype: Float32LE\ncount: {len(lines)}\nfile: . {{:>6}}\nEND\n"
    start = len(head.format(0))
    gap = np.full((1, 3), np.nan, dtype="<f4")
    parts = [part for line in lines for part in (line.astype("<f4"), gap)]
    body = np.concatenate([*parts, np.full((1, 3), np.inf, dtype="<f4")])
    path.write_bytes(head.format(start).encode() + body.tobytes())


def _corner(values: NDArray[np.float32], offset: NDArray[np.int64]) -> NDArray[np.float32]:
    """One corner of all cells."""
    cut = tuple(slice(o, n - 1 + o) for o, n in zip(offset, values.shape, strict=True))
    return values[cut]


def _offsets(corners: NDArray[np.float32], level: float) -> NDArray[np.float64]:
    """Mean of the edge crossings of each cell, from its first corner."""
    total = np.zeros((corners.shape[1], 3))
    count = np.zeros(corners.shape[1])
    for p, q in EDGES:
        a, b = corners[p].astype(np.float64), corners[q].astype(np.float64)
        crosses = (a > level) != (b > level)
        share = (level - a[crosses]) / (b[crosses] - a[crosses])
        total[crosses] += CORNERS[p] + share[:, None] * (CORNERS[q] - CORNERS[p])
        count[crosses] += 1
    return total / count[:, None]


def _quads(inside: NDArray[np.bool_], index: NDArray[np.int32]) -> NDArray[np.int32]:
    """Two triangles for each grid edge that the surface crosses."""
    found = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        first = np.take(inside, range(inside.shape[axis] - 1), axis)
        second = np.take(inside, range(1, inside.shape[axis]), axis)
        at = np.argwhere(first != second)
        at = at[(at[:, u] > 0) & (at[:, v] > 0)]
        step_u, step_v = np.eye(3, dtype=np.int64)[[u, v]]
        ring = [index[tuple((at - d).T)] for d in (0 * step_u, step_u, step_u + step_v, step_v)]
        quad = np.stack(ring, axis=1)
        outward = first[tuple(at.T)]
        quad[~outward] = quad[~outward][:, ::-1]
        found += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return np.concatenate(found).astype(np.int32)


def _gifti_array(intent: str, kind: str, values: NDArray[np.generic]) -> str:
    """One DataArray element."""
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes())).decode()
    space = (
        "<CoordinateSystemTransformMatrix><DataSpace>NIFTI_XFORM_SCANNER_ANAT</DataSpace>"
        "<TransformedSpace>NIFTI_XFORM_SCANNER_ANAT</TransformedSpace>"
        "<MatrixData>1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1</MatrixData>"
        "</CoordinateSystemTransformMatrix>"
    )
    return (
        f'<DataArray Intent="NIFTI_INTENT_{intent}" DataType="NIFTI_TYPE_{kind}" '
        'ArrayIndexingOrder="RowMajorOrder" Dimensionality="2" '
        f'Dim0="{values.shape[0]}" Dim1="3" Encoding="GZipBase64Binary" Endian="LittleEndian" '
        f'ExternalFileName="" ExternalFileOffset="">{space if intent == "POINTSET" else ""}'
        f"<Data>{data}</Data></DataArray>\n"
    )


def _callosal() -> list[NDArray[np.float64]]:
    """Arcs from one hemisphere to the other, over the ventricles."""
    angle = np.linspace(-0.15 * np.pi, 1.15 * np.pi, 120)
    paths = []
    for y in np.linspace(-44, 28, 25):
        base = 24.0 - 0.006 * (y + 8) ** 2
        for spread in np.linspace(0.6, 1.25, 12):
            x = 42 * spread * np.cos(angle)
            z = base + 16 * (spread - 0.9) * 2 + (2 + 30 * spread) * (np.abs(x) / 45) ** 1.7
            paths.append(np.stack([x, y + 0.1 * np.abs(x), z], axis=1))
    return paths


def _descending() -> list[NDArray[np.float64]]:
    """A fan from the brain stem through the internal capsule to the crown, on both sides."""
    t = np.linspace(0, 1, 120)
    paths = []
    for side in (-1, 1):
        for reach in np.linspace(14, 46, 16):
            for front in np.linspace(-34, 10, 12):
                x = side * (6 + 18 * np.sqrt(t) + (reach - 24) * t**3)
                y = -24 + 12 * np.sin(np.pi * t / 2) + (front + 12) * t**2
                paths.append(np.stack([x, y, -42 + 108 * t], axis=1))
    return paths


def _resampled(path: NDArray[np.float64], step_mm: float) -> NDArray[np.float64]:
    """The same path with points every `step_mm`."""
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    at = np.arange(0, along[-1], step_mm)
    return np.stack([np.interp(at, along, path[:, a]) for a in range(3)], axis=1)


def _longest_inside(
    path: NDArray[np.float64], mask: NDArray[np.bool_], affine: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The longest run of points whose voxel is in the mask."""
    inverse = np.linalg.inv(affine)
    ijk = np.round(path @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    fits = ((ijk >= 0) & (ijk < mask.shape)).all(1)
    good = np.zeros(len(path) + 2, dtype=bool)
    good[1:-1][fits] = mask[tuple(ijk[fits].T)]
    edges = np.flatnonzero(np.diff(good.astype(int)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return np.zeros((0, 3), dtype=np.float32)
    best = int(np.argmax(ends - starts))
    return path[starts[best] : ends[best]].astype(np.float32)
