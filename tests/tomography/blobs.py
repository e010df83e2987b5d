"""Gaussian blobs whose projections are known: at any tilt a blob is a blob."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.tomography import TiltAlignment, TiltSeries

LEVEL = 100.0


@dataclass(frozen=True)
class Blob:
    """Centre in pixels from the centre of the specimen, height in the middle, sigma in pixels."""

    x: float
    y: float
    z: float
    height: float = 1.0
    sigma: float = 2.0


def blob_series(
    blobs: Sequence[Blob],
    *,
    ny: int = 45,
    nx: int = 51,
    angles: NDArray[np.float64] | None = None,
    axis_deg: float = 0.0,
    shift_px: float = 0.0,
) -> tuple[TiltSeries, TiltAlignment]:
    """Project blobs as a microscope would, with the alignment that undoes it."""
    angles = np.arange(-60.0, 61.0, 3.0) if angles is None else angles
    a = np.deg2rad(axis_deg)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    shifts = np.random.default_rng(3).uniform(-shift_px, shift_px, (len(angles), 2))
    y, x = np.indices((ny, nx), float)
    raw = np.stack([x - (nx - 1) / 2, y - (ny - 1) / 2])
    images = np.full((len(angles), ny, nx), LEVEL, np.float32)
    for i, (angle, shift) in enumerate(zip(np.deg2rad(angles), shifts, strict=True)):
        u, v = np.einsum("ij,jyx->iyx", turn, raw) + shift[:, None, None]
        for blob in blobs:
            seen = blob.x * np.cos(angle) + blob.z * np.sin(angle)
            square = (u - seen) ** 2 + (v - blob.y) ** 2
            thick = blob.height * blob.sigma * np.sqrt(2 * np.pi)
            images[i] += thick * np.exp(-square / (2 * blob.sigma**2))
    series = TiltSeries(Path("blobs.mrc"), images, angles, pixel_nm=0.5)
    turns = np.repeat(turn[None], len(angles), 0)
    return series, TiltAlignment(turns, shifts, angles.copy(), np.ones(len(angles), bool))
