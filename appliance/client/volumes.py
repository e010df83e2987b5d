"""Volumes on the wire: plain NIfTI-1 to and from an array with its affine; numpy alone."""

from __future__ import annotations

import gzip
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid

__all__ = ["Volume", "decode_volume", "encode_volume"]

_HEADER_BYTES, _DATA_AT = 348, 352
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 256: "i1",
    512: "u2", 768: "u4", 1024: "i8", 1280: "u8", 1792: "c16",
}  # fmt: skip
_COLOURS = {128: 3, 2304: 4}
_CODES = {np.dtype(name): code for code, name in _TYPES.items()}
_MM_AND_S = 10
_SCANNER = 1
_HALF_TURN = 6e-4


class Volume(NamedTuple):
    """An image as numbers.

    Attributes
    ----------
    data : ndarray
        (I, J, K) or (I, J, K, T), scaled as the file says; colour images have a last axis more.
    affine : ndarray
        (4, 4), voxel -> world, RAS+ mm.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]


def decode_volume(content: bytes) -> Volume:
    """Read NIfTI-1, compressed or not.

    Raises
    ------
    FormatError
        If it is none, is cut short, or holds numbers of a kind that is not known.
    """
    raw = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    order = _byte_order(raw)
    n_axes, *sizes = struct.unpack_from(f"{order}8h", raw, 40)
    shape = tuple(max(size, 1) for size in sizes[: max(n_axes, 3)])
    (code,) = struct.unpack_from(f"{order}h", raw, 70)
    at, slope, inter = struct.unpack_from(f"{order}3f", raw, 108)
    data = _numbers(raw, int(at), order, code, shape)
    return Volume(_scaled(data, slope, inter), _affine(raw, order))


def encode_volume(volume: Volume, *, compressed: bool = False) -> bytes:
    """Write NIfTI-1.

    Raises
    ------
    Invalid
        If the array has fewer than 3 or more than 7 axes, a size beyond 32767, or numbers that
        NIfTI cannot hold; or the affine is not (4, 4) and finite.
    """
    data, affine = _storable(np.asarray(volume.data)), np.asarray(volume.affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise Invalid("the affine is no finite 4 x 4 matrix")
    header = bytearray(_DATA_AT)
    shape = (*data.shape, *[1] * (7 - data.ndim))
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    struct.pack_into("<i", header, 0, _HEADER_BYTES)
    struct.pack_into("<8h", header, 40, data.ndim, *shape)
    struct.pack_into("<2h", header, 70, _CODES[data.dtype], 8 * data.dtype.itemsize)
    struct.pack_into("<8f", header, 76, 1, *steps, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, _DATA_AT, 1, 0)
    header[123] = _MM_AND_S
    struct.pack_into("<2h", header, 252, 0, _SCANNER)
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    header[344:348] = b"n+1\0"
    whole = bytes(header) + data.astype(data.dtype.newbyteorder("<")).tobytes(order="F")
    return gzip.compress(whole, mtime=0) if compressed else whole


def _byte_order(raw: bytes) -> str:
    for order in "<>":
        if raw[:4] == struct.pack(f"{order}i", _HEADER_BYTES) and raw[344:347] == b"n+1":
            return order
    raise FormatError("this is no NIfTI-1 image")


def _numbers(raw: bytes, at: int, order: str, code: int, shape: tuple[int, ...]) -> NDArray[Any]:
    if code not in _TYPES and code not in _COLOURS:
        raise FormatError(f"the image holds numbers of type {code}, which is not known")
    kind = np.dtype(order + _TYPES.get(code, "u1"))
    n_colours = _COLOURS.get(code, 1)
    n = int(np.prod(shape, dtype=np.int64)) * n_colours
    if at < _HEADER_BYTES or len(raw) < at + n * kind.itemsize:
        raise FormatError("the image is cut short")
    flat = np.frombuffer(raw, kind, n, at)
    if n_colours > 1:
        return np.moveaxis(flat.reshape((n_colours, *shape), order="F"), 0, -1)
    data: NDArray[Any] = flat.reshape(shape, order="F")
    return data.astype(kind.newbyteorder("="), copy=False)


def _scaled(data: NDArray[Any], slope: float, inter: float) -> NDArray[Any]:
    if not slope or not np.isfinite([slope, inter]).all() or (slope, inter) == (1, 0):
        return data
    wide = np.dtype(np.float32 if data.dtype.itemsize <= 2 else np.float64)
    scaled: NDArray[Any] = data.astype(wide) * wide.type(slope) + wide.type(inter)
    return scaled


def _affine(raw: bytes, order: str) -> NDArray[np.float64]:
    q_code, s_code = struct.unpack_from(f"{order}2h", raw, 252)
    affine = np.eye(4)
    if s_code > 0:
        affine[:3] = np.reshape(struct.unpack_from(f"{order}12f", raw, 280), (3, 4))
        return affine
    q_sign, *steps = struct.unpack_from(f"{order}4f", raw, 76)
    if q_code <= 0:
        affine[:3, :3] = np.diag(steps)
        return affine
    b, c, d, *origin = struct.unpack_from(f"{order}6f", raw, 256)
    affine[:3, :3] = _rotation(b, c, d) * [steps[0], steps[1], steps[2] * (q_sign or 1)]
    affine[:3, 3] = origin
    return affine


def _rotation(b: float, c: float, d: float) -> NDArray[np.float64]:
    """Turn the unit quaternion of NIfTI-1, method 2, into a matrix.

    Near half a turn `a` is what rounding left of the file's single precision; then it is 0.
    """
    norm = (b * b + c * c + d * d) ** 0.5
    a = max(0.0, 1.0 - norm * norm) ** 0.5
    if a < _HALF_TURN:
        a, b, c, d = 0.0, b / norm, c / norm, d / norm
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    if not 3 <= data.ndim <= 7 or max(data.shape) > 32767 or not data.size:
        raise Invalid(f"an image cannot have the shape {data.shape}")
    if data.dtype == np.bool_:
        return data.astype(np.uint8)
    if data.dtype == np.float16:
        return data.astype(np.float32)
    if data.dtype.newbyteorder("=") not in _CODES:
        raise Invalid(f"an image cannot hold numbers of type {data.dtype}")
    return data.astype(data.dtype.newbyteorder("="), copy=False)
