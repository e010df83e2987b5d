"""Writes a DICOM object anew in a plain transfer syntax; identifiers and values stay.

Decoders may fail on what is damaged: call this in a process of its own.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from appliance.core import FormatError
from appliance.formats.dicom_meta import IMPLICIT
from appliance.formats.jpeg_lossless_plugin import read_lossless_jpeg_too

__all__ = ["unpack_dicom"]


def unpack_dicom(source: Path, target: Path, syntax: str) -> None:
    """Write an object with pixels as they are, not compressed.

    Parameters
    ----------
    source : Path
        It is only read.
    target : Path
        A new file.
    syntax : str
        UID of implicit or explicit VR, little-endian.

    Raises
    ------
    FormatError
        If it cannot be read or decoded.
    """
    from pydicom import dcmread
    from pydicom.uid import UID, ExplicitVRBigEndian

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = dcmread(source)
            stored = found.file_meta.TransferSyntaxUID
            if stored == ExplicitVRBigEndian:
                raise FormatError("its pixels are stored big-endian")
            if stored.is_encapsulated:
                read_lossless_jpeg_too()
                found.decompress(generate_instance_uid=False)
            found.file_meta.TransferSyntaxUID = UID(syntax)
            found.save_as(target, implicit_vr=syntax == IMPLICIT, little_endian=True)
        except FormatError:
            raise
        except Exception as error:
            raise FormatError(
                f"it cannot be unpacked ({type(error).__name__})",
                hint="Send it to an archive that takes it as it is.",
            ) from error
