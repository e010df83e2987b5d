"""Paths in the form in which they are kept: the ids of their own subject and study left out.

Where names of files repeat the subject and the study, as in BIDS, each file would have a name of
its own. With two signs in the place of the ids, all studies share a few templates instead. Only
pure functions here; what a template means depends on the study, so whoever shows a path expands it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from appliance.catalog.wildcards import fold

__all__ = [
    "LITERAL",
    "PID",
    "SID",
    "expand_path",
    "folded_path",
    "intern_path",
    "path_sql",
]

PID, SID = "\x01", "\x02"
"""Stand for the subject's code and the study's, in ``paths.path`` and ``paths.path_fold``."""
LITERAL = "\x03"
"""Begins a kept path that has one of these signs in itself; ``path_fold`` is without it."""
MIN_LENGTH = 3  # shorter ids are found everywhere
_SIGNS = re.compile(r"[\x01-\x03]")
_CONTROL = re.compile(r"[\x00-\x1f]")
_LONG_NUMBER = re.compile(r"\d{5}")


def intern_path(path: str, pid: str, sid: str) -> str:
    """Give the form in which the path of a study's file is kept.

    Notes
    -----
    Ids are left out where they stand for themselves, between signs that are neither letters nor
    digits, and have at least three characters. A name with five digits in a row besides (a date,
    a UID) is kept as it is: no other study would share its template.
    """
    if _SIGNS.search(path):
        return LITERAL + path
    pattern = _ids(pid, sid)
    if pattern is None or (pid not in path and sid not in path):
        return path
    found = pattern.sub(lambda match: PID if match[0] == pid else SID, path)
    return path if _LONG_NUMBER.search(found) else found


def expand_path(kept: str, pid: str, sid: str) -> str:
    """Give the path that a kept form means in a study: the inverse of `intern_path`."""
    if kept.startswith(LITERAL):
        return kept[1:]
    return kept.replace(PID, pid).replace(SID, sid)


def folded_path(kept: str) -> str:
    """Give the form of a kept path that patterns are tried on."""
    return fold(kept.removeprefix(LITERAL))


def path_sql(path: str = "p.path", pid: str = "u.pid", sid: str = "s.sid") -> str:
    """Give the SQL expression of the path that a kept form means, for the columns of a query."""
    expanded = f"replace(replace({path}, char(1), {pid}), char(2), {sid})"
    return f"iif(unicode({path}) = 3, substr({path}, 2), {expanded})"


@lru_cache(maxsize=4096)
def _ids(pid: str, sid: str) -> re.Pattern[str] | None:
    """Find either id where it stands for itself, the longer one first."""
    usable = [text for text in (pid, sid) if len(text) >= MIN_LENGTH and not _CONTROL.search(text)]
    if not usable:
        return None
    either = "|".join(re.escape(text) for text in sorted(usable, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])")
