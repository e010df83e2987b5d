"""Files of a selector found in the postings, where SQL would have to try them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.catalog.evaluate import FileMask, View, file_mask, of_studies
from appliance.catalog.nodes import Absolute, And, Filter, Not, Or

__all__ = ["selected_ids"]


def selected_ids(
    view: View, project_id: int, trees: Sequence[Filter], scope: Sequence[int] | None, most: int
) -> list[int] | None:
    """Give the files of a project that all trees mean.

    Parameters
    ----------
    scope : sequence of int, optional
        Studies to look in.
    most : int
        So many files are looked up one by one in good time.

    Returns
    -------
    list of int or None
        None where SQL has to answer: there are more, or a tree names a file by its place.
    """
    if any(map(_names_places, trees)):
        return None
    postings = view.postings
    studies = postings.live_studies(project_id)
    if scope is not None:
        wanted = np.zeros(len(studies), np.bool_)
        wanted[[i for i in scope if i < len(studies)]] = True
        studies &= wanted
    mask = of_studies(postings, studies)
    for tree in trees:
        found = file_mask(view, tree)
        mask = FileMask(mask.base & found.base, mask.overlay & found.overlay)
    if np.count_nonzero(mask.base) + np.count_nonzero(mask.overlay) > most:
        return None
    ids = (postings.base.rows.file[mask.base], postings.overlay.file[mask.overlay])
    return [*ids[0].tolist(), *ids[1].tolist()]


def _names_places(tree: Filter) -> bool:
    if isinstance(tree, And | Or):
        return any(map(_names_places, tree.terms))
    if isinstance(tree, Not):
        return _names_places(tree.term)
    return isinstance(tree, Absolute)
