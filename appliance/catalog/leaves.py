"""JSON documents taken apart into leaves: one name, one value, ready for columns."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import msgspec

__all__ = ["MOST_LEAVES", "Kind", "LeafBatch", "decode", "leaves"]

MOST_LEAVES = 2000
"""Of one document; what would follow (a list of ten thousand points) makes no columns."""
_MOST_TEXT = 4000
_EXACT = 1 << 53  # integers up to here are exact as float64


class Kind(IntEnum):
    """What a leaf held in JSON."""

    NULL = 0
    BOOL = 1
    INT = 2
    FLOAT = 3
    TEXT = 4


def decode(text: str) -> Any:
    """Read a document as the catalog holds it; strings come out as valid Unicode."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _mended(json.loads(text))


def leaves(stem: str, doc: Any) -> Iterator[tuple[str, Any]]:
    """Give the leaves of a document, `MOST_LEAVES` at most.

    Parameters
    ----------
    stem : str
        First part of every name: the file's name without ``.json``.
    doc : JSON value
        Elements of lists are named by their index.

    Yields
    ------
    (str, value)
        Name such as ``radio_t1.mask.volume``, and a string, number, bool or None.
    """
    waiting: list[tuple[str, Any]] = [(stem, doc)]
    room = MOST_LEAVES
    while waiting and room:
        name, value = waiting.pop()
        if type(value) is dict:
            waiting += [(f"{name}.{key}", inner) for key, inner in reversed(value.items())]
        elif type(value) is list:
            inner = value[:MOST_LEAVES]
            waiting += [(f"{name}.{i}", inner[i]) for i in range(len(inner) - 1, -1, -1)]
        else:
            room -= 1
            yield name, value


class LeafBatch:
    """Leaves of many documents as columns, with names replaced by numbers.

    Parameters
    ----------
    names : dict of str to int
        Numbers of the names known so far; new names are added to it.
    """

    def __init__(self, names: dict[str, int]) -> None:
        self.names = names
        self.doc_id, self.key_id, self.kind = array("q"), array("i"), array("B")
        self.num, self.text = array("d"), list[str | None]()

    def __len__(self) -> int:
        return len(self.doc_id)

    def add(self, doc_id: int, stem: str, doc: Any) -> bool:
        """Take one document apart; tell whether it has more leaves than are kept."""
        names, before = self.names, len(self)
        for name, value in leaves(stem, doc):
            self.doc_id.append(doc_id)
            self.key_id.append(names.setdefault(name, len(names)))
            self._value(value)
        return len(self) - before >= MOST_LEAVES

    def columns(self) -> dict[str, Any]:
        """Give all columns as arrays; a number that is none is NaN."""
        import numpy as np

        return {
            "doc_id": np.asarray(self.doc_id),
            "key_id": np.asarray(self.key_id),
            "kind": np.asarray(self.kind),
            "num": np.asarray(self.num),
            "text": np.array(self.text, dtype=object),
        }

    def _value(self, value: Any) -> None:
        kind, num, text = _parts(value)
        self.kind.append(kind)
        self.num.append(num)
        self.text.append(text)


def _parts(value: Any) -> tuple[Kind, float, str | None]:
    if type(value) is float:
        return Kind.FLOAT, value, None
    if type(value) is int:
        exact = -_EXACT <= value <= _EXACT
        return Kind.INT, float(value), None if exact else str(value)
    if type(value) is bool:
        return Kind.BOOL, float(value), None
    if value is None:
        return Kind.NULL, float("nan"), None
    return Kind.TEXT, float("nan"), str(value)[:_MOST_TEXT]


def _mended(value: Any) -> Any:
    """Replace what UTF-8 cannot write: halves of surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    return [_mended(inner) for inner in value] if isinstance(value, list) else value
