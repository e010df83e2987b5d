"""What the listener needs of formats: file meta information, study and series of first bytes."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from appliance.formats import IMPLEMENTATION, peek_uids, write_meta
from appliance.formats.dicom_meta import read_meta


@pytest.mark.parametrize("source", ["", "MR1", "SCANNER"])
def test_written_meta_is_read_by_pydicom(source: str) -> None:
    head = write_meta("1.2.840.10008.5.1.4.1.1.4", "1.2.3", "1.2.840.10008.1.2.1", source)
    meta = pydicom.dcmread(io.BytesIO(head)).file_meta
    assert (meta.MediaStorageSOPInstanceUID, meta.ImplementationClassUID) == (
        "1.2.3",
        IMPLEMENTATION,
    )
    assert meta.get("SourceApplicationEntityTitle", "") == source
    assert meta.FileMetaInformationGroupLength == len(head) - 144
    assert read_meta(head + bytes(8)) == ("1.2.840.10008.1.2.1", len(head))


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "JPEG2000.dcm"]
)
def test_study_and_series_are_found_in_the_first_bytes(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    data, found = path.read_bytes(), pydicom.dcmread(path)
    meta = read_meta(data)
    assert meta is not None
    first = data[meta[1] : meta[1] + 20_000]
    wanted = (str(found.StudyInstanceUID), str(found.SeriesInstanceUID))
    assert peek_uids(first, meta[0]) == wanted


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.3"])
def test_bytes_without_them_give_nothing(syntax: str) -> None:
    assert peek_uids(b"\xff" * 100, syntax) == ("", "")
    assert peek_uids(b"", syntax) == ("", "")
