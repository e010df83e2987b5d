"""Query identifiers as DICOM peers exchange them: built from plain text, and read back into it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["query_answer", "query_identifier"]


def query_identifier(keys: Mapping[str, str], *, charset: str = "") -> Any:
    """Build the identifier of a query.

    Parameters
    ----------
    keys : mapping of str to str
        Keywords and what they have to match; an empty text asks for the value.
    charset : str
        Character set; named in the query only when a text needs it.

    Returns
    -------
    pydicom.Dataset
    """
    from pydicom import config
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

    found = Dataset()
    if charset and not all(value.isascii() for value in keys.values()):
        found.SpecificCharacterSet = charset
    for keyword, value in keys.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise ValueError(f"{keyword} is no DICOM keyword")
        # wildcards and ranges are no valid values of an object, but valid in a query
        found.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
    return found


def query_answer(dataset: Any, keywords: Iterable[str], *, charset: str = "") -> dict[str, str]:
    """Read an answer; what is missing or cannot be read is empty, a backslash joins values."""
    with warnings.catch_warnings():  # they quote the values, which are about patients
        warnings.simplefilter("ignore")
        if charset and not dataset.get("SpecificCharacterSet"):
            dataset.SpecificCharacterSet = charset
        return {keyword: _text(dataset, keyword) for keyword in keywords}


def _text(dataset: Any, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001 - whatever a peer sends: one field, not the whole answer
        return ""
    if value is None:
        return ""
    if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue":
        return "\\".join(str(part).strip() for part in value)
    return str(value).strip(" \0")
