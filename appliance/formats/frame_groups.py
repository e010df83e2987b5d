"""The functional groups of many frames, most of which are laid out alike, without parsing each.

A frame that has the same tags and lengths at the same places as one that was parsed is parsed, too:
its values lie where those of the other lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.formats.dicom_nested import Odd, data_end, element_at, elements, items

__all__ = ["FrameGroups", "read_groups"]

PLANE, TURN, MEASURES, CONTENT = 0x00209113, 0x00209116, 0x00289110, 0x00209111
FIELDS = (
    (PLANE, 0x00200032),
    (TURN, 0x00200037),
    (MEASURES, 0x00280030),
    (CONTENT, 0x00189074),
)
"""Position, orientation, spacing and time of a frame."""
_WINDOW, _PHILIPS = 0x00289132, 0x2005140F
_VARIES = frozenset({CONTENT, PLANE, _WINDOW, _PHILIPS})
"""Groups that differ from frame to frame in every object; Philips' is looked into."""
_SCALING = frozenset({0x00281052, 0x00281053, 0x2005100D, 0x2005100E, 0x20051409, 0x2005140A})
_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_MOST_LAYOUTS = 16

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FrameGroups:
    """What one item tells.

    Attributes
    ----------
    begin, end : int
        Where its elements begin and end.
    fields : tuple of bytes
        Position, orientation, spacing, time as stored; empty where it has none.
    rest : bytes
        Everything that is no place, time or window.
    """

    begin: int
    end: int
    fields: tuple[bytes, ...]
    rest: bytes


@dataclass(frozen=True)
class _Layout:
    """Where things are in an item, from its first byte; `fixed` are the bytes between values."""

    length: int
    begin: int
    end: int
    mask: int
    fixed: int
    fields: Sequence[Span]
    rest: Sequence[Span]

    def read(self, chunk: bytes, at: int) -> FrameGroups | None:
        """Read an item; nothing if it is laid out otherwise."""
        if len(chunk) != self.length or int.from_bytes(chunk, "little") & self.mask != self.fixed:
            return None
        return FrameGroups(
            at + self.begin,
            at + self.end,
            tuple([chunk[begin:end] for begin, end in self.fields]),
            b"".join([chunk[begin:end] for begin, end in self.rest]),
        )


def read_groups(
    data: bytes, start: int, length: int, *, explicit: bool
) -> tuple[list[FrameGroups], int]:
    """Read the items of a sequence.

    Parameters
    ----------
    data : bytes
        Start of a file.
    start, length : int
        Where the sequence begins, and its length as it is written.

    Returns
    -------
    tuple of (list of FrameGroups, int)
        The items, and what follows the sequence.

    Raises
    ------
    Odd
        If the sequence goes on behind the bytes.
    """
    found: list[FrameGroups] = []
    layouts: list[_Layout] = []
    at, after = start, len(data) if length == _UNDEFINED else start + length
    while at < after:
        for layout in reversed(layouts):
            groups = layout.read(data[at : at + layout.length], at)
            if groups is not None:
                break
        else:
            if element_at(data, at, explicit)[0] == _END:
                return found, at + 8
            layout = _layout(data, at, explicit)
            groups = layout.read(data[at : at + layout.length], at)
            if groups is None:
                raise Odd
            layouts = [*layouts, layout][-_MOST_LAYOUTS:]
        found.append(groups)
        at += layout.length
    if length == _UNDEFINED or at != after:
        raise Odd
    return found, after


def _layout(data: bytes, at: int, explicit: bool) -> _Layout:
    """Parse one item."""
    tag, begin, length = element_at(data, at, explicit)
    if tag != _ITEM:
        raise Odd
    end, after = data_end(data, begin, length, explicit)
    if after > len(data):
        raise Odd
    mask = bytearray(b"\xff") * (after - at)
    fields: dict[tuple[int, ...], Span] = {}
    rest: list[Span] = []
    for path, first, last in _values(data, begin, end, explicit, ()):
        span = first - at, last - at
        mask[span[0] : span[1]] = bytes(last - first)
        fields.setdefault(path, span)
        if path[0] not in _VARIES or (path[0] == _PHILIPS and path[-1] in _SCALING):
            rest.append(span)
    bits = int.from_bytes(mask, "little")
    fixed = int.from_bytes(data[at:after], "little") & bits
    places = [fields.get(field, (0, 0)) for field in FIELDS]
    return _Layout(after - at, begin - at, end - at, bits, fixed, places, rest)


def _values(
    data: bytes, begin: int, end: int, explicit: bool, path: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Give tags and place of all values that are no items themselves."""
    for tag, _, start, after in elements(data, begin, end, explicit=explicit):
        if data[start : start + 4] == b"\xfe\xff\x00\xe0":
            for first, last in items(data, start, after, explicit=explicit):
                yield from _values(data, first, last, explicit, (*path, tag))
        elif data[after - 8 : after - 4] != b"\xfe\xff\xdd\xe0" or after - start != 8:
            yield (*path, tag), start, after
