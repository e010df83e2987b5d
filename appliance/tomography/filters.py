"""Filters across the tilt axis, which make a sum of projections a picture of the specimen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["fall_off", "filter_rows", "ramp", "sirt_like"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def ramp(n: int) -> F64:
    """Response of the ramp for rows of `n` samples, over the frequencies of a real transform.

    It is the transform of the ramp's kernel at whole samples (Kak and Slaney, Principles of
    Computerized Tomographic Imaging, 1988, eq. 61), which keeps the mean right; the slope is one
    per cycle per sample.
    """
    kernel = np.zeros(n)
    kernel[0] = 0.25
    odd = np.arange(1, n // 2 + 1, 2)
    kernel[odd] = kernel[-odd] = -1 / (np.pi * odd) ** 2
    return np.maximum(np.fft.rfft(kernel).real, 0)


def fall_off(frequencies: F64, shape: str, cutoff: float, width: float) -> F64:
    """Window over frequencies in cycles per pixel.

    Parameters
    ----------
    frequencies : array
        Not negative.
    shape : {"gaussian", "hamming", "none"}
        ``gaussian``: one up to `cutoff`, then a Gaussian of sigma `width`; ``hamming``: falls from
        the start and is zero beyond `cutoff`; ``none``: zero beyond `cutoff`.
    cutoff, width : float
        In cycles per pixel.
    """
    if cutoff <= 0 or width < 0:
        raise Invalid("the cut-off of the filter must be above 0, its fall-off not below 0")
    beyond = frequencies > cutoff
    if shape == "gaussian":
        away = np.where(beyond, frequencies - cutoff, 0)
        return np.exp(-0.5 * (away / max(width, 1e-6)) ** 2)
    if shape == "hamming":
        return np.where(beyond, 0.0, 0.54 + 0.46 * np.cos(np.pi * frequencies / cutoff))
    if shape == "none":
        return np.where(beyond, 0.0, 1.0)
    raise Invalid(f"no filter is called {shape!r}", hint="Use gaussian, hamming or none.")


def sirt_like(frequencies: F64, iterations: int, thickness: int, range_rad: float) -> F64:
    """Part of each frequency that `iterations` rounds of SIRT would have brought back.

    One round lets the fraction ``g = 1 / (thickness * range_rad * frequency)`` of what is missing
    come back, because the projections of N tilts over an angle meet frequency f with density
    ``N / (range_rad * f)`` and SIRT divides by their number and by the length of the rays. After n
    rounds ``1 - (1 - g)^n`` is there.

    Parameters
    ----------
    frequencies : array
        Cycles per pixel, not negative.
    iterations : int
    thickness : int
        Of the slice in pixels.
    range_rad : float
        Angle that the tilts cover.
    """
    if iterations < 1:
        raise Invalid("a SIRT-like filter needs at least one iteration")
    gain = 1 / np.maximum(frequencies * thickness * range_rad, 1e-12)
    return 1 - (1 - np.minimum(gain, 1)) ** iterations


def filter_rows(rows: F32, response: F64) -> F32:
    """Filter rows by a response over the frequencies of a real transform of ``2 (n - 1)`` samples.

    Parameters
    ----------
    rows : array (n_rows, n_samples) of float32
    response : array (n,)

    Returns
    -------
    array (n_rows, 2 (n - 1)) of float32
        What lies beyond `n_samples` is what the filter spread there.
    """
    from scipy import fft

    length = 2 * (len(response) - 1)
    spectrum = fft.rfft(rows, length, axis=1)
    spectrum *= response.astype(np.float32)
    filtered: F32 = fft.irfft(spectrum, length, axis=1, overwrite_x=True)
    return filtered
