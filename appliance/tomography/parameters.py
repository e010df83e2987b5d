"""The parameters of the workflow: those that fill a directive file, and those used elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.core import Invalid

__all__ = ["PARAMETERS", "Given", "Parameter", "derived_values", "directives_of", "read_parameters"]

Goes = Literal["directive", "workflow"]
ValueType = Literal["int", "float", "bool", "text", "choice", "list"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, with what a form needs to know of it.

    Attributes
    ----------
    name : str
        Its name; `aliases` are the names that other people's scripts have for it.
    goes : {"directive", "workflow"}
        Whether it fills the directive file or is used elsewhere.
    directive : str
        The directive it fills, for its help.
    choices : tuple of (str, str)
        Value and meaning.
    """

    name: str
    label: str
    help: str
    type: ValueType = "text"
    default: str = ""
    goes: Goes = "directive"
    directive: str = ""
    unit: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """Parameters that somebody gave, told apart by where they go.

    Attributes
    ----------
    values : dict of str to str
        What fills a template, by the parameter's own name.
    directives : dict of str to str
        Whole directives by key, set on top of the template.
    workflow : dict of str to str
        What is used elsewhere.
    """

    values: dict[str, str] = field(default_factory=dict)
    directives: dict[str, str] = field(default_factory=dict)
    workflow: dict[str, str] = field(default_factory=dict)


_YES_NO = (("0", "no"), ("1", "yes"))

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "beadSize",
        "Gold bead diameter",
        "Diameter of the gold beads on the specimen; 0 where there are none.",
        "float",
        "10",
        unit="nm",
        aliases=("gold", "bead_size"),
        directive="setupset.copyarg.gold",
    ),
    Parameter(
        "pixelSize",
        "Pixel size",
        "Edge of one pixel of the tilt series. Blank takes it from the header of the stack.",
        "float",
        unit="nm",
        aliases=("pixel",),
        directive="setupset.copyarg.pixel",
    ),
    Parameter(
        "bin",
        "Binning",
        "How many pixels of the camera become one of the aligned stack and of the tomogram.",
        "int",
        "4",
        directive="runtime.AlignedStack.any.binByFactor",
    ),
    Parameter(
        "thickness",
        "Thickness",
        "Thickness of the reconstruction in pixels of the camera, before binning.",
        "int",
        "256",
        unit="px",
        aliases=("THICKNESS", "tilt_thickness"),
        directive="comparam.tilt.tilt.THICKNESS",
    ),
    Parameter(
        "trackingMethod",
        "Alignment by",
        "What is followed through the tilts: gold beads, or patches of the image where there are"
        " no beads. RAPTOR is part of IMOD.",
        "choice",
        "0",
        choices=(("0", "beads"), ("1", "patches"), ("2", "RAPTOR")),
        directive="runtime.Fiducials.any.trackingMethod",
    ),
    Parameter(
        "fiducialless",
        "Coarse alignment only",
        "Neither beads nor patches are followed; the images are only laid over each other.",
        "bool",
        "0",
        choices=_YES_NO,
        directive="runtime.Fiducials.any.fiducialless",
    ),
    Parameter(
        "lightBeads",
        "Beads are bright",
        "Whether the gold beads are brighter than what is around them.",
        "bool",
        "0",
        choices=_YES_NO,
        aliases=("LightBeads", "light_beads"),
        directive="comparam.track.beadtrack.LightBeads",
    ),
    Parameter(
        "TwoSurfaces",
        "Beads on two surfaces",
        "Whether beads lie on both surfaces of the specimen.",
        "bool",
        "1",
        choices=_YES_NO,
        directive="comparam.autofidseed.autofidseed.TwoSurfaces",
    ),
    Parameter(
        "TargetNumberOfBeads",
        "Beads to follow",
        "How many gold beads are looked for.",
        "int",
        "50",
        directive="comparam.autofidseed.autofidseed.TargetNumberOfBeads",
    ),
    Parameter(
        "LocalAlignments",
        "Local alignment",
        "Whether parts of the image are aligned on their own. Only IMOD does so.",
        "bool",
        "1",
        choices=_YES_NO,
        directive="comparam.align.tiltalign.LocalAlignments",
    ),
    Parameter(
        "montage",
        "Montage",
        "Whether each tilt is a montage of several frames. Only IMOD does so.",
        "bool",
        "0",
        choices=_YES_NO,
        directive="setupset.copyarg.montage",
    ),
    Parameter(
        "focus",
        "Refocused in a montage",
        "Whether the focus was adjusted between the frames of a montage.",
        "bool",
        "0",
        choices=_YES_NO,
        directive="setupset.copyarg.focus",
    ),
    Parameter(
        "skip",
        "Tilts to leave out",
        "Numbers of the tilts that are left out, from 1, such as 1,2,40-41.",
        "list",
        directive="setupset.copyarg.skip",
    ),
    Parameter(
        "adoc_template",
        "Template",
        "The directive file that is filled: a preset, or one of your own.",
        default="dirTemplate",
        goes="workflow",
    ),
    Parameter(
        "engine",
        "Engine",
        "IMOD where it is installed, or the appliance's own; auto takes IMOD if it is here.",
        "choice",
        "auto",
        goes="workflow",
        choices=(("auto", "auto"), ("imod", "IMOD"), ("embedded", "the appliance's own")),
    ),
    Parameter(
        "input_dir",
        "Input folder",
        "Folder of the tilt series.",
        goes="workflow",
    ),
    Parameter(
        "x_file_name",
        "One file only",
        "Name of the one tilt series of the input folder that is taken.",
        goes="workflow",
        aliases=("file_name",),
    ),
    Parameter(
        "file_share",
        "Share",
        "Name of the share the input folder lies on; it is only written into the manifest.",
        goes="workflow",
    ),
    Parameter(
        "callback_url",
        "Callback address",
        "Where the state of the run and the manifest are posted.",
        goes="workflow",
    ),
    Parameter(
        "token",
        "Callback token",
        "File that holds the token which is sent with each callback.",
        goes="workflow",
    ),
    Parameter(
        "x_no_api",
        "No callback",
        "Write the manifest, but post nothing.",
        "bool",
        "0",
        goes="workflow",
        choices=_YES_NO,
    ),
    Parameter(
        "x_keep_workdir",
        "Keep the work folder",
        "Whether intermediate files of the engine are kept.",
        "bool",
        "0",
        goes="workflow",
        choices=_YES_NO,
    ),
)
"""All parameters, in the order of the form."""

_BY_NAME = {name: one for one in PARAMETERS for name in (one.name, *one.aliases)}
_TRUE = {"true": "1", "false": "0", "yes": "1", "no": "0"}


def read_parameters(given: Mapping[str, str] | Iterable[str]) -> Given:
    """Tell parameters apart by where they go, and check their values.

    Parameters
    ----------
    given : mapping of str to str, or iterable of str
        By name, alias or whole directive key; or words such as ``thickness=300``.

    Returns
    -------
    Given
        A later word of the same parameter wins.

    Raises
    ------
    Invalid
        If a name is unknown, or a value is not of its type.
    """
    pairs = given.items() if isinstance(given, Mapping) else map(_pair, given)
    found = Given()
    for name, value in pairs:
        if "." in name:
            found.directives[name] = value.strip()
            continue
        one = _known(name)
        home = found.values if one.goes == "directive" else found.workflow
        home[one.name] = _checked(one, value.strip())
    return found


def derived_values(values: Mapping[str, str]) -> dict[str, str]:
    """Give the values of a template that follow from others.

    Returns
    -------
    dict of str to str
        `values`, with ``SurfacesToAnalyze`` of the number of surfaces and ``rpa_thickness``, half
        as much again as the thickness, unless they are given.
    """
    follow = {}
    if values.get("TwoSurfaces"):
        follow["SurfacesToAnalyze"] = "2" if values["TwoSurfaces"] == "1" else "1"
    if values.get("thickness"):
        follow["rpa_thickness"] = str(int(values["thickness"]) * 3 // 2)
    return follow | dict(values)


def directives_of(values: Mapping[str, str]) -> dict[str, str]:
    """Give the directives that some parameters fill, by key."""
    return {_BY_NAME[name].directive: value for name, value in values.items()}


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name.strip():
        raise Invalid(f"{word!r} is no parameter", hint="Write name=value.")
    return name.strip(), value


def _known(name: str) -> Parameter:
    if name not in _BY_NAME:
        raise Invalid(
            f"there is no parameter {name!r}",
            hint="Write a whole directive such as comparam.tilt.tilt.THICKNESS for anything else.",
        )
    return _BY_NAME[name]


def _checked(one: Parameter, value: str) -> str:
    """Give the value as a directive file writes it; a blank one stays blank."""
    if one.type == "bool":
        value = _TRUE.get(value.lower(), value)
    value = {word: key for key, word in one.choices}.get(value, value)
    if value and not _CHECKS[one.type](one, value):
        wanted = ", ".join(key for key, _ in one.choices) or f"of type {one.type}"
        raise Invalid(f"{value!r} is no value of {one.name}", hint=f"It is {wanted}.")
    return value


def _is_whole(_: Parameter, value: str) -> bool:
    return value.isascii() and value.isdigit()


def _is_number(_: Parameter, value: str) -> bool:
    try:
        return 0 <= float(value) < float("inf")
    except ValueError:
        return False


def _is_choice(one: Parameter, value: str) -> bool:
    return value in dict(one.choices)


def _is_list(_: Parameter, value: str) -> bool:
    return all(part.strip().isdigit() for word in value.split(",") for part in word.split("-"))


_CHECKS: dict[ValueType, Callable[[Parameter, str], bool]] = {
    "int": _is_whole,
    "float": _is_number,
    "bool": _is_choice,
    "choice": _is_choice,
    "list": _is_list,
    "text": lambda *_: True,
}
