"""Documents of a study as a browser shows them: tables by pages, pictures as PNG, pages of text.

What is active in a document never runs: pictures are drawn anew, pages are marked for a sandbox.
"""

from __future__ import annotations

import csv
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from appliance.catalog import FileRow, TablePage, TableWish, keep_table, read_table
from appliance.core import DataFolder, FormatError, Invalid, NotFound, atomic_write
from appliance.formats import sheet_names, sheet_rows, suffix_of
from appliance.viewing.display import cached

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PictureFacts", "document_picture", "picture_facts", "table_page"]

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
_SHEETS = ".xlsx"
_TABLES = frozenset({".csv", ".tsv", ".tab", _SHEETS})
_MOST_PIXELS = 400_000_000
_LONGEST = 4096
_DRAWING = threading.BoundedSemaphore(2)


class PictureFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Size and pages of a picture; `shown` is its size as it is sent."""

    width: int
    height: int
    n_pages: int
    mode: str
    shown: tuple[int, int]


def table_page(folder: DataFolder, row: FileRow, path: Path, wish: TableWish) -> TablePage:
    """Give a page of a table; the file is taken into the display cache when it is first asked for.

    Raises
    ------
    NotFound
        If the file is gone from the disk.
    FormatError
        If it is no table of text.
    Invalid
        If there is no such column.
    """
    suffix = suffix_of(row.name)
    if suffix not in _TABLES:
        raise FormatError(
            f"{row.name} is no table that is read here",
            hint="Tables are .csv, .tsv, .tab and .xlsx files.",
        )
    _check_there(path)
    if suffix == _SHEETS:
        return _sheet_page(folder, row, path, wish)
    return read_table(cached(folder, row, ".duckdb", lambda entry: keep_table(path, entry)), wish)


def _sheet_page(folder: DataFolder, row: FileRow, path: Path, wish: TableWish) -> TablePage:
    """Give a page of a sheet with the names of all; an empty one has no columns and no rows."""
    names = sheet_names(path)
    if not 0 <= wish.sheet < len(names):
        raise Invalid(f"{path.name} has no sheet {wish.sheet + 1}")

    def keep(entry: Path) -> None:
        _keep_sheet(path, wish.sheet, entry)

    kept = cached(folder, row, f".sheet{wish.sheet}.duckdb", keep)
    if not kept.stat().st_size:
        return TablePage(columns=[], shown=[], total=0, n_matching=0, rows=[], sheets=names)
    return msgspec.structs.replace(read_table(kept, wish), sheets=names)


def _keep_sheet(path: Path, sheet: int, entry: Path) -> None:
    """Take a sheet of a workbook by way of a text with the same cells; nothing of an empty one."""
    width = max(map(len, sheet_rows(path, sheet)), default=0)
    if not width:
        entry.touch()
        return
    with TemporaryDirectory(prefix=".sheet-", dir=entry.parent) as home:
        text = Path(home) / f"{path.stem}.csv"
        with text.open("w", encoding="utf-8", newline="") as stream:
            lines = ([*row, *[""] * (width - len(row))] for row in sheet_rows(path, sheet))
            csv.writer(stream).writerows(lines)
        keep_table(text, entry)


def picture_facts(row: FileRow, path: Path) -> PictureFacts:
    """Tell the size of a picture and how many pages it has.

    Raises
    ------
    FormatError
        If it is no picture, or far too large.
    """
    with _Opened(row, path) as picture:
        width, height = picture.size
        return PictureFacts(
            width=width,
            height=height,
            n_pages=int(getattr(picture, "n_frames", 1)),
            mode=picture.mode,
            shown=_fitting(width, height),
        )


def document_picture(folder: DataFolder, row: FileRow, path: Path, page: int = 0) -> Path:
    """Give a picture as a PNG of at most 4096 pixels a side, from the display cache.

    Values beyond eight bits are brought between the smallest and the largest.

    Raises
    ------
    Invalid
        If it has no such page.
    FormatError
        If it is no picture, or damaged.
    """
    _check_there(path)
    return cached(folder, row, f".p{page}.png", lambda entry: _draw(row, path, page, entry))


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise NotFound(f"{path.name} is no longer on the disk", hint="Run 'nora rescan'.")


class _Opened:
    """An open picture; whatever its reader raises becomes our error."""

    def __init__(self, row: FileRow, path: Path) -> None:
        self._row, self._path = row, path

    def __enter__(self) -> Image.Image:
        from PIL import Image, UnidentifiedImageError

        if suffix_of(self._row.name) not in _PICTURES:
            raise FormatError(f"{self._row.name} is no picture")
        try:
            self._picture = Image.open(self._path)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise _damaged(self._row) from error
        except Image.DecompressionBombError as error:
            raise _too_large(self._row) from error
        width, height = self._picture.size
        if width * height > _MOST_PIXELS:
            self._picture.close()
            raise _too_large(self._row)
        return self._picture

    def __exit__(self, *_: object) -> None:
        self._picture.close()


def _draw(row: FileRow, path: Path, page: int, entry: Path) -> None:
    with _DRAWING, _Opened(row, path) as picture:
        if not 0 <= page < getattr(picture, "n_frames", 1):
            raise Invalid(f"{row.name} has no page {page + 1}")
        try:
            if page:
                picture.seek(page)
            drawn = _in_eight_bits(picture)
            drawn.thumbnail((_LONGEST, _LONGEST))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise _damaged(row) from error
        with atomic_write(entry, durable=False) as stream:
            drawn.save(stream, format="PNG")


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Bring a picture to bytes, as it is meant to be seen: turned as its camera says."""
    import numpy as np
    from PIL import Image, ImageOps

    if picture.mode in ("I", "F", "I;16", "I;16B", "I;16L"):
        values = np.nan_to_num(np.asarray(picture, np.float64))
        low, high = values.min(), values.max()
        scaled = (values - low) / (high - low) * 255 if high > low else values * 0
        return Image.fromarray(scaled.round().astype(np.uint8))
    turned = ImageOps.exif_transpose(picture)
    return turned.convert("RGBA" if turned.mode in ("RGBA", "LA", "P", "PA") else "RGB")


def _fitting(width: int, height: int) -> tuple[int, int]:
    factor = min(1.0, _LONGEST / max(width, height, 1))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _damaged(row: FileRow) -> FormatError:
    return FormatError(
        f"{row.name} is not a readable picture", hint="It may be cut off, or have another format."
    )


def _too_large(row: FileRow) -> FormatError:
    return FormatError(
        f"{row.name} has more than {_MOST_PIXELS // 1_000_000} million pixels",
        hint="Download it, or make a smaller copy.",
    )
