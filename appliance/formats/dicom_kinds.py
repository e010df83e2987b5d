"""What a DICOM object is that holds no image, and where it can be read."""

from __future__ import annotations

from pathlib import Path

from appliance.core import FormatError
from appliance.formats.dicom_open import open_dicom

__all__ = ["no_image"]

_HINTS = {
    "RTSTRUCT": ("contours", "Its menu makes ROIs of them, on the image they were drawn on."),
    "RTDOSE": ("a dose without a matrix", "Send it again."),
    "RTPLAN": ("a treatment plan", "It has nothing to be drawn."),
    "SR": ("a report", "Its content can be looked at with a viewer of DICOM reports."),
    "KO": ("a list of key images", "Open the images that it names."),
    "PR": ("a presentation state", "Open the images that it was made for."),
    "REG": ("a registration", "Open the images that it belongs to."),
    "DOC": ("a document", "Save the document that it carries as a file of its own."),
    "ECG": ("curves", "Curves of signals are not drawn."),
}


def no_image(path: Path) -> FormatError:
    """Make the error for an object without an image, which says what it is instead."""
    from pydicom.errors import InvalidDicomError

    try:
        ds = open_dicom(path, specific_tags=["Modality", "SOPClassUID"], stop_before_pixels=True)
    except (OSError, InvalidDicomError, ValueError, AttributeError):
        return FormatError(
            f"{path.name} is no readable DICOM object",
            hint="It may be damaged, or have another format than its name tells.",
        )
    what, hint = _HINTS.get(
        str(ds.get("Modality", "")), ("no image", "Only objects with pixels are drawn.")
    )
    return FormatError(f"{path.name} holds {what}", hint=hint)
