"""Scan of many DICOM headers: one record or one problem per file, never an exception."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from appliance.formats.dicom_fast import HeaderReader
from appliance.formats.dicom_fields import decode_record
from appliance.formats.dicom_record import DicomRecord, ScanProblem, ScanReason
from appliance.formats.dicom_slow import RawHeader
from appliance.formats.dicom_walk import walker_for

__all__ = ["scan_dicom"]

_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_LOOK_EVERY = 64  # files
_NEEDED = {
    "sop_uid": ("object", "SOPInstanceUID"),
    "series_uid": ("series", "SeriesInstanceUID"),
    "study_uid": ("study", "StudyInstanceUID"),
}


def scan_dicom(paths: Iterable[Path]) -> Iterator[DicomRecord | ScanProblem]:
    """Read the headers of DICOM files.

    Parameters
    ----------
    paths : iterable of Path
        Files, in any order; consumed lazily.

    Notes
    -----
    Reads at most the first 128 KB of everyday files, and 32 MB of those with many frames. Deflated,
    big-endian, headerless and odd ones go to pydicom.

    Yields
    ------
    DicomRecord or ScanProblem
        One per path, in the same order. Nothing is raised for a bad file.
    """
    reader = HeaderReader(walker_for(0))
    for index, path in enumerate(paths):
        if index % _LOOK_EVERY == _LOOK_EVERY - 1 and reader.is_interpreted:
            reader = HeaderReader(walker_for(_LOOK_EVERY))
        yield _scan(path if isinstance(path, Path) else Path(path), reader)


def _scan(path: Path, reader: HeaderReader) -> DicomRecord | ScanProblem:
    try:
        size, header = reader.read(path)
    except OSError as error:
        return _problem(path, "unreadable", f"cannot be read: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - pydicom raises anything for damaged bytes
        return _problem(path, "unreadable", f"damaged header ({type(error).__name__})")
    if header is None:
        return _problem(path, "not_dicom", "not a DICOM file", size)
    return _judge(path, size, header)


def _judge(path: Path, size: int, header: RawHeader) -> DicomRecord | ScanProblem:
    try:
        record = decode_record(
            path, size, header.values, pixels=header.pixels, big_endian=header.big_endian
        )
    except Exception as error:  # noqa: BLE001 - text that no character set can decode
        return _problem(path, "unreadable", f"damaged text ({type(error).__name__})", size)
    return _objection(record, header.missing) or record


def _objection(record: DicomRecord, missing: str) -> ScanProblem | None:
    """Say what speaks against a record, if anything."""
    path, size = record.path, record.size_bytes
    if record.sop_class == _DIRECTORY_CLASS:
        return _problem(path, "dicomdir", "the index of a medium, not an image", size)
    if missing:
        return _problem(path, "truncated", missing, size)
    if not (record.sop_uid and record.series_uid and record.study_uid):
        return _problem(path, "incomplete", _lacking(record), size)
    if record.rows and record.cols and not record.has_pixels:
        return _problem(path, "no_pixels", "an image header without pixel data", size)
    return None


def _lacking(record: DicomRecord) -> str:
    """Say which identifiers a record lacks, in words and by their names in the standard."""
    found = [_NEEDED[name] for name in _NEEDED if not getattr(record, name)]
    words, tags = zip(*found, strict=True)
    listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return f"nothing in it says which {listed} it is ({', '.join(tags)} missing)"


def _problem(path: Path, reason: ScanReason, message: str, size: int = 0) -> ScanProblem:
    return ScanProblem(path=path, reason=reason, message=message, size_bytes=size)
