"""What kind of file a name tells; the file itself is not opened."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

__all__ = ["FileKind", "is_dicom_name", "kind_of", "suffix_of"]

FileKind = Literal[
    "image",
    "mask",
    "labels",
    "surface",
    "streamlines",
    "table",
    "json",
    "text",
    "document",
    "pyramid",
    "other",
]

_KINDS: dict[FileKind, str] = {
    "image": ".nii .nii.gz .hdr .img .mgh .mgz .nrrd .nhdr .mrc .mrc.gz .map .rec .st .ali .preali",
    "labels": ".seg.nrrd",
    "surface": ".gii .gii.gz .stl .obj .ply .pial .white .inflated .orig .smoothwm .sphere",
    "streamlines": ".tck .trk",
    "table": ".csv .tsv .tab .xlsx",
    "json": ".json",
    "text": ".txt .log .md .bval .bvec .bvals .bvecs .m .py .sh .xml .adoc .mdoc .tlt .rawtlt .xf",
    "document": ".pdf .html .htm .png .jpg .jpeg .bmp .gif .tif .tiff .svg .mp4 .webm .docx .pptx",
    "pyramid": ".zarr .ome.zarr",
}
_KIND_OF_SUFFIX: dict[str, FileKind] = {
    suffix: kind for kind, names in _KINDS.items() for suffix in names.split()
}

_DICOM_NAME = re.compile(
    r".+\.(dcm|ima|dicom)|(i|im|img|image|mr|ct|pt|us|cr|dx|xa|nm)?[-_.]?\d[\d._-]*", re.IGNORECASE
)


def suffix_of(path: Path | str) -> str:
    """Tell the whole ending that names the format, lower case: ``.nii.gz``, ``.seg.nrrd``.

    It is ``""`` where there is none, and just the last part where the ending is unknown.
    """
    parts = os.fspath(path).rpartition("/")[2].casefold().split(".")
    double = "." + ".".join(parts[-2:])
    if len(parts) > 2 and (double in _KIND_OF_SUFFIX or parts[-1] == "gz"):
        return double
    return "." + parts[-1] if len(parts) > 1 else ""


def kind_of(path: Path | str) -> FileKind:
    """Tell the kind of a file from its name.

    Masks look like images; they are known by their tag. A pyramid without an ending is known by
    its folder only, see `file_facts`.
    """
    return _KIND_OF_SUFFIX.get(suffix_of(path), "other")


def is_dicom_name(path: Path | str) -> bool:
    """Tell whether a name is one that DICOM objects have: an ending, a number or an identifier.

    Scanners and media write ``IM000001``, ``MR.1.3.12.2.1107`` or nothing but digits.
    """
    name = os.fspath(path).rpartition("/")[2]
    return _DICOM_NAME.fullmatch(name) is not None
