"""Chunks of a pyramid gathered into shards: few large files in place of thousands of small ones.

The layout is ``neuroglancer_uint64_sharded_v1`` of Neuroglancer's precomputed format. Chunks are
ordered along a compressed Morton curve, so that those of one shard are neighbours in space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "gather_chunks", "morton_code", "shard_layout"]

_PRESHIFT = 6
"""Bits of neighbours, 64 chunks, whose index is read at once."""
_SHARD_BITS = 9
"""Bits of a shard: 512 chunks, 256 MiB of 16 bit voxels."""
Index = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Layout:
    """How chunks of one scale are shared out.

    Attributes
    ----------
    grid : tuple of int
        (x, y, z): number of chunks along each axis.
    preshift, minishard, shard : int
        Bits of the number of a chunk, from the lowest: within one part of a minishard, of the
        minishard, of the shard.
    """

    grid: tuple[int, int, int]
    preshift: int
    minishard: int
    shard: int

    def place(self, code: int) -> tuple[int, int]:
        """Give shard and minishard of a chunk."""
        hashed = code >> self.preshift
        return (hashed >> self.minishard) & ((1 << self.shard) - 1), hashed & self._mask

    @property
    def _mask(self) -> int:
        return (1 << self.minishard) - 1

    def file_name(self, shard: int) -> str:
        """Give the name of the file of a shard."""
        return f"{shard:0{math.ceil(self.shard / 4)}x}.shard"

    def told(self) -> dict[str, Any]:
        """Give what ``info`` says of it."""
        return {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": self.preshift,
            "hash": "identity",
            "minishard_bits": self.minishard,
            "shard_bits": self.shard,
            "minishard_index_encoding": "raw",
            "data_encoding": "raw",
        }


def shard_layout(size: tuple[int, int, int], chunk: int) -> Layout:
    """Choose the layout of a scale of `size` (x, y, z) voxels in cubic chunks."""
    x, y, z = (-(-n // chunk) for n in size)
    bits = sum((n - 1).bit_length() for n in (x, y, z))
    preshift = min(bits, _PRESHIFT)
    minishard = min(bits, _SHARD_BITS) - preshift
    return Layout((x, y, z), preshift, minishard, bits - preshift - minishard)


def morton_code(place: tuple[int, int, int], grid: tuple[int, int, int]) -> int:
    """Give the number of a chunk: bits of x, y and z in turn, none where an axis has no more.

    Parameters
    ----------
    place, grid : tuple of int
        (x, y, z): of the chunk, and number of chunks along each axis.
    """
    code = shift = 0
    for bit in range(max(grid).bit_length()):
        for at, n in zip(place, grid, strict=True):
            if 1 << bit < n:
                code |= (at >> bit & 1) << shift
                shift += 1
    return code


def gather_chunks(folder: Path, layout: Layout, chunk: int) -> None:
    """Put the flat chunks of a scale into shards; each is removed when its shard is whole.

    Parameters
    ----------
    folder : Path
        Of the scale, with nothing but chunks named ``x0-x1_y0-y1_z0-z1``.
    layout : Layout
        Of this scale.
    chunk : int
        Edge of a chunk in voxels.

    Notes
    -----
    Memory: one chunk and the index of a shard. The disk holds one shard more than before.
    """
    numbered = sorted(
        (morton_code(_place(path.name, chunk), layout.grid), path) for path in folder.iterdir()
    )
    for shard, members in groupby(numbered, lambda pair: layout.place(pair[0])[0]):
        _write_shard(folder / layout.file_name(shard), list(members), layout)


def _place(name: str, chunk: int) -> tuple[int, int, int]:
    x, y, z = (int(span.partition("-")[0]) // chunk for span in name.split("_"))
    return x, y, z


def _write_shard(path: Path, members: list[tuple[int, Path]], layout: Layout) -> None:
    """Write chunks, the index of each minishard behind its chunks, and the index of the shard."""
    heads = np.zeros((1 << layout.minishard, 2), "<u8")
    with path.open("xb") as stream:
        stream.write(heads.tobytes())
        at = 0
        for mini, group in groupby(members, lambda pair: layout.place(pair[0])[1]):
            index = _index(list(_copied(stream, group)), at)
            at += int(index[2].sum())
            stream.write(index.tobytes())
            heads[mini] = at, at + index.nbytes
            at += index.nbytes
        stream.seek(0)
        stream.write(heads.tobytes())
    for _, member in members:
        member.unlink()


def _copied(stream: BinaryIO, group: Iterator[tuple[int, Path]]) -> Iterator[tuple[int, int]]:
    for code, member in group:
        yield code, stream.write(member.read_bytes())


def _index(rows: list[tuple[int, int]], at: int) -> Index:
    """Give (3, n): numbers and places, each less the one before or its end, and lengths."""
    codes, lengths = np.array(rows, "<u8").T
    index = np.zeros((3, len(rows)), "<u8")
    index[0] = np.diff(codes, prepend=np.uint64(0))
    index[1, 0] = at  # the others begin where the one before ends
    index[2] = lengths
    return index
