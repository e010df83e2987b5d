"""Multiscale pyramids that Neuroglancer opens: its precomputed format, uncompressed.

A volume is read once, in bands of 64 sections by 64 rows, and all scales are written on the way,
so that it may be far larger than memory. Signed integers are shifted into unsigned ones, which is
all the format knows; ``info`` says by how much. Chunks are files of their own, or in shards.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Conflict, FormatError, atomic_write, fsync_dir, new_key
from appliance.tomography.shards import gather_chunks, shard_layout
from appliance.tomography.shrinking import Factors, halve, into_chunks
from appliance.tomography.slabs import forget, stored_type, value_offset

__all__ = ["CHUNK", "Scale", "pyramid_scales", "write_pyramid", "write_pyramid_of"]

CHUNK = 64
_SERIES_ENDS = (".rawtlt", ".tlt", ".mdoc", ".mrc.mdoc", ".st.mdoc")
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale of a pyramid.

    Attributes
    ----------
    factors : tuple of int
        (x, y, z): how many voxels of the volume make one here, along each axis.
    size : tuple of int
        (x, y, z) in voxels.
    resolution_nm : tuple of float
        (x, y, z) edge lengths of a voxel.
    """

    factors: tuple[int, int, int]
    size: tuple[int, int, int]
    resolution_nm: tuple[float, float, float]

    @property
    def key(self) -> str:
        """Name of its folder; unique among the scales of a pyramid."""
        return "_".join(str(factor) for factor in self.factors)


def pyramid_scales(size: tuple[int, int, int], voxel_nm: tuple[float, float, float]) -> list[Scale]:
    """Give the scales of a pyramid, finest first, until the volume fits into two chunks an axis.

    Axes along which voxels are longer are halved later, until voxels are about cubes.

    Parameters
    ----------
    size : tuple of int
        (x, y, z) in voxels.
    voxel_nm : tuple of float
        (x, y, z) edge lengths.
    """
    delays = [round(math.log2(edge / min(voxel_nm))) for edge in voxel_nm]
    wanted = [math.ceil(math.log2(n / CHUNK)) for n in size]
    levels = max(n + wait if n > 1 else n for n, wait in zip(wanted, delays, strict=True))
    return [_scale(size, voxel_nm, delays, level) for level in range(max(levels, 1))]


def _scale(
    size: tuple[int, int, int],
    voxel_nm: tuple[float, float, float],
    delays: list[int],
    level: int,
) -> Scale:
    x, y, z = (2 ** max(0, level - wait) for wait in delays)
    return Scale(
        (x, y, z),
        (-(-size[0] // x), -(-size[1] // y), -(-size[2] // z)),
        (voxel_nm[0] * x, voxel_nm[1] * y, voxel_nm[2] * z),
    )


def write_pyramid(
    volume_path: Path,
    folder: Path,
    *,
    sharded: bool = False,
    facts: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> list[Scale]:
    """Write the pyramid of a tomogram in an MRC file; see `write_pyramid_of`.

    Raises
    ------
    FormatError
        If the file is damaged, a tilt series or a single image.
    Conflict
        If `folder` exists.
    """
    from appliance.formats import read_mrc_stack

    volume, header = read_mrc_stack(volume_path)
    if header.tilt_angles is not None or _looks_like_series(volume_path):
        raise FormatError(
            f"{volume_path.name} is a tilt series, no volume",
            hint="Make the pyramid of its reconstruction.",
        )
    edge_nm = header.pixel_angstrom / 10 or 1.0
    told = {
        "source": volume_path.name,
        "axes": "columns, rows and sections of the file, in its handedness",
        "pixel_size_known": header.pixel_angstrom > 0,
        **(facts or {}),
    }
    return write_pyramid_of(
        volume,
        folder,
        voxel_nm=(edge_nm, edge_nm, edge_nm),
        sharded=sharded,
        facts=told,
        progress=progress,
    )


def _looks_like_series(path: Path) -> bool:
    """Tell from its name, and from files beside it, that an MRC file holds tilts."""
    if path.suffix.lower() in (".st", ".ali") or path.stem.endswith("_ali"):
        return True
    return any((path.parent / f"{path.stem}{end}").exists() for end in _SERIES_ENDS)


def write_pyramid_of(
    volume: NDArray[Any],
    folder: Path,
    *,
    voxel_nm: tuple[float, float, float],
    sharded: bool = False,
    facts: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> list[Scale]:
    """Write the pyramid of an array.

    Parameters
    ----------
    volume : array (nz, ny, nx)
        8 or 16 bit integers or floats, memory-mapped or not.
    folder : Path
        Is made; nothing is left of it when this fails.
    voxel_nm : tuple of float
        (x, y, z) edge lengths of a voxel.
    sharded : bool
        Whether chunks are gathered into few large files; readers need ranges of bytes then.
    facts : mapping, optional
        What ``info`` is to say below ``nora`` beside the shift of the values.
    progress : callable, optional
        Called with the share that is done, 0 to 1.

    Returns
    -------
    list of Scale
        Finest first.

    Raises
    ------
    FormatError
        If the values cannot be stored, or the volume is one section or empty.
    Conflict
        If `folder` exists.

    Notes
    -----
    Memory: about 64 sections of the second scale, 1/4 of 64 sections of the volume.
    """
    if volume.ndim != 3 or min(volume.shape) < 1 or volume.shape[0] < 2:
        raise FormatError("this is no volume", hint="A pyramid is made of several sections.")
    if folder.exists():
        raise Conflict(f"{folder.name} exists", hint="Remove it or choose another name.")
    nz, ny, nx = volume.shape
    scales = pyramid_scales((nx, ny, nz), voxel_nm)
    part = folder.with_name(f".{folder.name[:64]}.{new_key()}.part")
    try:
        part.mkdir()
        levels = _levels(part, scales, stored_type(volume.dtype))
        _stream(volume, levels[0], progress or (lambda _: None))
        if sharded:
            for scale in scales:
                gather_chunks(part / scale.key, shard_layout(scale.size, CHUNK), CHUNK)
        _write_info(part, scales, volume.dtype, dict(facts or {}), sharded=sharded)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    fsync_dir(folder.parent)
    return scales


class _Level:
    """One scale while it is written: gathers 64 sections, then writes and passes them on."""

    def __init__(self, folder: Path, scale: Scale, dtype: np.dtype[Any], *, gathers: bool) -> None:
        self.folder = folder / scale.key
        self.folder.mkdir()
        self.scale = scale
        self.next: _Level | None = None
        self.z0 = self.filled = 0
        width, height, depth = scale.size
        shape = (min(CHUNK, depth), height, width) if gathers else (0, 0, 0)
        self.sections = np.empty(shape, dtype)

    def factors_to(self, other: _Level) -> Factors:
        """Give (z, y, x) of the step to the next scale."""
        x, y, z = (b // a for a, b in zip(self.scale.factors, other.scale.factors, strict=True))
        return z, y, x

    def take(self, band: NDArray[Any], y0: int, factors: Factors) -> None:
        """Shrink a band of the finer scale into the sections that are gathered."""
        _, fy, _ = factors
        depth = -(-band.shape[0] // factors[0])
        rows = slice(y0 // fy, y0 // fy + -(-band.shape[1] // fy))
        halve(band, self.sections[self.filled : self.filled + depth, rows], factors)

    def advance(self, depth: int) -> None:
        """Count sections that were taken whole; write them when a row of chunks is complete."""
        self.filled += depth
        if self.filled == len(self.sections) or self.z0 + self.filled == self.scale.size[2]:
            self._flush()

    def _flush(self) -> None:
        depth = self.filled
        for y in range(0, self.scale.size[1], CHUNK):
            self.write(self.sections[:depth, y : y + CHUNK], y)
        self.filled = 0
        self.pass_on(depth)

    def write(self, band: NDArray[Any], y0: int) -> None:
        """Write one row of chunks and shrink it into the next scale."""
        z1, y1 = self.z0 + band.shape[0], y0 + band.shape[1]
        for number, chunk in enumerate(into_chunks(band, CHUNK)):
            x0 = number * CHUNK
            name = f"{x0}-{x0 + chunk.shape[2]}_{y0}-{y1}_{self.z0}-{z1}"
            with (self.folder / name).open("xb", buffering=0) as stream:
                stream.write(chunk.data)
        if self.next is not None:
            self.next.take(band, y0, self.factors_to(self.next))

    def pass_on(self, depth: int) -> None:
        """Go on behind `depth` written sections, here and in the next scale."""
        self.z0 += depth
        if self.next is not None:
            self.next.advance(-(-depth // self.factors_to(self.next)[0]))


def _levels(folder: Path, scales: list[Scale], dtype: np.dtype[Any]) -> list[_Level]:
    levels = [
        _Level(folder, scale, dtype, gathers=number > 0) for number, scale in enumerate(scales)
    ]
    for finer, coarser in pairwise(levels):
        finer.next = coarser
    return levels


def _stream(volume: NDArray[Any], finest: _Level, progress: Progress) -> None:
    for z in range(0, len(volume), CHUNK):
        for y, band in _bands(volume[z : z + CHUNK]):
            finest.write(band, y)
        forget(volume)
        finest.pass_on(min(CHUNK, len(volume) - z))
        progress(min(1.0, (z + CHUNK) / len(volume)))


def _bands(slab: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Walk a slab (z, ny, nx) in bands of 64 rows, as the pyramid stores them."""
    target = stored_type(slab.dtype)
    sign = target.type(value_offset(slab.dtype))
    native = slab.dtype.newbyteorder("=")
    for y in range(0, slab.shape[1], CHUNK):
        band = np.ascontiguousarray(slab[:, y : y + CHUNK], dtype=native)
        if sign:
            yield y, band.view(target) ^ sign
        else:
            yield y, band.astype(target, copy=False)


def _write_info(
    folder: Path,
    scales: list[Scale],
    dtype: np.dtype[Any],
    facts: dict[str, object],
    *,
    sharded: bool,
) -> None:
    told = {"stored_as": str(dtype.newbyteorder("=")), "value_offset": value_offset(dtype)}
    info = {
        "@type": "neuroglancer_multiscale_volume",
        "type": "image",
        "data_type": str(stored_type(dtype)),
        "num_channels": 1,
        "scales": [_scale_info(scale, sharded=sharded) for scale in scales],
        "nora": {**told, **facts},
    }
    with atomic_write(folder / "info") as stream:
        stream.write(json.dumps(info, indent=1).encode() + b"\n")


def _scale_info(scale: Scale, *, sharded: bool) -> dict[str, Any]:
    told = {"sharding": shard_layout(scale.size, CHUNK).told()} if sharded else {}
    return {
        "key": scale.key,
        "size": list(scale.size),
        "resolution": list(scale.resolution_nm),
        "voxel_offset": [0, 0, 0],
        "chunk_sizes": [[CHUNK, CHUNK, CHUNK]],
        "encoding": "raw",
        **told,
    }
