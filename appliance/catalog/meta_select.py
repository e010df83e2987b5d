"""Which JSON files a selector means, for questions about metadata."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from appliance.catalog.selectors import select, select_studies, studies_with_path

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
    made = studies_with_path(con, chosen, text, "nodeinfo.json")
    return ids + [-study_id for study_id in made]
