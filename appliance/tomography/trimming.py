"""What is written beside a reconstruction: the aligned stack, and the tomogram seen from above."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats import MrcWriter, read_mrc_stack
from appliance.tomography.preparing import Progress
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.resampling import aligned_stack, frame_of

__all__ = ["trim", "write_aligned"]

_BLOCK_BYTES = 64 << 20


def trim(full_rec: Path, rec: Path, progress: Progress | None = None) -> Path:
    """Rotate a tomogram about x by -90 degrees, so that its sections have constant height.

    Section ``s``, row ``y``, column ``x`` of `rec` is row ``nz - 1 - s`` of section ``y`` of
    `full_rec`: heights are counted from the other side, because a mere exchange of two axes would
    show the specimen as its mirror image.

    Parameters
    ----------
    full_rec : Path
        (y, thickness, x), as `reconstruct` writes it.
    rec : Path
        File to write, (thickness, y, x); it must not exist.
    progress : callable, optional
        Receives the part that is done, 0 to 1, and a word on it.

    Returns
    -------
    Path
        `rec`.

    Raises
    ------
    NotFound, FormatError
        If `full_rec` cannot be read.
    Conflict
        If `rec` exists.
    DiskFull
    """
    full, facts = read_mrc_stack(full_rec)
    ny, nz, nx = full.shape
    if min(ny, nx) < 2:
        raise Invalid(f"{full_rec.name} is no volume: it has {ny} sections of {nz} by {nx}")
    depth = max(1, _BLOCK_BYTES // (ny * nx * full.dtype.itemsize))
    titles = [*facts.titles, "rotated about x by -90 degrees"]
    dtype = full.dtype.newbyteorder("=")
    with MrcWriter(rec, (nz, ny, nx), dtype, facts.pixel_angstrom, titles=titles) as writer:
        for s in range(0, nz, depth):
            end = min(s + depth, nz)
            block = full[:, nz - end : nz - s][:, ::-1]
            writer.write(s, np.ascontiguousarray(block.transpose(1, 0, 2), dtype))
            if progress:
                progress(end / nz, "turning the tomogram")
    return rec


def write_aligned(
    series: TiltSeries,
    alignment: TiltAlignment,
    target: Path,
    *,
    binning: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write the aligned stack (IMOD's ``_ali``), of the type of the series.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    target : Path
        File to write; it must not exist.
    binning : int
    progress : callable, optional
        Receives the part that is done, 0 to 1, and a word on it.

    Raises
    ------
    FormatError, Invalid, Conflict, DiskFull
    """
    frame = frame_of(series, binning)
    dtype = _stored_type(series.images.dtype)
    shape = (len(series.images), frame.ny, frame.nx)
    pixel = series.pixel_nm * 10 * binning
    titles = [f"aligned, binning {binning}"]
    sections = aligned_stack(series, alignment, binning=binning)
    with MrcWriter(target, shape, dtype, pixel, titles=titles, volume=False) as writer:
        for i, section in enumerate(sections):
            writer.write(i, _as_type(section, dtype))
            if progress:
                progress((i + 1) / shape[0], "writing the aligned tilts")
    return target


def _stored_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("=") if dtype.kind in "iu" and dtype.itemsize <= 2 else np.dtype("f4")


def _as_type(section: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round and cut off where the file holds whole numbers."""
    if dtype.kind == "f":
        return section
    limits = np.iinfo(dtype)
    return np.clip(np.rint(section), limits.min, limits.max).astype(dtype)
