"""HTTP ranges and entity tags (RFC 9110, sections 13 and 14): pure functions, no files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import msgspec

__all__ = ["Answer", "Unsatisfiable", "etag_of", "negotiate", "parse_range"]

_RANGE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)


class Unsatisfiable(ValueError):
    """The range is well formed and holds no byte of the file."""


class Answer(msgspec.Struct, frozen=True):
    """What to answer: the status and the half-open range of bytes to send."""

    status: int
    start: int
    stop: int


def etag_of(facts: os.stat_result) -> str:
    """Make the strong entity tag of a file; it changes whenever its bytes may have."""
    return f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Read a Range header.

    Parameters
    ----------
    header : str
        Such as ``bytes=0-499``, ``bytes=500-`` or ``bytes=-500``.
    size_bytes : int
        Size of the whole file.

    Returns
    -------
    tuple of int or None
        Half-open range; None when the header is malformed or asks for several ranges, which
        means that it is ignored.

    Raises
    ------
    Unsatisfiable
        If no byte of the file lies in the range.
    """
    unit, _, text = header.partition("=")
    match = _RANGE.fullmatch(text)
    if unit.strip().lower() != "bytes" or match is None or match[1] == match[2] == "":
        return None
    first, last = match[1], match[2]
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    elif last and int(last) < int(first):
        return None
    else:
        start = int(first)
        stop = min(int(last) + 1, size_bytes) if last else size_bytes
    if start >= stop:
        raise Unsatisfiable(header)
    return start, stop


def negotiate(
    method: str, headers: Mapping[str, str], etag: str, modified: str, size_bytes: int
) -> Answer:
    """Decide between 200, 206, 304 and 416.

    Parameters
    ----------
    method : str
        ``GET`` or ``HEAD``; ranges are only defined for GET.
    headers : mapping of str to str
        Of the request, names in lower case.
    etag, modified : str
        Validators of the file as it is now.
    size_bytes : int
        Its size.

    Returns
    -------
    Answer
    """
    known = headers.get("if-none-match")
    if known is not None and _matches(known, etag):
        return Answer(304, 0, 0)
    asked = headers.get("range") if method == "GET" else None
    if asked is None or headers.get("if-range", etag) not in (etag, modified):
        return Answer(200, 0, size_bytes)
    try:
        found = parse_range(asked, size_bytes)
    except Unsatisfiable:
        return Answer(416, 0, 0)
    return Answer(206, *found) if found else Answer(200, 0, size_bytes)


def _matches(header: str, etag: str) -> bool:
    """Compare weakly, as If-None-Match asks for."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
