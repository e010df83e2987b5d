"""Averages of a tomogram: the mean of five sections, run through it, and the same binned by two.

Sums of integers are exact, and values are rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.tomography.grey import section_means
from appliance.tomography.shrinking import halve
from appliance.tomography.slabs import forget

__all__ = ["WINDOW", "binned_by_two", "running_means", "write_averages"]

WINDOW = 5


def running_means(stack: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Walk the means of five neighbouring sections, shifted to a common mean.

    Parameters
    ----------
    stack : array (nz, ny, nx)
        At least five sections of 8 or 16 bit integers or floats.

    Yields
    ------
    array (ny, nx)
        The mean around section 2, 3, ... nz - 3; int16 or uint16 of integers, else float32.

    Raises
    ------
    FormatError
        If there are fewer than five sections.
    """
    if len(stack) < WINDOW:
        raise FormatError(
            f"a mean of five sections needs five; there are {len(stack)}",
            hint="Reconstruct a thicker volume.",
        )
    shifts = _shifts(section_means(stack))
    target = averaged_type(stack.dtype)
    for z, total in enumerate(_sums(stack)):
        mean = total / WINDOW + shifts[z]
        if target.kind != "f":
            facts = np.iinfo(target)
            mean = np.rint(mean).clip(facts.min, facts.max)
        yield mean.astype(target)


def averaged_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the type of averages: int16 as IMOD's mode 1, uint16 and float32 where that is lossy."""
    if dtype.kind == "f":
        return np.dtype(np.float32)
    return np.dtype(np.uint16 if dtype.kind == "u" and dtype.itemsize > 1 else np.int16)


def _shifts(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """What brings each average of five to the mean of them all."""
    averages = np.convolve(means, np.ones(WINDOW) / WINDOW, "valid")
    shifts: NDArray[np.float64] = averages.mean() - averages
    return shifts


def _sums(stack: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Walk the sums of five sections; integers stay exact, floats are added anew each time."""
    if stack.dtype.kind == "f":
        for z in range(len(stack) - WINDOW + 1):
            yield stack[z : z + WINDOW].sum(axis=0, dtype=np.float64)
            forget(stack)
        return
    total = stack[:WINDOW].sum(axis=0, dtype=np.int32)
    yield total
    for z in range(WINDOW, len(stack)):
        total += stack[z]
        total -= stack[z - WINDOW]
        yield total
        forget(stack)


def binned_by_two(sections: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Walk a volume's sections at half the size along each axis; what is left over is dropped."""
    for lower in sections:
        upper = next(sections, None)
        if upper is None:
            return
        pair = np.stack([lower, upper])
        ny, nx = pair.shape[1] // 2, pair.shape[2] // 2
        even, sign = _unsigned(np.ascontiguousarray(pair[:, : 2 * ny, : 2 * nx]))
        half = np.empty((1, ny, nx), even.dtype)
        halve(even, half, (2, 2, 2))
        yield (half ^ sign).view(pair.dtype)[0] if sign else half[0]


def _unsigned(pair: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Give int16 as uint16 with the same order of values, and what undoes it."""
    if pair.dtype.kind != "i":
        return pair, None
    sign = np.uint16(1 << 15)
    return pair.view(np.uint16) ^ sign, sign


def write_averages(volume_path: Path, average: Path, binned: Path) -> None:
    """Write ``ave_BASENAME.mrc`` and ``avebin8_BASENAME.mrc``.

    Parameters
    ----------
    volume_path : Path
        The trimmed reconstruction, sections along z.
    average, binned : Path
        New files.

    Raises
    ------
    FormatError
        If there are fewer than five sections.
    """
    from appliance.formats import MrcWriter, read_mrc_stack

    stack, facts = read_mrc_stack(volume_path)
    if len(stack) < WINDOW:
        next(running_means(stack))
    shape = (len(stack) - WINDOW + 1, *stack.shape[1:])
    titles = (*facts.titles[:9], "mean of five sections, common mean")
    dtype = averaged_type(stack.dtype)
    with MrcWriter(average, shape, dtype, facts.pixel_angstrom, titles=titles) as writer:
        for z, section in enumerate(running_means(stack)):
            writer.write(z, section)
    if min(shape) < 2:
        return
    made, _ = read_mrc_stack(average)
    half = (shape[0] // 2, shape[1] // 2, shape[2] // 2)
    with MrcWriter(binned, half, dtype, 2 * facts.pixel_angstrom, titles=titles) as writer:
        for z, section in enumerate(binned_by_two(iter(made))):
            writer.write(z, section)
