"""The header of a DICOM object as lines to read, without anything that may tell who the person is.

Only what is known to be technical is given: numbers, codes and identifiers, and the few texts that
describe device and protocol. Private elements, names, dates and free texts are counted, not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import NotFound
from appliance.formats.guard import reading

__all__ = ["DicomElement", "DicomHeader", "read_dicom_header"]

_TECHNICAL = frozenset(("AT", "CS", "DS", "FD", "FL", "IS", "SL", "SS", "UI", "UL", "US", "SQ"))
_TEXTS = frozenset(
    (
        *("AcquisitionContrast", "ConvolutionKernel", "Manufacturer", "ManufacturerModelName"),
        *("ProtocolName", "PulseSequenceName", "ReceiveCoilName", "SequenceName"),
        *("SeriesDescription", "SoftwareVersions", "TransmitCoilName"),
    )
)
_PATIENT = 0x0010
_MOST_VALUES, _MOST_ITEMS, _MOST_DEPTH, _MOST_TEXT = 16, 3, 4, 200


class DicomElement(msgspec.Struct, frozen=True):
    """One line; `depth` counts the sequences around it."""

    tag: str
    name: str
    vr: str
    value: str
    depth: int = 0


class DicomHeader(msgspec.Struct, frozen=True):
    """The lines of an object, and how many elements were kept back."""

    sop_uid: str
    elements: list[DicomElement]
    n_hidden: int


def read_dicom_header(paths: Sequence[Path], sop_uid: str) -> DicomHeader:
    """Read the header of one of several objects.

    Raises
    ------
    NotFound
        If none of them is that object.
    FormatError
        If it is damaged.
    """
    for path in sorted(paths, key=lambda one: one.stem != sop_uid):
        with reading(path, "DICOM"):
            found = _header(path, sop_uid)
        if found is not None:
            return found
    raise NotFound("this object is not kept here", hint="Its originals may have been removed.")


def _header(path: Path, sop_uid: str) -> DicomHeader | None:
    from pydicom import dcmread

    told = dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
    if str(told.get("SOPInstanceUID", "")) != sop_uid:
        return None
    lines: list[DicomElement] = []
    ds = dcmread(path, stop_before_pixels=True)
    hidden = _collect(ds.file_meta, lines, 0) + _collect(ds, lines, 0)
    return DicomHeader(sop_uid, lines, hidden)


def _collect(ds: Any, lines: list[DicomElement], depth: int) -> int:
    hidden = 0
    for element in ds:
        if not _is_technical(element):
            hidden += 1
            continue
        tag, name = f"{element.tag.group:04X},{element.tag.element:04X}", str(element.keyword)
        if element.VR != "SQ":
            lines.append(DicomElement(tag, name, element.VR, _text(element.value), depth))
            continue
        items = list(element.value)
        lines.append(DicomElement(tag, name, "SQ", f"{len(items)} items", depth))
        if depth < _MOST_DEPTH:
            hidden += sum(_collect(item, lines, depth + 1) for item in items[:_MOST_ITEMS])
    return hidden


def _is_technical(element: Any) -> bool:
    if element.tag.is_private or element.tag.group == _PATIENT or not element.keyword:
        return False
    return element.VR in _TECHNICAL or element.keyword in _TEXTS


def _text(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        shown = "\\".join(str(one) for one in value[:_MOST_VALUES])
        return f"{shown} … ({len(value)})" if len(value) > _MOST_VALUES else shown
    return "" if value is None else str(value)[:_MOST_TEXT]
