"""Which JSON files a selector means, for questions about metadata."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Sequence

from appliance.catalog.selectors import select, select_studies

__all__ = ["meta_files"]


def meta_files(
    con: sqlite3.Connection, project_id: int, selector: str, studies: Sequence[int] | None
) -> list[int] | None:
    """Give the ids of the JSON files that a file selector means.

    Parameters
    ----------
    selector : str
        File selectors, as everywhere; empty or ``*``: all.
    studies : sequence of int, optional
        Study ids to look in.

    Returns
    -------
    list of int or None
        None: all files of the project. Minus a study's id stands for its ``nodeinfo.json``, which
        the catalog answers for itself.
    """
    text = selector.strip() or "*"
    if text == "*" and studies is None:
        return None
    chosen = studies if studies is not None else select_studies(con, project_id, "*")
    found = select(con, project_id, text, studies=chosen)
    ids = [file.file_id for file in found if file.kind == "json"]
    return ids + [-study_id for study_id in chosen] if _means_nodeinfo(text) else ids


def _means_nodeinfo(selector: str) -> bool:
    words = [] if "&" in selector else _words(selector)
    return any(_pattern(word).fullmatch("nodeinfo.json") for word in words)


def _words(selector: str) -> list[str]:
    try:
        return shlex.split(selector)
    except ValueError:
        return []


def _pattern(word: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace("_", ".") for part in word.casefold().split("*"))
    return re.compile(".*".join(parts))
