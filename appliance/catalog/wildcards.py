r"""Patterns with ``*`` and ``_`` on folded text, as LIKE arguments and as regular expressions.

Both forms mean the same: ``*`` any run of characters (also ``/``), ``_`` exactly one, a backslash
before ``*``, ``_`` or a backslash takes it literally. Text and pattern are casefolded on both
sides, so that ``ÄRGER`` finds ``Ärger`` and ``STRASSE`` finds ``straße``; ``_`` counts characters
of the folded text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["escape", "fold", "is_everything", "like", "likes", "matcher", "pieces", "suffixes"]

_PIECE = re.compile(r"\\[*_\\]|\*+|_|\\|[^\\*_]+", re.DOTALL)
_ANY, _ONE = "*", "_"


def fold(text: str) -> str:
    """Give the form in which names are compared; ``paths.path_fold`` holds it."""
    return text.casefold()


def escape(text: str) -> str:
    r"""Turn plain text into a pattern that means exactly this text (``a_b`` -> ``a\_b``)."""
    return re.sub(r"([*_\\])", r"\\\1", text)


def is_everything(pattern: str, *, anchored: bool) -> bool:
    """Tell whether a pattern matches any text, so that nothing needs to be searched."""
    return bool(re.fullmatch(r"\*+" if anchored else r"\**", pattern))


def like(pattern: str, *, anchored: bool) -> str:
    r"""Turn a pattern into one LIKE argument for folded text, with ``\`` as escape.

    Parameters
    ----------
    pattern : str
        With ``*`` and ``_``.
    anchored : bool
        False adds the implicit wildcard at the end, as filter bars do.
    """
    found = list(pieces(pattern))
    text = "".join(_like_piece(kind, piece) for kind, piece in found)
    return text if anchored or (found and found[-1][0] == _ANY) else text + "%"


def likes(pattern: str, *, anchored: bool) -> tuple[str, ...]:
    """Give the LIKE arguments of a pattern on paths: a final ``.nii`` also means ``.nii.gz``."""
    text = like(pattern, anchored=anchored)
    return tuple(text + ending for ending in suffixes(pattern, anchored=anchored))


def suffixes(pattern: str, *, anchored: bool) -> tuple[str, ...]:
    """Give what paths may end with after a pattern: a final ``.nii`` also means ``.nii.gz``."""
    return ("", ".gz") if anchored and _is_nii(pattern) else ("",)


@lru_cache(maxsize=2048)
def matcher(pattern: str, *, anchored: bool, path: bool = True) -> re.Pattern[str]:
    """Compile a pattern for ``.match`` on folded text; it never runs long.

    Parameters
    ----------
    pattern : str
        With ``*`` and ``_``.
    anchored : bool
        False adds the implicit wildcard at the end.
    path : bool
        The text is a path: a final ``.nii`` also means ``.nii.gz``.

    Notes
    -----
    Every run between two ``*`` takes its leftmost place in an atomic group, so there is nothing
    to go back to: O(text) for each run.
    """
    runs = [""]
    for kind, piece in pieces(pattern):
        if kind == _ANY:
            runs.append("")
        else:
            runs[-1] += "." if kind == _ONE else re.escape(fold(piece))
    first, *rest = runs
    ending = "" if not anchored else r"(?:\.gz)?\Z" if path and _is_nii(pattern) else r"\Z"
    if not rest:
        return re.compile(first + ending, re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in rest[:-1])
    last = f".*{rest[-1]}{ending}" if rest[-1] else ""
    return re.compile(first + middle + last, re.DOTALL)


def _is_nii(pattern: str) -> bool:
    return like(pattern, anchored=True).endswith(".nii")


def pieces(pattern: str) -> Iterator[tuple[str, str]]:
    """Split a pattern into (kind, text); the kind is a wildcard, or empty for plain text."""
    for match in _PIECE.finditer(pattern):
        text = match[0]
        if text[0] == _ANY or text == _ONE:
            yield text[0], text
        else:
            yield "", text[1] if len(text) == 2 and text[0] == "\\" else text


def _like_piece(kind: str, text: str) -> str:
    if kind:
        return "%" if kind == _ANY else "_"
    return re.sub(r"([%_\\])", r"\\\1", fold(text))
