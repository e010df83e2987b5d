"""Opening a DICOM object, also one without the preamble that files should begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["open_dicom"]


def open_dicom(path: Path, **options: Any) -> Any:
    """Read an object; options as `pydicom.dcmread` has them.

    Raises
    ------
    pydicom.errors.InvalidDicomError
        If it is none.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(path, **options)
    except InvalidDicomError:
        found = dcmread(path, force=True, **options)
        if not found.get("SOPClassUID"):
            raise
        return found
