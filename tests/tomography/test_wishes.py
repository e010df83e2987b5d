"""What the appliance's own engine heeds of a directive file."""

from __future__ import annotations

import pytest

from appliance.core import FormatError, JobError
from appliance.tomography.directives import Layered, parse_directives
from appliance.tomography.presets import find_template, make_directives
from appliance.tomography.wishes import Wishes, read_wishes, view_list

_SIRT = "runtime.Reconstruction.any.useSirt=1\n"


def wishes(text: str) -> Wishes:
    return read_wishes(Layered((parse_directives(text),)))


def test_a_preset_says_all_that_the_engine_needs() -> None:
    values = {"basename": "x", "thickness": "200", "bin": "2", "beadSize": "15", "skip": "1,60-61"}
    found = wishes(make_directives(find_template("dirTemplate"), values))
    assert (found.rules.thickness_px, found.rules.binning, found.rules.method) == (200, 2, "wbp")
    assert (found.tracking.method, found.tracking.bead_nm, found.tracking.n_beads) == (
        "beads",
        15.0,
        50,
    )
    assert found.skipped == (0, 59, 60)
    assert found.pixel_nm is None
    assert found.unheeded == ("local alignments",)


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("runtime.Fiducials.any.trackingMethod=0\n", "beads"),
        ("runtime.Fiducials.any.trackingMethod=1\n", "patches"),
        ("runtime.Fiducials.any.trackingMethod=2\n", "beads"),
        ("setupset.copyarg.gold=0\n", "patches"),
        (
            "runtime.Fiducials.any.trackingMethod=1\nruntime.Fiducials.any.fiducialless=1\n",
            "coarse",
        ),
    ],
)
def test_what_is_followed_through_the_tilts(text: str, method: str) -> None:
    assert wishes(text).tracking.method == method


@pytest.mark.parametrize(
    ("text", "method", "rounds"),
    [
        ("", "wbp", 10),
        ("comparam.tilt.tilt.FakeSIRTiterations=25\n", "sirt-like", 25),
        (_SIRT, "sirt", 10),
        (_SIRT + "comparam.sirtsetup.sirtsetup.LeaveIterations=5,8,12\n", "sirt", 12),
    ],
)
def test_how_the_tomogram_is_reconstructed(text: str, method: str, rounds: int) -> None:
    rules = wishes(text).rules
    assert (rules.method, rules.iterations) == (method, rounds)


def test_thickness_is_found_however_it_is_given() -> None:
    binned = "runtime.AlignedStack.any.binByFactor=4\nruntime.Reconstruction.any.binnedThickness=50"
    assert wishes(binned + "\n").rules.thickness_px == 200
    assert wishes("runtime.Reconstruction.any.fallbackThickness=300\n").rules.thickness_px == 300


def test_what_only_imod_does_is_refused_or_told() -> None:
    with pytest.raises(JobError, match="montages"):
        wishes("setupset.copyarg.montage=1\n")
    assert wishes("runtime.AlignedStack.any.correctCTF=1\n").unheeded == ("correction of the CTF",)


def test_a_value_that_is_no_number_is_refused_by_its_directive() -> None:
    with pytest.raises(FormatError, match="THICKNESS is no number"):
        wishes("comparam.tilt.tilt.THICKNESS=thick\n")
    for text in ("0", "1-x", "0-3"):
        with pytest.raises(FormatError):
            view_list(text)
    assert view_list(" 2, 4-6 ,2") == (1, 3, 4, 5)
