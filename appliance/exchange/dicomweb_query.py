"""QIDO-RS queries: their parameters, and what of an object's header they match."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from appliance.core import Invalid

__all__ = ["Level", "QidoQuery", "parse_query", "returned"]

Level = Literal["studies", "series", "instances"]
_MOST = 1000
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_RANGED = frozenset({"DA", "TM", "DT"})
_WILD = re.compile(r"[*?]")
_STUDY = (
    *("00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090"),
    *("00080201", "00081030", "00081190", "00100010", "00100020", "00100030", "00100040"),
    *("0020000D", "00200010", "00201206", "00201208"),
)
_SERIES = (
    *("00080005", "00080060", "00080201", "0008103E", "00081190", "0020000E", "00200011"),
    *("00201209", "00400244", "00400245", "00400275", "00180015", "00181030"),
)
_INSTANCE = (
    *("00080005", "00080016", "00080018", "00080056", "00080201", "00081190", "00083002"),
    *("00200013", "00280010", "00280011", "00280100", "00280008"),
)
_RETURNED: dict[Level, tuple[str, ...]] = {
    "studies": _STUDY,
    "series": _SERIES,
    "instances": _INSTANCE,
}


class QidoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is sought and how much of it is told.

    Attributes
    ----------
    matches : dict of str to str
        Wanted values by tag, eight hex digits.
    fields : frozenset of str
        Tags beside the usual ones.
    everything : bool
        Whether all of each header is told.
    fuzzy : bool
        Whether fuzzy matching of names was asked for, which is not done.
    """

    matches: dict[str, str] = {}
    fields: frozenset[str] = frozenset()
    everything: bool = False
    fuzzy: bool = False
    limit: int = 200
    offset: int = 0

    def pinned(self, tag: str) -> frozenset[str]:
        """Give the exact values that a UID must have; none: any."""
        text = self.matches.get(tag, "")
        return frozenset(part for part in re.split(r"[,\\]", text) if part)

    def fits(self, header: Mapping[str, Any], skip: Iterable[str] = ()) -> bool:
        """Tell whether a header has all wanted values."""
        left = {tag: text for tag, text in self.matches.items() if tag not in skip}
        return all(_fits(header.get(tag), _vr_of(tag), text) for tag, text in left.items())


def parse_query(params: Iterable[tuple[str, str]]) -> QidoQuery:
    """Read the parameters of a query.

    Raises
    ------
    Invalid
        If a parameter is unknown or makes no sense.
    """
    matches: dict[str, str] = {}
    fields: set[str] = set()
    more: dict[str, Any] = {}
    for name, value in params:
        if name == "includefield":
            fields.update(part.strip() for part in value.split(","))
        elif name in ("limit", "offset"):
            more[name] = _number(name, value)
        elif name == "fuzzymatching":
            more["fuzzy"] = _truth(value)
        else:
            matches[_tag_of(name)] = value.strip()
    more["limit"] = min(more.get("limit", 200), _MOST)
    return QidoQuery(
        matches={tag: text for tag, text in matches.items() if text},
        everything="all" in fields,
        fields=frozenset(_tag_of(name) for name in fields - {"all", ""}),
        **more,
    )


def returned(level: Level, query: QidoQuery, header: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a header is told at a level."""
    if query.everything:
        return dict(header)
    wanted = {*_RETURNED[level], *query.fields, *query.matches}
    return {tag: value for tag, value in header.items() if tag in wanted}


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise Invalid(f"{name} is no number: {value[:20]!r}")
    return int(value)


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise Invalid("fuzzymatching is true or false")
    return value == "true"


def _tag_of(name: str) -> str:
    from appliance.formats import dicom_tag

    if _TAG.fullmatch(name):
        return name.upper()
    tag = dicom_tag(name)
    if tag is None:
        raise Invalid(
            f"no attribute is called {name[:64]!r}",
            hint="Keywords and tags of eight hex digits; sequences are not searched.",
        )
    return f"{tag:08X}"


def _vr_of(tag: str) -> str:
    from appliance.formats import dicom_vr

    return dicom_vr(int(tag, 16))


def _fits(element: Mapping[str, Any] | None, vr: str, wanted: str) -> bool:
    if wanted == "*":
        return True
    values = [_text(one) for one in (element or {}).get("Value", [])]
    if vr == "UI":
        return bool({part for part in re.split(r"[,\\]", wanted) if part} & set(values))
    if vr in _RANGED and "-" in wanted:
        return any(_within(value, wanted) for value in values)
    if vr == "PN" or _WILD.search(wanted):
        return any(_like(value, wanted, vr) for value in values)
    return wanted in values


def _within(value: str, wanted: str) -> bool:
    first, _, last = wanted.partition("-")
    return (not first or value >= first) and (not last or value[: len(last)] <= last)


def _like(value: str, wanted: str, vr: str) -> bool:
    if vr == "PN":
        value, wanted = value.casefold(), wanted.casefold()
    pattern = re.sub(r"([\[\]])", r"[\1]", wanted)
    return any(fnmatch.fnmatchcase(part, pattern) for part in {value, value.rstrip("^ ")})


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("Alphabetic") or value.get("Ideographic") or "")
    return str(value)
