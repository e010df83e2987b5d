"""Tilt series and their slices, as the API gives them."""

from __future__ import annotations

import dataclasses
from typing import Self

import msgspec

from appliance.tomography import SliceFacts

__all__ = ["TiltSeriesSlices"]


class TiltSeriesSlices(msgspec.Struct, frozen=True, kw_only=True):
    """What slices of a tilt series can be made anew.

    Attributes
    ----------
    nx, ny, nz : int
        Voxels of the preview, `binning` pixels of the aligned stack a side.
    voxel_nm : float
        0 where it is not known.
    method : str
        How the tomogram was made; for ``sirt`` the filter of SIRT stands in.
    left_out : list of int
        Tilts that the tomogram on disk was made without, from 0.
    """

    n_tilts: int
    nx: int
    ny: int
    nz: int
    binning: int
    voxel_nm: float
    method: str
    left_out: list[int]

    @classmethod
    def of(cls, facts: SliceFacts) -> Self:
        """Make the answer."""
        return cls(**{**dataclasses.asdict(facts), "left_out": list(facts.left_out)})
