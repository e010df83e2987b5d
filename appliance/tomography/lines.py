"""Rows of an aligned tilt, taken along lines through the image and stretched after the filter.

A row of the aligned image is a line through the recorded one. Where that line is not oblique it
crosses each column once: the image is interpolated along y there, the row is filtered at the
spacing of the columns, and only then interpolated along x where voxels need it. Each pixel is
interpolated once in either direction, as by `resampling`, for a third of the work; along x by
cubic B-splines, whose coefficients the filter makes at no cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import reordered
from appliance.tomography.resampling import Tilt, near_edge

__all__ = ["Lines", "line_images", "lines_of", "spline_response", "stretch"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_OBLIQUE = 0.3  # rows a line may rise from column to column: beyond, columns are too far apart
_TAPS = 2  # columns beyond either end that the interpolation along x needs


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the rows of an aligned tilt run through its image.

    Attributes
    ----------
    tilt : Tilt
        Its image transposed where rows run along y.
    column, row : float
        Where the line of the aligned row at y = 0 meets aligned x = 0.
    rise : float
        Rows from one column to the next.
    per_x : float
        Columns for one pixel along the aligned row; negative where they run backwards.
    per_y : array (2,)
        Columns and rows from one aligned row to the next.
    """

    tilt: Tilt
    column: float
    row: float
    rise: float
    per_x: float
    per_y: F64

    @property
    def spacing(self) -> float:
        """Pixels along the aligned row from one column to the next."""
        return 1 / abs(self.per_x)

    def columns(
        self, x: tuple[float, float], y: tuple[float, float], fade: float
    ) -> tuple[int, int]:
        """First column and number of columns that hold the image, its fade, and a range of x, y."""
        ends = [self.column + a * self.per_x + b * self.per_y[0] for a in x for b in y]
        low = min(*ends, -fade) - _TAPS
        high = max(*ends, self.tilt.image.shape[1] + fade) + _TAPS
        return int(np.floor(low)), int(np.ceil(high) - np.floor(low)) + 1


def lines_of(tilt: Tilt, matrix: F64, shift: F64) -> Lines | None:
    """Tell where rows run; None where that is too oblique.

    Parameters
    ----------
    tilt : Tilt
    matrix, shift : arrays (2, 2), (2,)
        Alignment of the section in unbinned pixels, see `TiltAlignment`.
    """
    inverse: F64 = np.linalg.inv(matrix).astype(np.float64)
    begin = tilt.corner - inverse @ (shift / tilt.binning)
    if abs(inverse[1, 0]) > abs(inverse[0, 0]):
        tilt = replace(tilt, image=np.ascontiguousarray(tilt.image.T))
        begin, inverse = begin[::-1], inverse[::-1]
    along, rise = float(inverse[0, 0]), float(inverse[1, 0] / inverse[0, 0])
    if abs(rise) > _OBLIQUE or min(tilt.image.shape) < 2 * _TAPS:
        return None
    return Lines(tilt, float(begin[0]), float(begin[1]), rise, along, inverse[:, 1])


def line_images(lines: Lines, columns: tuple[int, int], y: float, ny: int, fade: float) -> F32:
    """Interpolate along lines at whole columns; beyond the image is its mean.

    Parameters
    ----------
    lines : Lines
    columns : (int, int)
        The first one and how many.
    y, ny : float, int
        First aligned row, in binned pixels from the centre, and how many, which lie one apart.
    fade : float
        Columns over which the ends of the image fade into its mean.

    Returns
    -------
    array (ny, n_columns) of float32
    """
    first, n = columns
    out = np.empty((ny, n), np.float32)
    across, down = lines.per_y
    # Down a column of the recorded image, from one line to the next.
    step = float(down - across * lines.rise)
    start = lines.row + (first - lines.column) * lines.rise + y * step
    view = np.array([first, start, lines.rise, step, fade])
    _lines(lines.tilt.image, np.float32(lines.tilt.mean), view, out)
    return out


def stretch(
    rows: F32,
    lines: Lines,
    begin: tuple[int, float],
    samples: tuple[float, float, int],
    into: tuple[F32, int, int],
) -> None:
    """Interpolate rows at columns where samples of the aligned rows lie.

    Parameters
    ----------
    rows : array (ny, n_columns or more) of float32
        From `line_images`, filtered with `spline_response` as a factor.
    lines : Lines
    begin : (int, float)
        First column and first aligned row.
    samples : (float, float, int)
        Aligned x of the first sample, the step to the next, and how many.
    into : (array of float32, int, int)
        What receives the samples, from which of its rows and columns on.
    """
    (first, y), (x, dx, n) = begin, samples
    across = float(lines.per_y[0])
    start = lines.column - first + x * lines.per_x + y * across
    _stretch(rows, np.array([start, dx * lines.per_x, across]), n, into)


def spline_response(frequencies: F64) -> F64:
    """Factor of a filter that turns samples into coefficients of cubic B-splines.

    Parameters
    ----------
    frequencies : array
        Cycles per sample.

    Notes
    -----
    Unser, Aldroubi and Eden, B-spline signal processing (1993).
    """
    response: F64 = 3 / (2 + np.cos(2 * np.pi * frequencies))
    return response


@reordered
def _splines(first: float, step: float, at: NDArray[np.int32], weights: F32) -> None:
    """Cubic B-splines at places that are not negative: floors and four weights."""
    one, sixth = np.float32(1), np.float32(1 / 6)
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for i in range(at.size):
        x = first + step * i
        whole = np.int32(x)
        t = np.float32(x - whole)
        at[i] = whole
        w0[i] = (one - t) * (one - t) * (one - t) * sixth
        w1[i] = ((np.float32(0.5) * t - one) * t) * t + np.float32(2 / 3)
        w3[i] = t * t * t * sixth
        w2[i] = one - w0[i] - w1[i] - w3[i]


@reordered
def _weigh(first: float, step: float, at: NDArray[np.int32], weights: F32) -> None:
    """Keys' cubic (1981, a = -1/2) at places that are not negative: floors and four weights."""
    half, one = np.float32(0.5), np.float32(1)
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for i in range(at.size):
        x = first + step * i
        whole = np.int32(x)
        t = np.float32(x - whole)
        at[i] = whole
        w0[i] = ((-half * t + one) * t - half) * t
        w1[i] = (np.float32(1.5) * t - np.float32(2.5)) * t * t + one
        w3[i] = (half * t - half) * t * t
        w2[i] = one - w0[i] - w1[i] - w3[i]


@reordered
def _lines(image: F32, fill: np.float32, view: F64, out: F32) -> None:
    ny, nx = image.shape
    first, start, rise, step, fade = view
    reach = np.array([fade, 0.0])
    shares = _shares(int(first), out.shape[1], nx, fade)
    left, right = max(0, -int(first)), min(out.shape[1], nx - int(first))
    at, weights = np.empty(nx, np.int32), np.empty((4, nx), np.float32)
    for j in range(out.shape[0]):
        row, y0 = out[j], start + step * j
        _beside(image, fill, (first, y0, rise, fade), shares[:left], row[:left])
        beyond = first + right, y0 + rise * right, rise, fade
        _beside(image, fill, beyond, shares[right:], row[right:])
        begin, end = _inside(y0, rise, left, right, ny)
        for i in range(left, begin):
            row[i] = near_edge(image, fill, first + i, y0 + rise * i, reach)
        for i in range(end, right):
            row[i] = near_edge(image, fill, first + i, y0 + rise * i, reach)
        n, column = end - begin, begin + int(first)
        _weigh(y0 + rise * begin, rise, at[:n], weights)
        i = 0
        while i < n:  # runs within which the line stays between two rows
            y, m = at[i], i + 1
            while m < n and at[m] == y:
                m += 1
            a, b = image[y - 1, column + i : column + m], image[y, column + i : column + m]
            c, d = image[y + 1, column + i : column + m], image[y + 2, column + i : column + m]
            w0, w1, w2, w3 = weights[0, i:m], weights[1, i:m], weights[2, i:m], weights[3, i:m]
            o = row[begin + i : begin + m]
            for k in range(m - i):
                o[k] = w0[k] * a[k] + w1[k] * b[k] + w2[k] * c[k] + w3[k] * d[k]
            i = m


@reordered
def _shares(first: int, n: int, nx: int, fade: float) -> F32:
    """What the end of an image counts beside it, column by column."""
    shares = np.ones(n, np.float32)
    for i in range(n):
        away = max(-(first + i), first + i - (nx - 1)) - 0.5
        if away > fade:
            shares[i] = 0
        elif away > 0:
            shares[i] = 0.5 + 0.5 * np.cos(np.pi * away / fade)
    return shares


@reordered
def _beside(
    image: F32,
    fill: np.float32,
    line: tuple[float, float, float, float],
    shares: F32,
    out: F32,
) -> None:
    """Columns beside the image: its end, fading."""
    ny, nx = image.shape
    x, y0, rise, fade = line
    reach = np.array([fade, 0.0])
    end = 0 if x < 0 else nx - 1
    for i in range(out.size):
        y = y0 + rise * i
        if 0 <= y < ny - 1:
            iy = int(y)
            t = np.float32(y - iy)
            value = image[iy, end] + t * (image[iy + 1, end] - image[iy, end])
            out[i] = fill + (value - fill) * shares[i]
        else:
            out[i] = near_edge(image, fill, x + i, y, reach)


@reordered
def _inside(y0: float, rise: float, begin: int, end: int, ny: int) -> tuple[int, int]:
    """Part of a line that has four rows about it."""
    end = max(begin, end)
    if rise != 0:
        a, b = (1 - y0) / rise, (ny - 2 - y0) / rise
        low, high = min(a, b), max(a, b)
        begin = max(begin, int(min(max(np.ceil(low), 0.0), float(end))))
        end = min(end, int(min(max(np.floor(high) + 1, 0.0), float(end))))
    while begin < end and not 1 <= y0 + rise * begin < ny - 2:
        begin += 1
    while end > begin and not 1 <= y0 + rise * (end - 1) < ny - 2:
        end -= 1
    return begin, max(begin, end)


@reordered
def _stretch(rows: F32, view: F64, n: int, into: tuple[F32, int, int]) -> None:
    out, y0, x0 = into
    start, dx, across = view
    at, weights = np.empty(n, np.int32), np.empty((4, n), np.float32)
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    for j in range(rows.shape[0]):
        row, o = rows[j], out[y0 + j, x0 : x0 + n]
        _splines(start + across * j, dx, at, weights)
        for i in range(n):
            k = np.uintp(np.uint32(at[i] - 1))  # unsigned places need no look for negative ones
            o[i] = (
                w0[i] * row[k]
                + w1[i] * row[k + one]
                + w2[i] * row[k + two]
                + w3[i] * row[k + three]
            )
