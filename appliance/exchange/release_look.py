"""Looks at files that are about to leave, for what could tell whom they show; changes nothing."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError, SettingsError
from appliance.exchange.exports import Entry, entry_parts
from appliance.exchange.release_faces import Faces
from appliance.privacy import (
    CODES,
    DicomPolicy,
    KnownWords,
    ReleaseFinding,
    ReleaseFindings,
    is_telling_key,
    looks_personal,
    risk_in,
)

if TYPE_CHECKING:
    from appliance.formats import DicomPart

__all__ = ["Looked", "look_over"]

_HEAD_BYTES, _TEXT_BYTES = 1 << 16, 4 << 20
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".mp4", ".avi", ".gif"})
_TABLES = frozenset({".csv", ".tsv", ".tab"})
_TEXTS = frozenset({".txt", ".log", ".md", ".html", ".xml", ".py", ".sh", ".m", ".bval", ".bvec"})
_CHUNK = re.compile(r"\d+(?:\.\d+)*|\d+-\d+_\d+-\d+_\d+-\d+|[0-9a-f]+\.shard", re.ASCII)
_ATTRIBUTES = frozenset({"info", ".zattrs", ".zgroup", ".zarray", ".zmetadata", "zarr.json"})
_NUMBERS = frozenset({".gii", ".tck", ".trk", ".stl", ".ply", ".vtk", ".mgh", ".mgz", ".nrrd"})
_DATE = re.compile(r"(?<!\d)(?:19|20)\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?!\d)")
_DATE_KEYS = frozenset({"AcquisitionDateTime", "AcquisitionDate", "StudyDate", "SeriesDate"})
_WORDED = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_METHODS, _CLEAN_PIXELS = 0x00120064, CODES["pixels"][0]
_UNREADABLE = (FormatError, SettingsError, OSError, ValueError, EOFError, csv.Error, zlib.error)
_WHO = ("PatientName", "PatientID", "PatientBirthDate")


class Looked(msgspec.Struct, frozen=True):
    """What was found in how many files, and the header fields with texts that leave.

    Attributes
    ----------
    fields : dict
        Names of fields by what holds them (``DICOM``, ``NIfTI``, ``JSON``); never a value.
    """

    findings: list[ReleaseFinding]
    fields: dict[str, list[str]]
    n_files: int


def look_over(leaving: Iterable[Entry], known: KnownWords) -> Looked:
    """Look at everything that leaves together.

    Parameters
    ----------
    leaving : iterable of Entry
        Files as they will be named outside, with their bytes or where they lie.
    known : KnownWords
        Whom they must not tell.

    Notes
    -----
    Of an image only the header is read, of texts the first megabytes. A file that cannot be read
    is told as one that cannot be looked into.
    """
    look = _Look(known)
    for entry in leaving:
        look.at(entry)
    return look.done()


class _Look:
    def __init__(self, known: KnownWords) -> None:
        self._known = known
        self._found, self._faces = ReleaseFindings(known), Faces()
        self._fields: dict[str, dict[str, None]] = {}
        self._n = 0

    def at(self, entry: Entry) -> None:
        """Look at one file."""
        self._n += entry.stands_for
        place = entry.path
        if self._known.found_in(place):
            self._found.add("name-in-path", place)
        if _DATE.search(place):
            self._found.add("dates", place)
        try:
            self._whole(entry)
        except _UNREADABLE:
            self._found.add("opaque", place)

    def _whole(self, entry: Entry) -> None:
        """Look into a file; of a pyramid into what describes it, for its chunks are voxels."""
        if entry.source is None or not entry.source.is_dir():
            self._into(entry, _suffix(entry.path))
            return
        for part in entry_parts(entry):
            name = part.path.rpartition("/")[2]
            if name in _ATTRIBUTES:
                self._json(part)
            elif _CHUNK.fullmatch(name) is None:
                self._into(part, _suffix(part.path))
        if not (entry.source / "info").is_file():  # a slide, which may show writing
            self._found.add("burned-in", entry.path)

    def done(self) -> Looked:
        """Give what was found in all of them."""
        for place in self._faces.shown():
            self._found.add("face", place)
        fields = {kind: sorted(names) for kind, names in sorted(self._fields.items())}
        return Looked(self._found.all(), fields, self._n)

    def _into(self, entry: Entry, suffix: str) -> None:
        if entry.path.lower().endswith(_slides()):
            self._slide(entry)
            return
        how = _HOW.get(suffix)
        if how is not None:
            how(self, entry)
        elif suffix in _PICTURES:
            self._found.add("burned-in", entry.path)
        elif suffix in _NUMBERS:
            self._words(entry.path, "header", _read(entry, 4096).decode("latin-1"))
        elif _read(entry, 132)[128:] == b"DICM":
            self._dicom(entry)
        else:
            self._found.add("opaque", entry.path)

    def _nifti(self, entry: Entry) -> None:
        from appliance.formats import texts_of_nifti

        head = texts_of_nifti(_read(entry, _HEAD_BYTES))
        if head is None:
            raise FormatError("not a NIfTI header")
        if head.holds_dicom:
            self._found.add("raw-dicom", entry.path, "extension 2")
        for name, text in head.texts.items():
            self._tell("NIfTI", name)
            self._words(entry.path, "header", text, name)
        self._faces.image(entry.path, head)

    def _json(self, entry: Entry) -> None:
        doc = msgspec.json.decode(_read(entry, _TEXT_BYTES) or b"null")
        if isinstance(doc, dict):
            self._faces.sidecar(entry.path, doc)
        for key, value in _leaves(doc):
            if isinstance(value, str):
                self._tell("JSON", key)
                self._words(entry.path, "json", value, key)
            if key in _WHO and value:
                self._found.add("json", entry.path, key)
            if key in _DATE_KEYS and value:
                self._found.add("dates", entry.path, key)

    def _table(self, entry: Entry) -> None:
        raw = _read(entry, _TEXT_BYTES)
        text = raw.decode("utf-8-sig", "replace")
        lines = text.splitlines()
        delimiter = max("\t;,", key=(lines[0] if lines else "").count)
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        heads = next(rows, [])
        if telling := [one for one in heads if is_telling_key(one)]:
            self._found.add("telling-column", entry.path, *telling)
        for row in rows:
            for n, cell in enumerate(row):
                if self._known.found_in(cell):
                    self._found.add("table", entry.path, heads[n] if n < len(heads) else str(n))
                elif looks_personal(cell):
                    self._found.add("personal-text", entry.path)

    def _text(self, entry: Entry) -> None:
        text = _read(entry, _TEXT_BYTES).decode("utf-8", "replace")
        self._words(entry.path, "text", text)

    def _dicom(self, entry: Entry) -> None:
        from appliance.formats import dicom_parts

        source = entry.source or io.BytesIO(entry.data or b"")
        parts = dicom_parts(source, deep=True)
        own = {part.keyword: part for part in parts if not part.parents}
        if not _removed(own) and any(name in own and not own[name].is_empty for name in _WHO):
            self._found.add("raw-dicom", entry.path, *(name for name in _WHO if name in own))
        if risk_in(own.values(), DicomPolicy(), cleaned=_cleaned(parts)):
            self._found.add("burned-in", entry.path)
        for part in parts:
            if part.vr in _WORDED and not part.is_empty:
                name = part.keyword or "private elements"
                self._tell("DICOM", name)
                self._words(entry.path, "header", " ".join(part.texts), name)
        facts = {name: " ".join(part.texts) for name, part in own.items() if name in _FACTS}
        if facts.get("LongitudinalTemporalInformationModified", "UNMODIFIED") == "UNMODIFIED":
            self._found.add("dates", entry.path)
        self._faces.slice(entry.path, facts)

    def _slide(self, entry: Entry) -> None:
        """Tell of a slide that its pixels, texts and photographs leave as they are."""
        from appliance.formats import open_slide

        self._found.add("opaque", entry.path)
        self._found.add("burned-in", entry.path)
        if entry.source is None:
            return
        with open_slide(entry.source) as slide:
            shown = [one for one in slide.scenes if one.name.lower() != "thumbnail"]  # of a scene
            kinds = {scene.kind for scene in shown} - {"scene"}
        if kinds:
            self._found.add("photographs", entry.path, *sorted(kinds))

    def _opaque(self, entry: Entry) -> None:
        self._found.add("opaque", entry.path)

    def _words(self, place: str, rule: str, text: str, *fields: str) -> None:
        if self._known.found_in(text):
            self._found.add(rule, place, *fields)
        elif rule == "text" and looks_personal(text):
            self._found.add("personal-text", place, *fields)

    def _tell(self, kind: str, name: str) -> None:
        self._fields.setdefault(kind, {})[name] = None


_FACTS = frozenset(
    {
        "BodyPartExamined",
        "LongitudinalTemporalInformationModified",
        "Modality",
        "ProtocolName",
        "RecognizableVisualFeatures",
        "SeriesDescription",
        "SeriesInstanceUID",
        "StudyDescription",
    }
)
_HOW: Mapping[str, Callable[[_Look, Entry], None]] = {
    ".nii": _Look._nifti,
    ".json": _Look._json,
    ".dcm": _Look._dicom,
    ".ima": _Look._dicom,
    **dict.fromkeys(_TABLES, _Look._table),
    **dict.fromkeys(_TEXTS, _Look._text),
}


def _slides() -> tuple[str, ...]:
    from appliance.formats import MULTICHANNEL

    return MULTICHANNEL


def _removed(own: Mapping[str, Any]) -> bool:
    return "PatientIdentityRemoved" in own and own["PatientIdentityRemoved"].texts == ["YES"]


def _cleaned(parts: Iterable[DicomPart]) -> bool:
    """Tell whether an object says that what its pixels showed was taken out."""
    return any(
        part.parents == (_METHODS,)
        and part.keyword == "CodeValue"
        and part.texts == [_CLEAN_PIXELS]
        for part in parts
    )


def _suffix(place: str) -> str:
    name = place.lower()
    return PurePosixPath(name.removesuffix(".gz")).suffix


def _read(entry: Entry, most: int) -> bytes:
    if entry.source is None:
        raw = entry.data or b""
        return gzip.decompress(raw)[:most] if _is_packed(entry.path) else raw[:most]
    return _read_file(entry.source, most, packed=_is_packed(entry.path))


def _read_file(path: Path, most: int, *, packed: bool) -> bytes:
    with path.open("rb") as raw:
        if not packed:
            return raw.read(most)
        if raw.read(2) != b"\x1f\x8b":  # it is packed on its way out
            raw.seek(0)
            return raw.read(most)
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) as stream:
            return stream.read(most)


def _is_packed(place: str) -> bool:
    return place.lower().endswith(".gz")


def _leaves(doc: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(doc, dict):
        for name, value in doc.items():
            yield from _leaves(value, str(name))
    elif isinstance(doc, list):
        for value in doc:
            yield from _leaves(value, key)
    else:
        yield key, doc
