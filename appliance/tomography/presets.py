"""Directive files from templates: the shipped presets, a user's own, and what is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from appliance.core import Invalid, NotFound, safe_join
from appliance.tomography.directives import change_text, parse_directives

__all__ = [
    "SHIPPED",
    "fill_template",
    "find_template",
    "has_places",
    "list_templates",
    "make_directives",
]

SHIPPED = Path(__file__).with_name("templates")
"""Folder of the presets: ``dirTemplate`` (the smallest), ``plastic`` and ``cryo``."""
_PLACE = re.compile(r"\{\{\s*(\w+)(\?)?\s*(?:\(\s*~?\s*([^)]*?)\s*\))?\s*\}\}")


def list_templates(own: Path | None = None) -> list[str]:
    """Name the templates, the user's own first; one of a preset's name stands in its place.

    Parameters
    ----------
    own : Path, optional
        Folder of the user's templates.
    """
    folders = [folder for folder in (own, SHIPPED) if folder is not None and folder.is_dir()]
    return list(dict.fromkeys(p.stem for f in folders for p in sorted(f.glob("*.adoc"))))


def find_template(name: str, own: Path | None = None) -> Path:
    """Find a template by its name without ending.

    Raises
    ------
    NotFound
        If there is none.
    """
    for folder in (own, SHIPPED):
        path = None if folder is None else safe_join(folder, f"{name}.adoc")
        if path is not None and path.is_file():
            return path
    known = ", ".join(list_templates(own))
    raise NotFound(f"there is no template {name!r}", hint=f"There are {known}.")


def has_places(path: Path) -> bool:
    """Tell whether a directive file has places to fill, so that it is a template.

    Raises
    ------
    NotFound
        If there is no such file.
    """
    try:
        return _PLACE.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError as error:
        raise NotFound(f"the directive file {path.name} cannot be read") from error


def fill_template(text: str, values: Mapping[str, str]) -> str:
    """Fill the places ``{{ name }}``, ``{{ name (default) }}`` and ``{{ name? }}`` of a template.

    Parameters
    ----------
    text : str
        A directive file with places.
    values : mapping of str to str
        By name; None of the names has to be a place.

    Returns
    -------
    str
        A place without value and default is left blank; a line whose place has a ``?`` is left out
        then.

    Raises
    ------
    Invalid
        If a value would not stay in its line.
    """
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise Invalid(f"the value of {name} has more than one line")
    lines = [line for line in text.splitlines() if not _is_left_out(line, values)]
    filled = [_PLACE.sub(lambda m: values.get(m[1], m[3] or ""), line) for line in lines]
    return "".join(f"{line}\n" for line in filled)


def make_directives(
    template: Path, values: Mapping[str, str], directives: Mapping[str, str] | None = None
) -> str:
    """Make the text of a directive file.

    Parameters
    ----------
    template : Path
        A directive file, with or without places to fill.
    values : mapping of str to str
        What fills the places.
    directives : mapping of str to str, optional
        Whole directives by key that are set on top.

    Returns
    -------
    str

    Raises
    ------
    FormatError
        If the template or a directive is malformed.
    """
    text = fill_template(template.read_text(encoding="utf-8"), values)
    parse_directives(text, template.name)
    return change_text(text, directives or {}, template.name)


def _is_left_out(line: str, values: Mapping[str, str]) -> bool:
    return any(m[2] and not values.get(m[1]) and not m[3] for m in _PLACE.finditer(line))
