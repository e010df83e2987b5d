"""Filters turned into SQL conditions on a study ``s`` or a file ``f`` with its path ``p``.

Values only ever travel as parameters. Joins are written as CROSS JOIN where SQLite's planner
would otherwise choose an order that is slower by orders of magnitude.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appliance.catalog.filters import And, Attribute, Filter, Not, Or, Pattern, like, parse_filter
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.catalog.store import AttributeProvider

__all__ = ["Condition", "all_of", "file_condition", "pattern_condition", "study_condition"]

Condition = tuple[str, list[Any]]

_STUDIES_WITH_FILE = (
    "s.id IN (SELECT f.study_id FROM paths p CROSS JOIN files f ON f.path_id = p.id"
    " WHERE f.project_id = ? AND f.trashed_at IS NULL AND {})"
)
_TAGGED = (
    "SELECT x.x_id FROM tags t CROSS JOIN {}_tags x ON x.tag_id = t.id"
    " WHERE t.name LIKE ? ESCAPE '\\'"
)


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Join conditions by AND; an empty list is true."""
    if not conditions:
        return "1", []
    sql = " AND ".join(f"({text})" for text, _ in conditions)
    return sql, [value for _, values in conditions for value in values]


def pattern_condition(pattern: str, *, anchored: bool) -> Condition:
    """Test ``p.path_fold``; a final ``.nii`` also matches ``.nii.gz`` when anchored."""
    one = "p.path_fold LIKE ? ESCAPE '\\'"
    text = like(pattern, anchored=anchored)
    if anchored and text.endswith(".nii"):
        return f"({one} OR {one})", [text, f"{text}.gz"]
    return one, [text]


def study_condition(con: sqlite3.Connection, project_id: int, text: str) -> Condition:
    """Turn a file-search bar into a condition on ``s``: studies that hold such files."""
    tree = parse_filter(text)
    if tree is None:
        return "1", []
    return _study(tree, project_id, _attributes(con))


def file_condition(con: sqlite3.Connection, text: str, *, anchored: bool) -> Condition:
    """Turn a filter into a condition on one file: ``f``, its path ``p`` and its study ``s``."""
    tree = parse_filter(text)
    if tree is None:
        return "1", []
    return _file(tree, _attributes(con), anchored=anchored)


def _attributes(con: sqlite3.Connection) -> Mapping[str, AttributeProvider]:
    return getattr(con, "attributes", {})


def _join(word: str, parts: Sequence[Condition]) -> Condition:
    sql = f" {word} ".join(f"({text})" for text, _ in parts)
    return sql, [value for _, values in parts for value in values]


def _study(tree: Filter, project_id: int, attributes: Mapping[str, AttributeProvider]) -> Condition:
    if isinstance(tree, And | Or):
        parts = [_study(term, project_id, attributes) for term in tree.terms]
        return _join("AND" if isinstance(tree, And) else "OR", parts)
    if isinstance(tree, Not):
        sql, values = _study(tree.term, project_id, attributes)
        return f"NOT ({sql})", values
    if isinstance(tree, Pattern):
        sql, values = pattern_condition(tree.text, anchored=False)
        return _STUDIES_WITH_FILE.format(sql), [project_id, *values]
    if tree.name == "FTAG":
        tagged = _TAGGED.format("file")
        inner = f"SELECT study_id FROM files WHERE trashed_at IS NULL AND id IN ({tagged})"
        return f"s.id IN ({inner})", [like(tree.value, anchored=False)]
    return _study_attribute(tree, attributes)


def _study_attribute(term: Attribute, attributes: Mapping[str, AttributeProvider]) -> Condition:
    value = like(term.value, anchored=False)
    if term.name == "STAG":
        return f"s.id IN ({_TAGGED.format('study')})", [value]
    if term.name == "PTAG":
        return f"s.subject_id IN ({_TAGGED.format('subject')})", [value]
    if term.name == "SDESC":
        return "lower(ifnull(s.description, '')) LIKE ? ESCAPE '\\'", [value]
    provider = attributes.get(term.name)
    if provider is None:
        raise Invalid(f"filter: {term.name}: cannot be asked here")
    sql, values = provider(term.value)
    return f"s.id IN ({sql})", list(values)


def _file(
    tree: Filter, attributes: Mapping[str, AttributeProvider], *, anchored: bool
) -> Condition:
    if isinstance(tree, And | Or):
        parts = [_file(term, attributes, anchored=anchored) for term in tree.terms]
        return _join("AND" if isinstance(tree, And) else "OR", parts)
    if isinstance(tree, Not):
        sql, values = _file(tree.term, attributes, anchored=anchored)
        return f"NOT ({sql})", values
    if isinstance(tree, Pattern):
        return pattern_condition(tree.text, anchored=anchored)
    if tree.name == "FTAG":
        return f"f.id IN ({_TAGGED.format('file')})", [like(tree.value, anchored=False)]
    return _study_attribute(tree, attributes)
