"""Tables of labels in files of their own: FreeSurfer, ITK-SNAP, FSL, BIDS, JSON and plain lists."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from appliance.core import FormatError
from appliance.formats.guard import reading
from appliance.formats.kinds import suffix_of
from appliance.formats.roi_files import Label

__all__ = ["LABEL_SUFFIXES", "label_color", "parse_label_table", "read_label_table"]

LABEL_SUFFIXES = (".tsv", ".csv", ".json", ".txt", ".lut", ".ctab", ".label", ".xml")
_MAX_BYTES = 4 << 20
_MOST_LABELS = 65_536
_HUE_STEP = 0.618034
_SNAP = re.compile(
    r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+[01]\s+[01]\s+\"(.*)\"\s*\Z"
)  # IDX R G B A VIS MSH "LABEL"
_FREESURFER = re.compile(r"\s*(\d+)\s+(\S*?[^\W\d_].*?)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?\s*\Z")
_PLAIN = re.compile(r"\s*(\d+)\s*[\s,;:=]\s*(\S*?[^\W\d_].*?)\s*\Z")
_XML = re.compile(
    r"<label\b[^>]*\bindex\s*=\s*[\"'](\d+)[\"'][^>]*>(.*?)</label>", re.IGNORECASE | re.DOTALL
)
_VALUES = ("index", "value", "label", "id", "key", "no", "no.", "mapping", "intensity")
_NAMES = ("name", "region", "structure", "label", "abbreviation", "description")


def read_label_table(path: Path) -> list[Label]:
    """Read a table of labels; 0, the background, is left out.

    Raises
    ------
    FormatError
        If nothing in the file names a label.
    NotFound, StorageError
        If the file is not there or not readable.
    """
    with reading(path, "label table"):
        raw = path.read_bytes()[:_MAX_BYTES]
        return parse_label_table(raw.decode("utf-8-sig", "replace"), suffix_of(path))


def parse_label_table(text: str, suffix: str) -> list[Label]:
    """Read a table of labels from its text; `suffix` tells the kind of file.

    Raises
    ------
    FormatError
        If nothing in it names a label.
    """
    if suffix == ".json":
        found = _from_json(json.loads(text))
    elif suffix == ".xml":
        # FSL counts its labels from 0 and its images from 1.
        found = ((int(at) + 1, name, "") for at, name in _XML.findall(text))
    elif suffix in (".tsv", ".csv"):
        found = _from_columns(text, "\t" if suffix == ".tsv" else None)
    else:
        found = _from_lines(text)
    labels: dict[int, Label] = {}
    for value, name, color in found:
        if value > 0 and name and len(labels) < _MOST_LABELS:
            labels.setdefault(value, Label(value, name.strip(), color or label_color(value)))
    if not labels:
        raise FormatError(
            "the file names no labels", hint="Each line tells a number, a name and maybe a colour."
        )
    return [labels[value] for value in sorted(labels)]


def label_color(value: int) -> str:
    """Give a label that has none a colour of its own, the same everywhere."""
    hue, light = (value * _HUE_STEP) % 1, 0.55 + 0.12 * (value % 3 - 1)
    spread = 0.7 * min(light, 1 - light)

    def shade(step: int) -> int:
        at = (step + hue * 12) % 12
        return round(255 * (light - spread * max(-1.0, min(at - 3, 9 - at, 1.0))))

    return f"#{shade(0):02x}{shade(8):02x}{shade(4):02x}"


_Row = tuple[int, str, str]


def _from_lines(text: str) -> Iterator[_Row]:
    """Read FreeSurfer's and ITK-SNAP's lines, and plain ones of a number and a name."""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if snap := _SNAP.match(line):
            yield int(snap[1]), snap[6], _hex(snap.group(2, 3, 4))
        elif surfer := _FREESURFER.match(line):
            yield int(surfer[1]), surfer[2], _hex(surfer.group(3, 4, 5))
        elif plain := _PLAIN.match(line):
            yield int(plain[1]), plain[2].strip("\"'"), ""


def _from_columns(text: str, separator: str | None) -> Iterator[_Row]:
    """Read a table with a line of titles, as BIDS writes; without titles, number and name."""
    if separator is None:
        separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    at = _first(titles, _VALUES)
    if at is None or (len(rows) > 1 and titles[at].isdecimal()):
        yield from _from_lines("\n".join("\t".join(row) for row in rows))
        return
    named = _first(titles, [name for name in _NAMES if name != titles[at]])
    shades = [_first(titles, (full, full[0])) for full in ("red", "green", "blue")]
    tint = _first(titles, ("color", "colour", "hex"))
    for row in rows[1:]:
        cells = [cell.strip() for cell in row] + [""] * len(titles)
        if not cells[at].isdecimal() or named is None:
            continue
        color = cells[tint] if tint is not None else ""
        if None not in shades:
            color = _hex([cells[shade] for shade in shades if shade is not None])
        yield int(cells[at]), cells[named], _clean(color)


def _first(titles: list[str], wanted: Iterable[str]) -> int | None:
    return next((titles.index(one) for one in wanted if one in titles), None)


def _from_json(told: Any) -> Iterator[_Row]:
    """Read ``{"3": "name"}``, or a list of objects under any name such as ``labels``."""
    if isinstance(told, dict):
        for key, value in told.items():
            if str(key).isdecimal() and isinstance(value, str | dict):
                entry = value if isinstance(value, dict) else {"name": value}
                yield int(key), _name_in(entry), _color_in(entry)
            elif isinstance(value, list | dict):
                yield from _from_json(value)
    elif isinstance(told, list):
        for entry in told:
            if not isinstance(entry, dict):
                continue
            value = next((entry[one] for one in _VALUES if _is_number(entry.get(one))), None)
            if value is not None:
                yield int(value), _name_in(entry), _color_in(entry)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())


def _name_in(entry: dict[str, Any]) -> str:
    found = (entry[one] for one in _NAMES if isinstance(entry.get(one), str))
    return next((name for name in found if not name.isdecimal()), "")


def _color_in(entry: dict[str, Any]) -> str:
    found = next((entry[one] for one in ("color", "colour", "rgb", "hex") if one in entry), "")
    if isinstance(found, list) and len(found) >= 3:
        scale = 255 if all(isinstance(x, float) and x <= 1 for x in found[:3]) else 1
        return _hex([str(round(float(x) * scale)) for x in found[:3]])
    return _clean(str(found))


def _hex(shades: Iterable[str | Any]) -> str:
    try:
        return "#{:02x}{:02x}{:02x}".format(*(min(255, int(float(one))) for one in shades))
    except (ValueError, IndexError):
        return ""


def _clean(color: str) -> str:
    """Take ``#rrggbb`` or ``rrggbb``; anything else is no colour."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{6})", color.strip())
    return f"#{match[1].lower()}" if match else ""
