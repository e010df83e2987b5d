"""Grey levels of sections for movies and pictures: a common mean, and one scale for all of them.

What `newstack -float 3` and `mrc2tif -C low,high` do to a stack: each section is shifted, none is
stretched, and the range of the shifted values becomes 0 to 255, of which `low` becomes black.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.tomography.slabs import forget

__all__ = ["GreyScale", "grey_scale", "grey_sections", "section_means"]

_SAMPLES = 1 << 16
_OUTLIERS = 5e-4


@dataclass(frozen=True, slots=True)
class GreyScale:
    """How values of a stack become grey.

    Attributes
    ----------
    means : array (nz,) of float64
        Subtracted from each section.
    low, high : float
        What is then black and white.
    """

    means: NDArray[np.float64]
    low: float
    high: float

    def grey(self, section: NDArray[Any], z: int) -> NDArray[np.uint8]:
        """Give section `z` (ny, nx) as a picture of bytes; what is no number is black.

        The first row of a file is the bottom one of its picture, as IMOD shows and writes it.
        """
        factor = np.float32(255.0 / (self.high - self.low))
        shifted = section.astype(np.float32) - np.float32(self.means[z] + self.low)
        shifted *= factor
        np.nan_to_num(shifted, copy=False, nan=0.0)
        levels: NDArray[np.float32] = np.rint(shifted.clip(0, 255, out=shifted), out=shifted)
        return levels.astype(np.uint8)[::-1]


def section_means(stack: NDArray[Any]) -> NDArray[np.float64]:
    """Give the mean of each section of a stack (nz, ny, nx); of its numbers only."""
    means = np.empty(len(stack))
    for z, section in enumerate(stack):
        numbers = _numbers(section)
        means[z] = numbers.mean(dtype=np.float64) if numbers.size else 0.0
    forget(stack)
    return means


def grey_scale(
    stack: NDArray[Any], *, levels: tuple[float, float] = (0, 255), exact: bool = False
) -> GreyScale:
    """Choose the grey levels of a stack.

    Parameters
    ----------
    stack : array (nz, ny, nx)
        Of any numbers, memory-mapped or not.
    levels : tuple of float
        Which of 0 to 255 over the range of values become black and white, as ``-C`` of mrc2tif.
    exact : bool
        Whether the range is that of all values, as IMOD takes it; else 0.05 % at each end are
        left out, so that one hot pixel does not take the contrast of a movie.

    Raises
    ------
    FormatError
        If the stack is empty or holds complex values.
    """
    if stack.size == 0 or stack.dtype.kind not in "iuf":
        raise FormatError("these sections cannot be shown", hint="They hold no real numbers.")
    means, low, high = _all_values(stack) if exact else _most_values(stack)
    if not high > low:
        low, high = low - 0.5, low + 0.5
    step = (high - low) / 255
    return GreyScale(means, low + levels[0] * step, low + levels[1] * step)


def grey_sections(stack: NDArray[Any], scale: GreyScale) -> Iterator[NDArray[np.uint8]]:
    """Walk the sections of a stack as pictures of bytes (ny, nx), the last row first."""
    for z, section in enumerate(stack):
        yield scale.grey(section, z)
        forget(stack)


def _all_values(stack: NDArray[Any]) -> tuple[NDArray[np.float64], float, float]:
    """Means of sections, and the range of all values less these."""
    means = section_means(stack)
    low, high = np.inf, -np.inf
    for section, mean in zip(stack, means, strict=True):
        numbers = _numbers(section)
        if numbers.size:
            low, high = min(low, float(numbers.min()) - mean), max(high, numbers.max() - mean)
    forget(stack)
    return means, float(low), float(high)


def _most_values(stack: NDArray[Any]) -> tuple[NDArray[np.float64], float, float]:
    """Means and range as a sample tells them without its outliers."""
    step = max(1, round((stack[0].size / _SAMPLES) ** 0.5))
    means, samples = np.zeros(len(stack)), [np.zeros(0, np.float32)]
    for z, section in enumerate(stack):
        numbers = _numbers(section[::step, ::step]).astype(np.float32)
        if numbers.size:
            low, high = np.quantile(numbers, [_OUTLIERS, 1 - _OUTLIERS])
            means[z] = numbers.clip(low, high).mean(dtype=np.float64)
            samples.append(numbers - np.float32(means[z]))
    forget(stack)
    together = np.concatenate(samples)
    if not together.size:
        return means, 0.0, 0.0
    low, high = np.quantile(together, [_OUTLIERS, 1 - _OUTLIERS])
    return means, float(low), float(high)


def _numbers(section: NDArray[Any]) -> NDArray[Any]:
    flat: NDArray[Any] = section.ravel()
    return flat if section.dtype.kind != "f" else flat[np.isfinite(flat)]
