"""Coarse alignment: neighbouring tilts by cross-correlation, the axis by what all tilts share.

Across the axis the flatter tilt is taken as it is and the steeper one is stretched by the ratio of
their cosines. Along the axis all tilts see the same sums, which tells where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from appliance.tomography.bundle import turn
from appliance.tomography.working import Working

__all__ = ["Coarse", "coarse_alignment", "correlate", "vertex"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
_SIZE = 320  # longest edge of the images that are correlated
_FLAT_DEG, _FEW = 35.0, 4
_WEAK = 4.5  # deviations: a peak below is no peak
_LOW, _HIGH = 0.008, 0.20  # cycles per pixel that count


@dataclass(frozen=True, slots=True)
class Coarse:
    """Where the tilts lie, in working pixels.

    Attributes
    ----------
    axis_deg : float
    shifts : array (n_tilts, 2)
    peaks : array (n_tilts,)
        Height of the peak over its surroundings, in deviations; 0 for the first tilt.
    """

    axis_deg: float
    shifts: Floats
    peaks: Floats

    @property
    def weak(self) -> list[int]:
        """Tilts that did not fit to their neighbours."""
        return [int(i) for i in np.flatnonzero((self.peaks > 0) & (self.peaks < _WEAK))]


def coarse_alignment(working: Working, axis_deg: float | None) -> Coarse:
    """Align by neighbours, search the axis, and align again.

    Parameters
    ----------
    working : Working
    axis_deg : float or None
        Where the axis is expected; None searches all angles.
    """
    small, step = _smaller(working)
    start = 0.0 if axis_deg is None else axis_deg
    # Of low tilts the stretch hardly matters, so that an axis that is far off does no harm.
    flat = working.good[np.abs(working.angles_deg[working.good]) < _FLAT_DEG]
    flat = flat if len(flat) > _FEW else working.good
    shifts, _ = _chain(small, working.angles_deg, flat, start)
    axis = _axis(small, shifts, flat, start, axis_deg)
    shifts, peaks = _chain(small, working.angles_deg, working.good, axis)
    axis = _axis(small, shifts, working.good, axis, axis)
    shifts, peaks = _chain(small, working.angles_deg, working.good, axis)
    return Coarse(axis, shifts * step, peaks)


def correlate(one: Image, other: Image, reach: float) -> tuple[Floats, float]:
    """Find the shift (x, y) that brings `other` onto `one`, and how clear it is.

    Parameters
    ----------
    one, other : array (ny, nx)
        Faded to zero at their edges.
    reach : float
        Largest shift in pixels.

    Returns
    -------
    array (2,)
    float
        Height of the peak in deviations of the map.
    """
    product = fft.rfft2(one) * np.conj(fft.rfft2(other))
    product /= np.sqrt(np.abs(product)) + np.float32(1e-9)
    cross = fft.irfft2(product * _band(one.shape), one.shape)
    ny, nx = cross.shape
    y, x = _wrapped(ny), _wrapped(nx)
    within = np.where(y[:, None] ** 2 + x**2 <= reach**2, cross, -np.inf)
    j, i = np.unravel_index(int(np.argmax(within)), cross.shape)
    about = cross[np.ix_([(j - 1) % ny, j, (j + 1) % ny], [(i - 1) % nx, i, (i + 1) % nx])]
    dx, dy = vertex(about[1]), vertex(about[:, 1])
    return np.array([x[i] + dx, y[j] + dy]), float((cross[j, i] - cross.mean()) / cross.std())


def _wrapped(n: int) -> Floats:
    """Shifts that the places of a correlation stand for."""
    return np.asarray(fft.fftfreq(n, 1 / n), float)


def vertex(three: Floats) -> float:
    """Where a parabola through three neighbours has its top, from the middle one (n = 3)."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip((three[0] - three[2]) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


@lru_cache(maxsize=8)
def _band(shape: tuple[int, ...]) -> Image:
    """A filter that leaves out the light's gradients and the noise of single pixels."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    f2 = fx**2 + fy**2
    band = (1 - np.exp(-f2 / (2 * _LOW**2))) * np.exp(-f2 / (2 * _HIGH**2))
    return np.asarray(band, np.float32)


def _smaller(working: Working) -> tuple[Image, int]:
    step = max(1, round(max(working.images.shape[1:]) / _SIZE))
    n, ny, nx = (working.images.shape[0], *(s // step for s in working.images.shape[1:]))
    cut = working.images[:, : ny * step, : nx * step].reshape(n, ny, step, nx, step)
    return cut.mean((2, 4)).astype(np.float32), step


def _chain(
    images: Image, angles: Floats, order: NDArray[np.int64], axis_deg: float
) -> tuple[Floats, Floats]:
    """Shifts and peaks of the tilts in `order`, from the flattest outwards on both sides."""
    shifts, peaks = np.zeros((len(angles), 2)), np.zeros(len(angles))
    middle = int(np.argmin(np.abs(angles[order])))
    for side in (order[middle:], order[: middle + 1][::-1]):
        for k in range(1, len(side)):
            before, now = int(side[k - 1]), int(side[k])
            shifts[now], peaks[now] = _step(images, angles, (before, now), shifts, axis_deg)
    return shifts, peaks


def _step(
    images: Image, angles: Floats, pair: tuple[int, int], shifts: Floats, axis_deg: float
) -> tuple[Floats, float]:
    """Shift of one tilt from that of its neighbour."""
    before, now = pair
    cosine = np.cos(np.radians(angles))
    ratio = cosine[now] / cosine[before]
    stretch = np.diag([ratio, 1.0]) if ratio < 1 else np.eye(2)
    shrink = np.diag([1 / ratio, 1.0]) if ratio > 1 else np.eye(2)
    one = _upright(images[before], axis_deg, shifts[before], shrink)
    other = _upright(images[now], axis_deg, shifts[before], stretch)
    reach = 0.45 * min(images.shape[1:])
    moved, peak = correlate(one, other, reach)
    if peak < _WEAK:
        return shifts[before].copy(), peak
    return shifts[before] + stretch @ moved, peak


def _upright(image: Image, axis_deg: float, shift: Floats, stretch: Floats) -> Image:
    """The image as it is seen aligned, at ``stretch @ x`` for each place x, faded at its edges."""
    centre = (np.array(image.shape) - 1) / 2
    back = turn(axis_deg).T @ stretch  # of (x, y)
    matrix = back[::-1, ::-1]
    offset = centre - matrix @ centre - (turn(axis_deg).T @ shift)[::-1]
    seen = ndimage.affine_transform(image, matrix, offset, order=1, mode="constant")
    return np.asarray(seen * _fade(image.shape), np.float32)


def _fade(shape: tuple[int, ...]) -> Image:
    edges = []
    for n in shape:
        at = (np.arange(n) + 0.5) / n
        edges.append(np.sin(np.pi / 2 * np.clip(np.minimum(at, 1 - at) / 0.12, 0, 1)) ** 2)
    return np.asarray(np.outer(*edges), np.float32)


def _axis(
    images: Image, shifts: Floats, order: NDArray[np.int64], start: float, near: float | None
) -> float:
    """The angle along which the spectra of all tilts agree best."""
    spectra = [_spectrum(images[i], start, shifts[i]) for i in order]
    if near is None:
        wide = np.arange(-90.0, 90.0, 1.5)
        near = float(wide[np.argmax([_agreement(spectra, angle) for angle in wide])])
    close = near + np.arange(-6.0, 6.01, 0.25)
    scores = ndimage.gaussian_filter1d([_agreement(spectra, angle) for angle in close], 1.5)
    best = int(np.argmax(scores))
    bend = vertex(scores[best - 1 : best + 2]) if 0 < best < len(close) - 1 else 0.0
    return float(close[best] + 0.25 * bend)


def _spectrum(image: Image, axis_deg: float, shift: Floats) -> NDArray[np.complex64]:
    """Spectrum of a raw image within a disc, its aligned centre at the origin, padded twofold."""
    ny, nx = image.shape
    raw = turn(axis_deg).T @ shift
    y, x = np.ogrid[:ny, :nx]
    x0, y0 = (nx - 1) / 2 - raw[0], (ny - 1) / 2 - raw[1]
    radius = 0.5 * min(image.shape)
    disc = np.clip((1 - np.hypot(x - x0, y - y0) / radius) / 0.3, 0, 1)
    n = fft.next_fast_len(3 * max(image.shape) // 2)
    n += n % 2
    padded = np.zeros((n, n), np.float32)
    padded[:ny, :nx] = image * disc
    f = fft.fftfreq(n)
    phases = (np.exp(2j * np.pi * f * at).astype(np.complex64) for at in (y0, x0))
    spectrum = fft.fft2(padded) * np.multiply.outer(*phases)
    return np.asarray(fft.fftshift(spectrum), np.complex64)


def _agreement(spectra: list[NDArray[np.complex64]], axis_deg: float) -> float:
    """Coherence of all spectra on the line along the axis."""
    n = spectra[0].shape[0]
    k = np.arange(0.015 * n, 0.2 * n)
    angle = np.radians(axis_deg)
    places = np.stack([n / 2 + k * np.cos(angle), n / 2 - k * np.sin(angle)])
    lines = np.array(
        [
            ndimage.map_coordinates(spectrum, places, order=1, output=np.complex64)
            for spectrum in spectra
        ]
    )
    lines /= np.sqrt(np.mean(np.abs(lines) ** 2, axis=1, keepdims=True))
    return float(np.sum(np.abs(lines.sum(0)) ** 2) / np.sum(np.abs(lines) ** 2) / len(spectra))
