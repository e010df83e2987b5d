"""SIRT: slices that agree with the tilts, found in rounds of projection and back projection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import reordered
from appliance.tomography.kernels import (
    Tables,
    collect,
    gather,
    new_phases,
    scatter,
    spread,
    tables,
)
from appliance.tomography.layout import Layout
from appliance.tomography.rules import ReconstructRules

__all__ = ["sirt"]

F32 = NDArray[np.float32]


def sirt(rows: F32, plan: Layout, rules: ReconstructRules, out: F32) -> None:
    """Reconstruct slices by the simultaneous iterative technique (Gilbert 1972).

    Parameters
    ----------
    rows : array (n_slices, plan.n_samples)
        Projections along the stretched rows, times the cosine of the tilt.
    plan : Layout
    rules : ReconstructRules
        `iterations`, `relaxation` and `positive` are heeded.
    out : array (n_slices, plan.nz, plan.nx)
        Receives the slices.

    Notes
    -----
    A ray counts by the thickness of the slice even where it leaves through its side: what lies
    beyond the side then cannot pile up along it.
    """
    step = np.float32(rules.relaxation / (plan.n_tilts * plan.nz))
    residual = np.empty(plan.n_samples, np.float32)
    change = np.empty(out.shape[1:], np.float32)
    work = (new_phases(plan), residual, change)
    # Densities are negative logarithms: what is denser than nothing lies below zero.
    ceiling = np.float32(0 if rules.positive else np.inf)
    _sirt(rows, tables(plan), work, (rules.iterations, step, ceiling), out)


@reordered
def _sirt(
    rows: F32,
    parts: Tables,
    work: tuple[F32, F32, F32],
    steps: tuple[int, np.float32, np.float32],
    out: F32,
) -> None:
    starts, at, taps = parts
    phases, residual, change = work
    for y in range(rows.shape[0]):
        row, slab = rows[y], out[y]
        slab[:, :] = 0
        for k in range(steps[0]):
            if k == 0:
                residual[:] = 0
            else:
                scatter(slab, at, phases)
                collect(phases, starts, taps, residual)
            for i in range(residual.size):
                residual[i] = row[i] - residual[i]
            spread(residual, starts, taps, phases)
            gather(phases, at, change)
            _step(slab, change, steps[1], steps[2])


@reordered
def _step(slab: F32, change: F32, size: np.float32, ceiling: np.float32) -> None:
    for z in range(slab.shape[0]):
        for x in range(slab.shape[1]):
            slab[z, x] = min(slab[z, x] + size * change[z, x], ceiling)
