"""Blackens parts of the pixels of a DICOM object; which parts, somebody else decides.

Pixels that are not packed are changed where they lie, every other byte stays. Packed ones are
unpacked first, in a child process, because what comes from outside may crash a decoder.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.jpeg_lossless_plugin import read_lossless_jpeg_too

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["CannotBlacken", "blacken", "describe_unpacked"]

_DECODE_S = 600
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PAIRED = ("YBR_FULL_422", "YBR_PARTIAL_422")
_BLACK = {"RGB": (0.0, 0.0, 0.0), "YBR_FULL": (0.0, 0.5, 0.5), "PALETTE COLOR": (0.0,)}
_OFFSETS = (0x7FE00001, 0x7FE00002)


class CannotBlacken(FormatError):
    """The pixels of an object are stored in a way in which no part of them can be blackened."""


def blacken(found: Dataset, mask: NDArray[np.bool_], source: Path) -> None:
    """Blacken pixels in all frames of an object.

    Parameters
    ----------
    found : Dataset
        The object with its pixels; it is changed, and not packed afterwards.
    mask : ndarray of bool, (rows, columns)
        True where a pixel turns black.
    source : Path
        The file it was read from; packed pixels are unpacked from there.

    Raises
    ------
    CannotBlacken
        If the pixels cannot be unpacked, are not all there, or are no whole bytes.

    Notes
    -----
    Two neighbours that share a colour, as 4:2:2 stores them, turn black together. Source: PS3.5,
    section 8; PS3.3, section C.7.6.3.
    """
    if _is_packed(found):
        _unpack(found, source)
    if "PixelData" not in found:
        raise CannotBlacken("its pixels are no whole numbers")
    try:
        _change(found, mask)
    except CannotBlacken:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise CannotBlacken("it does not say how its pixels are stored") from error


def _change(found: Dataset, mask: NDArray[np.bool_]) -> None:
    element = found["PixelData"]
    swapped = element.VR == "OW" and int(found.BitsAllocated) == 8 and _is_big(found)
    raw = _swapped(element.value) if swapped else bytearray(element.value)
    _fill(found, raw, mask)
    element.value = bytes(_swapped(raw) if swapped else raw)


def describe_unpacked(found: Dataset) -> None:
    """Let a header say what `blacken` would have made of its object's pixels."""
    kind = str(found.get("PhotometricInterpretation", ""))
    if _is_packed(found) and int(found.get("SamplesPerPixel") or 1) == 3:
        found.PhotometricInterpretation = "RGB" if kind.startswith("YBR") else kind
        found.PlanarConfiguration = 0


def _is_packed(found: Dataset) -> bool:
    syntax = getattr(found, "file_meta", {}).get("TransferSyntaxUID")
    return syntax is not None and bool(syntax.is_compressed and syntax.is_encapsulated)


def _is_big(found: Dataset) -> bool:
    return str(getattr(found, "file_meta", {}).get("TransferSyntaxUID")) == _BIG_ENDIAN


def _swapped(raw: bytes | bytearray) -> bytearray:
    """Exchange the bytes of each word: big endian words hold two pixels the other way round."""
    return bytearray(np.frombuffer(raw, "<u2").byteswap().tobytes())


def _fill(found: Dataset, raw: bytearray, mask: NDArray[np.bool_]) -> None:
    n_bytes, rest = divmod(int(found.BitsAllocated), 8)
    if rest or n_bytes not in (1, 2, 4):
        raise CannotBlacken(f"its pixels of {found.BitsAllocated} bits cannot be blackened")
    kind = str(found.PhotometricInterpretation)
    shape, black = (_pairs if kind in _PAIRED else _singles)(found, kind)
    order = ">" if _is_big(found) and n_bytes > 1 else "<"
    n = int(np.prod(shape))
    if len(raw) < n * n_bytes:
        raise CannotBlacken("its pixels are not all there")
    pixels = np.frombuffer(raw, f"{order}u{n_bytes}", count=n).reshape(shape)
    if kind in _PAIRED:
        mask = mask[:, ::2] | mask[:, 1::2]
    elif _is_planar(found):
        pixels = np.moveaxis(pixels, 1, -1)
    pixels[:, mask] = black
    raw[n * n_bytes :] = bytes(len(raw) - n * n_bytes)  # frames that nobody counts, or padding


def _is_planar(found: Dataset) -> bool:
    """Tell whether all red values come first, then all green ones, then all blue ones."""
    many = int(found.get("SamplesPerPixel") or 1) > 1
    return many and bool(found.get("PlanarConfiguration"))


def _singles(found: Dataset, kind: str) -> tuple[tuple[int, ...], list[int]]:
    """Give the shape of ordinary pixels, and what is black."""
    samples = int(found.get("SamplesPerPixel") or 1)
    frames, black = int(found.get("NumberOfFrames") or 1), _black(found, kind)
    if len(black) != samples:
        raise CannotBlacken(f"its pixels of kind {kind} cannot be blackened")
    if _is_planar(found):
        return (frames, samples, found.Rows, found.Columns), black
    return (frames, found.Rows, found.Columns, samples), black


def _pairs(found: Dataset, kind: str) -> tuple[tuple[int, ...], list[int]]:
    """Give the shape of pixels that share their colours: two of brightness, then both colours."""
    if found.Columns % 2 or int(found.BitsAllocated) != 8:
        raise CannotBlacken(f"its pixels of kind {kind} cannot be blackened")
    frames, dark = int(found.get("NumberOfFrames") or 1), 16 if "PARTIAL" in kind else 0
    return (frames, found.Rows, found.Columns // 2, 4), [dark, dark, 128, 128]


def _black(found: Dataset, kind: str) -> list[int]:
    """Give the stored value of black; of a palette its first colour."""
    stored, signed = int(found.BitsStored), bool(found.get("PixelRepresentation"))
    allocated = int(found.BitsAllocated)
    if kind == "MONOCHROME1":
        return [(1 << (stored - signed)) - 1]
    if kind == "MONOCHROME2":
        return [(1 << allocated) - (1 << (stored - 1)) if signed else 0]
    if kind not in _BLACK:
        raise CannotBlacken(f"its pixels of kind {kind} cannot be blackened")
    return [round(part * (1 << stored)) for part in _BLACK[kind]]


def _unpack(found: Dataset, source: Path) -> None:
    from pydicom.uid import ExplicitVRLittleEndian

    kind, pixels = _decoded(source)
    found.PhotometricInterpretation = kind
    found.BitsAllocated = pixels.dtype.itemsize * 8
    if int(found.get("SamplesPerPixel") or 1) > 1:
        found.PlanarConfiguration = 0
    for tag in _OFFSETS:
        if tag in found:
            del found[tag]
    raw = pixels.tobytes()
    found.PixelData = raw + b"\0" * (len(raw) % 2)
    found["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    found["PixelData"].is_undefined_length = False
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _decoded(source: Path) -> tuple[str, NDArray[Any]]:
    command = [sys.executable, "-m", __name__, str(source)]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_DECODE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotBlacken("its packed pixels cannot be unpacked") from error
    kind, _, raw = done.stdout.partition(b"\n")
    dtype, _, raw = raw.partition(b"\n")
    return kind.decode(), np.frombuffer(raw, dtype.decode())


def _decode(source: Path, target: BinaryIO) -> None:
    """Write what the pixels are, the type of their numbers and the numbers of all frames."""
    from pydicom import dcmread
    from pydicom.pixels.decoders.base import get_decoder

    read_lossless_jpeg_too()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = dcmread(source, force=True)
        _check_sizes(found)
        pixels, told = get_decoder(found.file_meta.TransferSyntaxUID).as_array(found, raw=False)
    plain = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    head = f"{told['photometric_interpretation']}\n{plain.dtype.str}\n"
    target.write(head.encode())
    target.write(plain.tobytes())


def _check_sizes(found: Dataset) -> None:
    """Refuse frames of another size than the object says: they would turn black elsewhere.

    Decoders only compare the number of pixels. Lossless JPEG looks for itself.
    """
    from pydicom.encaps import generate_frames

    look = _SIZES.get(str(found.file_meta.TransferSyntaxUID))
    if look is None:
        return
    told = (int(found.Columns), int(found.Rows))
    n = int(found.get("NumberOfFrames") or 1)
    if any(look(frame) != told for frame in generate_frames(found.PixelData, number_of_frames=n)):
        raise ValueError("a frame of another size than its object says")


def _jpeg_size(frame: bytes) -> tuple[int, int]:
    """Give columns and rows as the frame header tells them (ITU-T T.81, B.2.2; T.87, C.2.2)."""
    at = 2
    while True:
        marker, length, _, rows, columns = struct.unpack_from(">HHBHH", frame, at)
        if marker in _FRAME_HEADERS:
            return columns, rows
        at += 1 if marker == _FILL else 2 + length


def _jpeg_2000_size(frame: bytes) -> tuple[int, int]:
    """Give columns and rows as the SIZ segment tells them (ITU-T T.800, A.5.1)."""
    at = frame.index(b"\xff\x4f\xff\x51")
    right, low, left, top = struct.unpack_from(">4I", frame, at + 8)
    return right - left, low - top


_FRAME_HEADERS = (0xFFC0, 0xFFC1, 0xFFC2, 0xFFF7)  # baseline, extended, progressive, JPEG-LS
_FILL = 0xFFFF
_SIZES = {
    "1.2.840.10008.1.2.4.50": _jpeg_size,
    "1.2.840.10008.1.2.4.51": _jpeg_size,
    "1.2.840.10008.1.2.4.80": _jpeg_size,
    "1.2.840.10008.1.2.4.81": _jpeg_size,
    "1.2.840.10008.1.2.4.90": _jpeg_2000_size,
    "1.2.840.10008.1.2.4.91": _jpeg_2000_size,
}

if __name__ == "__main__":
    _decode(Path(sys.argv[1]), sys.stdout.buffer)
