"""Back projection and projection of slices: sums of shifted rows, and exact transposes.

Nothing here knows files, angles or threads: a `Layout` says what is added to what. An engine on
another device would stand in for `backproject` and `project` and for nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import reordered
from appliance.tomography.layout import GROUP, PHASES, Layout

__all__ = [
    "Tables",
    "backproject",
    "backproject_level",
    "collect",
    "cubic_taps",
    "gather",
    "new_phases",
    "project",
    "scatter",
    "spread",
    "tables",
]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Tables = tuple[I64, I64, F32]
_BLOCK = 512  # voxels of a row that are summed before the next row: they stay in the cache
_HEIGHT = 32


def cubic_taps() -> F32:
    """Weights of four neighbours at each fraction of a sample (Keys 1981, a = -1/2)."""
    t = np.arange(PHASES) / PHASES
    taps = [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
    return np.array(taps).T.astype(np.float32)


def tables(plan: Layout) -> Tables:
    """What the compiled loops need of a layout: starts of rows, places of sums, weights."""
    return plan.starts, plan.at, cubic_taps()


def new_phases(plan: Layout) -> F32:
    """Room for the rows at all fractions; the zeros at its end are never written."""
    return np.zeros(PHASES * plan.n_samples + plan.nx + 1, np.float32)


def backproject(rows: F32, plan: Layout, out: F32) -> None:
    """Sum the rows of every tilt into slices.

    Parameters
    ----------
    rows : array (n_slices, plan.n_samples)
    plan : Layout
    out : array (n_slices, plan.nz, plan.nx)
        Receives the sums.
    """
    _backproject(rows, tables(plan), new_phases(plan), out)


def backproject_level(rows: F32, factors: F32, plan: Layout, z: int, out: F32) -> None:
    """Sum the rows of every tilt into one row of each slice.

    Parameters
    ----------
    rows : array (n_slices, plan.n_samples)
    factors : array (plan.n_samples,)
        What each sample counts.
    plan : Layout
    z : int
        Which row of the slices.
    out : array (n_slices, plan.nx)
        Receives the sums.
    """
    at = np.ascontiguousarray(plan.at[z : z + 1])
    _level(rows, factors, (plan.starts, at, cubic_taps()), new_phases(plan), out)


def project(slices: F32, plan: Layout, out: F32) -> None:
    """Sum slices into rows: the exact transpose of `backproject`.

    Parameters
    ----------
    slices : array (n_slices, plan.nz, plan.nx)
    plan : Layout
    out : array (n_slices, plan.n_samples)
        Receives the sums; times the cosine of the tilt they are the projections.
    """
    _project(slices, tables(plan), new_phases(plan), out)


@reordered
def _backproject(rows: F32, parts: Tables, phases: F32, out: F32) -> None:
    starts, at, taps = parts
    for y in range(rows.shape[0]):
        spread(rows[y], starts, taps, phases)
        gather(phases, at, out[y])


@reordered
def _level(rows: F32, factors: F32, parts: Tables, phases: F32, out: F32) -> None:
    starts, at, taps = parts
    row = np.empty_like(factors)
    for y in range(rows.shape[0]):
        for i in range(row.size):
            row[i] = rows[y, i] * factors[i]
        spread(row, starts, taps, phases)
        gather(phases, at, out[y : y + 1])


@reordered
def _project(slices: F32, parts: Tables, phases: F32, out: F32) -> None:
    starts, at, taps = parts
    for y in range(slices.shape[0]):
        scatter(slices[y], at, phases)
        collect(phases, starts, taps, out[y])


@reordered
def spread(row: F32, starts: I64, taps: F32, phases: F32) -> None:
    """Interpolate every row at all fractions."""
    n_phases = taps.shape[0]
    for a in range(starts.size - 1):
        first, width = starts[a], starts[a + 1] - starts[a]
        n = width - 3
        w = row[first : first + width]
        s0, s1, s2, s3 = w[0:n], w[1 : n + 1], w[2 : n + 2], w[3 : n + 3]
        for p in range(n_phases):
            begin = first * n_phases + p * width
            o = phases[begin + 1 : begin + 1 + n]
            t0, t1, t2, t3 = taps[p, 0], taps[p, 1], taps[p, 2], taps[p, 3]
            for i in range(n):
                o[i] = t0 * s0[i] + t1 * s1[i] + t2 * s2[i] + t3 * s3[i]


@reordered
def collect(phases: F32, starts: I64, taps: F32, row: F32) -> None:
    """Transpose of `spread`."""
    n_phases = taps.shape[0]
    row[:] = 0
    for a in range(starts.size - 1):
        first, width = starts[a], starts[a + 1] - starts[a]
        n = width - 3
        for p in range(n_phases):
            begin = first * n_phases + p * width
            o = phases[begin + 1 : begin + 1 + n]
            for tap in range(4):
                t = taps[p, tap]
                w = row[first + tap : first + tap + n]
                for i in range(n):
                    w[i] += t * o[i]


@reordered
def gather(phases: F32, at: I64, out: F32) -> None:
    """Sum the shifted rows, eight of them at a time, into the voxels of one slice."""
    nz, n = at.shape
    nx = out.shape[1]
    for x0 in range(0, nx, _BLOCK):
        m = min(_BLOCK, nx - x0)
        for z0 in range(0, nz, _HEIGHT):
            z1 = min(z0 + _HEIGHT, nz)
            for g in range(0, n, GROUP):
                for z in range(z0, z1):
                    o = out[z, x0 : x0 + m]
                    # Slices, not sums of indices: only so the loops below become vectors.
                    p0 = phases[at[z, g] + x0 : at[z, g] + x0 + m]
                    p1 = phases[at[z, g + 1] + x0 : at[z, g + 1] + x0 + m]
                    p2 = phases[at[z, g + 2] + x0 : at[z, g + 2] + x0 + m]
                    p3 = phases[at[z, g + 3] + x0 : at[z, g + 3] + x0 + m]
                    p4 = phases[at[z, g + 4] + x0 : at[z, g + 4] + x0 + m]
                    p5 = phases[at[z, g + 5] + x0 : at[z, g + 5] + x0 + m]
                    p6 = phases[at[z, g + 6] + x0 : at[z, g + 6] + x0 + m]
                    p7 = phases[at[z, g + 7] + x0 : at[z, g + 7] + x0 + m]
                    if g == 0:
                        for i in range(m):
                            o[i] = (
                                (p0[i] + p1[i])
                                + (p2[i] + p3[i])
                                + ((p4[i] + p5[i]) + (p6[i] + p7[i]))
                            )
                    else:
                        for i in range(m):
                            o[i] += (
                                (p0[i] + p1[i])
                                + (p2[i] + p3[i])
                                + ((p4[i] + p5[i]) + (p6[i] + p7[i]))
                            )


@reordered
def scatter(slab: F32, at: I64, phases: F32) -> None:
    """Transpose of `gather`."""
    phases[:] = 0
    nz, n = at.shape
    nx = slab.shape[1]
    end = phases.size - nx - 1
    for a in range(n):
        for z in range(nz):
            if at[z, a] < end:
                o = phases[at[z, a] : at[z, a] + nx]
                v = slab[z]
                for i in range(nx):
                    o[i] += v[i]
