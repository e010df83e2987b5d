"""The tilts made ready for back projection: aligned, stretched, filtered, row by row.

They lie in memory while they fit, otherwise in a scratch file beside the result.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import DiskFull, FormatError, Invalid
from appliance.tomography.erasing import Beads, erased
from appliance.tomography.filters import fall_off, filter_rows, ramp, sirt_like
from appliance.tomography.layout import Layout, layout
from appliance.tomography.lines import Lines, line_images, lines_of, spline_response, stretch
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.resampling import (
    Samples,
    Tilt,
    aligned_image,
    binned_tilt,
    check_alignment,
    frame_of,
)
from appliance.tomography.rules import ReconstructRules, angle_weights, n_workers

__all__ = ["Prepared", "Progress", "Recipe", "prepared_rows", "recipe_of", "tilt_rows"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Progress = Callable[[float, str], None]
_FADE = 0.05  # of the width: over so much the edge of a tilt fades out
_ROWS = 64  # rows that are filtered at once: they stay in the cache
_DARKEST = 0.01  # of the mean: the logarithm takes nothing below


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to each tilt that is used.

    Attributes
    ----------
    plan : Layout
    rules : ReconstructRules
    tilts : array (n_used,) of int
        Numbers of the sections.
    angles_deg : array (n_used,)
    weights : array (n_used,)
        What each counts: the radians that it stands for, or 1 where that is decided later.
    rows : (float, int)
        First aligned row in binned pixels from the centre, and how many.
    beads : Beads or None
        What is painted over first.
    """

    plan: Layout
    rules: ReconstructRules
    tilts: NDArray[np.intp]
    angles_deg: F64
    weights: F64
    rows: tuple[float, int]
    beads: Beads | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of all tilts: (ny, plan.n_samples), float32."""

    recipe: Recipe
    rows: F32


def recipe_of(
    series: TiltSeries,
    alignment: TiltAlignment,
    rules: ReconstructRules,
    *,
    beads: Beads | None = None,
    row: float | None = None,
) -> Recipe:
    """Work out what a reconstruction will do.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    rules : ReconstructRules
    beads : Beads, optional
    row : float, optional
        Only this row, in binned pixels from the centre.

    Raises
    ------
    FormatError, Invalid
        If series, alignment and rules do not fit, or less than two tilts are used.
    """
    check_alignment(series, alignment)
    frame = frame_of(series, rules.binning)
    tilts = np.flatnonzero(alignment.used)
    if len(tilts) < 2:
        raise Invalid(
            f"{len(tilts)} tilt is used: a tomogram needs two or more",
            hint="Offer a tilt series, and leave fewer of its tilts out.",
        )
    angles = rules.angles(alignment)
    plan = layout(angles, frame.nx, rules.thickness, z_shift=rules.z_shift_px / rules.binning)
    rows = (-(frame.ny - 1) / 2, frame.ny) if row is None else (row, 1)
    return Recipe(plan, rules, tilts, angles, angle_weights(angles), rows, beads)


@contextmanager
def prepared_rows(
    series: TiltSeries,
    alignment: TiltAlignment,
    recipe: Recipe,
    scratch: Path,
    progress: Progress | None = None,
) -> Iterator[Prepared]:
    """Prepare all tilts; the rows are gone after the block.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    recipe : Recipe
    scratch : Path
        Folder for what does not fit into memory.
    progress : callable, optional
        Receives the part that is done, 0 to 1, and a word on it.

    Raises
    ------
    FormatError
        If a tilt holds no number at all.
    DiskFull
    """
    shape = (recipe.rows[1], recipe.plan.n_samples)
    with _room(shape, recipe.rules, scratch) as rows:
        with ThreadPoolExecutor(n_workers(recipe.rules.workers)) as pool:
            waiting = [
                pool.submit(_fill, series, alignment, recipe, k, rows)
                for k in range(len(recipe.tilts))
            ]
            try:
                for done, task in enumerate(as_completed(waiting), 1):
                    task.result()
                    if progress:
                        progress(done / len(waiting), "preparing the tilts")
            finally:
                for task in waiting:
                    task.cancel()
        yield Prepared(recipe, rows)


@contextmanager
def _room(shape: tuple[int, int], rules: ReconstructRules, scratch: Path) -> Iterator[F32]:
    needed = int(np.prod(shape, dtype=object)) * 4
    if needed <= rules.memory_bytes():
        yield np.empty(shape, np.float32)
        return
    with tempfile.TemporaryFile(dir=scratch, prefix=".rows-") as stream:
        try:
            # A mapped file with holes would end the process, not the call, on a full disk.
            os.posix_fallocate(stream.fileno(), 0, needed)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            text = f"there is no room for the prepared tilts: they take {needed:,} bytes"
            raise DiskFull(text, hint="Free some space, or use a higher binning.") from error
        yield np.memmap(stream, np.float32, "r+", shape=shape)


def _fill(series: TiltSeries, alignment: TiltAlignment, recipe: Recipe, k: int, rows: F32) -> None:
    _prepare(series, alignment, recipe, k, (np.asarray(rows), int(recipe.plan.starts[k])))


def tilt_rows(series: TiltSeries, alignment: TiltAlignment, recipe: Recipe, k: int) -> F32:
    """Prepare one tilt: (rows, width of its part of the layout)."""
    out = np.empty((recipe.rows[1], recipe.plan.width(k)), np.float32)
    _prepare(series, alignment, recipe, k, (out, 0))
    return out


def _prepare(
    series: TiltSeries, alignment: TiltAlignment, recipe: Recipe, k: int, into: tuple[F32, int]
) -> None:
    """Prepare one tilt into rows, from one of their samples on."""
    i, rules, plan = int(recipe.tilts[k]), recipe.rules, recipe.plan
    matrix, shift = alignment.matrices[i], alignment.shifts[i]
    section = series.images[i]
    if recipe.beads is not None:
        section = erased(section, recipe.beads, matrix, shift, float(alignment.angles_deg[i]))
    tilt = _ready(binned_tilt(section, rules.binning), rules, i)
    lines = lines_of(tilt, matrix, shift)
    if lines is not None:
        _along_lines(lines, recipe, k, into)
        return
    reach = _reach(section.shape, matrix, shift) / rules.binning
    fade = _FADE * plan.nx
    low, high = _span(plan, k, reach + fade)
    cosine = float(plan.cosines[k])
    x = (plan.first(k) + low) * cosine
    response = _response(recipe, k, high - low, cosine)
    (out, begin), (_, ny) = into, recipe.rows
    for y in range(0, ny, _ROWS):
        n = min(_ROWS, ny - y)
        samples = Samples(x, cosine, high - low, recipe.rows[0] + y, n, fade)
        image = aligned_image(tilt, matrix, shift, samples)
        image = filter_rows(image, response)
        out[y : y + n, begin : begin + plan.width(k)] = image[:, -low : -low + plan.width(k)]


def _along_lines(lines: Lines, recipe: Recipe, k: int, into: tuple[F32, int]) -> None:
    """Prepare a tilt whose rows are not oblique: filtered before they are stretched."""
    plan, (y0, ny) = recipe.plan, recipe.rows
    cosine, width, fade = float(plan.cosines[k]), plan.width(k), _FADE * plan.nx
    x = plan.first(k) * cosine
    columns = lines.columns((x, x + (width - 1) * cosine), (y0, y0 + ny - 1), fade)
    response = _response(recipe, k, columns[1], lines.spacing)
    response = response * spline_response(np.linspace(0, 0.5, len(response)))
    samples, (out, begin) = (x, cosine, width), into
    for y in range(0, ny, _ROWS):
        n = min(_ROWS, ny - y)
        image = line_images(lines, columns, y0 + y, n, fade)
        image = filter_rows(image, response)
        stretch(image, lines, (columns[0], y0 + y), samples, (out, y, begin))


def _ready(tilt: Tilt, rules: ReconstructRules, i: int) -> Tilt:
    """Values around zero, in place; densities where they are asked for."""
    if not np.isfinite(tilt.mean):
        raise FormatError(f"section {i} holds no number", hint="Leave this tilt out.")
    if not rules.logarithm:
        centred = np.subtract(tilt.image, np.float32(tilt.mean), out=tilt.image)
        return replace(tilt, image=centred, mean=0.0)
    if tilt.mean <= 0:
        raise Invalid(
            f"section {i} is not bright on average: its logarithm says nothing",
            hint="Leave this tilt out, or do without the logarithm.",
        )
    image = np.log(np.maximum(tilt.image, np.float32(_DARKEST * tilt.mean)))
    level = np.quantile(image, 0.995) if rules.positive else image.mean(dtype=np.float64)
    image -= np.float32(level)
    return replace(tilt, image=image, mean=0.0)


def _reach(shape: tuple[int, ...], matrix: F64, shift: F64) -> float:
    """How far from the axis the aligned tilt reaches, in unbinned pixels."""
    ny, nx = shape
    corners = np.array([[x, y] for x in (-nx / 2, nx / 2) for y in (-ny / 2, ny / 2)])
    return float(np.abs(corners @ matrix[0] + shift[0]).max())


def _span(plan: Layout, k: int, reach: float) -> tuple[int, int]:
    """Samples that the filter must see: those of the layout and all of the tilt."""
    half = reach / float(plan.cosines[k])
    low = int(np.floor(-half - plan.first(k)))
    high = int(np.ceil(half - plan.first(k))) + 1
    return min(low, 0), max(high, plan.width(k))


def _response(recipe: Recipe, k: int, n: int, spacing: float) -> F64:
    """Filter of one tilt, for rows of `n` samples so many pixels apart."""
    from scipy import fft

    rules = recipe.rules
    # Both ends have faded to zero: of the ramp's tail little may come around.
    length = fft.next_fast_len((5 * n + 7) // 8, real=True) * 2
    if rules.method == "sirt":
        return np.full(length // 2 + 1, float(recipe.plan.cosines[k]))
    response = ramp(length) / spacing * recipe.weights[k]
    frequencies = np.arange(len(response)) / length / spacing  # cycles per binned pixel
    response = response * fall_off(frequencies, rules.window, rules.cutoff, rules.falloff)
    if rules.method == "sirt-like":
        covered = float(angle_weights(recipe.angles_deg).sum())
        response = response * sirt_like(frequencies, rules.iterations, recipe.plan.nz, covered)
    return np.asarray(response, np.float64)
