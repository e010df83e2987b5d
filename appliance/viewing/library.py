"""The library of image jobs: descriptors of the programs in `tools`, by their menus."""

from __future__ import annotations

from typing import Any

from appliance.core import install_command
from appliance.jobs import Argument, Resources, Tool

__all__ = ["LIBRARY"]

_INSTALL = f"Install it beside the appliance: {install_command('processing')}"
_MASK_HELP = "Everything above 0 counts."
_T1 = "t1*/*.nii"


def _tool(
    name: str,
    menu: str,
    description: str,
    *args: Argument,
    module: str = "",
    needs: tuple[str, ...] = (),
    constants: tuple[str, ...] = (),
    tool_id: str = "",
    cpus: int = 1,
    memory_mb: int = 3072,
) -> Tool:
    """Describe a program all of whose arguments have a flag of their own name."""
    flagged = tuple(_flagged(arg) for arg in args)
    program = f"appliance.viewing.tools.{module}"
    return Tool(
        id=tool_id or f"imaging.{module}",
        menu=f"{menu}/{name}",
        name=name,
        description=description,
        command=("{python}", "-m", program, *constants, *(f"{{{arg.id}}}" for arg in args)),
        args=flagged,
        resources=Resources(cpus=cpus, memory_mb=memory_mb),
        needs=tuple(f"python:{package}" for package in needs),
        install=_INSTALL if needs else "",
    )


def _flagged(arg: Argument) -> Argument:
    facts: dict[str, Any] = {name: getattr(arg, name) for name in arg.__struct_fields__}
    return Argument(**{**facts, "flag": f"--{arg.id}"})


def _image(arg_id: str = "image", label: str = "Image", value: str = _T1) -> Argument:
    return Argument(arg_id, "FILE", label, value=value)


def _mask(label: str = "Mask", *, arg_id: str = "mask", value: str = "") -> Argument:
    return Argument(arg_id, "FILE", label, value=value, optional=True, help=_MASK_HELP)


def _out(value: str, label: str = "Result", *, arg_id: str = "out") -> Argument:
    return Argument(arg_id, "OUT", label, value=value)


def _number(arg_id: str, label: str, value: float | None, low: float, high: float) -> Argument:
    return Argument(
        arg_id, "NUMERIC", label, value=value, minimum=low, maximum=high, optional=value is None
    )


def _option(arg_id: str, label: str, *choices: str) -> Argument:
    return Argument(arg_id, "OPTION", label, value=choices[0], choices=choices)


_INTERPOLATION = _option("interpolation", "Interpolation", "linear", "nearest")

_IMAGE_TOOLS = (
    _tool(
        "Bias correction (N4)",
        "Processing/Image",
        "Takes slow shading of the coil out of an image.",
        _image(),
        _out("derived/bias_corrected.nii"),
        _mask(),
        _number("shrink", "Estimate on every n-th voxel", 4, 1, 16),
        module="bias_correction",
        needs=("SimpleITK",),
        cpus=2,
    ),
    _tool(
        "Resample",
        "Processing/Image",
        "Draws an image with cubic voxels of a size, or on the grid of a reference.",
        _image(),
        _out("derived/resampled.nii"),
        Argument("reference", "FILE", "Grid of this image", value="", optional=True),
        _number("voxel_mm", "Voxel size without a reference (mm)", 1.0, 0.01, 100),
        _INTERPOLATION,
        module="resample",
    ),
    _tool(
        "Arithmetic",
        "Processing/Image",
        "Computes a formula over images, such as (a - b) / where(b > 0, b, 1).",
        Argument("formula", "STRING", "Formula", value="a * (b > 0)"),
        _image("a", "Image a"),
        Argument("b", "FILE", "Image b", value="", optional=True),
        Argument("c", "FILE", "Image c", value="", optional=True),
        _out("derived/computed.nii"),
        module="arithmetic",
    ),
    _tool(
        "Threshold and components",
        "Processing/Segmentation",
        "Makes a mask, or numbered parts, of the values between two limits.",
        _image(),
        _out("derived/threshold.nii TAG(mask)"),
        _number("low", "Lower limit", None, -1e12, 1e12),
        _number("high", "Upper limit", None, -1e12, 1e12),
        Argument("otsu", "LOGICAL", "Choose the lower limit by Otsu", value=False),
        _number("min_ml", "Leave out parts below (mL)", 0.0, 0, 1e6),
        _number("largest", "Keep the n largest (0: all)", 0, 0, 1e6),
        Argument("labels", "LOGICAL", "Number the parts", value=False),
        _out("META/threshold.json TAG(meta)", "Volumes", arg_id="table"),
        module="threshold",
    ),
    _tool(
        "Tissue classes",
        "Processing/Segmentation",
        "Splits a T1-weighted brain into fluid, grey and white matter, with their volumes.",
        _image(),
        _mask("Brain (made when missing)", value="derived/brain_mask.nii"),
        _number("classes", "Classes", 3, 2, 6),
        _out("derived/tissue.nii TAG(labels)", "Labels"),
        _out("derived/tissue_probabilities.nii", "Probabilities", arg_id="probabilities"),
        _out("META/tissue.json TAG(meta)", "Volumes", arg_id="table"),
        module="tissue",
        needs=("dipy",),
        memory_mb=6144,
    ),
)


def _registration(
    motion: str, name: str, description: str, *more: Argument, needs: tuple[str, ...] = ()
) -> Tool:
    stem = f"transforms/{motion}"
    return _tool(
        name,
        "Processing/Registration",
        description,
        _image("moving", "Image that moves", "t2*/*.nii"),
        _image("fixed", "Image that stays"),
        _mask("Compare inside"),
        _option("metric", "Measure", "mutual_information", "correlation", "squares"),
        _out(f"derived/registered_{motion}.nii", "Moved image"),
        _out(f"{stem}.transform.json TAG(RO)", "Transform", arg_id="transform"),
        _out(f"{stem}.itk.aff.txt TAG(itk)", "The same for ITK", arg_id="itk"),
        *more,
        module="register",
        tool_id=f"imaging.register_{motion}",
        constants=("--motion", motion),
        needs=("SimpleITK", *needs),
        cpus=2,
        memory_mb=6144,
    )


_REGISTRATION_TOOLS = (
    _registration(
        "rigid", "Rigid registration", "Turns and shifts an image onto another of the same person."
    ),
    _registration(
        "affine",
        "Affine registration",
        "Also scales and shears, as between persons, or onto a template.",
    ),
    _registration(
        "deformable",
        "Deformable registration",
        "Affine, then a free deformation that can be undone (SyN, by local correlation).",
        _number("voxel_mm", "Deform on voxels of (mm)", 2.0, 0.1, 20),
        _out("transforms/deformation.nii TAG(deformation)", "Deformation field", arg_id="field"),
        _out("transforms/deformation_inverse.nii TAG(deformation)", "Inverse", arg_id="inverse"),
        needs=("dipy",),
    ),
    _tool(
        "Apply transform",
        "Processing/Registration",
        "Draws another image, or labels, through a transform or deformation field found before.",
        _image("moving", "Image or labels", "t2*/*.nii"),
        _image("reference", "Grid of this image"),
        _image("transform", "Transform", "transforms/rigid.transform.json"),
        _INTERPOLATION,
        _out("derived/transformed.nii"),
        module="apply_transform",
    ),
)

_DIFFUSION_TOOLS = (
    _tool(
        "DTI fit",
        "Processing/Diffusion",
        "Fits tensors: FA, mean, axial and radial diffusivity, directions, colours, the tensor.",
        _image("image", "Diffusion image", "*dwi*/*.nii"),
        _image("bval", "b values", "*dwi*/*.bval"),
        _image("bvec", "Directions", "*dwi*/*.bvec"),
        _mask("Mask (made when missing)"),
        Argument("out", "PATHOUT", "Folder", value="derived/dti"),
        module="dti",
        needs=("dipy",),
        memory_mb=8192,
    ),
    _tool(
        "Tractography",
        "Processing/Diffusion",
        "Follows the first direction of the tensors from every voxel of a seed mask.",
        _image("tensor", "Tensor", "derived/dti/tensor.nii"),
        _mask("Seeds (the mask when missing)", arg_id="seeds"),
        _mask(value="derived/dti/mask.nii"),
        _number("per_voxel", "Seeds in a voxel", 1, 1, 100),
        _number("fa", "End below FA", 0.2, 0, 1),
        _number("angle", "End at turns above (degrees)", 45, 1, 90),
        _number("step_mm", "Step (mm)", 0.5, 0.01, 10),
        _number("min_mm", "Shortest (mm)", 20, 0, 1000),
        _number("max_mm", "Longest (mm)", 250, 1, 2000),
        _out("derived/dti/tracts.tck TAG(fibers)", "Streamlines"),
        module="tracking",
        memory_mb=8192,
    ),
    _tool(
        "Streamline filter",
        "Processing/Diffusion",
        "Keeps streamlines by length and by the masks they touch, avoid or end in.",
        _image("tracts", "Streamlines", "derived/dti/tracts.tck"),
        Argument("include", "FILE", "Touches each of", value="", optional=True, multiple=True),
        Argument("exclude", "FILE", "Touches none of", value="", optional=True, multiple=True),
        Argument("ends_in", "FILE", "Ends in each of", value="", optional=True, multiple=True),
        _number("min_mm", "Shortest (mm)", 0, 0, 2000),
        _number("max_mm", "Longest (mm)", 1000, 0, 2000),
        _out("derived/bundle.tck TAG(fibers)", "Streamlines"),
        module="filter_streamlines",
    ),
)

_OTHER_TOOLS = (
    _tool(
        "Quality mosaic",
        "Analysis/Quality",
        "A picture of slices in three planes with the outlines of a mask, to check a result.",
        _image(),
        _mask("Outlines of", arg_id="labels", value="derived/brain_mask.nii"),
        _number("columns", "Slices in a row", 6, 1, 24),
        _out("QC/mosaic.png TAG(qc)", "Picture"),
        module="mosaic",
    ),
    _tool(
        "Convert format",
        "Processing/Files",
        "Writes NIfTI, NRRD or MGH, or TCK and TRK; the end of the result's name decides.",
        _image("image", "Image or streamlines"),
        _out("derived/converted.nrrd"),
        module="convert",
    ),
    _tool(
        "NIfTI to DICOM",
        "Processing/Files",
        "Writes an image as a DICOM series under the codes of its subject and study.",
        _image(),
        _option("modality", "Modality", "MR", "CT", "PT", "NM"),
        Argument("description", "STRING", "Series description", value="", optional=True),
        _number("number", "Series number", 900, 1, 99999),
        Argument("out", "PATHOUT", "Folder", value="derived/dicom"),
        module="to_dicom",
    ),
)

LIBRARY: tuple[Tool, ...] = (
    *_IMAGE_TOOLS,
    *_REGISTRATION_TOOLS,
    *_DIFFUSION_TOOLS,
    *_OTHER_TOOLS,
)
