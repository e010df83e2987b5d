"""What a directive file asks of the appliance's own engine, and what of it that cannot heed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from appliance.core import FormatError, JobError
from appliance.tomography.directives import Layered, is_on
from appliance.tomography.rules import Method, ReconstructRules

__all__ = ["Tracking", "Wishes", "read_wishes", "view_list"]

T = TypeVar("T")
_LEAVE_DEFAULT = 10


@dataclass(frozen=True, slots=True)
class Tracking:
    """How the tilts are to be aligned.

    Attributes
    ----------
    method : str
        ``beads``, ``patches`` or ``coarse``.
    bead_nm : float
        Diameter of the gold beads; 0 where there are none.
    bright_beads : bool
    n_beads : int or None
        How many beads are looked for.
    """

    method: str = "beads"
    bead_nm: float = 10.0
    bright_beads: bool = False
    n_beads: int | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a directive file asks for.

    Attributes
    ----------
    pixel_nm, axis_deg : float or None
        What overrides the headers of the stack.
    skipped : tuple of int
        Numbers of sections that are left out, from 0.
    tracking : Tracking
    rules : ReconstructRules
    positions : bool
        Whether the specimen is looked for in the tomogram.
    erases_gold : bool
    unheeded : tuple of str
        What only IMOD does, in words.
    """

    pixel_nm: float | None
    axis_deg: float | None
    skipped: tuple[int, ...]
    tracking: Tracking
    rules: ReconstructRules
    positions: bool
    erases_gold: bool
    unheeded: tuple[str, ...]


def read_wishes(directives: Layered) -> Wishes:
    """Read what the appliance's own engine heeds of a directive file.

    Raises
    ------
    FormatError
        If a value is not of its type.
    JobError
        If the directives ask for what only IMOD does and nothing else can stand for it.
    """
    if is_on(directives.copyarg("montage")):
        raise JobError(
            "montages are put together only by IMOD",
            hint="Install IMOD, or offer a series whose montages are put together.",
        )
    return Wishes(
        pixel_nm=_value(directives.copyarg("pixel"), float, "setupset.copyarg.pixel"),
        axis_deg=_value(directives.copyarg("rotation"), float, "setupset.copyarg.rotation"),
        skipped=view_list(directives.copyarg("skip") or ""),
        tracking=_tracking(directives),
        rules=_rules(directives),
        positions=directives.runtime("Positioning", "sampleType") not in (None, "0"),
        erases_gold=directives.runtime("AlignedStack", "eraseGold") in ("1", "2"),
        unheeded=tuple(_unheeded(directives)),
    )


def view_list(text: str) -> tuple[int, ...]:
    """Read a list of views such as ``1,3-5``: they count from 1, what is given from 0.

    Raises
    ------
    FormatError
        If it is none.
    """
    found: set[int] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = word.partition("-")
        low = _value(first, int, "setupset.copyarg.skip") or 0
        high = _value(last, int, "setupset.copyarg.skip") or low
        found.update(range(low, high + 1))
    if 0 in found:
        raise FormatError(f"{text!r} is no list of views", hint="They count from 1.")
    return tuple(sorted(number - 1 for number in found))


def _tracking(directives: Layered) -> Tracking:
    method = "patches" if directives.runtime("Fiducials", "trackingMethod") == "1" else "beads"
    if is_on(directives.runtime("Fiducials", "fiducialless")):
        method = "coarse"
    gold = _value(directives.copyarg("gold"), float, "setupset.copyarg.gold")
    wanted = directives.command("autofidseed", "autofidseed", "TargetNumberOfBeads")
    return Tracking(
        method="patches" if method == "beads" and gold == 0 else method,
        bead_nm=10.0 if gold is None else gold,
        bright_beads=is_on(directives.command("track", "beadtrack", "LightBeads")),
        n_beads=_value(wanted, int, "comparam.autofidseed.autofidseed.TargetNumberOfBeads"),
    )


def _rules(directives: Layered) -> ReconstructRules:
    method, iterations = _method(directives)
    radial = (directives.command("tilt", "tilt", "RADIAL") or "0.35 0.035").replace(",", " ")
    cutoff, _, falloff = radial.strip().partition(" ")
    name = "comparam.tilt.tilt.RADIAL"
    return ReconstructRules(
        thickness_px=_thickness(directives),
        binning=_binning(directives),
        method=method,
        iterations=iterations,
        cutoff=_value(cutoff, float, name) or 0.35,
        falloff=_value(falloff.strip(), float, name) or 0.035,
        logarithm=bool(directives.command("tilt", "tilt", "LOG")),
    )


def _method(directives: Layered) -> tuple[Method, int]:
    """Choose how to reconstruct, and how many rounds of SIRT it is like."""
    fake = directives.command("tilt", "tilt", "FakeSIRTiterations")
    if is_on(directives.runtime("Reconstruction", "useSirt")):
        leave = directives.command("sirtsetup", "sirtsetup", "LeaveIterations") or ""
        rounds = view_list(leave)
        return "sirt", rounds[-1] + 1 if rounds else _LEAVE_DEFAULT
    if fake:
        return "sirt-like", _value(fake, int, "comparam.tilt.tilt.FakeSIRTiterations") or 1
    return "wbp", _LEAVE_DEFAULT


def _binning(directives: Layered) -> int:
    name = "runtime.AlignedStack.any.binByFactor"
    return max(1, _value(directives.runtime("AlignedStack", "binByFactor"), int, name) or 1)


def _thickness(directives: Layered) -> int:
    """Find the unbinned thickness, however it is given."""
    name = "comparam.tilt.tilt.THICKNESS"
    whole = _value(directives.command("tilt", "tilt", "THICKNESS"), int, name)
    if whole:
        return whole
    name = "runtime.Reconstruction.any.{}"
    for option, factor in (("binnedThickness", _binning(directives)), ("fallbackThickness", 1)):
        given = _value(directives.runtime("Reconstruction", option), int, name.format(option))
        if given:
            return given * factor
    return ReconstructRules().thickness_px


def _unheeded(directives: Layered) -> list[str]:
    runtime, command = directives.runtime, directives.command
    asked = {
        "local alignments": is_on(command("align", "tiltalign", "LocalAlignments")),
        "RAPTOR (gold beads are followed instead)": runtime("Fiducials", "trackingMethod") == "2",
        "correction of the CTF": is_on(runtime("AlignedStack", "correctCTF")),
        "2D filtering of the aligned stack": is_on(runtime("AlignedStack", "filterStack")),
        "nonlinear anisotropic diffusion": is_on(runtime("NAD", "runNAD")),
        "another way of turning the volume": runtime("Trimvol", "reorient") in ("0", "1"),
    }
    return [what for what, is_asked in asked.items() if is_asked]


def _value(text: str | None, kind: Callable[[str], T], name: str) -> T | None:
    """Read a number; None where there is none."""
    if text is None or not text.strip():
        return None
    try:
        return kind(text.strip())
    except ValueError:
        raise FormatError(
            f"the value {text!r} of {name} is no number", hint="Correct the directive file."
        ) from None
