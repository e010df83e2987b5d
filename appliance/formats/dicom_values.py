"""Single values of a DICOM header by keyword or tag, as text; also those of multi-frame objects."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appliance.formats.guard import reading

__all__ = ["dicom_tag", "header_values"]

_TAG = re.compile(r"\(?([0-9a-fA-F]{4}),?([0-9a-fA-F]{4})\)?")
_SHARED, _PER_FRAME = 0x52009229, 0x52009230


def dicom_tag(field: str) -> int | None:
    """Give the tag of a keyword such as ``StationName``, or of ``0018,1030``; None: there is none.

    The keyword may be written in any case.
    """
    from pydicom.datadict import tag_for_keyword

    found = _TAG.fullmatch(field.strip())
    if found:
        return int(found[1] + found[2], 16)
    tag = tag_for_keyword(field.strip())
    return _by_lower_case().get(field.strip().lower()) if tag is None else int(tag)


def _by_lower_case() -> dict[str, int]:
    from pydicom.datadict import keyword_dict

    return {keyword.lower(): int(tag) for keyword, tag in keyword_dict.items() if keyword}


def header_values(path: Path, fields: Iterable[str]) -> dict[str, list[str]]:
    """Read values of one object, without its pixels; fields that it lacks are left out.

    Parameters
    ----------
    fields : iterable of str
        Keywords or tags. What a multi-frame object keeps for all its frames, or for the first,
        is found, too.

    Raises
    ------
    FormatError
        If the header cannot be read.
    """
    from pydicom import dcmread

    with reading(path, "DICOM"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(path, stop_before_pixels=True, force=True)
        wanted = {field: dicom_tag(field) for field in fields}
        found = {field: _find(ds, tag) for field, tag in wanted.items() if tag is not None}
        return {field: _texts(value) for field, value in found.items() if value is not None}


def _find(ds: Any, tag: int) -> Any:
    if tag in ds:
        return ds[tag].value
    for groups in (_SHARED, _PER_FRAME):
        if groups in ds and ds[groups].value:
            found = _within(ds[groups].value[0], tag)
            if found is not None:
                return found
    return None


def _within(item: Any, tag: int) -> Any:
    if tag in item:
        return item[tag].value
    for element in item:
        if element.VR == "SQ":
            for inner in element.value[:1]:
                found = _within(inner, tag)
                if found is not None:
                    return found
    return None


def _texts(value: Any) -> list[str]:
    from pydicom.multival import MultiValue

    values = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    return [str(one).strip() for one in values if not isinstance(one, (bytes, bytearray))]
