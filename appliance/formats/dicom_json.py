"""DICOM objects as the JSON of PS3.18, and their frames and large values one by one."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, FormatError, NotFound
from appliance.formats.dicom_rewrite import Decider, rewrite_dataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["object_frames", "object_json", "object_value"]

_PIXELS = 0x7FE00010
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, _PIXELS})
_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_INLINE_BYTES = 4096
_BIG_ENDIAN = "1.2.840.10008.1.2.2"


def object_json(
    source: Path | bytes, bulk_url: str = "", decider: Decider | None = None
) -> dict[str, Any]:
    """Give the header of an object; what is large is left out, or told by its address.

    Parameters
    ----------
    bulk_url : str
        Address below which large values are found by their tags; empty: they are left out.
    decider : Decider, optional
        Decides what becomes of each element, as in `rewrite_dicom`.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    with _reading():
        ds = _opened(source, headers=True)
        if decider is not None:
            rewrite_dataset(ds, decider)
        found = _plain(ds, bulk_url)
    if bulk_url and ds.get("Rows"):
        vr = "OB" if int(ds.get("BitsAllocated") or 16) == 8 else "OW"
        found["7FE00010"] = {"vr": vr, "BulkDataURI": f"{bulk_url}/7FE00010"}
    return found


def object_value(source: Path | bytes, tag: int) -> bytes:
    """Give the bytes of one value of an object's outermost level.

    Raises
    ------
    NotFound
        If it has none of that tag, or that is a sequence.
    """
    with _reading():
        ds = _opened(source)
        element = ds.get(tag)
    if element is None or element.VR not in _BULK or not isinstance(element.value, bytes):
        raise NotFound(f"the object has no bytes of tag {tag:08X}")
    return bytes(element.value)


def object_frames(source: Path | bytes, numbers: Sequence[int]) -> tuple[list[bytes], str]:
    """Give frames as they are stored, counting from 1, and their transfer syntax.

    Raises
    ------
    NotFound
        If the object has no such frame.
    FormatError
        If its pixels cannot be taken apart.
    """
    with _reading():
        ds = _opened(source)
        syntax = ds.file_meta.TransferSyntaxUID
        n_frames = int(ds.get("NumberOfFrames") or 1)
        if "PixelData" not in ds or not all(1 <= n <= n_frames for n in numbers):
            raise NotFound("the object has no such frame")
        if syntax.is_encapsulated:
            return [_packed(ds, n, n_frames) for n in numbers], str(syntax)
        if syntax == _BIG_ENDIAN:
            raise FormatError("its pixels are stored big-endian", hint="Retrieve the whole object.")
        return [_cut(ds, n, n_frames) for n in numbers], str(syntax)


def _packed(ds: Dataset, number: int, n_frames: int) -> bytes:
    from pydicom.encaps import get_frame

    return get_frame(ds.PixelData, number - 1, number_of_frames=n_frames)


def _cut(ds: Dataset, number: int, n_frames: int) -> bytes:
    bits = int(ds.Rows) * int(ds.Columns) * int(ds.SamplesPerPixel) * int(ds.BitsAllocated)
    if bits % 8 and n_frames > 1:
        raise FormatError("its frames do not begin at whole bytes")
    n_bytes = (bits + 7) // 8
    found: bytes = ds.PixelData[(number - 1) * n_bytes : number * n_bytes]
    if len(found) < n_bytes:
        raise FormatError("its pixel data are cut short")
    return found


def _opened(source: Path | bytes, *, headers: bool = False) -> Dataset:
    from pydicom import dcmread

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return dcmread(stream, force=True, stop_before_pixels=headers)


def _plain(ds: Dataset, bulk_url: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in ds:
        tag = f"{int(element.tag):08X}"
        if int(element.tag) & 0xFFFF == 0 or int(element.tag) in _PIXEL_TAGS:
            continue
        value = element.value
        if element.VR in _BULK and isinstance(value, bytes) and len(value) > _INLINE_BYTES:
            if bulk_url:
                found[tag] = {"vr": element.VR, "BulkDataURI": f"{bulk_url}/{tag}"}
        else:
            found[tag] = element.to_json_dict(None, 1 << 62)
    return found


@contextmanager
def _reading() -> Iterator[None]:
    """Quiet pydicom, whose warnings quote values, and turn its errors into ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ApplianceError:
        raise
    except Exception as error:
        name = type(error).__name__
        raise FormatError(f"the object cannot be read ({name})") from error
