"""The predefined jobs of this room: one workflow, whole or in part, for the batch tool."""

from __future__ import annotations

from appliance.jobs import Argument, Resources, Tool
from appliance.tomography.em_toolset import EM_TOOLS

__all__ = ["TOMOGRAPHY_TOOLS"]

_PROGRAM = ("{python}", "-m", "appliance.tomography.workflow", "{series}", "--output={output}")
_SERIES = Argument(
    "series",
    "FILE",
    "Tilt series",
    value="*.st *.mrc",
    multiple=True,
    flag="--series",
    help="Stacks of tilts; their angles lie beside them (.rawtlt, .mdoc) or in their headers."
    " Results of earlier runs are left out.",
)
_OUTPUT = Argument(
    "output",
    "PATHOUT",
    "Results",
    value="tomography",
    help="Each tilt series gets a folder of its own name in it.",
)
_ENGINE = Argument(
    "engine",
    "OPTION",
    "Engine",
    value="auto",
    choices=("auto", "imod", "embedded"),
    help="auto takes IMOD where it is installed, otherwise the appliance's own engine.",
)
_SKIP = Argument(
    "skip",
    "STRING",
    "Tilts to leave out",
    value="",
    optional=True,
    help="Their numbers from 1, such as 1,2,40-41.",
)
_METHOD = Argument(
    "method",
    "OPTION",
    "Reconstruction",
    value="directives",
    choices=("directives", "wbp", "sirt-like", "sirt"),
    help="As the directives say, weighted back projection, the same with the filter of SIRT, or"
    " SIRT itself.",
)


def _number(name: str, label: str, value: float | str, text: str) -> Argument:
    optional = value == ""
    return Argument(name, "NUMERIC", label, value=value, minimum=0, optional=optional, help=text)


def _geometry(thickness: float | str, binning: float | str, more: str = "") -> tuple[Argument, ...]:
    return (
        _number("thickness", "Thickness (px)", thickness, "In pixels of the camera." + more),
        _number("bin", "Binning", binning, "Pixels of the camera per voxel and side." + more),
    )


_BY = Argument(
    "by",
    "OPTION",
    "Movies and averages by",
    value="appliance",
    choices=("appliance", "commands"),
    help="commands: newstack, clip, binvol and mrc2tif of IMOD, gm and ffmpeg, as Hedwig does.",
)
_PYRAMID = Argument(
    "pyramid",
    "OPTION",
    "Pyramid",
    value="flat",
    choices=("flat", "sharded"),
    help="flat: a file per 64 x 64 x 64 voxels; sharded: few large files, kinder to file servers.",
)
_RESOURCES = Resources(cpus=2, memory_mb=4096)

TOMOGRAPHY_TOOLS: tuple[Tool, ...] = (
    Tool(
        id="tomography.tomogram",
        menu="Tomography/Tomogram of a tilt series",
        name="Tomogram of a tilt series",
        description=(
            "Aligns tilt series, reconstructs them, and makes movies, key image, averages and a"
            " multiscale pyramid. IMOD does the work where it is installed, otherwise the"
            " appliance itself. A series that fails does not stop the others."
        ),
        command=(
            *_PROGRAM,
            "--engine={engine}",
            "--template={template}",
            "--adoc={adoc}",
            "--directives={directives}",
            "--method={method}",
            "--assets-by={by}",
            "--pyramid={pyramid}",
            "--param=thickness={thickness}",
            "--param=bin={bin}",
            "--param=trackingMethod={tracking}",
            "--param=beadSize={beadSize}",
            "--param=pixelSize={pixelSize}",
            "--param=skip={skip}",
        ),
        args=(
            _SERIES,
            Argument(
                "adoc",
                "FILE",
                "Directive file",
                value="",
                optional=True,
                help="A .adoc that is taken as it is; its places, if any, are filled from here.",
            ),
            Argument(
                "template",
                "STRING",
                "Template",
                value="dirTemplate",
                help="A preset (dirTemplate, plastic, cryo) or a template of your own.",
            ),
            Argument(
                "directives",
                "STRING",
                "Directives",
                value="",
                optional=True,
                help="The text of a whole directive file instead of the template; the form of"
                " directives writes it.",
            ),
            _ENGINE,
            *_geometry(256, 4),
            Argument(
                "tracking",
                "OPTION",
                "Alignment by",
                value="beads",
                choices=("beads", "patches"),
                help="Gold beads, or patches of the image where there are no beads.",
            ),
            _number("beadSize", "Gold beads (nm)", 10, "Diameter of the beads; 0 without any."),
            _number("pixelSize", "Pixel size (nm)", "", "Empty: from the header of the stack."),
            _METHOD,
            _SKIP,
            _BY,
            _PYRAMID,
            _OUTPUT,
        ),
        resources=_RESOURCES,
    ),
    Tool(
        id="tomography.reconstruct_again",
        menu="Tomography/Reconstruct again",
        name="Reconstruct again",
        description=(
            "Makes the tomogram anew with the alignment and the directives that it has, such as"
            " with another thickness, without some tilts or with directives that were changed."
            " Movies and pyramid follow."
        ),
        command=(
            *_PROGRAM,
            "--from=reconstruction",
            "--engine=embedded",
            "--directives={directives}",
            "--method={method}",
            "--param=thickness={thickness}",
            "--param=bin={bin}",
            "--param=skip={skip}",
        ),
        args=(
            _SERIES,
            Argument(
                "directives",
                "STRING",
                "Directives",
                value="",
                optional=True,
                help="The text of a directive file instead of the one that the tomogram has; the"
                " form on the page of a tilt series writes it.",
            ),
            *_geometry("", "", " Empty: as it was."),
            _METHOD,
            _SKIP,
            _OUTPUT,
        ),
        resources=_RESOURCES,
    ),
    Tool(
        id="tomography.assets",
        menu="Tomography/Movies and pyramid again",
        name="Movies and pyramid again",
        description="Makes what is shown of a tomogram anew; the tomogram stays as it is.",
        command=(*_PROGRAM, "--from=assets", "--assets-by={by}", "--pyramid={pyramid}"),
        args=(_SERIES, _BY, _PYRAMID, _OUTPUT),
        resources=_RESOURCES,
    ),
    Tool(
        id="tomography.check",
        menu="Tomography/Look at tilt series",
        name="Look at tilt series",
        description="Says in its log what each tilt series is and what would be done; a dry run.",
        command=(*_PROGRAM, "--dry-run"),
        args=(_SERIES, Argument("output", "STRING", "Results", value="tomography")),
        resources=Resources(cpus=1, memory_mb=512),
    ),
    Tool(
        id="tomography.sample",
        menu="Tomography/Make a sample tilt series",
        name="Make a sample tilt series",
        description=(
            "Computes a tilt series of a made-up specimen with gold beads, to try the workflow"
            " with. Its true alignment is written beside it."
        ),
        command=(
            *("{python}", "-m", "appliance.tomography.sample", "{output}"),
            *("--name={name}", "--size={size}", "--tilts={tilts}", "--seed={seed}"),
        ),
        args=(
            Argument("name", "STRING", "Name", value="sample"),
            _number("size", "Size (px)", 512, "Pixels of a tilt along each side."),
            _number("tilts", "Tilts", 61, "From -60 to 60 degrees."),
            _number("seed", "Specimen", 1, "Another number is another specimen."),
            Argument("output", "PATHOUT", "Folder", value="raw"),
        ),
        resources=Resources(cpus=1, memory_mb=1024),
    ),
    Tool(
        id="tomography.slides",
        menu="Tomography/Slides to OME-Zarr",
        name="Slides to OME-Zarr",
        description=(
            "Makes OME-Zarr, thumbnails and the contrast of channels of slides and flat pictures"
            " (CZI, SVS, OME-TIFF, TIFF, PNG, JPEG), each by itself. Needs the extra `slides`, and"
            " for CZI `czi`."
        ),
        command=(
            *("{python}", "-m", "appliance.tomography.slides", "{slides}", "--output={output}"),
        ),
        args=(
            Argument(
                "slides",
                "FILE",
                "Slides",
                value="*.czi *.svs *.ome.tif *.png",
                multiple=True,
                help="Those in Pre_ROI_Selection, HQ_Images, ROI_Images and Heatmaps keep their"
                " group.",
            ),
            Argument("output", "PATHOUT", "Results", value="slides"),
        ),
        resources=Resources(cpus=1, memory_mb=2048),
    ),
    *EM_TOOLS,
)
