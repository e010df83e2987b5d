"""The Basic Application Level Confidentiality Profile of DICOM PS3.15 as data, with its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

import msgspec

__all__ = [
    "CODES",
    "EDITION",
    "DicomOption",
    "ProfileRow",
    "SafeElement",
    "profile_row",
    "profile_table",
    "safe_private",
    "table_lines",
]

EDITION = "2024b"

DicomOption = Literal[
    "uids",
    "device",
    "institution",
    "patient",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "private",
    "pixels",
]
"""Options of the profile, by the names that a project's policy uses."""

CODES: dict[str, tuple[str, str]] = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "structured": ("113104", "Clean Structured Content Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
    "full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient": ("113108", "Retain Patient Characteristics Option"),
    "device": ("113109", "Retain Device Identity Option"),
    "uids": ("113110", "Retain UIDs Option"),
    "private": ("113111", "Retain Safe Private Option"),
    "institution": ("113112", "Retain Institution Identity Option"),
}
"""Codes of the methods, from context group 7050."""


class ProfileRow(msgspec.Struct, frozen=True):
    """One attribute of Table E.1-1.

    Attributes
    ----------
    tag : str
        Eight digits; ``X`` stands for any.
    basic : str
        Action of the Basic Profile, such as ``X/Z/D``.
    options : dict
        Action (``K`` or ``C``) of each option that has one.
    """

    tag: str
    name: str
    basic: str
    options: dict[str, str]

    @property
    def of_time(self) -> bool:
        """Whether it is a date or time of what was done with the subject."""
        return "full_dates" in self.options


class SafeElement(msgspec.Struct, frozen=True):
    """A private element that is known to hold nothing that identifies."""

    group: int
    element: int
    creator: str


@cache
def profile_table() -> Mapping[str, ProfileRow]:
    """Give the table by tag, as eight upper-case digits."""
    return {
        tag: ProfileRow(tag, name, basic, _options(options))
        for tag, name, basic, options in table_lines("ps3_15_e1_1.tsv", 4)
    }


@cache
def profile_row(tag: int) -> ProfileRow | None:
    """Give what the table has for a tag; repeating groups are found under any of their numbers."""
    exact, table = f"{tag:08X}", profile_table()
    if exact[:2] in ("50", "60"):
        wide = (f"{exact[:2]}XX{exact[4:]}", f"{exact[:2]}XXXXXX")
        return next((table[one] for one in wide if one in table), None)
    return table.get(exact)


@cache
def safe_private() -> frozenset[SafeElement]:
    """Give the private elements that the Retain Safe Private Option keeps."""
    return frozenset(
        SafeElement(int(group, 16), int(element, 16), creator)
        for group, element, creator, _ in table_lines("safe_private.tsv", 4)
    )


def table_lines(name: str, columns: int) -> Iterator[list[str]]:
    """Give the lines of one of our tables, without its remarks, each with all columns."""
    text = files("appliance.privacy").joinpath("tables", name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")
            yield cells + [""] * (columns - len(cells))


def _options(text: str) -> dict[str, str]:
    known = {*get_args(DicomOption), "graphics"}
    pairs = (one.split("=") for one in text.split())
    return {name: action for name, action in pairs if name in known}
