"""What a catalog wants to know of a file: size, time, kind, the header of an image, a document."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, TypedDict

from appliance.core import ApplianceError, FormatError, content_of
from appliance.formats.kinds import kind_of
from appliance.formats.nifti_quick import quick_facts

__all__ = ["FileFacts", "file_facts"]

_LOG = logging.getLogger(__name__)
_IMAGES = frozenset({"image", "mask", "labels"})
_MAX_DOC_BYTES = 16 << 20


class FileFacts(TypedDict):
    """Facts of one file.

    Attributes
    ----------
    size_bytes, mtime_ns : int
        Of all that lies in it, if it is a folder.
    kind : str
        As `kind_of` tells it; ``pyramid`` for a folder that is one file.
    header : dict or None
        Of an image: shape, voxel size in mm, type, affine, number of volumes.
    doc : JSON value
        Content of a JSON file of at most 16 MiB; what JSON does not know (NaN) is null.
    """

    size_bytes: int
    mtime_ns: int
    kind: str
    header: dict[str, Any] | None
    doc: Any


def file_facts(path: Path, *, strict: bool = False) -> FileFacts:
    """Collect the facts of a file.

    Parameters
    ----------
    path : Path
        A file.
    strict : bool
        Whether damage is raised; else it is logged, and the file has no header or document.

    Raises
    ------
    FormatError
        If `strict`, and an image or a JSON file is damaged.
    OSError
        If the file is gone.
    """
    facts, kind = content_of(path), "pyramid" if path.is_dir() else str(kind_of(path))
    header = doc = None
    try:
        if kind in _IMAGES:
            header = _header(path)
        elif kind == "json" and facts.size_bytes <= _MAX_DOC_BYTES:
            doc = _document(path)
    except (ApplianceError, OSError) as error:
        if strict:
            raise
        _LOG.warning("a file of the kind %s is damaged: %s", kind, type(error).__name__)
    return FileFacts(
        size_bytes=facts.size_bytes, mtime_ns=facts.mtime_ns, kind=kind, header=header, doc=doc
    )


def _header(path: Path) -> dict[str, Any] | None:
    if path.suffix.lower() == ".img":
        return None  # its facts lie in the .hdr beside it, which may come later
    quick = quick_facts(path)
    if quick is not None:
        return quick
    from appliance.formats.volumes import read_header

    found: dict[str, Any] = json.loads(json.dumps(dict(read_header(path))), parse_constant=_null)
    return found


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), parse_constant=_null)
    except (ValueError, RecursionError) as error:
        raise FormatError("not a valid JSON file") from error


def _null(_constant: str) -> None:
    """Read NaN and Infinity, which some programs write, as null."""
