"""Rewrites one DICOM object element by element as somebody decides; knows no rules about patients.

Elements that are kept are written with the very bytes they came with, pixel data among them unless
a part of them is blackened.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

import msgspec

from appliance.core import ApplianceError, FormatError
from appliance.formats.dicom_meta import IMPLEMENTATION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

__all__ = [
    "DicomPart",
    "Fate",
    "blackened_dicom",
    "dicom_parts",
    "dicom_vr",
    "rewrite_dataset",
    "rewrite_dicom",
]

_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})
_NUMBERS = frozenset({"FL", "FD", "SL", "SS", "SV", "UL", "US", "UV", "AT"})
_SINGLE = frozenset({"LT", "ST", "UN", "UR", "UT"})  # a backslash is a letter like any other


class Fate(msgspec.Struct, frozen=True):
    """What becomes of an element.

    Attributes
    ----------
    action : {"keep", "remove", "replace"}
        A kept sequence is entered: each of its elements is decided in turn.
    value : object
        The new value of a replaced element; None is an empty one.
    """

    action: Literal["keep", "remove", "replace"] = "keep"
    value: Any = None


class DicomPart:
    """One element as the one who decides sees it; its value is decoded when it is asked for.

    Attributes
    ----------
    tag : int
        Group and element.
    vr : str
        Value representation; that of the dictionary where the file does not tell it.
    creator : str
        Who reserved a private element; empty for standard ones.
    parents : tuple of int
        Tags of the sequences that it lies in, the outermost first.
    known : bool
        Whether the standard's dictionary has it.
    """

    def __init__(self, owner: Dataset, tag: int, parents: tuple[int, ...]) -> None:
        self.tag, self.parents = tag, parents
        self._owner = owner
        self._element: DataElement | RawDataElement = owner.get_item(tag)
        self.known = dicom_vr(tag) != ""
        self.creator = "" if tag >> 16 & 1 == 0 else _creator(owner, tag)
        self.vr = self._vr()

    @property
    def raw(self) -> bytes:
        """The bytes as they are stored; none for what is decoded already, such as a sequence."""
        value = self._element.value
        return value if isinstance(value, bytes) else b""

    @property
    def keyword(self) -> str:
        """The standard's keyword; empty where it has none."""
        return _keyword(self.tag)

    @property
    def is_empty(self) -> bool:
        """Whether it has no value."""
        return not self._element.value and self._element.value != 0

    @property
    def texts(self) -> list[str]:
        """The values as texts; reading them leaves the element as it is stored."""
        raw = self.raw
        if raw.isascii() and b"\x1b" not in raw and self.vr not in _BULK | _NUMBERS:
            text = raw.decode("ascii").rstrip("\0 ")
            return [text] if self.vr in _SINGLE else [one.strip() for one in text.split("\\")]
        value = self._decoded().value
        if value is None or isinstance(value, bytes):
            return []
        many = isinstance(value, Sequence) and not isinstance(value, str)
        return [str(one) for one in (value if many else [value])]

    @property
    def items(self) -> list[Dataset]:
        """The items of a sequence."""
        return list(self._decoded().value or ())

    def _decoded(self) -> DataElement:
        return self._owner[self.tag]

    def _vr(self) -> str:
        told, listed = str(self._element.VR or ""), dicom_vr(self.tag)
        if told in _BULK and listed and listed not in _BULK | _NUMBERS:
            return listed  # text that calls itself bytes
        if told and told != "UN":
            return told
        if self.creator or not self.known:
            return str(self._decoded().VR)
        return listed


_Decide = Callable[[DicomPart], Fate]


class Decider(Protocol):
    """Who decides about the elements of an object."""

    def look(self, parts: Iterable[DicomPart], /) -> object:
        """See all elements, those within sequences too, before the first is decided."""

    def decide(self, part: DicomPart, /) -> Fate:
        """Tell what becomes of an element."""

    def blackened(self) -> NDArray[np.bool_] | None:
        """Give the pixels, (rows, columns), that turn black in all frames; None leaves them."""

    def added(self) -> Mapping[str, Any]:
        """Give values by keyword that are set afterwards; a list of mappings is a sequence."""


@lru_cache(maxsize=8192)
def _keyword(tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag)


@lru_cache(maxsize=8192)
def dicom_vr(tag: int) -> str:
    """Give the value representation that the standard has for a tag; empty when it has none."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag).partition(" ")[0]
    except KeyError:
        return ""


def dicom_parts(source: Path | BinaryIO, *, deep: bool = False) -> list[DicomPart]:
    """Give the elements of an object without its pixels; `deep`: those within sequences too.

    Raises
    ------
    FormatError
        If the header cannot be read.
    """
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dcmread(source, stop_before_pixels=True, force=True)
            if deep:
                return list(_walk(found))
            tags = [tag for tag in sorted(found.keys()) if tag & 0xFFFF and not _is_creator(tag)]
            return [DicomPart(found, int(tag), ()) for tag in tags]
    except Exception as error:
        raise FormatError(f"the header cannot be read ({type(error).__name__})") from error


def rewrite_dicom(source: Path, decider: Decider) -> bytes:
    """Give a new object made out of one on disk.

    Parameters
    ----------
    source : Path
        The object; it is only read.
    decider : Decider
        Tells what becomes of each element, in the order of their tags.

    Returns
    -------
    bytes
        A DICOM file with a preamble of zeros and file meta information of our own.

    Raises
    ------
    FormatError
        If the object cannot be read or written whole, or not be blackened; nothing of it is given
        then.
    """
    from pydicom import dcmread

    from appliance.formats.dicom_blacken import blacken

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dcmread(source, force=True)
            decider.look(_walk(found))
            mask = decider.blackened()
            if mask is not None:
                blacken(found, mask, source)
            _decided(found, decider)
            return _written(found)
    except ApplianceError:
        raise
    except Exception as error:
        name = type(error).__name__
        raise FormatError(f"the object cannot be rewritten ({name})") from error


def blackened_dicom(source: Path, mask: NDArray[np.bool_]) -> bytes:
    """Give an object on disk anew, with some of its pixels black and all else as it is.

    Raises
    ------
    CannotBlacken
        If its pixels are not stored so that they can be.
    FormatError
        If the object cannot be read.
    """
    from pydicom import dcmread

    from appliance.formats.dicom_blacken import blacken

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dcmread(source, force=True)
            blacken(found, mask, source)
            return _written(found)
    except ApplianceError:
        raise
    except Exception as error:
        raise FormatError(f"the object cannot be read ({type(error).__name__})") from error


def rewrite_dataset(found: Dataset, decider: Decider) -> None:
    """Do the same to a header in memory."""
    from appliance.formats.dicom_blacken import describe_unpacked

    decider.look(_walk(found))
    if decider.blackened() is not None:
        describe_unpacked(found)
    _decided(found, decider)


def _decided(found: Dataset, decider: Decider) -> None:
    _rewrite(found, decider.decide, ())
    for keyword, value in decider.added().items():
        setattr(found, keyword, _value(value))


def _walk(found: Dataset, parents: tuple[int, ...] = ()) -> Iterator[DicomPart]:
    for tag in sorted(map(int, found.keys())):
        if tag & 0xFFFF and not _is_creator(tag):
            part = DicomPart(found, tag, parents)
            yield part
            if part.vr == "SQ":
                for item in part.items:
                    yield from _walk(item, (*parents, part.tag))


def _rewrite(found: Dataset, decide: _Decide, parents: tuple[int, ...]) -> None:
    for tag in sorted(map(int, found.keys())):
        if tag & 0xFFFF and not _is_creator(tag):  # group lengths are never written
            part = DicomPart(found, tag, parents)
            _apply(found, part, decide(part), decide)
    tags = list(map(int, found.keys()))
    blocks = {(tag & 0xFFFF0000) | (tag >> 8 & 0xFF) for tag in tags if not _is_creator(tag)}
    for tag in tags:
        if _is_creator(tag) and tag not in blocks:  # a reservation without elements
            del found[tag]


def _apply(found: Dataset, part: DicomPart, fate: Fate, decide: _Decide) -> None:
    if fate.action == "remove":
        del found[part.tag]
    elif fate.action == "replace":
        from pydicom.dataelem import DataElement

        found[part.tag] = DataElement(part.tag, part.vr, fate.value)
    elif part.vr == "SQ":
        for item in part.items:
            _rewrite(item, decide, (*part.parents, part.tag))


def _is_creator(tag: int) -> bool:
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


def _creator(owner: Dataset, tag: int) -> str:
    reservation = tag & 0xFFFF0000 | tag >> 8 & 0xFF
    return str(owner[reservation].value or "").strip() if reservation in owner else ""


def _value(value: Any) -> Any:
    from pydicom.dataset import Dataset

    if not (isinstance(value, list) and value and isinstance(value[0], Mapping)):
        return value
    items = []
    for one in value:
        item = Dataset()
        for keyword, inner in one.items():
            setattr(item, keyword, _value(inner))
        items.append(item)
    return items


def _written(found: Dataset) -> bytes:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    syntax = _syntax(found)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = found.SOPClassUID
    meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    found.file_meta, found.preamble = meta, bytes(128)
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _syntax(found: Dataset) -> UID:
    from pydicom.uid import (
        UID,
        ExplicitVRBigEndian,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
    )

    told = getattr(found, "file_meta", {}).get("TransferSyntaxUID")
    if told:
        return UID(told)
    implicit, little = found.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
