"""What one word of a filter bar, of a subject selector or of a file selector means."""

from __future__ import annotations

import re
from collections.abc import Callable

from appliance.catalog.grammar import any_of
from appliance.catalog.nodes import (
    Absolute,
    And,
    Attribute,
    Filter,
    Not,
    OneOf,
    Or,
    Pattern,
    Rank,
)
from appliance.catalog.scanner import Word, fail
from appliance.catalog.sqlcondition import parse_condition
from appliance.core import Invalid, Refused

__all__ = ["ATTRIBUTES", "LISTS", "bar_term", "file_term", "prefix_of", "subject_term"]

ATTRIBUTES = ("STAG", "PTAG", "FTAG", "JOB", "STALE", "SDESC", "PID", "SID")
LISTS = ("PIDLIST", "PSIDLIST", "SQL", "FILE")
_NEGATED = {"NOTSTAG": "STAG", "NOTPTAG": "PTAG", "NOTFTAG": "FTAG"}
_RANKED = re.compile(r"(LATEST|OLDEST)(?:\[(\d{1,4})\]|(\d{1,4}))?")
_OF_JOBS = re.compile(r"\$\w+|\[selection(?:patient)?\]")
_EVERYTHING = re.compile(r"\**")


def prefix_of(word: Word) -> str:
    """Give the name before a bare colon in upper case, empty when there is none."""
    i = word.find(":")
    head = word.text[: max(i, 0)]
    return head.upper() if head.isascii() and head.isalpha() and all(word.bare[:i]) else ""


def bar_term(word: Word, bare: str = "FILE") -> Filter:
    """Read a word of a filter bar; without an attribute's name it asks `bare`."""
    asked = _attribute(word, anchored=False, tag="")
    if asked is not None:
        return asked
    _refuse_unknown(word)
    if bare == "FILE":
        return Pattern(word.text, at=word.at)
    i = word.find("#")
    if bare == "PID" and i > 0 and len(word.text) > i + 1:
        subject = _ask("PID", word.cut(0, i), anchored=True)
        return And((subject, _ask("SID", word.cut(i + 1), anchored=False)))
    return _ask(bare, word, anchored=False)


def file_term(word: Word) -> Filter:
    """Read a word of a file selector; a name without a folder is looked for in every folder."""
    if word.is_bare and word.text == "[info]":
        return Pattern("nodeinfo.json", anchored=True, at=word.at)
    special = {"ABS": _absolute, "READING": _reading}.get(prefix_of(word))
    if special is not None:
        return special(_value(word))
    asked = _attribute(word, anchored=True, tag="FTAG")
    if asked is not None:
        return asked
    _refuse_unknown(word)
    return _absolute(word) if word.text.startswith("/") else _path(word)


def subject_term(word: Word) -> Filter:
    """Read a word of a subject selector: ``PID``, ``PID#SID``, ``stag:x``, ``PSIDLIST:a#1,…``."""
    listed = _LIST_TERMS.get(prefix_of(word))
    if listed is not None:
        return listed(word)
    _refuse_references(word)
    i = word.find("#")
    pid, sid = (word, None) if i < 0 else (word.cut(0, i), word.cut(i + 1))
    parts = [_pid(pid)] + ([] if sid is None else [_sid(sid)])
    given = tuple(part for part in parts if part is not None)
    if not given:
        return Attribute("PID", "*", anchored=True, at=word.at)
    return given[0] if len(given) == 1 else And(given)


def _attribute(word: Word, *, anchored: bool, tag: str) -> Filter | None:
    """Read ``NAME:value``; `tag` is what a mere ``TAG:`` asks, by default all levels."""
    name = prefix_of(word)
    if name in _NEGATED:
        return Not(_ask(_NEGATED[name], _value(word), anchored=anchored))
    if name == "TAG":
        return _ask(tag or "ANYTAG", _value(word), anchored=anchored)
    return _ask(name, _value(word), anchored=anchored) if name in ATTRIBUTES else None


def _ask(name: str, value: Word, *, anchored: bool) -> Filter:
    """Ask an attribute, or TAG (of study and subject), or ANYTAG; ``=`` before means exactly."""
    if value.find("=") == 0:
        value, anchored = value.cut(1), True
    if not value.text:
        value.fail("a value is missing here")
    levels = {"TAG": ("STAG", "PTAG"), "ANYTAG": ("STAG", "PTAG", "FTAG")}.get(name, (name,))
    return any_of([Attribute(level, value.text, anchored, value.at) for level in levels])


def _value(word: Word) -> Word:
    return word.cut(word.find(":") + 1)


def _refuse_unknown(word: Word) -> None:
    name = prefix_of(word)
    if name:
        names = ", ".join((*ATTRIBUTES, "TAG"))
        word.fail(f"{name}: cannot be asked", f"Known are {names}. Quote a path with a colon.")


def _absolute(value: Word) -> Filter:
    if not value.text.startswith("/"):
        value.fail("an absolute path starts with /")
    return Absolute(value.text, at=value.at)


def _reading(value: Word) -> Filter:
    """Answers to a form lie as ``forms/<form>.<user>.form.json``."""
    comma = value.find(",")
    if comma >= 0:
        value.cut(comma).fail("a reading cannot be narrowed by SQL", "Only the form can be named.")
    if not value.text:
        value.fail("the form's name is missing here")
    return Pattern(f"forms/{value.text}.*form.json", anchored=True, at=value.at)


def _path(word: Word) -> Filter:
    text = word.text
    if text.startswith("./") and len(text) > 2:
        return Pattern(text[2:], anchored=True, at=word.at)
    if "/" in text or text.startswith("*"):
        return Pattern(text, anchored=True, at=word.at)
    places = (text, f"*/{text}")
    return Or(tuple(Pattern(place, anchored=True, at=word.at) for place in places))


def _refuse_references(word: Word) -> None:
    """What stands for other studies has a meaning only where a job runs on some."""
    found = _OF_JOBS.search(
        "".join(c if b else " " for c, b in zip(word.text, word.bare, strict=True))
    )
    if found:
        word.cut(found.start()).fail(
            f"{found[0]} means something in the arguments of a batch only",
            "Here studies are named themselves, such as ANALYSIS#MNI or PID#OLDEST.",
        )


def _pid(word: Word) -> Filter | None:
    asked = _attribute(word, anchored=True, tag="PTAG")
    if asked is not None:
        return asked
    _refuse_unknown(word)
    if _EVERYTHING.fullmatch(word.text):
        return None
    return Attribute("PID", word.text, anchored=True, at=word.at)


def _sid(word: Word) -> Filter | None:
    asked = _attribute(word, anchored=True, tag="STAG")
    if asked is not None:
        return asked
    _refuse_unknown(word)
    if _EVERYTHING.fullmatch(word.text):
        return None
    return _rank(word) or Attribute("SID", word.text, anchored=True, at=word.at)


def _rank(word: Word) -> Filter | None:
    if not word.is_bare:
        return None
    found = _RANKED.fullmatch(word.text)
    if found:
        return Rank(found[1] == "LATEST", int(found[2] or found[3] or 0), at=word.at)
    if word.text.startswith(("LATEST[", "OLDEST[")):
        word.cut(7).fail(
            "a number from 0 in brackets belongs here", "LATEST[1] is the last but one."
        )
    return None


def _pids(word: Word) -> Filter:
    parts = _listed(word)
    return OneOf("PID", tuple(part.text for part in parts), at=word.at)


def _psids(word: Word) -> Filter:
    parts = _listed(word)
    for part in parts:
        if "#" not in part.text:
            part.fail("a study is written PID#SID")
    return OneOf("PSID", tuple(part.text for part in parts), at=word.at)


def _listed(word: Word) -> list[Word]:
    value = _value(word)
    parts = [part for part in value.split(",") if part.text]
    if not parts:
        value.fail("a list with commas belongs here")
    return parts


def _sql(word: Word) -> Filter:
    value = _value(word)
    try:
        return parse_condition(value.text)
    except Invalid as error:
        i = int(error.facts.get("position", 0))
        message = error.message.removeprefix("condition: ").rpartition(" (character")[0]
        at = value.spots[i] if i < len(value.spots) else value.end
        fail(word.what, message, at, error.hint)


def _file(word: Word) -> Filter:
    raise Refused(
        f"{word.what}: a list in a file is read by the command line only (character {word.at + 1})",
        hint="Write the studies as PSIDLIST:PID#SID,…",
        position=word.at,
    )


_LIST_TERMS: dict[str, Callable[[Word], Filter]] = {
    "PIDLIST": _pids,
    "PSIDLIST": _psids,
    "SQL": _sql,
    "FILE": _file,
}
