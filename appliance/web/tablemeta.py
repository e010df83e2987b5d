"""Values of JSON files as columns of a table export, one value or several per study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from appliance import catalog
from appliance.catalog import MetaQuery, MetaTable, Project
from appliance.web.services import Services

__all__ = ["META", "meta_facts"]

META = "meta:"
_ALL = 1 << 31


def meta_facts(
    services: Services, project: Project, columns: Sequence[str]
) -> dict[int, dict[str, Any]]:
    """Read the values of all columns named ``meta:KEY``; ``*`` in a key stands for any part.

    Returns
    -------
    dict
        By study id: the column's name and its value, a list where there are several.
    """
    keys = [column.removeprefix(META) for column in columns if column.startswith(META)]
    if not keys:
        return {}
    with services.meta.fresh(project) as con:
        found = catalog.meta_table(con, MetaQuery(columns=keys), limit=_ALL)
    wanted = {META + key: _places(found.columns, key) for key in keys}
    return _by_study(found, wanted)


def _places(names: Sequence[str], key: str) -> list[int]:
    """Where in a row the columns stand that a key means."""
    fits = re.compile(".*".join(map(re.escape, key.split("*"))), re.IGNORECASE).fullmatch
    return [n for n, name in enumerate(names, 4) if fits(name)]


def _by_study(found: MetaTable, wanted: Mapping[str, list[int]]) -> dict[int, dict[str, Any]]:
    values: dict[int, dict[str, list[Any]]] = {}
    for row in found.rows:
        facts = values.setdefault(row[0], {})
        for column, places in wanted.items():
            facts.setdefault(column, []).extend(row[n] for n in places if row[n] is not None)
    return {
        study: {
            column: some[0] if len(some) == 1 else some for column, some in facts.items() if some
        }
        for study, facts in values.items()
    }
