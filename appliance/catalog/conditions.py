"""Filters turned into SQL conditions on a study ``s`` or a file ``f`` with its path ``p``.

Values only ever travel as parameters. Joins are written as CROSS JOIN where SQLite's planner
would otherwise choose an order that is slower by orders of magnitude. This is what the command
line asks without a service, and what a service asks until its postings are loaded.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from appliance.catalog.filters import parse_filter
from appliance.catalog.grammar import any_of, build, parse_raw
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
from appliance.catalog.path_conditions import Condition, PathCondition, teach_fold
from appliance.catalog.templates import intern_path
from appliance.catalog.terms import file_term
from appliance.catalog.wildcards import fold, is_everything, like
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.catalog.store import AttributeProvider

__all__ = [
    "Condition",
    "all_of",
    "asks_files",
    "file_condition",
    "file_tree_condition",
    "matching_studies",
    "path_tree_condition",
    "study_condition",
    "study_tree_condition",
]

_EVERYTHING: Condition = ("1", [])
_STUDIES_WITH_FILE = (
    "s.id IN (SELECT f.study_id FROM paths p CROSS JOIN files f ON f.path_id = p.id"
    " WHERE f.trashed_at IS NULL AND ({}))"
)
_STUDIES_WITH_TAGGED_FILE = (
    "s.id IN (SELECT f.study_id FROM tags t CROSS JOIN file_tags x ON x.tag_id = t.id"
    " CROSS JOIN files f ON f.id = x.x_id WHERE f.trashed_at IS NULL AND {})"
)
_STUDIES_WITH_TEMPLATE = (
    "s.id IN (SELECT f.study_id FROM json_each(?) w CROSS JOIN files f ON f.path_id = w.value"
    " CROSS JOIN paths p ON p.id = f.path_id CROSS JOIN studies e ON e.id = f.study_id"
    " CROSS JOIN subjects b ON b.id = e.subject_id WHERE f.trashed_at IS NULL AND ({}))"
)
_HAS_FILES = "EXISTS (SELECT 1 FROM files f WHERE f.study_id = s.id AND f.trashed_at IS NULL)"
_TAGGED = "SELECT x.x_id FROM tags t CROSS JOIN {}_tags x ON x.tag_id = t.id WHERE {}"
_RANKED = (
    "s.id IS (SELECT o.id FROM studies o WHERE o.subject_id = s.subject_id"
    " AND o.trashed_at IS NULL ORDER BY ifnull(o.date, '') {0}, ifnull(o.time, '') {0},"
    " o.sid {0} LIMIT 1 OFFSET ?)"
)
_AT_PLACES = (
    "SELECT {} FROM json_each(?) w"
    " CROSS JOIN projects j ON j.name = json_extract(w.value, '$[0]')"
    " CROSS JOIN subjects b ON b.project_id = j.id AND b.pid = json_extract(w.value, '$[1]')"
    " CROSS JOIN studies a ON a.subject_id = b.id AND a.sid = json_extract(w.value, '$[2]')"
    " CROSS JOIN paths n ON n.path = json_extract(w.value, '$[3]')"
    " CROSS JOIN files x ON x.study_id = a.id AND x.path_id = n.id WHERE x.trashed_at IS NULL"
)
_OF_SUBJECTS = "s.subject_id IN (SELECT id FROM subjects WHERE {})"
_PSID = "(SELECT pid FROM subjects WHERE id = s.subject_id) || '#' || s.sid"
_OWN_COLUMNS = {"SDESC": "ifnull(s.description, '')", "SID": "s.sid"}
_LEVELS = {"STAG": ("study", "s.id"), "PTAG": ("subject", "s.subject_id"), "FTAG": ("file", "f.id")}
_MOST_IN_A_ROW = 100  # SQLite refuses expressions deeper than 1000


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Join conditions by AND; an empty list is true."""
    return _join("AND", conditions) if conditions else _EVERYTHING


def study_condition(
    con: sqlite3.Connection,
    project_id: int,  # noqa: ARG001 - what asks says which studies; the condition is the same
    text: str,
    *,
    bare: str = "FILE",
) -> Condition:
    """Turn a filter bar into a condition on a study ``s``.

    Parameters
    ----------
    bare : str, optional
        What words without an attribute's name ask, as in `parse_filter`.
    """
    tree = parse_filter(text, bare=bare)
    return _EVERYTHING if tree is None else study_tree_condition(con, tree)


def file_condition(con: sqlite3.Connection, text: str, *, anchored: bool) -> Condition:
    """Turn a filter into a condition on one file: ``f``, its path ``p`` and its study ``s``.

    Parameters
    ----------
    anchored : bool
        True reads words as a file selector does, False as a filter bar.
    """
    if not anchored:
        tree = parse_filter(text)
        return _EVERYTHING if tree is None else file_tree_condition(con, tree)
    raws = parse_raw(text, "selector")
    if not raws:
        return _EVERYTHING
    return file_tree_condition(con, any_of([build(raw, file_term) for raw in raws]))


def study_tree_condition(con: sqlite3.Connection, tree: Filter) -> Condition:
    """Turn a tree into a condition on a study ``s``."""
    teach_fold(con)
    return _Studies(con).ask(tree)


def file_tree_condition(con: sqlite3.Connection, tree: Filter) -> Condition:
    """Turn a tree into a condition on a file ``f``, its path ``p`` and its study ``s``."""
    teach_fold(con)
    return _Files(con).ask(tree)


def path_tree_condition(con: sqlite3.Connection, tree: Filter, path: str) -> Condition:
    """Give the condition on a study ``s`` under which a tree means a file at this path in it.

    The catalog need not hold the file; it has no tags.
    """
    teach_fold(con)
    return _OnePath(con, path).ask(tree)


def matching_studies(con: sqlite3.Connection, project_id: int, tree: Filter) -> list[int]:
    """Give the ids of the studies of a project that a tree means, in no order."""
    sql, values = study_tree_condition(con, tree)
    rows = con.execute(
        f"SELECT s.id FROM studies s WHERE s.project_id = ? AND s.trashed_at IS NULL AND ({sql})",
        [project_id, *values],
    ).fetchall()
    return [row[0] for row in rows]


def asks_files(tree: Filter) -> bool:
    """Tell whether the answer may differ between two files of one study."""
    if isinstance(tree, And | Or):
        return any(asks_files(term) for term in tree.terms)
    if isinstance(tree, Not):
        return asks_files(tree.term)
    if isinstance(tree, Attribute):
        return tree.name in ("FTAG", "STALE")
    return isinstance(tree, Pattern | Absolute)


def _join(word: str, parts: Sequence[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    if len(parts) > _MOST_IN_A_ROW:
        step = -(-len(parts) // _MOST_IN_A_ROW)
        parts = [_join(word, parts[i : i + step]) for i in range(0, len(parts), step)]
    sql = f" {word} ".join(f"({text})" for text, _ in parts)
    return sql, [value for _, values in parts for value in values]


def _text_condition(column: str, pattern: str, *, anchored: bool) -> Condition:
    if is_everything(pattern, anchored=anchored):
        return _EVERYTHING
    return f"fold({column}) LIKE ? ESCAPE '\\'", [like(pattern, anchored=anchored)]


class _Studies:
    """Conditions on a study ``s``."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self.con = con
        self.attributes: Mapping[str, AttributeProvider] = getattr(con, "attributes", {})
        self.of_files: Mapping[str, AttributeProvider] = getattr(con, "file_attributes", {})

    def ask(self, tree: Filter) -> Condition:
        """Give the condition of a tree."""
        if isinstance(tree, And):
            return _join("AND", [self.ask(term) for term in tree.terms])
        if isinstance(tree, Or):
            return self.any(tree.terms)
        if isinstance(tree, Not):
            sql, values = self.ask(tree.term)
            return f"NOT ({sql})", values
        return self.attribute(tree) if isinstance(tree, Attribute) else self.leaf(tree)

    def any(self, terms: Sequence[Filter]) -> Condition:
        """Join alternatives; those on paths are searched in one go."""
        tests: list[Condition] = []
        parts: list[Condition] = []
        for term in terms:
            if isinstance(term, Pattern) and not _is_all(term):
                path = PathCondition(self.con, term.text, anchored=term.anchored)
                tests.append(path.sure)
                if path.open:
                    sql, values = path.expanded("e")
                    parts.append((_STUDIES_WITH_TEMPLATE.format(sql), [path.open, *values]))
            else:
                parts.append(self.ask(term))
        if tests:
            sql, values = _join("OR", tests)
            parts.append((_STUDIES_WITH_FILE.format(sql), values))
        return _join("OR", parts)

    def leaf(self, tree: Filter) -> Condition:
        """Give the condition of a node that is no attribute."""
        if isinstance(tree, Pattern):
            return (_HAS_FILES, []) if _is_all(tree) else self.any([tree])
        if isinstance(tree, Absolute):
            return _absolute(tree, "s.id", "x.study_id")
        return _study_leaf(tree)

    def attribute(self, term: Attribute) -> Condition:
        """Give the condition of ``NAME:value``."""
        if term.name == "FTAG":
            sql, values = _text_condition("t.name", term.value, anchored=term.anchored)
            return _STUDIES_WITH_TAGGED_FILE.format(sql), values
        if term.name == "PID":
            sql, values = _text_condition("pid", term.value, anchored=term.anchored)
            return (_OF_SUBJECTS.format(sql), values) if values else _EVERYTHING
        if term.name in _OWN_COLUMNS:
            column = _OWN_COLUMNS[term.name]
            return _text_condition(column, term.value, anchored=term.anchored)
        return self.tagged(term) if term.name in _LEVELS else self.provided(term)

    def tagged(self, term: Attribute) -> Condition:
        """Give the condition of a tag."""
        level, column = _LEVELS[term.name]
        sql, values = _text_condition("t.name", term.value, anchored=term.anchored)
        return f"{column} IN ({_TAGGED.format(level, sql)})", values

    def provided(self, term: Attribute) -> Condition:
        """Let the room answer that registered the attribute."""
        sql, values = self.answer(term, self.attributes)
        return f"s.id IN ({sql})", values

    def answer(self, term: Attribute, providers: Mapping[str, AttributeProvider]) -> Condition:
        """Give the query of ids that a room answers with."""
        provider = providers.get(term.name)
        if provider is None:
            raise Invalid(f"filter: {term.name}: cannot be asked here", position=term.at)
        try:
            sql, values = provider(term.value)
        except Invalid as error:
            message = f"filter: {error.message} (character {term.at + 1})"
            raise Invalid(message, hint=error.hint, position=term.at) from error
        return sql, list(values)


class _Files(_Studies):
    """Conditions on a file ``f`` with its path ``p`` and its study ``s``."""

    def any(self, terms: Sequence[Filter]) -> Condition:
        """Join alternatives."""
        return _join("OR", [self.ask(term) for term in terms])

    def leaf(self, tree: Filter) -> Condition:
        """Give the condition of a node that is no attribute."""
        if isinstance(tree, Pattern):
            if _is_all(tree):
                return _EVERYTHING
            return PathCondition(self.con, tree.text, anchored=tree.anchored).of_file()
        if isinstance(tree, Absolute):
            return _absolute(tree, "f.id", "x.id")
        return _study_leaf(tree)

    def attribute(self, term: Attribute) -> Condition:
        """Give the condition of ``NAME:value``."""
        return self.tagged(term) if term.name == "FTAG" else super().attribute(term)

    def provided(self, term: Attribute) -> Condition:
        """Let the room answer about files, if it can."""
        if term.name not in self.of_files:
            return super().provided(term)
        sql, values = self.answer(term, self.of_files)
        return f"f.id IN ({sql})", values


class _OnePath(_Files):
    """Conditions on a study ``s`` for a file of which only the path is known."""

    def __init__(self, con: sqlite3.Connection, path: str) -> None:
        super().__init__(con)
        self.path = fold(path)

    def leaf(self, tree: Filter) -> Condition:
        """Give the condition of a node that is no attribute."""
        if isinstance(tree, Pattern):
            return ("1" if tree.regex.match(self.path) else "0"), []
        return ("0", []) if isinstance(tree, Absolute) else _study_leaf(tree)

    def tagged(self, term: Attribute) -> Condition:
        """Give the condition of a tag."""
        return ("0", []) if term.name == "FTAG" else super().tagged(term)

    def provided(self, term: Attribute) -> Condition:
        """Say no where files are asked."""
        return ("0", []) if term.name in self.of_files else super().provided(term)


def _is_all(tree: Pattern) -> bool:
    return is_everything(tree.text, anchored=tree.anchored)


def _study_leaf(tree: Filter) -> Condition:
    if isinstance(tree, Rank):
        return _RANKED.format("DESC" if tree.newest else "ASC"), [tree.n]
    if not isinstance(tree, OneOf):
        raise TypeError(f"no condition for {tree!r}")
    values = json.dumps([fold(value) for value in tree.values])
    test = "fold({}) IN (SELECT value FROM json_each(?))"
    sql = test.format(_PSID) if tree.name == "PSID" else _OF_SUBJECTS.format(test.format("pid"))
    return sql, [values]


def _absolute(tree: Absolute, column: str, found: str) -> Condition:
    """Find a file by ``…/<project>/<PID>/<SID>/<path>``; where projects lie is not known here."""
    parts = tree.path.strip("/").split("/")
    places = [
        [*parts[i : i + 3], intern_path("/".join(parts[i + 3 :]), parts[i + 1], parts[i + 2])]
        for i in range(len(parts) - 3)
    ]
    return f"{column} IN ({_AT_PLACES.format(found)})", [json.dumps(places)]
