"""Masks as rows of bits, 64 voxels to a word: what reads every voxel many times works on these.

Bit b of word w is voxel 64 w + b of its row; bits beyond a row are always off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Bytes

__all__ = ["Words", "first_bit", "gathered", "last_word", "number_of", "pack", "unpack"]

Words = NDArray[np.uint64]

_WORD = 64
_GATHER = np.uint64(0x0102040810204080)  # eight bytes of 0 and 1 into the highest byte
_TOP = np.uint64(56)
_ONE = np.uint64(1)
_BYTE = np.uint64(255)
_DIAGONAL, _BELOW = np.uint64(0x8040201008040201), np.uint64(0x7F7F7F7F7F7F7F7F)
_SEVEN = np.uint64(7)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.zeros(64, np.int64)
_PLACE[[(int(_DE_BRUIJN) << b & 0xFFFFFFFFFFFFFFFF) >> 58 for b in range(64)]] = np.arange(64)
_HIGH = np.uint64(58)
_ODD, _PAIRS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_FOURS, _ALL = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_TWO, _FOUR = np.uint64(2), np.uint64(4)


def pack(data: Bytes, room: int = 0) -> Words:
    """Pack bytes of 0 and 1, with empty rows and words of at least `room` voxels around them."""
    ni, nj, nk = data.shape
    side = -(-room // _WORD)
    words = np.zeros((ni + 2 * room, nj + 2 * room, max(1, -(-nk // _WORD)) + 2 * side), np.uint64)
    inner = words[room : room + ni, room : room + nj, side:]
    if nk % 8 or not data.size:
        _pack_bytes(data, inner)
    else:
        _pack_groups(data.view(np.uint64), inner)
    return words


def unpack(words: Words, shape: tuple[int, ...], room: int = 0) -> Bytes:
    """Give the bytes that were packed, or what has become of them."""
    side = -(-room // _WORD)
    inner = words[room : room + shape[0], room : room + shape[1], side:]
    out = np.empty(shape, np.uint8)
    if shape[2] % 8 or not out.size:
        _unpack_bytes(inner, out)
    else:
        _unpack_groups(inner, out.view(np.uint64))
    return out


def last_word(nk: int) -> np.uint64:
    """Bits of the last word of a row that are voxels."""
    return np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(-nk % _WORD)


@compiled
def first_bit(word: np.uint64) -> int:
    """Place of the lowest bit of a word that is not 0."""
    return int(_PLACE[((word & (~word + _ONE)) * _DE_BRUIJN) >> _HIGH])


@compiled
def number_of(word: np.uint64) -> int:
    """Count the bits of a word."""
    word -= (word >> _ONE) & _ODD
    word = (word & _PAIRS) + ((word >> _TWO) & _PAIRS)
    return int((((word + (word >> _FOUR)) & _FOURS) * _ALL) >> _TOP)


@compiled
def gathered(groups: Words, first: int) -> np.uint64:
    """Pack eight groups of eight bytes into one word."""
    word = np.uint64(0)
    for g in range(8):
        word |= ((groups[first + g] * _GATHER) >> _TOP) << np.uint64(8 * g)
    return word


@compiled
def _spread(bits: np.uint64) -> np.uint64:
    """Eight bits as eight bytes: each is left alone in a byte, and then moved to its lowest bit."""
    return ((((bits & _BYTE) * _ALL) & _DIAGONAL) + _BELOW) >> _SEVEN & _ALL


@compiled
def _pack_groups(groups: Words, words: Words) -> None:
    n = groups.shape[2]
    whole = n // 8
    for i in range(groups.shape[0]):
        for j in range(groups.shape[1]):
            row = groups[i, j]
            for w in range(whole):
                words[i, j, w] = gathered(row, 8 * w)
            for g in range(8 * whole, n):
                words[i, j, whole] |= ((row[g] * _GATHER) >> _TOP) << np.uint64(8 * (g % 8))


@compiled
def _unpack_groups(words: Words, groups: Words) -> None:
    n = groups.shape[2]
    whole = n // 8
    for i in range(groups.shape[0]):
        for j in range(groups.shape[1]):
            row = groups[i, j]
            for w in range(whole):
                for g in range(8):
                    row[8 * w + g] = _spread(words[i, j, w] >> np.uint64(8 * g))
            for g in range(8 * whole, n):
                row[g] = _spread(words[i, j, whole] >> np.uint64(8 * (g % 8)))


@compiled
def _pack_bytes(data: Bytes, words: Words) -> None:
    for i in range(data.shape[0]):
        for j in range(data.shape[1]):
            for k in range(data.shape[2]):
                words[i, j, k // 64] |= np.uint64(data[i, j, k]) << np.uint64(k % 64)


@compiled
def _unpack_bytes(words: Words, out: Bytes) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[i, j, k] = (words[i, j, k // 64] >> np.uint64(k % 64)) & _ONE
