"""Complex values as what can be looked at: magnitude, phase, real or imaginary part."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["COMPLEX_PARTS", "ComplexPart", "complex_part", "in_part"]

ComplexPart = Literal["magnitude", "phase", "real", "imaginary"]
COMPLEX_PARTS: tuple[ComplexPart, ...] = get_args(ComplexPart)


def complex_part(name: str) -> ComplexPart:
    """Check the name of a part.

    Raises
    ------
    Invalid
        If there is no such part.
    """
    for part in COMPLEX_PARTS:
        if part == name:
            return part
    raise Invalid(f"there is no part {name!r}", hint=f"Parts are {', '.join(COMPLEX_PARTS)}.")


def in_part(data: NDArray[Any], part: ComplexPart) -> NDArray[Any]:
    """Give one part of complex values, the phase in radians; others stay as they are."""
    if data.dtype.kind != "c":
        return data
    wide = data.astype(np.complex128) if data.dtype.itemsize > 16 else data
    found: NDArray[Any]
    if part in ("magnitude", "phase"):
        found = np.abs(wide) if part == "magnitude" else np.angle(wide)
    else:
        found = np.ascontiguousarray(wide.real if part == "real" else wide.imag)
    return found
