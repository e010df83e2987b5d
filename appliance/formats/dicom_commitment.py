"""Storage commitment: what a peer asks about, and what it is told; no deciding."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from typing import Any

import msgspec

from appliance.core import FormatError
from appliance.formats.dicom_meta import IMPLICIT

__all__ = ["CommitmentRequest", "commitment_bytes", "commitment_report", "read_commitment"]


class CommitmentRequest(msgspec.Struct, frozen=True):
    """A transaction and the objects asked about, as (SOPClassUID, SOPInstanceUID)."""

    transaction_uid: str
    objects: list[tuple[str, str]]


def read_commitment(data: bytes, syntax: str) -> CommitmentRequest:
    """Read the data set of a request.

    Raises
    ------
    FormatError
        If it is damaged or names no transaction.
    """
    from pydicom.filereader import read_dataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_dataset(io.BytesIO(data), syntax == IMPLICIT, True)
            objects = [
                (str(one.ReferencedSOPClassUID), str(one.ReferencedSOPInstanceUID))
                for one in found.get("ReferencedSOPSequence") or []
            ]
            transaction = str(found.TransactionUID)
        except Exception as error:
            raise FormatError("a request for commitment that cannot be read") from error
    return CommitmentRequest(transaction, objects)


def commitment_report(
    transaction_uid: str,
    held: Iterable[tuple[str, str]],
    failed: Iterable[tuple[tuple[str, str], int]],
) -> Any:
    """Build the report: objects that are safe, and others with the reason's number."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    found, lacking = Dataset(), [_reference(one, why) for one, why in failed]
    found.TransactionUID = transaction_uid
    found.ReferencedSOPSequence = Sequence([_reference(one) for one in held])
    if lacking:
        found.FailedSOPSequence = Sequence(lacking)
    if not found.ReferencedSOPSequence:
        del found.ReferencedSOPSequence
    return found


def commitment_bytes(report: Any, syntax: str) -> bytes:
    """Write a report in a transfer syntax (little-endian)."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = syntax == IMPLICIT, True
    write_dataset(stream, report)
    return stream.getvalue()


def _reference(one: tuple[str, str], why: int | None = None) -> Any:
    from pydicom.dataset import Dataset

    found = Dataset()
    found.ReferencedSOPClassUID, found.ReferencedSOPInstanceUID = one
    if why is not None:
        found.FailureReason = why
    return found
