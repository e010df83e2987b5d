"""The pattern of a watched folder: which of its sub-folders name project, subject and study."""

from __future__ import annotations

import re
from functools import lru_cache

from appliance.core import Invalid

__all__ = ["below_place", "compile_place", "place_groups"]

_GROUPS = {"project": "project", "subject": "patients_id", "study": "studies_id"}
_OTHERS = {"$lab": "*", "$pi": "*", "$session": "{subject}", "$sample": "{study}"}
_PARTS = re.compile(r"(\{\w+\}|\*)")


def compile_place(text: str) -> str:
    """Turn ``{project}/{subject}/{study}`` with ``*`` into a regular expression on paths.

    ``$lab/$pi/$project/$session/$sample`` of microscopes' shares is the same as
    ``*/*/{project}/{subject}/{study}``.
    A regular expression with named groups, such as ``(?<subject>[^/]+)/``, is taken as it is.

    Raises
    ------
    Invalid
        If it does not compile, or names neither project nor subject.
    """
    is_regex = "(?<" in text or "(?P<" in text
    source = _from_regex(text) if is_regex else _from_template(text.strip("/"))
    try:
        groups = re.compile(source).groupindex
    except re.error as error:
        raise Invalid(
            f"the pattern of a watched folder does not compile: {error}", hint="Check its brackets."
        ) from error
    if not groups.keys() & {"project", "patients_id"}:
        raise Invalid(
            "the pattern of a watched folder names nothing",
            hint="Write {project}, {subject} or {study} where these folders stand.",
        )
    return source


def place_groups(source: str, path: str) -> dict[str, str]:
    """Match a compiled pattern on a path below the watched folder."""
    found = _compiled(source).match(path)
    return {name: text for name, text in found.groupdict().items() if text} if found else {}


def below_place(source: str, path: str) -> str:
    """Give a path below the folders that a compiled pattern matched.

    A folder that was matched in part is kept, as is the name of the file: nothing that tells
    files apart goes but what the pattern has read.
    """
    found = _compiled(source).match(path)
    if not found:
        return path
    end = found.end() + path.startswith("/", found.end())
    return path[path.rfind("/", 0, end) + 1 :]


@lru_cache(maxsize=64)
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


def _from_regex(text: str) -> str:
    source = re.sub(r"\(\?<(?![=!])", "(?P<", text)
    for ours, group in _GROUPS.items():
        source = source.replace(f"(?P<{ours}>", f"(?P<{group}>")
    return source


def _from_template(text: str) -> str:
    for theirs, ours in _OTHERS.items():
        text = re.sub(re.escape(theirs) + r"\b", ours, text)
    text = re.sub(r"\$(\w+)", r"{\1}", text)
    parts = []
    for part in _PARTS.split(text):
        name = part[1:-1] if part.startswith("{") else ""
        if name and name not in _GROUPS:
            raise Invalid(
                f"a watched folder's pattern knows no {part}",
                hint="Use {project}, {subject}, {study} and *.",
            )
        if name:
            parts.append(f"(?P<{_GROUPS[name]}>[^/]+)")
        else:
            parts.append("[^/]*" if part == "*" else re.escape(part))
    return "".join(parts) + "/"
