"""Lossless JPEG (process 14, SOF3) of 2 to 16 bits, as older scanners and archives pack images.

ITU-T T.81, annexes B, C, F and H. Libraries that read it are under the GPL or carry parts that are
no longer maintained; the process is short. Lossy JPEG and arithmetic coding are not read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError

__all__ = ["LosslessJpeg", "read_lossless_jpeg"]

_SOI, _EOI, _SOS, _DHT, _DRI, _SOF3 = 0xD8, 0xD9, 0xDA, 0xC4, 0xDD, 0xC3
_ALONE = frozenset({0x01, _SOI, *range(0xD0, 0xD8)})  # markers without a length
_OTHER_PROCESSES = frozenset({*range(0xC0, 0xD0)} - {_DHT, _SOF3, 0xC8, 0xCC})
_MOST_TABLES = 256  # each takes time and memory, and a scan has four
_COMPILE_FROM = 1 << 20  # samples; loading the machine code takes as long as these
_scanned = [0]  # samples since the process began
_TRUNCATED, _BAD_CODE, _NO_RESTART = -1, -2, -3
_TROUBLE = {
    _TRUNCATED: "its data end too early",
    _BAD_CODE: "its data hold a code that means nothing",
    _NO_RESTART: "its data lack a restart marker",
}
_Scanner = Callable[..., int]


@dataclass(frozen=True, slots=True, eq=False)
class LosslessJpeg:
    """A picture: samples (rows, columns, components) of uint16, and their bits."""

    samples: NDArray[np.uint16]
    precision: int


@dataclass(slots=True)
class _Reading:
    """What the markers have told so far."""

    precision: int = 0
    samples: NDArray[np.uint16] | None = None
    components: list[int] = field(default_factory=list)
    tables: dict[int, NDArray[np.int32]] = field(default_factory=dict)
    n_tables: int = 0
    restart: int = 0
    seen: set[int] = field(default_factory=set)


def read_lossless_jpeg(data: bytes) -> LosslessJpeg:
    """Decode one picture.

    Parameters
    ----------
    data : bytes
        From the start marker on.

    Raises
    ------
    FormatError
        If it is damaged, or packed by another process of JPEG.
    """
    found = _Reading()
    packed = np.frombuffer(data, np.uint8).astype(np.int16)  # see `_decode`
    at = _start(data)
    while at < len(data):
        marker, begin, end = _segment(data, at)
        if marker == _EOI:
            break
        at = end
        if marker == _SOS:
            at = _scan(found, data[begin:end], packed, end)
            if len(found.seen) == len(found.components):
                break
        else:
            _heed(found, marker, data[begin:end], 8 * len(data))
    if found.samples is None or len(found.seen) < len(found.components):
        raise FormatError("a lossless JPEG picture that is cut off")
    return LosslessJpeg(found.samples, found.precision)


def _start(data: bytes) -> int:
    if data[:2] != bytes((0xFF, _SOI)):
        raise FormatError("no JPEG picture")
    return 2


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """Give the next marker, and where its content begins and ends."""
    while at + 1 < len(data) and (data[at] != 0xFF or data[at + 1] in (0x00, 0xFF)):
        at += 1  # fill bytes, and padding of the scan before
    if at + 1 >= len(data):
        return _EOI, len(data), len(data)
    marker = data[at + 1]
    if marker in _ALONE or marker == _EOI:
        return marker, at + 2, at + 2
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if length < 2 or at + 2 + length > len(data):
        raise FormatError("a lossless JPEG picture that is cut off")
    return marker, at + 4, at + 2 + length


def _heed(found: _Reading, marker: int, content: bytes, most_samples: int) -> None:
    """Take what a marker tells; comments and the like tell nothing."""
    if marker == _SOF3:
        _frame(found, content, most_samples)
    elif marker in _OTHER_PROCESSES:
        raise FormatError(f"JPEG of another process (SOF{marker - 0xC0})")
    elif marker == _DHT:
        for number, table in _tables(content):
            found.tables[number] = table
            found.n_tables += 1
            if found.n_tables > _MOST_TABLES:
                raise FormatError("a lossless JPEG picture with too many tables")
    elif marker == _DRI and len(content) >= 2:
        found.restart = int.from_bytes(content[:2], "big")


def _frame(found: _Reading, content: bytes, most_samples: int) -> None:
    if len(content) < 6 or len(content) < 6 + 3 * content[5] or found.samples is not None:
        raise FormatError("a lossless JPEG picture with a damaged header")
    rows, columns = (int.from_bytes(content[i : i + 2], "big") for i in (1, 3))
    n = content[5]
    parts = [content[6 + 3 * i : 9 + 3 * i] for i in range(n)]
    if not 2 <= content[0] <= 16 or not rows or not columns or not 1 <= n <= 4:
        raise FormatError("a lossless JPEG picture of a size that cannot be")
    if any(part[1] != parts[0][1] for part in parts):
        raise FormatError("a lossless JPEG picture whose colours differ in size")
    if rows * columns * n > most_samples:  # each takes a bit at least
        raise FormatError("a lossless JPEG picture that is cut off")
    found.precision, found.components = content[0], [part[0] for part in parts]
    found.samples = np.zeros((rows, columns, n), np.uint16)


def _tables(content: bytes) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Give tables of Huffman codes: for each 16 bits the code's length * 256 + what it means."""
    at = 0
    while at + 17 <= len(content):
        number, counts = content[at], content[at + 1 : at + 17]
        values = content[at + 17 : at + 17 + sum(counts)]
        at += 17 + sum(counts)
        table = np.zeros(1 << 16, np.int32)
        code = taken = 0
        for length, count in enumerate(counts, start=1):
            for _ in range(count):
                width = 1 << (16 - length)
                if (code + 1) * width > 1 << 16 or taken >= len(values) or values[taken] > 16:
                    raise FormatError("a lossless JPEG picture with damaged tables")
                table[code * width : (code + 1) * width] = length << 8 | values[taken]
                code, taken = code + 1, taken + 1
            code <<= 1
        yield number, table


def _scan(found: _Reading, head: bytes, packed: NDArray[np.int16], at: int) -> int:
    """Decode the data behind a header of a scan; gives where they end."""
    if found.samples is None or len(head) < 4 or len(head) < 4 + 2 * head[0]:
        raise FormatError("a lossless JPEG picture with a damaged scan")
    chosen = [(head[1 + 2 * i], head[2 + 2 * i] >> 4) for i in range(head[0])]
    predictor, shift = head[1 + 2 * head[0]], head[3 + 2 * head[0]] & 15
    known = all(c in found.components and t in found.tables for c, t in chosen)
    twice = len({component for component, _ in chosen}) < len(chosen)
    if not chosen or not known or twice or not 1 <= predictor <= 7 or shift >= found.precision:
        raise FormatError("a lossless JPEG picture with a damaged scan")
    where = [found.components.index(component) for component, _ in chosen]
    columns = found.samples.shape[1]
    if found.restart % columns:
        raise FormatError("a lossless JPEG picture that restarts within a row")
    part = np.zeros((*found.samples.shape[:2], len(where)), np.int32)
    tables = np.stack([found.tables[table] for _, table in chosen])
    rows_at_once = found.restart // columns
    facts = (predictor, found.precision - shift, rows_at_once)
    end = int(_scanner(part.size)(packed, at, part, tables, *facts))
    if end < 0:
        raise FormatError(f"a lossless JPEG picture is damaged: {_TROUBLE[end]}")
    found.samples[:, :, where] = part << shift
    found.seen.update(where)
    return end


def _scanner(n_samples: int) -> _Scanner:
    _scanned[0] += n_samples
    return _compiled() if _scanned[0] >= _COMPILE_FROM else _decode


@lru_cache(maxsize=1)
def _compiled() -> _Scanner:
    """Compile `_decode`, or load it from numba's cache."""
    from numba import njit

    compiled: _Scanner = njit(cache=True)(_decode)
    return compiled


def _decode(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one loop that numba compiles as it is
    data: NDArray[np.int16],
    at: int,
    out: NDArray[np.int32],
    tables: NDArray[np.int32],
    predictor: int,
    bits: int,
    rows_at_once: int,
) -> Any:
    """Fill `out`, (rows, columns, components); gives where the data end, or what is wrong.

    All arrays have signs, because numba makes real numbers of what has none and what has.
    """
    rows, columns, n = out.shape
    size = len(data)
    held = 0  # bits that are read and not used, the last ones of `window`
    window = 0
    padded = 0  # of these, how many no data stand for
    first_row = 0
    for y in range(rows):
        if rows_at_once and y and y % rows_at_once == 0:
            while at + 1 < size and (data[at] != 0xFF or data[at + 1] == 0 or data[at + 1] == 0xFF):
                at += 1
            if at + 1 >= size or data[at + 1] != 0xD0 + (y // rows_at_once - 1) % 8:
                return -3  # also where one is lost, for then all rows behind it would move up
            at += 2
            held = window = padded = 0
            first_row = y
        for x in range(columns):
            for c in range(n):
                while held < 32:
                    byte = 0
                    if at < size and (data[at] != 0xFF or (at + 1 < size and data[at + 1] == 0)):
                        byte = int(data[at])
                        at += 2 if byte == 0xFF else 1
                    else:
                        padded += 8
                    window = ((window << 8) | byte) & 0xFFFFFFFFFF
                    held += 8
                entry = int(tables[c, (window >> (held - 16)) & 0xFFFF])
                if entry == 0:
                    return -2 if padded <= held else -1
                held -= entry >> 8
                category = entry & 0xFF
                difference = 0
                if category == 16:
                    difference = 32768
                elif category > 0:
                    held -= category
                    difference = (window >> held) & ((1 << category) - 1)
                    if difference < 1 << (category - 1):
                        difference -= (1 << category) - 1
                if y == first_row:
                    guess = int(out[y, x - 1, c]) if x else 1 << (bits - 1)
                elif x == 0:
                    guess = int(out[y - 1, x, c])
                else:
                    left, up = int(out[y, x - 1, c]), int(out[y - 1, x, c])
                    corner = int(out[y - 1, x - 1, c])
                    if predictor == 1:
                        guess = left
                    elif predictor == 2:
                        guess = up
                    elif predictor == 3:
                        guess = corner
                    elif predictor == 4:
                        guess = left + up - corner
                    elif predictor == 5:
                        guess = left + ((up - corner) >> 1)
                    elif predictor == 6:
                        guess = up + ((left - corner) >> 1)
                    else:
                        guess = (left + up) >> 1
                out[y, x, c] = (guess + difference) & 0xFFFF
        if padded > held:
            return -1
    return at
