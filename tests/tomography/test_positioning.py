"""The specimen is found by what two halves of the tilts agree on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance.core import Invalid
from appliance.tomography import TiltAlignment, TiltSeries
from appliance.tomography.phantom import make_phantom
from appliance.tomography.positioning import find_position, placed
from appliance.tomography.rules import ReconstructRules
from tests.tomography.blobs import Blob, blob_series

NX, NY, THICK, MIDDLE, SLANT = 128, 48, 20.0, 6.0, 5.0


def slanted(n_blobs: int, noise: float) -> tuple[TiltSeries, TiltAlignment]:
    """A slab of blobs whose surfaces rise by SLANT degrees with x."""
    random = np.random.default_rng(0)
    a = np.deg2rad(SLANT)
    blobs = []
    for _ in range(n_blobs):
        x, y, z = random.uniform(-0.5, 0.5, 3) * (NX, NY, THICK) + (0, 0, MIDDLE)
        turned = x * np.cos(a) - z * np.sin(a), x * np.sin(a) + z * np.cos(a)
        blobs.append(Blob(turned[0], y, turned[1], height=-2, sigma=1.6))
    series, alignment = blob_series(blobs, ny=NY, nx=NX)
    more = random.normal(0, noise, series.images.shape).astype(np.float32)
    return replace(series, images=series.images + more), alignment


def test_thickness_height_and_slant_are_found() -> None:
    series, alignment = slanted(150, noise=1.0)
    found = find_position(series, alignment)
    assert found.is_certain
    assert THICK <= found.thickness_px <= 2 * THICK
    assert found.z_shift_px == pytest.approx(MIDDLE, abs=3)
    assert found.tilt_offset_deg == pytest.approx(-SLANT, abs=1.5)
    assert len(found.profile) == found.searched_px
    rules = placed(ReconstructRules(thickness_px=500), found)
    assert (rules.thickness_px, rules.tilt_offset_deg) == (
        found.thickness_px,
        found.tilt_offset_deg,
    )
    flat = find_position(
        series, replace(alignment, angles_deg=alignment.angles_deg + found.tilt_offset_deg)
    )
    assert abs(flat.tilt_offset_deg) < 1.5


def test_where_nothing_stands_out_nothing_is_claimed() -> None:
    found = find_position(*slanted(0, noise=3.0))
    assert not found.is_certain
    rules = ReconstructRules(thickness_px=77)
    assert placed(rules, found) == rules


def test_too_few_tilts_are_refused() -> None:
    series, alignment = slanted(0, noise=1.0)
    with pytest.raises(Invalid, match="two or more"):
        find_position(series, replace(alignment, used=np.arange(41) < 3))


def test_gold_on_both_surfaces_of_a_thin_series_is_held_by_the_thickness() -> None:
    """BRT-06: what lies between two layers of gold may hardly stand out by itself."""
    made = make_phantom(1, size=256, n_tilts=41)
    found = find_position(made.series, made.truth)
    assert found.is_certain
    gold = made.places[made.radii == made.bead_radius_px, 2]
    surfaces = float(np.ptp(gold)) + 2 * made.bead_radius_px
    assert surfaces <= found.thickness_px <= 1.5 * surfaces
    assert abs(found.z_shift_px) < 5
