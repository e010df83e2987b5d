"""An enhanced multi-frame object as a stack of slices, and objects with a part of its frames.

Its frames have to be one plain stack: one orientation and size, an even grid without shear, every
place as often as every other, and within a volume nothing that differs but place and time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.formats.dicom_meta import IMPLICIT, read_meta
from appliance.formats.dicom_nested import SEQUENCE_END, Element, Odd, data_end, element_at
from appliance.formats.frame_groups import FrameGroups, read_groups
from appliance.formats.stack_parts import (
    CLASSES,
    NotPlain,
    PlainStack,
    StackSlice,
    even_step,
    floats,
    stack_affine,
    unsheared,
)

__all__ = ["FrameObject", "read_frames", "write_frames"]

_EXPLICIT = "1.2.840.10008.1.2.1"
_HEAD_BYTES = (1 << 20, 1 << 23, 1 << 26)
_SHARED, _EACH, _PIXELS, _COUNT = 0x52009229, 0x52009230, 0x7FE00010, 0x00280008
_CLASS, _MODALITY, _MAKER, _TYPE = 0x00080016, 0x00080060, 0x00080070, 0x00080008
_ROWS, _COLUMNS, _BITS, _SIGN, _SAMPLES = 0x00280010, 0x00280011, 0x00280100, 0x00280103, 0x00280002
_WANTED = {
    _CLASS, _MODALITY, _MAKER, _TYPE, _ROWS, _COLUMNS, _BITS, _SIGN, _SAMPLES, _COUNT,
    0x00180023,
}  # fmt: skip
_LOCATIONS = 0x20011018  # Philips' number of slices, four bytes

Places = dict[int, Element]
_NOTHING = FrameGroups(0, 0, (b"", b"", b"", b""), b"")


@dataclass(frozen=True)
class FrameObject:
    """Where things are in an object of many frames.

    Attributes
    ----------
    path : str
        The object.
    head : bytes
        All before its pixel values.
    explicit : bool
        Whether value representations are written.
    count, each, pixels : tuple of int
        Elements with the number of frames, the groups of each frame, and the values.
    locations : tuple of int or None
        Element with Philips' number of slices.
    frames : sequence of FrameGroups
        What each frame tells, and where.
    frame_bytes : int
        Length of one frame.
    """

    path: str
    head: bytes
    explicit: bool
    count: Element
    each: Element
    pixels: Element
    locations: Element | None
    frames: Sequence[FrameGroups]
    frame_bytes: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame, and everything it tells that is no place."""

    slice: StackSlice
    rest: bytes


def read_frames(path: Path) -> PlainStack:
    """Read the header of an object of many frames.

    Raises
    ------
    NotPlain
        If it is not what this can vouch for.
    """
    try:
        found, first, shared = _object(str(path))
    except Odd:
        raise NotPlain("its objects are not written in the everyday way") from None
    own = {one.fields[1:3] for one in found.frames}
    if len(own) > 1:
        raise NotPlain("its frames are turned or spaced differently")
    turn, distance = (
        one or other for one, other in zip(own.pop(), shared.fields[1:3], strict=True)
    )
    turned, spacing = np.array(floats(turn, 6)), floats(distance, 2)
    normal = unsheared(turned)
    volumes = _volumes(_frames(found, shared), normal)
    step = even_step(np.array([one.position for one in volumes[0]]), normal)
    return PlainStack(
        volumes,
        rows=_short(first, _ROWS),
        columns=_short(first, _COLUMNS),
        signed=_short(first, _SIGN) == 1,
        modality=CLASSES[_text(first, _CLASS)],
        maker=_text(first, _MAKER).decode("latin-1").casefold(),
        in_3d=_text(first, 0x00180023) == b"3D",
        affine=stack_affine(turned, spacing, step, volumes[0][0].position),
        frames=found,
    )


def _object(path: str) -> tuple[FrameObject, dict[int, bytes], FrameGroups]:
    """Find the parts of an object: itself, plain values, and what all frames share."""
    head, places, frames, size, explicit = _head(path)
    if not {_EACH, _PIXELS, _COUNT} <= places.keys():
        raise NotPlain("it has one object only")
    first = {tag: head[places[tag][2] : places[tag][3]] for tag in _WANTED & places.keys()}
    _check_kind(first)
    pixels = places[_PIXELS]
    frame_bytes = 2 * _short(first, _ROWS) * _short(first, _COLUMNS)
    many = int(floats(first[_COUNT], 1)[0])
    if len(frames) != many or pixels[3] - pixels[2] != many * frame_bytes or pixels[3] > size:
        raise NotPlain("its values take another room than their matrix")
    found = FrameObject(
        path, head[: pixels[2]], explicit, places[_COUNT], places[_EACH], pixels,
        places.get(_LOCATIONS), frames, frame_bytes,
    )  # fmt: skip
    shared = _NOTHING
    if _SHARED in places:
        _, at, start, _ = places[_SHARED]
        _, _, length = element_at(head, at, explicit)
        shared = [*read_groups(head, start, length, explicit=explicit)[0], _NOTHING][0]
    return found, first, shared


def _head(path: str) -> tuple[bytes, Places, list[FrameGroups], int, bool]:
    """Give the start of a file up to its values, what is there, its size, its syntax."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        for most in _HEAD_BYTES:
            head = os.pread(handle, most, 0)
            meta = read_meta(head)
            if meta is None or meta[0] not in {IMPLICIT, _EXPLICIT}:
                raise NotPlain("its objects are compressed, or stored in another byte order")
            explicit = meta[0] != IMPLICIT
            try:
                return head, *_places(head, meta[1], explicit), size, explicit
            except Odd:
                if len(head) < most:
                    raise
    finally:
        os.close(handle)
    raise NotPlain("its header is too long")


def _places(head: bytes, at: int, explicit: bool) -> tuple[Places, list[FrameGroups]]:
    """Find the elements up to the values, and the groups of the frames."""
    found: Places = {}
    frames: list[FrameGroups] = []
    while _PIXELS not in found:
        tag, start, length = element_at(head, at, explicit)
        if tag == _EACH:
            frames, after = read_groups(head, start, length, explicit=explicit)
        else:
            after = data_end(head, start, length, explicit, SEQUENCE_END)[1]
        found[tag] = tag, at, start, after
        at = after
    return found, frames


def _frames(found: FrameObject, shared: FrameGroups) -> Iterator[_Frame]:
    place = lru_cache(maxsize=4096)(partial(floats, count=3))
    for index, one in enumerate(found.frames):
        position = place(one.fields[0] or shared.fields[0])
        offset = found.pixels[2] + index * found.frame_bytes
        yield _Frame(StackSlice(found.path, index, offset, position, one.fields[3]), one.rest)


def _check_kind(first: dict[int, bytes]) -> None:
    modality = CLASSES.get(_text(first, _CLASS))
    if modality is None or _text(first, _MODALITY).decode("latin-1") != modality:
        raise NotPlain("it is neither CT, MR nor PET")
    if (_short(first, _BITS), _short(first, _SAMPLES)) != (16, 1):
        raise NotPlain("its values are not 16 bits of grey")
    if b"LOCALIZER" in _text(first, _TYPE).split(b"\\"):
        raise NotPlain("it is a mosaic or a localizer")


def _volumes(frames: Iterable[_Frame], normal: NDArray[np.float64]) -> list[list[StackSlice]]:
    """Give the frames of each volume along the normal; those of one place follow as stored."""
    stored: dict[tuple[float, ...], list[_Frame]] = defaultdict(list)
    for one in frames:
        stored[one.slice.position].append(one)
    places: dict[tuple[float, ...], list[_Frame]] = defaultdict(list)
    for place, some in stored.items():
        places[tuple(round(x, 4) for x in place)] += some
    for some in places.values():
        some.sort(key=lambda one: one.slice.instance)
    along = sorted(places, key=lambda place: float(np.asarray(place) @ normal))
    n_volumes = len(next(iter(places.values())))
    if len(places) < 2 or any(len(some) != n_volumes for some in places.values()):
        raise NotPlain("some of its slices are missing, or there more often than others")
    volumes = [[places[place][n] for place in along] for n in range(n_volumes)]
    if any(len({one.rest for one in volume}) > 1 for volume in volumes):
        raise NotPlain("its frames differ in more than their place")
    return [[one.slice for one in volume] for volume in volumes]


def write_frames(target: Path, part: PlainStack) -> None:
    """Write an object with those frames of an object that are in a part of its stack.

    Raises
    ------
    NotPlain
        If the object has become shorter meanwhile.
    """
    whole = part.frames
    if whole is None:
        raise NotPlain("its slices are no frames")
    slices = [one for volume in part.volumes for one in volume]
    chosen = sorted(slices, key=lambda one: one.instance)
    head = whole.head
    groups = b"".join(_item(head, whole.frames[one.instance]) for one in chosen)
    number = b"%d" % len(chosen)
    number += b" " * (len(number) % 2)
    with target.open("wb") as stream:
        stream.write(head[: whole.count[1]])
        stream.write(_element(whole, whole.count, len(number)) + number)
        stream.write(_between(whole, whole.count[3], whole.each[1], len(part.volumes[0])))
        stream.write(_element(whole, whole.each, len(groups)) + groups)
        stream.write(head[whole.each[3] : whole.pixels[1]])
        stream.write(_element(whole, whole.pixels, len(chosen) * whole.frame_bytes))
        for one in chosen:
            stream.write(_values(one, whole.frame_bytes))


def _between(whole: FrameObject, begin: int, end: int, n_slices: int) -> bytes:
    """Give a stretch of the head; Philips' number of slices in it becomes another."""
    found = bytearray(whole.head[begin:end])
    if whole.locations and whole.locations[3] - whole.locations[2] == 4:
        at = whole.locations[2] - begin
        found[at : at + 4] = n_slices.to_bytes(4, "little")
    return bytes(found)


def _values(one: StackSlice, count: int) -> bytes:
    with Path(one.path).open("rb", buffering=0) as stream:
        found = os.pread(stream.fileno(), count, one.offset)
    if len(found) != count:
        raise NotPlain("an object became shorter while it was read")
    return found


def _element(whole: FrameObject, place: Element, length: int) -> bytes:
    """Write what stands before a value, for another length of it."""
    _, at, start, _ = place
    before = whole.head[at:start]
    if whole.explicit and start - at == 8:
        return before[:6] + length.to_bytes(2, "little")
    return before[:-4] + length.to_bytes(4, "little")


def _item(head: bytes, one: FrameGroups) -> bytes:
    length = one.end - one.begin
    return b"\xfe\xff\x00\xe0" + length.to_bytes(4, "little") + head[one.begin : one.end]


def _text(first: dict[int, bytes], tag: int) -> bytes:
    return first.get(tag, b"").strip(b"\0 ")


def _short(first: dict[int, bytes], tag: int) -> int:
    return int.from_bytes(first.get(tag, b"")[:2], "little")
