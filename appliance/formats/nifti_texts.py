"""The texts and the extent of a NIfTI header, from its first bytes; no image is built."""

from __future__ import annotations

import struct

import msgspec

__all__ = ["NiftiTexts", "texts_of_nifti"]

_ONE = {"descrip": (148, 80), "aux_file": (228, 24), "intent_name": (328, 16), "db_name": (14, 18)}
_TWO = {"descrip": (240, 80), "aux_file": (320, 24), "intent_name": (508, 16)}
_DICOM_EXTENSION = 2


class NiftiTexts(msgspec.Struct, frozen=True):
    """What of a header can be read by a person.

    Attributes
    ----------
    texts : dict
        Fields of text by name, those without a value left out, and ``extension N``.
    extents_mm : list of float
        Size of the image along its first three axes.
    voxel_mm : float
        The longest edge of a voxel.
    holds_dicom : bool
        Whether an extension carries a DICOM header.
    """

    texts: dict[str, str]
    extents_mm: list[float]
    voxel_mm: float
    holds_dicom: bool


def texts_of_nifti(head: bytes) -> NiftiTexts | None:
    """Read a header with its extensions; None when these are no bytes of a NIfTI file."""
    if len(head) < 348:
        return None
    order = "<" if head[:1] in (b"\x5c", b"\x1c") else ">"
    (size,) = struct.unpack_from(f"{order}i", head)
    if size == 348:
        fields, dim = _ONE, struct.unpack_from(f"{order}8h", head, 40)
        zooms = struct.unpack_from(f"{order}8f", head, 76)
    elif size == 540 and len(head) >= 540:
        fields, dim = _TWO, struct.unpack_from(f"{order}8q", head, 16)
        zooms = struct.unpack_from(f"{order}8d", head, 104)
    else:
        return None
    texts = {name: _text(head[start : start + n]) for name, (start, n) in fields.items()}
    extensions = _extensions(head, size, order)
    texts |= {f"extension {code}": _text(body) for code, body in extensions}
    edges = [abs(float(zoom)) for zoom in zooms[1:4]]
    return NiftiTexts(
        texts={name: text for name, text in texts.items() if text},
        extents_mm=[n * edge for n, edge in zip(dim[1:4], edges, strict=True)],
        voxel_mm=max(edges),
        holds_dicom=any(code == _DICOM_EXTENSION for code, _ in extensions),
    )


def _extensions(head: bytes, size: int, order: str) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = size + 4
    if len(head) < at or not head[size]:
        return found
    while len(head) >= at + 8:
        length, code = struct.unpack_from(f"{order}2i", head, at)
        if length < 16 or length % 16 or code < 0:
            break
        found.append((code, head[at + 8 : at + length]))
        at += length
    return found


def _text(raw: bytes) -> str:
    return raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()
