"""The predefined jobs of single EM images and of stacks of sections, for the batch tool."""

from __future__ import annotations

from appliance.jobs import Argument, Resources, Tool

__all__ = ["EM_TOOLS"]

_STACKS = ("{python}", "-m", "appliance.tomography.stack_flow", "{sections}", "--output={output}")
_IMAGES = ("{python}", "-m", "appliance.tomography.image_flow", "{images}", "--output={output}")
_SECTIONS = Argument(
    "sections",
    "FILE",
    "Sections",
    value="*.tif *.tiff",
    multiple=True,
    help="TIFF files of one folder are the sections of one stack, in the order of their numbers."
    " A TIFF, MRC, DM3 or DM4 file of several sections is a stack by itself.",
)
_FILES = Argument(
    "images",
    "FILE",
    "Images",
    value="*.dm3 *.dm4 *.tif *.tiff",
    multiple=True,
    help="DM3, DM4, MRC, TIFF, PNG and JPEG, one image each.",
)


def _number(
    name: str, label: str, value: float | str, text: str, *, least: float | None = 0
) -> Argument:
    return Argument(
        name, "NUMERIC", label, value=value, minimum=least, optional=value == "", help=text
    )


_STACK_VALUES = (
    _number(
        "tilt",
        "Tilt (°)",
        0,
        "Of the surface to the beam; rows are stretched by 1 / cos.",
        least=-84,
    ),
    _number("bin", "Binning", 1, "Pixels that become one, along each side."),
    _number("pixel", "Pixel size (nm)", "", "Empty: from the header of the files."),
    _number("section", "Distance of sections (nm)", "", "Empty: that of two pixels."),
)
_STACK_WORDS = ("--tilt={tilt}", "--bin={bin}", "--pixel={pixel}", "--section={section}")
_LIGHT = Resources(cpus=1, memory_mb=512)

EM_TOOLS: tuple[Tool, ...] = (
    Tool(
        id="tomography.stack",
        menu="Tomography/Stack of SEM sections",
        name="Stack of SEM sections",
        description=(
            "Aligns the sections of a FIB or block face SEM by shifts, gives them one grey level,"
            " and makes volume, movie, key image and a multiscale pyramid. A stack that fails does"
            " not stop the others."
        ),
        command=(*_STACKS, *_STACK_WORDS, "--drift={drift}", "--pyramid={pyramid}"),
        args=(
            _SECTIONS,
            *_STACK_VALUES,
            Argument(
                "drift",
                "OPTION",
                "Slow drift",
                value="keep",
                choices=("keep", "remove"),
                help="keep: what goes on over more than seven sections stays, as it may be the"
                " specimen's; remove: all sections are brought to one place.",
            ),
            Argument(
                "pyramid",
                "OPTION",
                "Pyramid",
                value="flat",
                choices=("flat", "sharded"),
                help="flat: a file per 64 x 64 x 64 voxels; sharded: few large files.",
            ),
            Argument(
                "output",
                "PATHOUT",
                "Results",
                value="stacks",
                help="Each stack gets a folder of its own name in it.",
            ),
        ),
        resources=Resources(cpus=1, memory_mb=4096),
    ),
    Tool(
        id="tomography.stack_check",
        menu="Tomography/Look at stacks of sections",
        name="Look at stacks of sections",
        description="Says in its log what each stack is and would become; a dry run.",
        command=(*_STACKS, *_STACK_WORDS, "--dry-run"),
        args=(
            _SECTIONS,
            *_STACK_VALUES,
            Argument("output", "STRING", "Results", value="stacks"),
        ),
        resources=_LIGHT,
    ),
    Tool(
        id="tomography.images",
        menu="Tomography/Pictures of EM images",
        name="Pictures of EM images",
        description=(
            "Makes thumbnail and key image of single EM images, and an OME-Zarr by choice. An"
            " image that fails does not stop the others."
        ),
        command=(*_IMAGES, "--pyramid={pyramid}"),
        args=(
            _FILES,
            Argument(
                "pyramid",
                "OPTION",
                "Pyramid",
                value="none",
                choices=("none", "zarr"),
                help="zarr: an OME-Zarr of all pixels, which opens in Neuroglancer.",
            ),
            Argument(
                "output",
                "PATHOUT",
                "Results",
                value="images",
                help="Each image gets a folder of its own name in it.",
            ),
        ),
        resources=Resources(cpus=1, memory_mb=2048),
    ),
    Tool(
        id="tomography.images_check",
        menu="Tomography/Look at EM images",
        name="Look at EM images",
        description="Says in its log what each image is; a dry run.",
        command=(*_IMAGES, "--dry-run"),
        args=(_FILES, Argument("output", "STRING", "Results", value="images")),
        resources=_LIGHT,
    ),
)
