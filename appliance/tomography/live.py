"""Single slices of a tomogram at once, to see what leaving out a tilt does."""

from __future__ import annotations

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.tomography.erasing import Beads
from appliance.tomography.kernels import backproject, backproject_level
from appliance.tomography.preparing import Recipe, prepared_rows, recipe_of, tilt_rows
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.rules import ReconstructRules, angle_weights, n_workers

__all__ = ["LiveSlices", "reconstruct_slice"]

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


class LiveSlices:
    """Slices of one series, whose tilts are prepared once and then switched on and off.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
        Every tilt that it calls used can be switched.
    rules : ReconstructRules, optional
        A binning that leaves about 512 pixels a side keeps it within a second. SIRT is stood in
        for by its filter.
    beads : Beads, optional
        Gold beads that are painted over first.

    Notes
    -----
    Use it in a ``with`` block: what does not fit into memory lies in a scratch file meanwhile.
    """

    def __init__(
        self,
        series: TiltSeries,
        alignment: TiltAlignment,
        rules: ReconstructRules | None = None,
        *,
        beads: Beads | None = None,
    ) -> None:
        self._series, self._alignment = series, alignment
        self._recipe = replace(_unweighted(series, alignment, rules), beads=beads)
        self._end = ExitStack()

    def __enter__(self) -> Self:
        scratch = Path(tempfile.gettempdir())
        rows = prepared_rows(self._series, self._alignment, self._recipe, scratch)
        self._rows = self._end.enter_context(rows).rows
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.__exit__(kind, error, trace)

    def slice(self, *, y: int | None = None, z: int | None = None, used: Mask | None = None) -> F32:
        """Reconstruct one slice: across the axis at `y`, or of constant height at `z`.

        Parameters
        ----------
        y, z : int
            One of them: section of the tomogram as `reconstruct` writes it, or row within it.
        used : array (n_tilts,) of bool, optional
            Which sections of the series count; by default those of the alignment.

        Returns
        -------
        array (nz, nx) or (ny, nx) of float32
        """
        factors = _factors(self._recipe, self._alignment, used)
        if y is not None and z is None:
            _within(y, self._recipe.rows[1], "y")
            return _across(self._recipe, self._rows[y] * factors)
        if z is not None and y is None:
            _within(z, self._recipe.plan.nz, "z")
            return self._level(z, factors)
        raise Invalid("a slice lies at one y or at one z")

    def _level(self, z: int, factors: F32) -> F32:
        plan, ny = self._recipe.plan, self._recipe.rows[1]
        out = np.empty((ny, plan.nx), np.float32)
        parts = np.linspace(0, ny, n_workers(self._recipe.rules.workers) + 1).astype(int)
        with ThreadPoolExecutor(len(parts) - 1) as pool:
            for task in [
                pool.submit(backproject_level, self._rows[a:b], factors, plan, z, out[a:b])
                for a, b in itertools.pairwise(parts.tolist())
            ]:
                task.result()
        return out


def reconstruct_slice(
    series: TiltSeries,
    alignment: TiltAlignment,
    *,
    y: int | None = None,
    z: int | None = None,
    used: Mask | None = None,
    rules: ReconstructRules | None = None,
) -> F32:
    """Reconstruct one slice of a tomogram.

    A slice at `y` needs one row of each tilt and takes a moment; one at `z` needs all of them,
    and `LiveSlices` gives further ones for less.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    y, z : int
        One of them: section of the tomogram as `reconstruct` writes it, or row within it.
    used : array (n_tilts,) of bool, optional
        Which sections of the series count; by default those of the alignment.
    rules : ReconstructRules, optional

    Returns
    -------
    array (nz, nx) or (ny, nx) of float32

    Raises
    ------
    FormatError, Invalid
    """
    if y is None or z is not None:
        with LiveSlices(series, alignment, rules) as live:
            return live.slice(y=y, z=z, used=used)
    rules = rules or ReconstructRules()
    ny = series.images.shape[1] // rules.binning
    _within(y, ny, "y")
    recipe = _unweighted(series, alignment, rules, row=y - (ny - 1) / 2)
    factors = _factors(recipe, alignment, used)
    tilts = range(len(recipe.tilts))
    rows = np.hstack([tilt_rows(series, alignment, recipe, k) for k in tilts])
    return _across(recipe, rows[0] * factors)


def _unweighted(
    series: TiltSeries,
    alignment: TiltAlignment,
    rules: ReconstructRules | None,
    *,
    row: float | None = None,
) -> Recipe:
    """Recipe whose tilts count when a slice is made, not before."""
    rules = rules or ReconstructRules()
    if rules.method == "sirt":
        rules = replace(rules, method="sirt-like", positive=False)
    recipe = recipe_of(series, alignment, rules, row=row)
    return replace(recipe, weights=np.ones(len(recipe.tilts)))


def _across(recipe: Recipe, row: F32) -> F32:
    out = np.empty((1, recipe.plan.nz, recipe.plan.nx), np.float32)
    backproject(row[None], recipe.plan, out)
    slab: F32 = out[0]
    return slab


def _factors(recipe: Recipe, alignment: TiltAlignment, used: Mask | None) -> F32:
    """What each sample of the rows counts once only some tilts are used."""
    n = len(alignment.used)
    wanted = np.ones(n, bool) if used is None else np.asarray(used, bool)
    if wanted.shape != (n,):
        raise Invalid(f"{wanted.size} switches do not fit a series of {n} tilts")
    on = wanted[recipe.tilts]
    if on.sum() < 2:
        raise Invalid("less than two tilts are used", hint="Switch another one on.")
    weights = np.zeros(len(on), np.float32)
    weights[on] = angle_weights(recipe.angles_deg[on])
    factors: F32 = np.repeat(weights, np.diff(recipe.plan.starts))
    return factors


def _within(index: int, length: int, name: str) -> None:
    if not 0 <= index < length:
        raise Invalid(f"there is no slice {name} = {index}: they go from 0 to {length - 1}")
