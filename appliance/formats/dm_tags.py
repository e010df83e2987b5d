"""The tree of tags that DigitalMicrograph writes, DM3 and DM4; long arrays stay in the file.

Written after public descriptions of the format: the structure of the file is big-endian whatever
the byte order of its values, and DM4 counts in 64 bits where DM3 counts in 32.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = ["DmArray", "DmGroup", "read_tags"]

_GROUP, _VALUE = 20, 21
_STRUCT, _ARRAY = 15, 20
_TYPES = {
    2: "i2",
    3: "i4",
    4: "u2",
    5: "u4",
    6: "f4",
    7: "f8",
    8: "u1",
    9: "i1",
    10: "u1",
    11: "i8",
    12: "u8",
}
_DEEPEST = 64
_LEAST_ENTRY = 3  # bytes of the smallest entry: its kind and the length of its name
_MOST_ENTRIES = 1 << 20  # of a file; each takes far more memory than bytes
_MOST_WORDS = 1 << 16  # that tell the type of one value


class DmArray(NamedTuple):
    """An array in the file: where it begins, how many elements, of which type."""

    offset: int
    n: int
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class DmGroup:
    """Entries in their order; many have no name.

    A value is a group, a number, a `DmArray`, or None for records, which nothing here needs.
    """

    entries: tuple[tuple[str, Any], ...]

    def get(self, name: str) -> Any:
        """Give the first entry of a name; None if there is none."""
        return next((value for key, value in self.entries if key == name), None)

    def group(self, name: str) -> DmGroup:
        """Give the group of a name; an empty one if there is none."""
        found = self.get(name)
        return found if isinstance(found, DmGroup) else DmGroup(())

    @property
    def values(self) -> list[Any]:
        """What the entries hold, in their order."""
        return [value for _, value in self.entries]


def read_tags(data: Any) -> DmGroup:
    """Read the tree of a file.

    Parameters
    ----------
    data : buffer
        The whole file, such as a memory map.

    Raises
    ------
    ValueError, struct.error
        If it is no such file, or damaged.
    """
    (version,) = struct.unpack_from(">i", data, 0)
    if version not in (3, 4):
        raise ValueError("neither DM3 nor DM4")
    wide = version == 4
    at = 12 if wide else 8
    (little,) = struct.unpack_from(">i", data, at)
    return _Walk(data, at + 4, ">q" if wide else ">i", "<" if little else ">").group(0)


class _Walk:
    """Goes through the file from its head to its end."""

    def __init__(self, data: Any, at: int, word: str, order: str) -> None:
        self.data, self.at, self.order = data, at, order
        self.word = struct.Struct(word)
        self.n_entries = 0

    def group(self, depth: int) -> DmGroup:
        if depth > _DEEPEST:
            raise ValueError("groups in groups without end")
        self.at += 2  # whether it is sorted, and open in the program's window
        n = self._next()
        if not 0 <= n <= (len(self.data) - self.at) // _LEAST_ENTRY:
            raise ValueError("a group has more entries than the file has room for")
        self.n_entries += n
        if self.n_entries > _MOST_ENTRIES:
            raise ValueError("more entries than a file of images has")
        return DmGroup(tuple(self._entry(depth) for _ in range(n)))

    def _next(self) -> int:
        (value,) = self.word.unpack_from(self.data, self.at)
        self.at += self.word.size
        return int(value)

    def _entry(self, depth: int) -> tuple[str, Any]:
        kind, length = struct.unpack_from(">BH", self.data, self.at)
        self.at += 3
        name = bytes(self.data[self.at : self.at + length]).decode("latin-1")
        self.at += length
        if self.word.size == 8:
            self._next()  # DM4 tells how long the entry is
        if kind == _GROUP:
            return name, self.group(depth + 1)
        if kind != _VALUE:
            raise ValueError(f"an entry of kind {kind}")
        return name, self._value()

    def _value(self) -> Any:
        if bytes(self.data[self.at : self.at + 4]) != b"%%%%":
            raise ValueError("an entry without its mark")
        self.at += 4
        n = self._next()
        if not 0 < n <= min(_MOST_WORDS, (len(self.data) - self.at) // self.word.size):
            raise ValueError("a type longer than the file, or than any")
        told = [self._next() for _ in range(n)]
        start = self.at
        size, _ = _size(told, 0, 0)
        self.at += size
        if size < 0 or self.at > len(self.data):
            raise EOFError("a value ends behind the file")
        return self._read(told, start)

    def _read(self, told: Sequence[int], start: int) -> Any:
        """Give a number, or where an array of them lies."""
        if told[0] in _TYPES:
            dtype = np.dtype(self.order + _TYPES[told[0]])
            return np.frombuffer(self.data, dtype, 1, start)[0].item()
        if told[0] == _ARRAY and told[1] in _TYPES:
            return DmArray(start, told[2], np.dtype(self.order + _TYPES[told[1]]))
        return None


def _size(told: Sequence[int], at: int, depth: int) -> tuple[int, int]:
    """Bytes of a value of the type that begins at a place of its description, and where it ends."""
    kind = told[at]
    if kind in _TYPES:
        return np.dtype(_TYPES[kind]).itemsize, at + 1
    if kind == _STRUCT:
        end = at + 3 + 2 * told[at + 2]
        fields = [_size((told[k],), 0, depth)[0] for k in range(at + 4, end, 2)]
        return sum(fields), end
    if kind == _ARRAY and depth < _DEEPEST:
        size, end = _size(told, at + 1, depth + 1)
        return size * told[end], end + 1
    raise ValueError(f"a value of type {kind}")
