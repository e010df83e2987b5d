"""Study and series of an object of which only the first bytes are here."""

from __future__ import annotations

import zlib

from appliance.formats.dicom_meta import BIG_ENDIAN, DEFLATED, IMPLICIT
from appliance.formats.dicom_walk import VR_FORMS, walk

__all__ = ["peek_uids"]

_STUDY, _SERIES = 0x0020000D, 0x0020000E


def peek_uids(data: bytes, syntax: str) -> tuple[str, str]:
    """Find StudyInstanceUID and SeriesInstanceUID.

    Parameters
    ----------
    data : bytes
        Start of a data set, without file meta information.
    syntax : str
        Its transfer syntax.

    Returns
    -------
    (str, str)
        Empty where they are not found, as in a big-endian object.
    """
    if syntax == BIG_ENDIAN:
        return "", ""
    if syntax == DEFLATED:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, 1 << 22)
        except zlib.error:
            return "", ""
    found = [0, 0, 0, 0]
    walk(data, 0, syntax != IMPLICIT, VR_FORMS, (_STUDY, _SERIES), found)
    study, series = (
        data[at : at + length].decode("ascii", "replace").strip("\0 ")
        for at, length in (found[:2], found[2:])
    )
    return study, series
