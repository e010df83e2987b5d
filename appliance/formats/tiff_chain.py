"""Follows the pages of a TIFF file before anything else does: each tells where the next one lies.

In a damaged file that chain can run in a circle, which readers follow until memory is full.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from appliance.core import FormatError

__all__ = ["check_pages"]

_MOST_PAGES = 100_000


def check_pages(path: Path, tif: Any) -> None:
    """Refuse a file whose pages have no end.

    Parameters
    ----------
    path : Path
        Only its name is told.
    tif : tifffile.TiffFile
        Just opened.

    Raises
    ------
    FormatError
        If a page comes twice, or there are more than a stack has.
    """
    at, seen = int(tif.pages[0].offset), set[int]()
    while at:
        if at in seen or len(seen) >= _MOST_PAGES:
            raise FormatError(
                f"{path.name} has pages without end",
                hint="The file is damaged. Copy it again from its source.",
            )
        seen.add(at)
        at = _next(tif.filehandle, tif.tiff, at)


def _next(stream: Any, form: Any, at: int) -> int:
    """Give where the page after one lies; 0 where it is the last, or the file ends in it."""
    try:
        stream.seek(at)
        (n,) = struct.unpack(form.tagnoformat, stream.read(form.tagnosize))
        stream.seek(at + form.tagnosize + n * form.tagsize)
        return int(struct.unpack(form.offsetformat, stream.read(form.offsetsize))[0])
    except struct.error:
        return 0
