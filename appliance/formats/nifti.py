"""NIfTI-1, NIfTI-2 and Analyze: reading, writing, and the bytes a viewer can take as they are."""

from __future__ import annotations

import gzip
import math
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid, atomic_write
from appliance.formats.complex_parts import ComplexPart, in_part
from appliance.formats.guard import check_room
from appliance.formats.library import nibabel
from appliance.formats.packing import packing
from appliance.geometry import Volume, max_corner_distance

__all__ = [
    "header_marks",
    "load_nifti",
    "marked_facts",
    "nifti_facts",
    "nifti_frame",
    "nifti_slab",
    "nifti_volume",
    "plain_nifti_bytes",
    "write_nifti",
]

_MAX_NIFTI1_LENGTH = 32767
_PLAIN_TYPES = frozenset((2, 4, 8, 16, 64, 128, 256, 512, 768))  # 8 to 64 bits, RGB24
_MAX_TAIL_BYTES = 1 << 20
_MAX_OFFSET = float(1 << 31)
_UNPACKED = (".nii", ".img", ".mgh")
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_MARKS = "nora "
_LENGTHS = {"angstrom": "A", "pixel": "px", "detector": "det"}
_STORED_AS = {"b": "u1", "e": "f4", "g": "f8"}


def load_nifti(path: Path) -> Any:
    """Open an image with nibabel, header only; its values are read when used."""
    with warnings.catch_warnings():
        if path.suffix.lower() == ".mgh":  # nibabel leaves closing it to the interpreter
            warnings.simplefilter("ignore", ResourceWarning)
        image = nibabel().load(path)
    shape = image.shape
    if len(shape) < 2 or min(shape) < 1:
        raise FormatError(f"{path.name} holds no image: its shape is {tuple(map(int, shape))}")
    return image


def nifti_frame(path: Path, index: int) -> Volume:
    """Read one frame of an image with more than three axes, and little else of the file."""
    image = load_nifti(path)
    rest = image.shape[3:]
    if not rest or image.get_data_dtype().fields:
        return nifti_volume(path)
    place = np.unravel_index(min(index, math.prod(rest) - 1), rest, "F")
    data = in_part(np.asarray(image.dataobj[(..., *(int(i) for i in place))]), "magnitude")
    return Volume(four_axes(_native(data)), image.affine, nifti_facts(image))


def nifti_slab(path: Path, axis: int, index: int) -> Volume | None:
    """Read one slice of the first frame of an unpacked image, one voxel thick, at its place.

    Returns
    -------
    Volume or None
        Scaled values; None when the image has fewer than three axes, is in colour or complex.
    """
    image = load_nifti(path)
    proxy, shape = image.dataobj, image.shape[:3]
    if len(shape) < 3 or proxy.dtype.fields or proxy.dtype.kind == "c":
        return None
    plane = shape[0] * shape[1]
    first, count = (index, 1) if axis == 2 else (0, shape[2])
    offset = int(proxy.offset) + first * plane * proxy.dtype.itemsize
    stored = np.fromfile(path, proxy.dtype, count * plane, offset=offset)
    block = stored.reshape((shape[0], shape[1], count), order="F")
    slab = np.take(block, [0 if axis == 2 else index], axis=axis)
    if not _unscaled(proxy):
        slab = slab * np.float32(proxy.slope) + np.float32(proxy.inter)
    affine = np.array(image.affine)
    affine[:3, 3] += affine[:3, axis] * index
    return Volume(_native(slab), affine)


def nifti_volume(path: Path, part: ComplexPart = "magnitude") -> Volume:
    """Read an image; more than four axes are joined into the fourth, scaling is applied.

    Of complex values one part is taken.
    """
    image = _checked(path)
    proxy = image.dataobj
    facts = nifti_facts(image)
    if image.get_data_dtype().fields:
        data, facts = _colours(np.asarray(proxy)), {**facts, "colour": True}
    elif image.get_data_dtype().kind == "c":
        data = in_part(np.asarray(proxy), part)
    elif hasattr(proxy, "get_scaled") and not _unscaled(proxy):
        data = proxy.get_scaled(np.float32)
    else:
        data = np.asarray(proxy)
    return Volume(four_axes(_native(data)), image.affine, facts)


def _checked(path: Path) -> Any:
    """Open an image and make sure that all its bytes are there; a packed one is unpacked whole."""
    image = load_nifti(path)
    needed = math.prod(image.shape) * image.get_data_dtype().itemsize
    data_path = Path(image.file_map["image"].filename or path)
    packed = data_path.suffix.lower() not in _UNPACKED
    check_room(data_path, needed, compressed=packed)
    if not packed or data_path != path:
        return image
    limit = int(image.dataobj.offset) + needed + _MAX_TAIL_BYTES
    with gzip.open(path) as stream:
        plain = stream.read(limit)  # to the end, so that the checksum is looked at
    return type(image).from_bytes(plain)


def four_axes(data: NDArray[Any]) -> NDArray[Any]:
    """Bring data of any number of axes to three or four."""
    while data.ndim < 3:
        data = data[..., np.newaxis]
    if data.ndim > 4 or data.shape[3:] == (1,):
        data = data.reshape(*data.shape[:3], -1, order="F")
    return data[..., 0] if data.shape[3:] == (1,) else data


def nifti_facts(image: Any) -> dict[str, Any]:
    """Collect what the header tells besides shape and affine."""
    header = image.header
    facts: dict[str, Any] = {"format": type(header).__name__.removesuffix("Header").lower()}
    if hasattr(header, "get_qform"):
        facts |= _form_facts(image)
    seconds = _repetition_s(header, image.shape)
    if seconds:
        facts["repetition_s"] = seconds
    description = bytes(header["descrip"]).split(b"\0")[0] if "descrip" in header else b""
    if description:
        facts["description"] = description.decode("latin-1")
    if "intent_name" in header:
        facts |= marked_facts(bytes(header["intent_name"]).split(b"\0")[0])
    return facts


def plain_nifti_bytes(head: bytes) -> int | None:
    """Tell how long a file with this start has to be, if the viewer reads it as it stands.

    Parameters
    ----------
    head : bytes
        The first 348 bytes or more, uncompressed.

    Returns
    -------
    int or None
        Bytes of header and values of a single-file little-endian NIfTI-1 of an ordinary number
        type; None for anything else.
    """
    if len(head) < 348 or head[:4] != struct.pack("<i", 348) or head[344:348] != b"n+1\0":
        return None
    axes, *lengths = struct.unpack_from("<8h", head, 40)
    kind, bits = struct.unpack_from("<2h", head, 70)
    (offset,) = struct.unpack_from("<f", head, 108)
    sensible = 1 <= axes <= 7 and min(lengths[:axes]) >= 1 and 0 < bits <= 64
    if kind not in _PLAIN_TYPES or not sensible or not 348 <= offset < _MAX_OFFSET:
        return None
    voxels: int = math.prod(lengths[:axes])
    return int(offset) + voxels * int(bits) // 8


def write_nifti(
    path: Path, volume: Volume, *, template: Volume | None = None, durable: bool = True
) -> None:
    """Write a NIfTI-1 file under a temporary name and rename it.

    Parameters
    ----------
    path : Path
        ``.nii``, or ``.nii.gz`` to be compressed.
    volume : Volume
        What to write. Truth values become uint8.
    template : Volume, optional
        Image whose qform and sform codes are copied, and whose exact qform where the grids agree.
        By default the volume itself.
    durable : bool
        Whether the file is fsynced.

    Raises
    ------
    Invalid
        If the name does not end in .nii or .nii.gz.
    """
    if not path.name.endswith((".nii", ".nii.gz")):
        raise Invalid(f"not a NIfTI name: {path.name}", hint="Let it end in .nii or .nii.gz.")
    image = _image(volume, volume if template is None else template)
    with atomic_write(path, durable=durable) as raw, _packed(raw, path.name) as stream:
        image.to_stream(stream)


def _image(volume: Volume, template: Volume) -> Any:
    nib = nibabel()
    data = _coloured(volume) if volume.header.get("colour") else _storable(volume.data)
    large = max(data.shape) > _MAX_NIFTI1_LENGTH
    image = (nib.Nifti2Image if large else nib.Nifti1Image)(data, volume.affine)
    facts = template.header
    sform_code, qform_code = (int(facts.get(f"{form}form_code", 0)) for form in "sq")
    image.set_sform(volume.affine, sform_code or qform_code or 1)
    qform = facts.get("qform") if template.grid.matches(volume.grid) else None
    image.set_qform(volume.affine if qform is None else qform, qform_code or sform_code or 1)
    image.header.set_xyzt_units("mm", "sec")
    if "vectors" in volume.header:  # a field tells what its numbers are
        image.header.set_intent("vector", name=volume.header["vectors"])
        image.header["descrip"] = volume.header.get("description", "").encode("latin-1")
    if marks := header_marks(volume.header):
        image.header["intent_name"] = marks
    if data.ndim == 4 and volume.header.get("repetition_s"):
        image.header["pixdim"][4] = volume.header["repetition_s"]
    return image


def header_marks(facts: Mapping[str, Any]) -> bytes:
    """Say what lengths and colours mean where they are not what they usually are."""
    words = [_LENGTHS.get(facts.get("length_unit", "mm"), "")]
    words += ["inv"] if facts.get("inverted") else []
    shown = " ".join(filter(None, words))
    return f"{_MARKS}{shown}".encode("ascii") if shown else b""


def marked_facts(intent: bytes) -> dict[str, Any]:
    """Read what `header_marks` has written into a header's ``intent_name``."""
    if not intent.startswith(_MARKS.encode("ascii")):
        return {}
    words = intent.decode("latin-1")[len(_MARKS) :].split()
    units = [unit for unit, word in _LENGTHS.items() if word in words]
    facts: dict[str, Any] = {"length_unit": units[0]} if units else {}
    return facts | ({"inverted": True} if "inv" in words else {})


def _coloured(volume: Volume) -> NDArray[Any]:
    """Fold bytes of red, green and blue (and opacity) into one voxel; what else there is stays."""
    data = volume.data
    if data.dtype != np.uint8 or data.ndim != 4 or data.shape[3] not in (3, 4):
        return _storable(data)
    dtype = np.dtype([(name, "u1") for name in "RGBA"[: data.shape[3]]])
    folded: NDArray[Any] = np.ascontiguousarray(data).view(dtype)[..., 0]
    return folded


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    """Choose a number type that every NIfTI reader knows."""
    if data.dtype.kind in "iu" and data.dtype.itemsize == 8:
        return data.astype(_narrow(data))
    wanted = _STORED_AS.get("b" if data.dtype == bool else data.dtype.char)
    return data.astype(wanted) if wanted else data


def _narrow(data: NDArray[Any]) -> type[np.number[Any]]:
    limits = np.iinfo(np.int32)
    fits = data.size == 0 or (data.min() >= limits.min and data.max() <= limits.max)
    return np.int32 if fits else np.float64


@contextmanager
def _packed(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if not name.endswith(".gz"):
        yield raw
        return
    with packing(raw) as stream:
        yield stream


def _form_facts(image: Any) -> dict[str, Any]:
    header = image.header
    qform, q_code = header.get_qform(coded=True)
    sform, s_code = header.get_sform(coded=True)
    facts: dict[str, Any] = {"qform_code": int(q_code), "sform_code": int(s_code)}
    if qform is not None:
        facts["qform"] = qform
    if qform is not None and sform is not None:
        facts["forms_differ_mm"] = max_corner_distance(qform, sform, image.shape)
    return facts


def _repetition_s(header: Any, shape: tuple[int, ...]) -> float:
    if len(shape) < 4 or not hasattr(header, "get_xyzt_units"):
        return 0.0
    unit = _SECONDS.get(header.get_xyzt_units()[1], 1.0)
    seconds = float(header["pixdim"][4]) * unit
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _unscaled(proxy: Any) -> bool:
    return (proxy.slope, proxy.inter) == (1, 0)


def _colours(data: NDArray[Any]) -> NDArray[np.uint8]:
    """Unfold RGB or RGBA voxels into a last axis."""
    fields = data.dtype.names or ()
    return np.stack([data[name] for name in fields], axis=-1).astype(np.uint8)


def _native(data: NDArray[Any]) -> NDArray[Any]:
    return data if data.dtype.isnative else data.astype(data.dtype.newbyteorder("="))
