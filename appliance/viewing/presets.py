"""What an autoloader preset is: which files are shown where and how, and which marks cases get.

Only shapes and their checks; where presets are kept and what their patterns mean is elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from appliance.catalog import parse_selector
from appliance.core import Invalid

__all__ = [
    "AnnotationWish",
    "CaseLevel",
    "Entry",
    "Intent",
    "Mark",
    "NamedAction",
    "Preset",
    "PresetView",
    "Rating",
    "check_preset",
    "pattern_of",
]

CaseLevel: TypeAlias = Literal["auto", "patient", "study"]
_Plane: TypeAlias = Literal["axial", "coronal", "sagittal", "3d"]
_MOST_ENTRIES, _MOST_MARKS, _MOST_BYTES = 60, 9, 64 * 1024
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ACTION = re.compile(
    r"viewer\.(window\.[0-6]|reset|center|info|master|histogram|crosshair)|tool\.[a-z]{2,20}"
)
_USER = "$USER"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parts: a misspelt field is an error."""


class AnnotationWish(_Part, frozen=True, kw_only=True):
    """An annotation that is made when a case has none."""

    type: str = "pointset"
    name: str = ""
    showPanel: bool = False  # noqa: N815 - NORA's word
    state: dict[str, Any] = {}
    templates: dict[str, Any] = {}


class Intent(_Part, frozen=True, kw_only=True):
    """How the files of an entry are shown; what is not said is as the viewer does it.

    Attributes
    ----------
    slicing : tuple of {"axial", "coronal", "sagittal", "3d"}
        Planes of the entry's viewports, in their order.
    autocreateroi : int, optional
        Number of the entry on whose image a missing ROI is made.
    name : str
        Of a file that is made because it is missing; otherwise as the pattern says.
    """

    overlay: bool = False
    roi: bool = False
    annotation: bool = False
    cmap: str = ""
    color: str = ""
    clim: tuple[float, float] | None = None
    gamma: float | None = None
    opacity: float | None = None
    outline: bool | None = None
    visible: bool | None = None
    posnegsym: bool | None = None
    blocky: bool | None = None
    time: int | None = None
    slicing: tuple[_Plane, ...] = ()
    name: str = ""
    autocreateroi: int | None = None
    autocreate_ano: AnnotationWish | None = None
    onmultimatches: Literal["first", "loadall"] = "first"


class Entry(_Part, frozen=True, kw_only=True):
    """Files by a pattern, the viewports they go to (none: as the viewer decides), and how.

    `studies` is empty for the case itself, or a reference such as ``ANALYSIS#MNI``.
    """

    pattern: str
    studies: str = ""
    viewports: tuple[int, ...] = ()
    enabled: bool = True
    intent: Intent = Intent()


class Mark(_Part, frozen=True, kw_only=True):
    """A key of quality control and the tag that it sets."""

    key: str
    tag: str
    label: str = ""
    color: str = ""


class Rating(_Part, frozen=True, kw_only=True):
    """What keys rate: the case (its study or subject), or the file of the first image."""

    level: Literal["case", "file"] = "case"
    marks: tuple[Mark, ...] = ()


class PresetView(_Part, frozen=True, kw_only=True):
    """The places that images go to."""

    layout: str = ""
    kinds: tuple[_Plane, ...] = ()
    linked: bool | None = None


class NamedAction(_Part, frozen=True, kw_only=True):
    """What is done once a case is shown: an action of the viewer by name, never code."""

    enabled: bool = False
    action: str = ""


class Preset(_Part, frozen=True, kw_only=True):
    """What a person loads by its name.

    Attributes
    ----------
    enabled : bool
        Whether it starts as soon as it is loaded.
    level : {"auto", "patient", "study"}
        What one case is; auto: what is selected.
    main_viewport : int
        Whose image gives the grid for all; -1: each its own.
    keep_position : bool
        Whether crosshair and zoom stay from one case to the next.
    """

    entries: tuple[Entry, ...] = ()
    enabled: bool = False
    level: CaseLevel = "auto"
    main_viewport: int = -1
    keep_position: bool = True
    view: PresetView = PresetView()
    rating: Rating = Rating()
    calcpanel: NamedAction = NamedAction()


def check_preset(preset: Preset) -> None:
    """Refuse what could never work, with the place.

    Raises
    ------
    Invalid
        If a pattern does not parse, a key is used twice, or the preset is too large.
    """
    if len(preset.entries) > _MOST_ENTRIES:
        raise Invalid(f"a preset has at most {_MOST_ENTRIES} entries")
    if len(msgspec.json.encode(preset)) > _MOST_BYTES:
        raise Invalid("this preset is too large")
    for number, entry in enumerate(preset.entries, start=1):
        _check_entry(entry, number, len(preset.entries))
    _check_marks(preset.rating.marks)
    action = preset.calcpanel.action
    if action and not _ACTION.fullmatch(action):
        raise Invalid(
            f"{action!r} cannot be done after loading",
            hint="Name an action of the viewer, such as viewer.window.2 or tool.roi.",
        )


def pattern_of(entry: Entry, login: str) -> str:
    """Give the file selector of an entry for a person: ``$USER`` is their login."""
    return entry.pattern.replace(_USER, login)


def _check_entry(entry: Entry, number: int, n: int) -> None:
    try:
        parse_selector(pattern_of(entry, "user"), in_studies=True)
        parse_selector(entry.studies.replace("[selectionpatient]", "x") + " *.nii")
    except Invalid as error:
        raise Invalid(f"entry {number}: {error}", hint=error.hint, entry=number) from error
    if any(not 0 <= place < 32 for place in entry.viewports):
        raise Invalid(f"entry {number}: there is no such viewport", entry=number)
    _check_colours([entry.intent.color])
    grid = entry.intent.autocreateroi
    if grid is not None and not 0 <= grid < n:
        raise Invalid(f"entry {number}: no entry gives the grid of a new ROI", entry=number)


def _check_marks(marks: tuple[Mark, ...]) -> None:
    keys = [mark.key for mark in marks]
    tags = [mark.tag.strip().casefold() for mark in marks]
    if len(marks) > _MOST_MARKS or len(set(keys)) < len(keys) or len(set(tags)) < len(tags):
        raise Invalid("each mark has a key and a tag of its own", hint="There are keys 1 to 9.")
    if any(key not in "123456789" or len(key) != 1 for key in keys) or "" in tags:
        raise Invalid("a mark has a key from 1 to 9 and a tag")
    _check_colours(mark.color for mark in marks)


def _check_colours(colours: Iterable[str]) -> None:
    for colour in colours:
        if colour and not _COLOUR.fullmatch(colour):
            raise Invalid(f"{colour!r} is no colour", hint="Write it as #rrggbb.")
