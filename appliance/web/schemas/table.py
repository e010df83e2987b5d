"""What leaves the table: rows as CSV, files as an archive, slices for the contact sheet."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.web.schemas.base import Input

__all__ = [
    "ContactRequest",
    "ContactTile",
    "Download",
    "DownloadRequest",
    "TableRequest",
]


class TableRequest(Input, frozen=True, kw_only=True):
    """Which rows of the table to write, and how.

    Attributes
    ----------
    form : str
        ``wide`` a full line per row, ``sparse`` the same without what repeats from the line
        above, ``tree`` a line for each subject, study and file below each other, ``long`` a line
        per value.
    separator : str
        ``comma``, or ``semicolon`` with decimal commas as German spreadsheets expect.
    ids : list of int
        Only these rows; empty: all that the filters leave.
    columns : list of str
        Names of columns to write, in this order; empty: all. ``tag:NAME`` is 1 where the row or
        its subject carries the tag, ``field:NAME`` the value of a custom field, ``meta:KEY`` that
        of JSON files of the study.
    """

    level: Literal["subjects", "studies", "files"] = "studies"
    form: Literal["wide", "tree", "sparse", "long"] = "wide"
    separator: Literal["comma", "semicolon"] = "comma"
    ids: list[int] = msgspec.field(default_factory=list)
    columns: list[str] = msgspec.field(default_factory=list)
    name: str = ""
    files: str = ""
    description: str = ""
    tags: str = ""
    jobs: str = ""
    date_from: str | None = None
    date_to: str | None = None


class DownloadRequest(Input, frozen=True, kw_only=True):
    """Files to be sent as one archive: single ones, and those of studies and subjects.

    Attributes
    ----------
    pattern : str
        File pattern that the files of studies and subjects have to match; empty: all files.
    """

    project: str
    files: list[int] = msgspec.field(default_factory=list)
    studies: list[int] = msgspec.field(default_factory=list)
    subjects: list[int] = msgspec.field(default_factory=list)
    pattern: str = ""


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared archive; `url` gives its bytes for half an hour."""

    key: str
    name: str
    n_files: int
    n_missing: int
    size_bytes: int
    url: str


class ContactRequest(Input, frozen=True, kw_only=True):
    """The studies of a contact sheet and the pattern of the image to show of each."""

    project: str
    studies: list[int]
    pattern: str = ""


class ContactTile(msgspec.Struct, frozen=True, kw_only=True):
    """The image chosen of one study; `url` takes plane, position and size.

    Attributes
    ----------
    n_found : int
        How many images match; the first by path is shown. 0: `file_id` and `url` are missing.
    """

    study_id: int
    file_id: int | None
    path: str
    n_found: int
    url: str | None
