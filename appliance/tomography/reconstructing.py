"""From an aligned tilt series to a tomogram on disk, slab by slab.

The tomogram lies as IMOD's ``tilt`` leaves it: one section for each row along the tilt axis,
(y, thickness, x). `trim` turns it into sections of constant height.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.formats import MrcWriter
from appliance.tomography.compiled import reordered
from appliance.tomography.erasing import Beads
from appliance.tomography.iterating import sirt
from appliance.tomography.kernels import backproject
from appliance.tomography.live import LiveSlices, reconstruct_slice
from appliance.tomography.preparing import Prepared, Progress, prepared_rows, recipe_of
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.resampling import aligned_stack
from appliance.tomography.rules import ReconstructRules, n_workers
from appliance.tomography.trimming import trim, write_aligned

__all__ = [
    "Beads",
    "LiveSlices",
    "ReconstructRules",
    "Scale",
    "aligned_stack",
    "make_slices",
    "reconstruct",
    "reconstruct_slice",
    "trim",
    "write_aligned",
]

F32 = NDArray[np.float32]
_SLAB = 8  # slices a thread makes at a time
_SAMPLED = 9  # slices from which the scale of whole numbers is found
_PREPARING = 0.35  # part of the time that preparing takes
_LARGEST = 30_000
_SPREADS = 200.0  # at most so many standard deviations are kept before values are cut off


@dataclass(frozen=True, slots=True)
class Scale:
    """How whole numbers stand for values: value = stored * step + offset."""

    step: float
    offset: float

    def words(self) -> str:
        """A title of the file."""
        return f"value = stored * {self.step:.9g} + {self.offset:.9g}"


def reconstruct(
    series: TiltSeries,
    alignment: TiltAlignment,
    target: Path,
    rules: ReconstructRules | None = None,
    progress: Progress | None = None,
    *,
    beads: Beads | None = None,
) -> Path:
    """Reconstruct a tomogram into an MRC file.

    Voxel ``[y, k, x]`` of the file shows the specimen at ``x - (nx - 1) / 2``, ``y - (ny - 1) / 2``
    and height ``k - (nz - 1) / 2`` in binned pixels from the centre, in the frame of
    `TiltAlignment`. What is dark in the tilts is dark in the tomogram; the mean over a tilt is 0.

    Parameters
    ----------
    series : TiltSeries
        It is not changed.
    alignment : TiltAlignment
    target : Path
        File to write, usually ``BASENAME_full_rec.mrc``; it must not exist.
    rules : ReconstructRules, optional
    progress : callable, optional
        Receives the part that is done, 0 to 1, and a word on it.
    beads : Beads, optional
        Gold beads that are painted over first.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    Conflict
        If `target` exists.
    FormatError, Invalid
        If series, alignment and rules do not fit.
    DiskFull
        Nothing remains under the final name.

    Notes
    -----
    Memory: the prepared tilts while they fit (`ReconstructRules.memory_mb`), else they lie in a
    scratch file beside `target`; of the tomogram only a few slices a thread.
    """
    rules = rules or ReconstructRules()
    recipe = recipe_of(series, alignment, rules, beads=beads)
    plan, ny = recipe.plan, recipe.rows[1]
    told = progress or _silent
    titles = [f"{rules.method} of {len(recipe.tilts)} tilts, binning {rules.binning}"]
    with prepared_rows(
        series, alignment, recipe, target.parent, _part(told, 0, _PREPARING)
    ) as prepared:
        scale = _scale(prepared) if rules.dtype == "int16" else None
        titles += [scale.words()] if scale else []
        pixel = series.pixel_nm * 10 * rules.binning
        shape = (ny, plan.nz, plan.nx)
        with MrcWriter(target, shape, rules.dtype, pixel, titles=titles) as writer:
            for y, slab in _slabs(prepared, scale):
                writer.write(y, slab)
                told(_PREPARING + (1 - _PREPARING) * (y + len(slab)) / ny, "reconstructing")
    return target


def make_slices(prepared: Prepared, first: int, last: int) -> F32:
    """Reconstruct slices `first` to `last` (exclusive): (n, nz, nx) of float32."""
    plan, rules = prepared.recipe.plan, prepared.recipe.rules
    rows = np.ascontiguousarray(prepared.rows[first:last])
    out = np.empty((len(rows), plan.nz, plan.nx), np.float32)
    if rules.method == "sirt":
        sirt(rows, plan, rules, out)
    else:
        backproject(rows, plan, out)
    return out


def _slabs(prepared: Prepared, scale: Scale | None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Slices in their order, made by several threads of which none runs far ahead."""
    ny, workers = len(prepared.rows), n_workers(prepared.recipe.rules.workers)
    starts = iter(range(0, ny, _SLAB))
    waiting: deque[tuple[int, Future[NDArray[Any]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                for y in starts:
                    last = min(y + _SLAB, ny)
                    waiting.append((y, pool.submit(_stored, prepared, y, last, scale)))
                    if len(waiting) > 2 * workers:
                        break
                if not waiting:
                    return
                y, task = waiting.popleft()
                yield y, task.result()
        finally:
            for _, task in waiting:
                task.cancel()


def _stored(prepared: Prepared, first: int, last: int, scale: Scale | None) -> NDArray[Any]:
    slab = make_slices(prepared, first, last)
    if scale is None:
        return slab
    whole = np.empty(slab.shape, np.int16)
    _round(slab.ravel(), np.float32(scale.offset), np.float32(1 / scale.step), whole.ravel())
    return whole


def _scale(prepared: Prepared) -> Scale:
    """Let the range of some slices fill most of that of int16."""
    ny = len(prepared.rows)
    picked = np.unique(np.linspace(0.1 * (ny - 1), 0.9 * (ny - 1), _SAMPLED).astype(int))
    slabs = [make_slices(prepared, y, y + 1) for y in picked.tolist()]
    values = np.concatenate([slab.ravel() for slab in slabs])
    mean = float(values.mean(dtype=np.float64))
    spread = float(values.std(dtype=np.float64))
    largest = float(np.abs(values - np.float32(mean)).max())
    span = min(1.5 * largest, _SPREADS * spread)
    return Scale(span / _LARGEST if span > 0 else 1.0, mean)


def _silent(part: float, words: str) -> None:
    """Tell nobody."""


def _part(told: Progress, first: float, length: float) -> Callable[[float, str], None]:
    """Progress of a step as a part of the whole."""
    return lambda part, words: told(first + length * part, words)


@reordered
def _round(values: F32, offset: np.float32, factor: np.float32, out: NDArray[np.int16]) -> None:
    low, high = np.float32(-32768), np.float32(32767)
    for i in range(values.size):
        out[i] = np.int16(np.rint(min(max((values[i] - offset) * factor, low), high)))
