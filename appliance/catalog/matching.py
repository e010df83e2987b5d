"""File selectors tried on a path that the catalog does not hold yet, such as a promised output."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.catalog.nodes import And, Attribute, Filter, Not, Or, Pattern
from appliance.catalog.selection import parse_selector
from appliance.catalog.wildcards import fold

__all__ = ["FileMatcher"]


class FileMatcher:
    """A file selector as a test of one path.

    Parameters
    ----------
    selector : str
        Words of a file selector; its order and number of files do not matter here.

    Raises
    ------
    Invalid
        If the selector does not parse, with the fact ``position``.
    """

    def __init__(self, selector: str) -> None:
        self._tree = parse_selector(selector, in_studies=True).files

    def matches(self, path: str, tags: Sequence[str] = ()) -> bool:
        """Tell whether it may mean this file; what is asked of its study counts as open."""
        if self._tree is None:
            return True
        return _holds(self._tree, fold(path), [fold(tag) for tag in tags]) is not False


def _holds(tree: Filter, path: str, tags: Sequence[str]) -> bool | None:
    """Answer yes, no, or None where only the catalog knows."""
    if isinstance(tree, And | Or):
        answers = [_holds(term, path, tags) for term in tree.terms]
        decisive = isinstance(tree, Or)
        if decisive in answers:
            return decisive
        return None if None in answers else not decisive
    if isinstance(tree, Not):
        answer = _holds(tree.term, path, tags)
        return None if answer is None else not answer
    if isinstance(tree, Pattern):
        return bool(tree.regex.match(path))
    if isinstance(tree, Attribute) and tree.name == "FTAG":
        return any(tree.regex.match(tag) for tag in tags)
    return None
