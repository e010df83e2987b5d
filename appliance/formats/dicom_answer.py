"""Queries that others put to us, and our answers, as data sets; no deciding."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from appliance.core import FormatError
from appliance.formats.dicom_commitment import commitment_bytes
from appliance.formats.dicom_meta import IMPLICIT

__all__ = ["answer_bytes", "read_question"]

_LEVEL, _CHARSET = 0x00080052, 0x00080005


def read_question(data: bytes, syntax: str) -> dict[str, str]:
    """Read the identifier of a query: values by tag (eight hex digits), ``""`` where one is asked.

    Sequences are left out; a backslash joins values.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    from pydicom.filereader import read_dataset

    with warnings.catch_warnings():  # they quote the values, which are about patients
        warnings.simplefilter("ignore")
        try:
            found = read_dataset(io.BytesIO(data), syntax == IMPLICIT, True)
            found.decode()
            return {f"{int(one.tag):08X}": _text(one.value) for one in found if one.VR != "SQ"}
        except Exception as error:
            raise FormatError("a query that cannot be read") from error


def answer_bytes(header: Mapping[str, Any], wanted: Iterable[str], more: Any, syntax: str) -> bytes:
    """Write an answer in a transfer syntax (little-endian).

    Parameters
    ----------
    header : mapping
        Elements by tag, in the JSON model of DICOM.
    wanted : iterable of str
        Tags that were asked for; those that `header` lacks are empty.
    more : mapping of str to str
        Keywords and values beside them.

    Raises
    ------
    FormatError
        If the header cannot be written.
    """
    from pydicom.datadict import dictionary_VR
    from pydicom.dataset import Dataset

    own = {tag: header.get(tag, {"vr": _vr(tag, dictionary_VR)}) for tag in sorted(wanted)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = Dataset.from_json(own)
            for name, value in more.items():
                setattr(found, name, value)
            if not all(text.isascii() for text in map(str, found.values())):
                found.SpecificCharacterSet = "ISO_IR 192"
            elif _CHARSET in found:
                del found[_CHARSET]
            return commitment_bytes(found, syntax)
        except Exception as error:
            raise FormatError("a header that cannot be told over DICOM") from error


def _vr(tag: str, lookup: Any) -> str:
    try:
        return str(lookup(int(tag, 16)))
    except KeyError:
        return "UN"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue":
        return "\\".join(str(part).strip() for part in value)
    return str(value).strip(" \0")
