"""Filters answered by the postings: a mask of studies, or one of files."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import numpy as np

from appliance.catalog.conditions import file_tree_condition, study_tree_condition
from appliance.catalog.nodes import And, Attribute, Filter, Not, Or, Pattern
from appliance.catalog.path_cache import PathCache
from appliance.catalog.posting_reads import ids_of
from appliance.catalog.postings import Ids, Mask, Postings
from appliance.catalog.wildcards import fold, is_everything, matcher

__all__ = [
    "FileMask",
    "View",
    "file_mask",
    "of_studies",
    "study_mask",
    "subject_mask",
]

_TEXTS = {"SDESC": "description", "SID": "sid"}


class FileMask(NamedTuple):
    """Which rows of the base and of the overlay are meant."""

    base: Mask
    overlay: Mask


class View(NamedTuple):
    """What evaluating needs: a state, the paths by pattern, and SQL for what neither knows."""

    con: sqlite3.Connection
    postings: Postings
    paths: PathCache


def study_mask(view: View, tree: Filter) -> Mask:
    """Tell for each study id, also of other projects, whether a tree means it.

    Notes
    -----
    O(files with a fitting path), one pass; paths by the index or one scan of the distinct names.
    """
    if isinstance(tree, And | Or):
        return _joined(tree, [study_mask(view, term) for term in tree.terms])
    if isinstance(tree, Not):
        return ~study_mask(view, tree.term)
    if isinstance(tree, Attribute):
        return _study_attribute(view, tree)
    if isinstance(tree, Pattern):
        if is_everything(tree.text, anchored=tree.anchored):
            return np.greater(view.postings.studies.n_files, 0)
        return _studies_with(view, tree)
    return _by_sql(view, tree)


def file_mask(view: View, tree: Filter) -> FileMask:
    """Tell for each file, also of other projects, whether a tree means it."""
    if isinstance(tree, And | Or):
        masks = [file_mask(view, term) for term in tree.terms]
        base, overlay = ([mask[i] for mask in masks] for i in (0, 1))
        return FileMask(_joined(tree, base), _joined(tree, overlay))
    if isinstance(tree, Not):
        mask = file_mask(view, tree.term)
        return FileMask(~mask.base, ~mask.overlay)
    if isinstance(tree, Pattern) and not is_everything(tree.text, anchored=tree.anchored):
        return _files_with(view, tree)
    if isinstance(tree, Attribute) and tree.name == "FTAG":
        return _tagged_files(view.postings, _tagged(view.postings, "file", tree))
    if isinstance(tree, Attribute) and tree.name in getattr(view.con, "file_attributes", {}):
        sql, values = file_tree_condition(view.con, tree)
        query = f"SELECT group_concat(f.id) FROM files f WHERE {sql}"
        return _tagged_files(view.postings, ids_of(view.con, query, values))
    if isinstance(tree, Pattern):
        return of_studies(view.postings, np.ones(len(view.postings.studies), np.bool_))
    return of_studies(view.postings, study_mask(view, tree))


def subject_mask(view: View, tree: Filter) -> Mask:
    """Tell for each subject id whether a tree that asks only subjects means it."""
    if isinstance(tree, And | Or):
        return _joined(tree, [subject_mask(view, term) for term in tree.terms])
    if isinstance(tree, Not):
        return ~subject_mask(view, tree.term)
    if isinstance(tree, Attribute):
        return _subject_attribute(view.postings, tree)
    raise TypeError(f"{tree!r} does not ask a subject")


def of_studies(postings: Postings, mask: Mask) -> FileMask:
    """Spread a mask of studies over their files; the base's rows of dirty studies are left out."""
    clean = mask.copy()
    clean[postings.dirty] = False
    return FileMask(clean[postings.base.rows.study], mask[postings.overlay.study])


def _joined(tree: And | Or, masks: list[Mask]) -> Mask:
    join = np.logical_and if isinstance(tree, And) else np.logical_or
    found: Mask = join.reduce(masks)
    return found


def _studies_with(view: View, tree: Pattern) -> Mask:
    postings = view.postings
    fitting = view.paths.find(view.con, tree.text, anchored=tree.anchored)
    found = postings.studies_with(fitting.ids)
    if fitting.open:
        rows = view.paths.rows(postings, tree.text, anchored=tree.anchored, fitting=fitting)
        some = np.zeros(len(found), np.bool_)
        some[postings.base.rows.study[rows.places]] = True
        some[postings.dirty] = False
        some[postings.overlay.study[rows.mask]] = True
        found |= some
    return found


def _files_with(view: View, tree: Pattern) -> FileMask:
    postings = view.postings
    fitting = view.paths.find(view.con, tree.text, anchored=tree.anchored)
    found = FileMask(postings.base.row_mask(fitting.ids), postings.overlay_mask(fitting.ids))
    if fitting.open:
        rows = view.paths.rows(postings, tree.text, anchored=tree.anchored, fitting=fitting)
        found.base[rows.places] = True
        found.overlay[rows.mask] = True
    return found


def _study_attribute(view: View, term: Attribute) -> Mask:
    postings = view.postings
    studies = postings.studies
    if term.name in _TEXTS:
        name = _TEXTS[term.name]
        codes: Ids = getattr(studies, name)
        return postings.words[name].fitting(term.value, anchored=term.anchored)[codes]
    if term.name in ("PID", "PTAG"):
        return _subject_attribute(postings, term)[studies.subject]
    if term.name == "STAG":
        return _mask(_tagged(postings, "study", term), len(studies))
    if term.name == "FTAG":
        return postings.studies_of_files(_tagged(postings, "file", term))
    return _by_sql(view, term)


def _subject_attribute(postings: Postings, term: Attribute) -> Mask:
    if term.name == "PTAG":
        return _mask(_tagged(postings, "subject", term), len(postings.subjects.project))
    fits = postings.words["pid"].fitting(term.value, anchored=term.anchored)
    return fits[postings.subjects.pid]


def _tagged(postings: Postings, level: str, term: Attribute) -> Ids:
    """Give the ids that carry a tag whose name fits."""
    match = matcher(term.value, anchored=term.anchored, path=False).match
    fitting = {tag_id for tag_id, name in postings.tag_names.items() if match(fold(name))}
    found = [ids for tag_id, ids in postings.tags[level].items() if tag_id in fitting]
    return np.concatenate(found) if found else np.zeros(0, np.int32)


def _tagged_files(postings: Postings, file_ids: Ids) -> FileMask:
    last = max(postings.base.rows.file.max(initial=0), postings.overlay.file.max(initial=0))
    wanted = _mask(file_ids, int(last) + 1)
    return FileMask(wanted[postings.base.rows.file], wanted[postings.overlay.file])


def _by_sql(view: View, tree: Filter) -> Mask:
    sql, values = study_tree_condition(view.con, tree)
    ids = ids_of(view.con, f"SELECT group_concat(s.id) FROM studies s WHERE {sql}", values)
    return _mask(ids, len(view.postings.studies))


def _mask(ids: Ids, n: int) -> Mask:
    found = np.zeros(n, np.bool_)
    found[ids[ids < n]] = True
    return found
