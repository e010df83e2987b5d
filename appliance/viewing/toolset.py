"""The predefined image tools, as descriptors for the batchtool; each runs as its own program."""

from __future__ import annotations

from appliance.jobs import Argument, Resources, Tool
from appliance.viewing.library import LIBRARY

__all__ = ["TOOLS"]

_IMAGE = Argument(
    "image", "FILE", "Image", value="t1*/*.nii", help="One image per study; * and _ are wildcards."
)

TOOLS: tuple[Tool, ...] = (
    Tool(
        id="imaging.brain_mask",
        menu="Processing/Segmentation/Brain mask",
        name="Brain mask",
        description=(
            "Separates brain from skull in a T1-like head image by threshold and 3D morphology."
            " A quick classic method: look at the result before you rely on it."
        ),
        command=(
            "{python}",
            "-m",
            "appliance.viewing.tools.brain_mask",
            "{image}",
            "{mask}",
        ),
        args=(
            _IMAGE,
            Argument("mask", "OUT", "Mask", value="derived/brain_mask.nii TAG(mask)"),
        ),
        resources=Resources(cpus=1, memory_mb=3072),
    ),
    Tool(
        id="imaging.remove_face",
        menu="Processing/Image/Remove the face",
        name="Remove the face",
        description=(
            "Empties what lies in front of and below the brain in an MR or CT of a head, so that"
            " the face cannot be recognised. The brain is not touched: look at the result."
        ),
        command=(
            "{python}",
            "-m",
            "appliance.viewing.tools.remove_face",
            "{image}",
            "{out}",
            "{margin}",
        ),
        args=(
            _IMAGE,
            Argument(
                "margin",
                "NUMERIC",
                "Distance from the brain (mm)",
                value="5",
                help="What is kept between the brain and the plane beyond which all is emptied.",
            ),
            Argument("out", "OUT", "Image", value="derived/t1_defaced.nii TAG(defaced)"),
        ),
        resources=Resources(cpus=1, memory_mb=3072),
    ),
    Tool(
        id="imaging.roi_statistics",
        menu="Analysis/ROI/ROI statistics",
        name="ROI statistics",
        description="Median, quartiles, mean, deviation and volume of an image inside each ROI.",
        command=(
            "{python}",
            "-m",
            "appliance.viewing.tools.roi_statistics",
            "{out}",
            "{image}",
            "{roi}",
        ),
        args=(
            _IMAGE,
            Argument("roi", "FILE", "ROI", value="derived/brain_mask.nii", multiple=True),
            Argument("out", "OUT", "Table", value="META/roi_statistics.json"),
        ),
        resources=Resources(cpus=1, memory_mb=3072),
    ),
    Tool(
        id="imaging.smooth",
        menu="Processing/Image/Smooth",
        name="Smooth",
        description="Gaussian smoothing with a width in millimetres.",
        command=(
            "{python}",
            "-m",
            "appliance.viewing.tools.smooth",
            "{image}",
            "{out}",
            "{fwhm_mm}",
        ),
        args=(
            _IMAGE,
            Argument("out", "OUT", "Smoothed image", value="derived/smoothed.nii"),
            Argument(
                "fwhm_mm", "NUMERIC", "Width (FWHM, mm)", value=4.0, minimum=0.0, maximum=50.0
            ),
        ),
        resources=Resources(cpus=1, memory_mb=3072),
    ),
    *LIBRARY,
)
