"""Opening a DICOM object, also one without the preamble that files should begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from appliance.formats.jpeg_lossless_plugin import read_lossless_jpeg_too

__all__ = ["open_dicom", "pixel_array"]


def open_dicom(path: Path, **options: Any) -> Any:
    """Read an object; options as `pydicom.dcmread` has them.

    Raises
    ------
    pydicom.errors.InvalidDicomError
        If it is none.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(path, **options)
    except InvalidDicomError:
        found = dcmread(path, force=True, **options)
        if not found.get("SOPClassUID"):
            raise
        return found


def pixel_array(path: Path, number: int, *, raw: bool) -> NDArray[Any]:
    """Decode a frame; whatever the decoder raises is passed on.

    Only the frame is read, unless the whole object was packed.
    """
    from pydicom.misc import is_dicom
    from pydicom.pixels.utils import pixel_array as decoded
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

    read_lossless_jpeg_too()
    if not is_dicom(path):
        bare: dict[str, Any] = {"transfer_syntax_uid": ImplicitVRLittleEndian}
        return decoded(path, index=number, raw=raw, **bare)
    meta = open_dicom(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
    deflated = meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
    return decoded(open_dicom(path) if deflated else path, index=number, raw=raw)
