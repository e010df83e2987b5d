"""Results as new DICOM objects of the study of an image: pictures, reports, and tags of ROIs.

Who it shows and which study it is come from an object of that study; all other UIDs are new, and
each series says that it is for research, not for diagnosis.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from appliance.core import FormatError
from appliance.formats.dicom_open import open_dicom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["RESEARCH", "result_tags", "write_picture", "write_report"]

RESEARCH = "research, not for diagnosis"
"""What every series of results says of itself."""

_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
    *("ReferringPhysicianName", "StudyDescription"),
)
_OPTIONAL = frozenset({"IssuerOfPatientID", "StudyDescription"})
_PICTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
_MAX_TEXT = 64
_MAX_SIDE = 8192


def result_tags(like: Path, title: str, number: int) -> dict[str, Any]:
    """Give the values that make an object one of the study of another, marked as research.

    Parameters
    ----------
    like : Path
        An object of the study.
    title : str
        What the series is called.
    number : int
        Number of the new series.
    """
    source = open_dicom(like, stop_before_pixels=True)
    tags = {name: _told(source, name) for name in _STUDY}
    tags = {name: value for name, value in tags.items() if value or name not in _OPTIONAL}
    return {**tags, "SeriesNumber": number, "SeriesDescription": _titled(title)}


def write_picture(stream: BinaryIO, picture: bytes, like: Path, title: str) -> None:
    """Write a PNG or JPEG as a secondary capture.

    Raises
    ------
    FormatError
        If it is no such picture.
    """
    pixels, rows, columns = _pixels(picture)
    ds = _document(like, title, 910, _PICTURE_CLASS)
    ds.Modality, ds.ConversionType = "OT", "WSD"
    ds.ImageType, ds.PatientOrientation, ds.Laterality = ["DERIVED", "SECONDARY"], "", ""
    ds.DateOfSecondaryCapture, ds.TimeOfSecondaryCapture = ds.ContentDate, ds.ContentTime
    ds.BurnedInAnnotation, ds.LossyImageCompression = "YES", "00"
    ds.ImageComments = RESEARCH
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OB"
    ds.save_as(stream, enforce_file_format=True)


def write_report(stream: BinaryIO, pdf: bytes, like: Path, title: str) -> None:
    """Write a PDF as an encapsulated document.

    Raises
    ------
    FormatError
        If it is no PDF.
    """
    if not pdf.startswith(b"%PDF-"):
        raise FormatError("it is no PDF")
    ds = _document(like, title, 911, _PDF_CLASS)
    ds.Modality, ds.ConversionType, ds.BurnedInAnnotation = "DOC", "WSD", "YES"
    ds.AcquisitionDateTime, ds.DocumentTitle = "", f"{title[:900]} ({RESEARCH})"
    ds.ConceptNameCodeSequence = []
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    ds.save_as(stream, enforce_file_format=True)


def _document(like: Path, title: str, number: int, sop_class: str) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    from appliance import __version__

    now = datetime.now().astimezone()
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    _put(ds, result_tags(like, title, number))
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid(None)
    ds.SeriesInstanceUID, ds.InstanceNumber = generate_uid(None), 1
    ds.Manufacturer, ds.ManufacturerModelName = "nora-appliance", "results"
    ds.SoftwareVersions = __version__
    ds.ContentDate = ds.InstanceCreationDate = ds.SeriesDate = now.strftime("%Y%m%d")
    ds.ContentTime = ds.InstanceCreationTime = ds.SeriesTime = now.strftime("%H%M%S")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _put(ds: Dataset, tags: Mapping[str, Any]) -> None:
    for name, value in tags.items():
        setattr(ds, name, value)


def _told(source: Any, name: str) -> str:
    value = source.get(name)
    return "" if value is None else str(value)


def _titled(title: str) -> str:
    room = _MAX_TEXT - len(RESEARCH) - 3
    return f"{title.strip()[:room].strip() or 'result'} ({RESEARCH})"


def _pixels(picture: bytes) -> tuple[bytes, int, int]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture), formats=("PNG", "JPEG")) as image:
            if max(image.size) > _MAX_SIDE:
                raise FormatError(f"the picture is larger than {_MAX_SIDE} pixels")
            plain = Image.new("RGB", image.size)
            shown = image.convert("RGBA")
            plain.paste(shown, mask=shown.getchannel("A"))
    except (OSError, ValueError, SyntaxError) as error:
        raise FormatError("it is no PNG and no JPEG") from error
    return plain.tobytes(), plain.height, plain.width
