"""The header of an ordinary NIfTI-1 file from its first bytes, without building an image."""

from __future__ import annotations

import math
import struct
import zlib
from itertools import product
from pathlib import Path
from typing import Any

__all__ = ["quick_facts"]

_HEAD = 352
_PACKED = 2048  # bytes of a packed file that hold its header, unless its own name is very long
_TYPES = {
    2: ("uint8", 8),
    4: ("int16", 16),
    8: ("int32", 32),
    16: ("float32", 32),
    64: ("float64", 64),
    128: ("rgb", 24),
    256: ("int8", 8),
    512: ("uint16", 16),
    768: ("uint32", 32),
    1024: ("int64", 64),
    1280: ("uint64", 64),
}
_SPACE = (0, 1, 2, 3)
_SECONDS = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}
_PAIRS = ("LR", "PA", "IS")
_W2_LEAST = 3 * 1.1920929e-07  # of a rotation by 180 degrees, stored in 32 bits
Rows = tuple[tuple[float, ...], ...]


def quick_facts(path: Path) -> dict[str, Any] | None:
    """Give what `read_header` gives, if the file is as ordinary as nearly all are.

    Returns
    -------
    dict or None
        None for whatever is odd or damaged: then the full reader has to look.
    """
    head = _head(path)
    if len(head) < _HEAD or head[:4] != b"\x5c\x01\x00\x00" or head[344:348] != b"n+1\0":
        return None
    dim = struct.unpack_from("<8h", head, 40)
    if head[348] or not 3 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1 or dim[1] == 27307:
        return None
    shape = dim[1 : dim[0] + 1]
    kind, bits = struct.unpack_from("<2h", head, 70)
    if _TYPES.get(kind, ("", 0))[1] != bits or not _is_scaled_well(head):
        return None
    placed = _place(head, shape)
    seconds = _repetition(head, shape)
    if placed is None or seconds is None:
        return None
    affine, codes, forms = placed
    return {
        "format": "nifti1",
        "shape": list(shape[:3]),
        "n_volumes": math.prod(shape[3:]),
        "voxel_mm": [round(size, 6) for size in _sizes(affine)],
        "dtype": _TYPES[kind][0],
        "affine": [*map(list, affine), [0.0, 0.0, 0.0, 1.0]],
        "codes": codes,
        "facts": {**forms, **({"repetition_s": seconds} if seconds else {})},
    }


def _head(path: Path) -> bytes:
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        return b""
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - called for many
        if name.endswith(".nii"):
            return stream.read(_HEAD)
        packed = stream.read(_PACKED)
    try:
        return zlib.decompressobj(31).decompress(packed, _HEAD)
    except zlib.error:
        return b""


def _is_scaled_well(head: bytes) -> bool:
    offset, slope, inter = struct.unpack_from("<3f", head, 108)
    return _HEAD <= offset < 1 << 31 and math.isfinite(slope) and math.isfinite(inter)


def _place(head: bytes, shape: tuple[int, ...]) -> tuple[Rows, str, dict[str, Any]] | None:
    """Read affine, orientation and the two forms; None unless all is plain."""
    qform_code, sform_code = struct.unpack_from("<2h", head, 252)
    numbers = struct.unpack_from("<18f", head, 256)
    pixdim = struct.unpack_from("<4f", head, 76)
    forms: dict[str, Any] = {"qform_code": qform_code, "sform_code": sform_code}
    if not (0 <= qform_code <= 5 and 0 <= sform_code <= 5 and qform_code + sform_code):
        return None
    if not all(map(math.isfinite, (*numbers, *pixdim))) or min(pixdim[1:]) <= 0:
        return None
    qform = _qform(pixdim, numbers[:6]) if qform_code else None
    if abs(pixdim[0]) != 1 or (qform_code and qform is None):
        return None
    sform = (numbers[6:10], numbers[10:14], numbers[14:18]) if sform_code else None
    affine = sform or qform
    codes = _codes(affine) if affine else ""
    if not codes or affine is None:
        return None
    if qform and sform:
        forms["forms_differ_mm"] = _difference(qform, sform, shape)
    return affine, codes, forms


def _qform(pixdim: tuple[float, ...], numbers: tuple[float, ...]) -> Rows | None:
    """Make the affine of a quaternion, voxel sizes and an offset."""
    x, y, z = numbers[:3]
    w2 = 1.0 - (x * x + y * y + z * z)
    if w2 <= -_W2_LEAST:
        return None
    w = math.sqrt(w2) if w2 >= _W2_LEAST else 0.0
    s = 2.0 / (w * w + x * x + y * y + z * z)
    a, b, c = pixdim[1], pixdim[2], pixdim[3] * pixdim[0]
    return (
        (
            (1 - (y * y + z * z) * s) * a,
            (x * y - w * z) * s * b,
            (x * z + w * y) * s * c,
            numbers[3],
        ),
        (
            (x * y + w * z) * s * a,
            (1 - (x * x + z * z) * s) * b,
            (y * z - w * x) * s * c,
            numbers[4],
        ),
        (
            (x * z - w * y) * s * a,
            (y * z + w * x) * s * b,
            (1 - (x * x + y * y) * s) * c,
            numbers[5],
        ),
    )


def _sizes(affine: Rows) -> list[float]:
    return [math.hypot(*(row[i] for row in affine)) for i in range(3)]


def _codes(affine: Rows) -> str:
    """Tell the orientation when each axis of the array has a world axis of its own."""
    best = [max(range(3), key=lambda r, i=i: abs(affine[r][i])) for i in range(3)]  # type: ignore[misc]
    if len(set(best)) < 3 or any(affine[r][i] == 0 for i, r in enumerate(best)):
        return ""
    return "".join(_PAIRS[r][affine[r][i] > 0] for i, r in enumerate(best))


def _difference(one: Rows, other: Rows, shape: tuple[int, ...]) -> float:
    """Largest distance in mm between equal corners under two affines."""
    by = [tuple(a - b for a, b in zip(p, q, strict=True)) for p, q in zip(one, other, strict=True)]
    return max(
        math.hypot(*(d[0] * i + d[1] * j + d[2] * k + d[3] for d in by))
        for i, j, k in product(*((0, n - 1) for n in shape[:3]))
    )


def _repetition(head: bytes, shape: tuple[int, ...]) -> float | None:
    """Seconds between two volumes; 0 for none, None for an unknown unit."""
    if head[123] & 7 not in _SPACE or head[123] & 0xF8 not in _SECONDS:
        return None
    seconds = float(struct.unpack_from("<f", head, 92)[0]) * _SECONDS[head[123] & 0xF8]
    if len(shape) < 4:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
