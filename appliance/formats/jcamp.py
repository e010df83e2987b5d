"""Parameter files of ParaVision (JCAMP-DX 4.24): names and values, no meaning of them."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.core import FormatError

__all__ = ["JcampValue", "read_jcamp"]

JcampValue = str | list[str]
"""One value as it is written, or the elements of an array; strings without their brackets."""

_MOST_BYTES = 64 << 20
_MOST_ELEMENTS = 10_000_000
_PARAMETER = re.compile(r"^##\$?([^=\n]+)=(.*(?:\n(?!##|\$\$).*)*)", re.MULTILINE)
_SIZES = re.compile(r"\(\s*\d+(?:\s*,\s*\d+)*\s*\)\s*")
_ELEMENT = re.compile(
    r"<(?P<text>[^>]*)>|@(?P<times>\d+)\*\((?P<value>[^()]*)\)"
    r"|(?P<struct>\((?:[^()<]|<[^>]*>)*\))|(?P<word>[^\s<>()@]+)"
)


def read_jcamp(path: Path) -> dict[str, JcampValue]:
    """Read all parameters of a file.

    Returns
    -------
    dict
        By name without ``$``. A record such as ``(7, <FG_SLICE>, <>)`` stays one text.

    Raises
    ------
    FormatError
        If it is no such file, or too large for one.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise FormatError("a parameter file of ParaVision is not that large")
    text = path.read_bytes().decode("latin-1").replace("\r\n", "\n")
    if not text.lstrip().startswith("##TITLE"):
        raise FormatError("not a parameter file of ParaVision")
    return {name.strip(): _value(raw) for name, raw in _PARAMETER.findall(text)}


def _value(raw: str) -> JcampValue:
    raw = raw.strip()
    sizes = _SIZES.match(raw)
    if sizes is None or (sizes.end() == len(raw) and "\n" not in raw):
        return raw[1:-1] if raw.startswith("<") and raw.endswith(">") else raw
    rest = raw[sizes.end() :]
    if rest.lstrip().startswith("<") and rest.count("<") == 1:  # one text, its length before it
        return rest.strip().strip("<>").replace("\n", "")
    return _elements(rest)


def _elements(text: str) -> list[str]:
    found: list[str] = []
    for match in _ELEMENT.finditer(text):
        if match["times"] is not None:
            times = int(match["times"])
            if times + len(found) > _MOST_ELEMENTS:
                raise FormatError("an array of ParaVision is not that long")
            found += [match["value"].strip()] * times
        else:
            found.append(next(part for part in match.groups() if part is not None))
    return found
