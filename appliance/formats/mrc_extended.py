"""What microscopes write about each section into the extended header of an MRC stack.

SerialEM (also what IMOD makes of it), FEI's short records of old and the long ones FEI1 and FEI2.
Units are brought to degrees, Ångström and electrons per square Ångström. Source: the published
descriptions of these headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SectionFacts", "read_extended"]

Floats = NDArray[np.float64]
_COUNTS_AT = 16  # in `extra2`: bytes a section, then flags (SerialEM) or numbers a section (Agard)
# SerialEM: bytes that each bit of the flags stands for
_SERIAL_BYTES = (2, 6, 4, 2, 2, 4, 2, 4, 2, 4, 2)
_SERIAL_TILT, _SERIAL_DOSE = 0, 5
_FEI_OLD_TILT, _FEI_OLD_AXIS, _FEI_OLD_PIXEL = 0, 10, 11
_FEI_OLD_FLOATS = 32
_FEI_HAS_DOSE, _FEI_HAS_TILT, _FEI_HAS_AXIS, _FEI_HAS_PIXEL = 1 << 6, 1 << 7, 1 << 12, 1 << 14


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """Facts of each section; None where the header does not tell.

    Attributes
    ----------
    angles_deg : array (n,) or None
    exposure : array (n,) or None
        Electrons per square Ångström.
    axis_deg : float or None
        Angle of the tilt axis as the microscope counts it.
    pixel_angstrom : float or None
    """

    angles_deg: Floats | None = None
    exposure: Floats | None = None
    axis_deg: float | None = None
    pixel_angstrom: float | None = None


def read_extended(raw: Any, block: bytes, sections: int, order: str) -> SectionFacts:
    """Read what the extended header tells of the first `sections` sections.

    A header that is too short or of another kind tells nothing; it is never an error, since the
    images do not need it.
    """
    kind = bytes(raw["exttyp"]).strip(b" \0")
    if kind in (b"FEI1", b"FEI2"):
        return _fei(block, sections, kind, order)
    extra = raw["extra2"].tobytes()
    size, flags = np.frombuffer(extra[_COUNTS_AT : _COUNTS_AT + 4], order + "i2").tolist()
    if size > 0 and _serial_bytes(flags) == size:
        return _serial(block, sections, size, flags, order)
    if size == 0 and flags == _FEI_OLD_FLOATS:
        return _fei_old(block, sections, order)
    return SectionFacts()


def _serial_bytes(flags: int) -> int:
    return sum(n for bit, n in enumerate(_SERIAL_BYTES) if flags & 1 << bit)


def _serial(block: bytes, sections: int, size: int, flags: int, order: str) -> SectionFacts:
    if len(block) < sections * size:
        return SectionFacts()
    rows = np.frombuffer(block[: sections * size], np.uint8).reshape(sections, size)

    def column(bit: int) -> NDArray[np.uint8] | None:
        start = _serial_bytes(flags & (1 << bit) - 1)
        length = _SERIAL_BYTES[bit]
        return np.ascontiguousarray(rows[:, start : start + length]) if flags & 1 << bit else None

    tilt, dose = column(_SERIAL_TILT), column(_SERIAL_DOSE)
    return SectionFacts(
        None if tilt is None else tilt.view(order + "i2")[:, 0] / 100.0,
        None if dose is None else _told(dose.view(order + "f4")[:, 0].astype(float)),
    )


def _fei_old(block: bytes, sections: int, order: str) -> SectionFacts:
    """Records of 32 floats: tilt in degrees, pixel in metres."""
    size = _FEI_OLD_FLOATS * 4
    if len(block) < sections * size:
        return SectionFacts()
    rows = np.frombuffer(block[: sections * size], order + "f4").reshape(sections, -1)
    pixel = float(rows[0, _FEI_OLD_PIXEL]) * 1e10
    return SectionFacts(
        _told(rows[:, _FEI_OLD_TILT].astype(float)),
        None,
        float(rows[0, _FEI_OLD_AXIS]),
        pixel if 1e-2 < pixel < 1e5 else None,
    )


def _fei(block: bytes, sections: int, kind: bytes, order: str) -> SectionFacts:
    """Records whose own first words say how long they are and which of their fields are set."""
    from mrcfile.dtypes import get_ext_header_dtype

    dtype = get_ext_header_dtype(kind, order)
    size = int(np.frombuffer(block[:4], order + "i4")[0]) if len(block) >= 4 else 0
    if size < dtype.itemsize or len(block) < sections * size:
        return SectionFacts()
    rows = np.concatenate(
        [np.frombuffer(block, dtype, 1, section * size) for section in range(sections)]
    )
    flags = int(np.bitwise_and.reduce(rows["Bitmask 1"].astype(np.int64)))
    return SectionFacts(
        _told(rows["Alpha tilt"].astype(float)) if flags & _FEI_HAS_TILT else None,
        _told(rows["Dose"].astype(float) * 1e-20) if flags & _FEI_HAS_DOSE else None,
        float(rows["Tilt axis angle"][0]) if flags & _FEI_HAS_AXIS else None,
        float(rows["Pixel size X"][0]) * 1e10 if flags & _FEI_HAS_PIXEL else None,
    )


def _told(values: Floats) -> Floats | None:
    """Values that are numbers and not all zero."""
    return values if np.isfinite(values).all() and values.any() else None
