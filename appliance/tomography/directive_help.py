"""What directives are for, in our words: label, help, kind, unit and choices of those we write.

IMOD's own list is read from the user's installation (`directive_list`) and is never shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.tomography.parameters import PARAMETERS

__all__ = ["DirectiveHelp", "help_of"]

_BOOL = (("0", "no"), ("1", "yes"))


@dataclass(frozen=True, slots=True)
class DirectiveHelp:
    """What a form says of one directive; `kind` is int, float, bool, choice, list or text."""

    label: str
    help: str
    kind: str = "text"
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()


def _yes(label: str, text: str) -> DirectiveHelp:
    return DirectiveHelp(label, text, "bool", choices=_BOOL)


def _one(label: str, text: str, **choices: str) -> DirectiveHelp:
    return DirectiveHelp(
        label, text, "choice", choices=tuple((k.strip("_"), v) for k, v in choices.items())
    )


_COPY, _RUN = "setupset.copyarg.", "runtime."
_OWN: dict[str, DirectiveHelp] = {
    _COPY + "name": DirectiveHelp("Name", "Basename of the series; the job fills it."),
    _COPY + "stackext": DirectiveHelp("Ending of the stack", "Without its dot; the job fills it."),
    _COPY + "dual": _yes("Two tilt axes", "Whether there are stacks of two axes. IMOD only."),
    _COPY + "extract": _yes("Angles from the header", "Whether tilt angles are in the header."),
    _COPY + "userawtlt": _yes("Angles from .rawtlt", "Whether a file beside the stack has them."),
    _COPY + "rotation": DirectiveHelp(
        "Tilt axis", "Angle of the tilt axis, counterclockwise from the vertical.", "float", "°"
    ),
    _COPY + "twodir": DirectiveHelp(
        "Start of two directions", "Angle at which a bidirectional series began.", "float", "°"
    ),
    "setupset.scanHeader": _yes("Read the header", "Take pixel size and axis from the header."),
    "setupset.datasetDirectory": DirectiveHelp("Folder", "Where IMOD works; the job fills it."),
    "setupset.scopeTemplate": DirectiveHelp("Microscope's template", "Lowest of the templates."),
    "setupset.systemTemplate": DirectiveHelp("System's template", "Over that of the microscope."),
    "setupset.userTemplate": DirectiveHelp("User's template", "Over that of the system."),
    _RUN + "Preprocessing.any.removeXrays": _yes(
        "Remove hot pixels", "Replace pixels that X-rays made much brighter or darker."
    ),
    _RUN + "Preprocessing.any.archiveOriginal": _yes(
        "Pack the copy away", "IMOD packs its copy of the raw stack. Your file stays as it is."
    ),
    "comparam.eraser.ccderaser.PeakCriterion": DirectiveHelp(
        "Hot pixel, peak", "Standard deviations above its surroundings.", "float", "SD"
    ),
    "comparam.eraser.ccderaser.DiffCriterion": DirectiveHelp(
        "Hot pixel, difference", "Standard deviations between neighbours.", "float", "SD"
    ),
    "comparam.prenewst.newstack.BinByFactor": DirectiveHelp(
        "Binning for tracking", "Pixels that become one while beads are followed.", "int", "px"
    ),
    "comparam.prenewst.newstack.ModeToOutput": DirectiveHelp(
        "Type of numbers", "MRC mode of the coarsely aligned stack, such as 1 for 16 bits.", "int"
    ),
    _RUN + "Fiducials.any.seedingMethod": _one(
        "First beads",
        "Where the beads that are followed come from.",
        _0="chosen by hand",
        _1="found",
        _2="from the other axis",
        _3="found and other axis",
    ),
    _RUN + "BeadTracking.any.numberOfRuns": DirectiveHelp(
        "Runs of tracking", "How often the beads are followed all over again.", "int"
    ),
    "comparam.track.beadtrack.LocalAreaTracking": _yes(
        "Track by areas", "Follow beads in parts of the image on their own."
    ),
    "comparam.track.beadtrack.LocalAreaTargetSize": DirectiveHelp(
        "Size of areas", "Width and height of such a part.", "list", "px"
    ),
    "comparam.track.beadtrack.SobelFilterCentering": _yes(
        "Centre beads by edges", "Find the centre of a bead by its outline."
    ),
    "comparam.track.beadtrack.KernelSigmaForSobel": DirectiveHelp(
        "Smoothing before edges", "0.5 for clear images, about 1.5 for frozen ones.", "float", "px"
    ),
    "comparam.track.beadtrack.RoundsOfTracking": DirectiveHelp(
        "Rounds of tracking", "Passes over the tilts in one run.", "int"
    ),
    "comparam.xcorr_pt.tiltxcorr.SizeOfPatchesXandY": DirectiveHelp(
        "Size of patches", "Width and height of the patches that are followed.", "list", "px"
    ),
    "comparam.align.tiltalign.SurfacesToAnalyze": _one(
        "Surfaces with beads",
        "How many surfaces are told apart.",
        _0="none",
        _1="one",
        _2="two",
    ),
    "comparam.align.tiltalign.RobustFitting": _yes(
        "Robust fit", "Let single wrong positions count less."
    ),
    "comparam.align.tiltalign.MagOption": _one(
        "Magnification",
        "Whether it is found for each tilt.",
        _0="fixed",
        _1="each tilt",
        _3="groups of tilts",
    ),
    "comparam.align.tiltalign.TiltOption": _one(
        "Tilt angles",
        "Whether they are refined.",
        _0="fixed",
        _2="each but the first",
        _5="groups of tilts",
    ),
    "comparam.align.tiltalign.RotOption": DirectiveHelp(
        "Rotation",
        "How the rotation of each tilt is found: 0 fixed, 1 each, 3 groups, -1 one.",
        "int",
    ),
    _RUN + "Positioning.any.sampleType": _one(
        "Lay flat",
        "How the specimen is found in height.",
        _0="not at all",
        _1="resin section",
        _2="frozen specimen",
    ),
    _RUN + "Positioning.any.thickness": DirectiveHelp(
        "Thickness looked through", "Where the specimen is looked for; unbinned.", "int", "px"
    ),
    _RUN + "AlignedStack.any.linearInterpolation": _yes(
        "Linear interpolation", "Faster and smoother than cubic."
    ),
    _RUN + "AlignedStack.any.eraseGold": _one(
        "Paint over beads",
        "Before the reconstruction.",
        _0="no",
        _1="where they were followed",
        _2="found in 3D",
    ),
    _RUN + "AlignedStack.any.correctCTF": _yes("Correct the CTF", "IMOD only."),
    "comparam.tilt.tilt.LOG": DirectiveHelp(
        "Logarithm", "Base added before taking the logarithm; blank: none is taken.", "float"
    ),
    "comparam.tilt.tilt.RADIAL": DirectiveHelp(
        "Low-pass filter", "Where it begins and how it falls off.", "list", "cycles/px"
    ),
    "comparam.tilt.tilt.FakeSIRTiterations": DirectiveHelp(
        "Filter like SIRT", "As if so many rounds of SIRT had been made; blank: no.", "int"
    ),
    _RUN + "Reconstruction.any.useSirt": _yes("SIRT", "Reconstruct by rounds of SIRT."),
    _RUN + "Reconstruction.any.doBackprojAlso": _yes(
        "Back projection, too", "Beside SIRT. IMOD only."
    ),
    _RUN + "Postprocess.any.doTrimvol": _yes("Trim", "Make the final volume of the tomogram."),
    _RUN + "Trimvol.any.reorient": _one(
        "Turn the volume",
        "So that its sections have constant height.",
        _0="no",
        _1="exchange Y and Z",
        _2="rotate about X",
    ),
    _RUN + "Cleanup.any.doCleanup": _yes("Tidy up", "Remove intermediate files of IMOD."),
    _RUN + "Cleanup.any.keepUntrimmed": _yes(
        "Keep the untrimmed volume", "The pyramid is made of it."
    ),
}
_FILLED = {
    one.directive: DirectiveHelp(one.label, one.help, one.type, one.unit, one.choices)
    for one in PARAMETERS
    if one.directive
}


def help_of(key: str) -> DirectiveHelp | None:
    """Give what we know of a directive; one for a single axis is told as that for any."""
    parts = key.split(".")
    if parts[0] == "runtime" and len(parts) == 4:
        key = ".".join([*parts[:2], "any", parts[3]])
    return _FILLED.get(key) or _OWN.get(key)
