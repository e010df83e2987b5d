"""MRC and CCP4 maps: the volumes of electron tomography.

Their lengths are in Ångström and their axes have no meaning in a body. One Ångström is shown as
one millimetre of the world (``header["length_unit"]`` says so), so that viewers and tools for
images of people work on them.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.guard import check_room
from appliance.formats.mrc_header import bytes_are_signed
from appliance.geometry import Volume

__all__ = ["mrc_grid", "mrc_volume"]


def mrc_grid(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64], np.dtype[Any]]:
    """Read shape (I, J, K), affine and stored type from the header."""
    from mrcfile.utils import dtype_from_mode

    header, _ = _header(path)
    if int(header.mode) in (3, 4):
        raise FormatError(f"{path.name} holds complex values", hint="It is a transform, no image.")
    order = _axis_order(header)
    stored = (int(header.nx), int(header.ny), int(header.nz))
    if min(stored) < 1:
        raise FormatError(f"{path.name} holds no image: its shape is {stored}")
    dtype = dtype_from_mode(header.mode)
    if int(header.mode) == 0 and not bytes_are_signed(header, _byte_order(header)):
        dtype = np.dtype(np.uint8)
    return tuple(stored[axis] for axis in order), _affine(header), dtype


def mrc_volume(path: Path) -> Volume:
    """Read a map; half floats become float32."""
    import mrcfile

    shape, affine, dtype = mrc_grid(path)
    needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    compressed = path.suffix.lower() in (".gz", ".bz2")
    check_room(path, needed, compressed=compressed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.open(path, permissive=True) as stream:
            if stream.data is None:
                raise FormatError(f"{path.name} is cut off within its data")
            order = _axis_order(stream.header)
            data = np.asarray(stream.data).reshape(*(shape[i] for i in _inverse(order)[::-1]))
            data = data.view(dtype) if dtype.kind == "u" else data
    volume = data.transpose(2, 1, 0).transpose(order)
    kind = np.float32 if dtype.kind == "f" else dtype.newbyteorder("=")
    facts = {"format": "mrc", "length_unit": "angstrom"}
    return Volume(volume.astype(kind, copy=False), affine, facts)


def _header(path: Path) -> tuple[Any, Any]:
    import mrcfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.open(path, permissive=True, header_only=True) as stream:
            if stream.header is None or bytes(stream.header.map) not in (b"MAP ", b"MAP\0"):
                raise FormatError(f"{path.name} is not an MRC file", hint="It lacks the word MAP.")
            return stream.header, stream.voxel_size


def _byte_order(header: Any) -> str:
    return ">" if header.dtype["nx"].str.startswith(">") else "<"


def _axis_order(header: Any) -> tuple[int, int, int]:
    """For x, y and z which stored axis (0 column, 1 row, 2 section) holds it."""
    stored = [int(header.mapc), int(header.mapr), int(header.maps)]
    if sorted(stored) != [1, 2, 3]:
        return 0, 1, 2
    return stored.index(1), stored.index(2), stored.index(3)


def _inverse(order: tuple[int, int, int]) -> list[int]:
    return [order.index(axis) for axis in range(3)]


def _affine(header: Any) -> NDArray[np.float64]:
    cells = np.array([header.cella.x, header.cella.y, header.cella.z], float)
    counts = np.array([header.mx, header.my, header.mz], float)
    with np.errstate(all="ignore"):
        steps = cells / counts
    steps = np.where(np.isfinite(steps) & (steps > 0), steps, 1.0)
    origin = np.array([header.origin.x, header.origin.y, header.origin.z], float)
    if not origin.any():
        starts = np.array([header.nxstart, header.nystart, header.nzstart], float)
        origin = starts[list(_axis_order(header))] * steps
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = np.where(np.isfinite(origin), origin, 0.0)
    return affine
