"""Volume: an image of three axes in space, perhaps a fourth, and its place in the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.geometry.affines import Affine, GridMismatch, as_affine
from appliance.geometry.grid import Grid
from appliance.geometry.orientation import axis_map

__all__ = ["Volume", "nearest"]


@dataclass(frozen=True, eq=False)
class Volume:
    """Array plus affine.

    Attributes
    ----------
    data : ndarray
        (I, J, K) or (I, J, K, T), any number type; values are what the file means (scaling
        applied). T is time, diffusion direction, echo, component or colour.
    affine : ndarray
        (4, 4), voxel -> world RAS+ mm.
    header : mapping
        What the file told besides, such as ``qform_code``, ``sform_code``, ``repetition_s``,
        ``description``. Nothing in it is needed to understand `data`.
    """

    data: NDArray[Any]
    affine: Affine
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data.ndim not in (3, 4) or min(self.data.shape) < 1:
            raise GridMismatch(f"a volume has three or four axes, not shape {self.data.shape}")
        object.__setattr__(self, "affine", as_affine(self.affine))

    @property
    def grid(self) -> Grid:
        """Shape and place of one frame."""
        i, j, k = self.data.shape[:3]
        return Grid((i, j, k), self.affine)

    @property
    def n_volumes(self) -> int:
        """Length of the fourth axis, 1 without one."""
        return int(self.data.shape[3]) if self.data.ndim == 4 else 1

    def frame(self, index: int = 0) -> NDArray[Any]:
        """View one (I, J, K) frame; an index past the end gives the last one."""
        if self.data.ndim == 3:
            return self.data
        return self.data[..., min(index, self.n_volumes - 1)]

    def like(self, data: NDArray[Any]) -> Volume:
        """Put other values of the same three axes at the same place."""
        if data.shape[:3] != self.data.shape[:3]:
            raise GridMismatch(f"shape {data.shape[:3]} does not fit {self.data.shape[:3]}")
        return replace(self, data=data)

    def reoriented(self, codes: str = "RAS") -> Volume:
        """Turn the array axes into another orientation; values stay at their world positions.

        Parameters
        ----------
        codes : str
            Wanted orientation, such as ``"RAS"``.

        Returns
        -------
        Volume
            Its data are a view of this one's.
        """
        turn = axis_map(self.grid.codes, codes)
        affine = self.affine @ turn.affine(self.data.shape)
        return replace(self, data=turn.apply(self.data), affine=affine)

    def value_at(self, xyz: NDArray[np.float64], index: int = 0) -> float | None:
        """Value of the voxel nearest to a world position, None outside."""
        ijk = nearest(self.grid.to_voxel(xyz))
        if not self.grid.contains(ijk):
            return None
        return float(self.frame(index)[tuple(ijk)])


def nearest(ijk: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round fractional voxels to the nearest; halves go up."""
    return np.floor(ijk + 0.5).astype(np.int64)
