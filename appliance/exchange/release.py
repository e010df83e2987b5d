"""Whether a series is all here, by what its own objects say; no reading, no waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from appliance.formats import DicomRecord

__all__ = ["is_whole"]

_FEWEST = 3  # positions that make a grid
_EVEN = 0.02  # of the distance between slices


def is_whole(records: Sequence[DicomRecord], n_held: int) -> bool:
    """Tell whether nothing of a series is missing, as far as that can be known.

    Parameters
    ----------
    records : sequence of DicomRecord
        Those of its objects that have just come.
    n_held : int
        How many of its objects are here altogether.

    Returns
    -------
    bool
        True when as many images as it tells are here, when it is one object of many frames, or
        when it tells no number, its slices fill a regular grid and are numbered without a gap.
    """
    if n_held != len(records) or not records:
        told = {record.images_in_acquisition for record in records}
        return told == {n_held} and len({r.acquisition_number for r in records}) == 1
    if len(records) == 1 and records[0].frames > 1:
        return True
    if any(record.images_in_acquisition for record in records):
        return _counted(records)
    return _gapless(records)


def _counted(records: Sequence[DicomRecord]) -> bool:
    """Tell whether each acquisition has as many images as it says."""
    told = {(r.acquisition_number, r.images_in_acquisition) for r in records}
    here = Counter(record.acquisition_number for record in records)
    return len(told) == len(here) and all(n == here[acquisition] for acquisition, n in told)


def _gapless(records: Sequence[DicomRecord]) -> bool:
    numbers = sorted(record.instance_number or 0 for record in records)
    if numbers != list(range(1, len(records) + 1)):
        return False
    orientations = {record.iop for record in records}
    positions = [record.ipp for record in records if record.ipp is not None]
    if len(orientations) != 1 or None in orientations or len(positions) != len(records):
        return False
    [axes] = orientations
    normal = np.cross(np.array(axes[:3]), np.array(axes[3:])) if axes else np.zeros(3)
    places = Counter(np.round(np.array(positions) @ normal, 3).tolist())
    if len(places) < _FEWEST or len(set(places.values())) > 1:
        return False
    steps = np.diff(sorted(places))
    return bool(np.ptp(steps) <= _EVEN * float(np.median(steps)))
