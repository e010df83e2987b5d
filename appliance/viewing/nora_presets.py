"""Reads autoloader presets of NORA; nothing of them is ever run."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from appliance.catalog import quote_word
from appliance.core import Invalid
from appliance.viewing.presets import Entry, Intent, Preset

__all__ = ["is_nora", "nora_pattern", "nora_preset"]

_LEVELS = ("auto", "patient", "study")
_PLANES = ("sagittal", "coronal", "axial")
_TERM = re.compile(r"^(FFilename|FSubFolder|FTAG|PPIZ|SStudyID):(.*)$")
_SAME = (
    "overlay",
    "roi",
    "cmap",
    "gamma",
    "opacity",
    "visible",
    "posnegsym",
    "blocky",
    "autocreate_ano",
    "onmultimatches",
)
_OURS = frozenset(Preset.__struct_fields__)


def is_nora(doc: dict[str, Any]) -> bool:
    """Tell whether a preset is written in NORA's way."""
    return bool(set(doc) - _OURS) and ("autoloaders" in doc or "enableAutoloaders" in doc)


def nora_preset(doc: dict[str, Any]) -> tuple[Preset, list[str]]:
    """Give NORA's preset as ours, and what of it has been left out.

    Raises
    ------
    Invalid
        If it has no list of autoloaders.
    """
    left: set[str] = set()
    entries = [_entry(one, left) for one in _listed(doc.get("autoloaders"))]
    panel = doc.get("calcpanel") or {}
    if panel.get("code"):
        left.add("calcpanel.code (code of a preset is never run)")
    preset = Preset(
        entries=tuple(entries),
        enabled=bool(doc.get("enableAutoloaders", False)),
        level=msgspec.convert(_LEVELS[_level(doc.get("autoloaderLevel"))], Any),
        main_viewport=_number(doc.get("mainViewport"), -1),
    )
    return preset, sorted(left)


def nora_pattern(text: str) -> tuple[str, str]:
    """Give NORA's pattern as a file selector and a selector of studies (often empty)."""
    files: list[str] = []
    studies = ""
    for alternative in re.split(r"\s+OR\s+|[\r\n]+", text.strip()):
        terms: dict[str, list[str]] = {}
        for word in alternative.split():
            found = _TERM.match(word)
            terms.setdefault(found[1] if found else "", []).append(found[2] if found else word)
        files.append(_selector(terms))
        studies = studies or _studies(terms)
    return " ".join(files), studies


def _listed(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        found = [one for part in found.values() if isinstance(part, list) for one in part]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Invalid("this preset has no list of autoloaders")
    return found


def _entry(one: dict[str, Any], left: set[str]) -> Entry:
    pattern, studies = nora_pattern(str(one.get("pattern", "")))
    places = re.findall(r"\d+", str(one.get("viewportID", "")))
    return Entry(
        pattern=pattern,
        studies=studies,
        viewports=tuple(int(place) for place in places),
        enabled=bool(one.get("enabled", True)),
        intent=_intent(one.get("intent") or {}, left),
    )


def _intent(given: dict[str, Any], left: set[str]) -> Intent:
    known: dict[str, Any] = {name: given[name] for name in _SAME if name in given}
    if "autocreateroi" in given:
        known["autocreateroi"] = _number(given["autocreateroi"], 0)
    if "slicing" in given:
        known["slicing"] = [_PLANES[int(n)] for n in _many(given["slicing"]) if int(n) < 3]
    if "initialTimePoint" in given:
        known["time"] = _number(given["initialTimePoint"], 0)
    window = given.get("clim", given.get("windowing"))
    if isinstance(window, list) and len(window) == 2:
        known["clim"] = window
    if "intendedName" in given:
        known["name"] = str(given["intendedName"])
    known |= _colour(given.get("color"))
    taken = {"autocreateroi", "slicing", "initialTimePoint", "clim", "windowing", "intendedName"}
    left |= {f"intent.{name}" for name in set(given) - set(_SAME) - taken - {"color"}}
    try:
        return msgspec.convert(known, Intent, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"this intent cannot be read: {error}") from error


def _colour(given: Any) -> dict[str, str]:
    if isinstance(given, list) and len(given) >= 3:
        return {"color": "#" + "".join(f"{int(part) & 255:02x}" for part in given[:3])}
    if isinstance(given, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", given):
        return {"color": given}
    return {}


def _selector(terms: dict[str, list[str]]) -> str:
    name = "".join(terms.get("FFilename", [])[-1:]) or "".join(terms.get("", [])[-1:])
    folder = "".join(terms.get("FSubFolder", [])[-1:])
    parts = [quote_word(f"{folder}/{name or '*'}" if folder else name)] if name or folder else []
    parts += [quote_word(f"tag:{tag}") for tag in terms.get("FTAG", [])]
    return " & ".join(parts) or "*"


def _studies(terms: dict[str, list[str]]) -> str:
    subject, study = (terms.get(name, [""])[-1] for name in ("PPIZ", "SStudyID"))
    return f"{subject or '*'}#{study or '*'}" if subject or study else ""


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number(value: Any, usual: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return usual


def _level(value: Any) -> int:
    number = _number(value, 0)
    return number if 0 <= number < len(_LEVELS) else 0
