"""A voxel of an image that arrived as DICOM leads back to its object, over the API."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom

from appliance.client import Client
from tests.support.samples import tiny_series, zip_of
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed


def test_a_number_leads_to_the_object_it_came_from(works: Site, tmp_path: Path) -> None:
    paths = tiny_series(tmp_path / "dicom", number=31, description="origin")
    with works.local() as http, Client(socket=works.socket) as nora:
        asked = {"project": "default", "filename": "origin.zip"}
        receipt = http.post("/uploads", params=asked, content=zip_of(paths)).json()["key"]
        assert closed(http, receipt)["state"] == "done"
        (found,) = nora.select("default", "origin*/*.nii")
        image = nibabel.load(found.absolute_path)
        value = int(np.asarray(image.dataobj)[5, 6, 7])
        told = nora.voxel_source(found.file_id, (5, 6, 7))
        assert (told["exact"], told["equal"], told["value"]) == (True, True, value)
        objects = [pydicom.dcmread(path) for path in paths]
        ds = next(one for one in objects if one.SOPInstanceUID == told["sop_uid"])
        assert ds.pixel_array[told["row"], told["column"]] == told["raw"] == value
        roi = np.zeros(image.shape, bool)
        roi[5:9, 6, 7] = True
        row = nora.file(found.file_id)
        mask = nora.save_roi(row.study_id, "rois/x.nii.gz", {"a b": roi}, reference=row)["file"]
        made = nora.export_segmentation(mask["id"], found.file_id)["file"]
        assert made["path"] == "rois/x.seg.dcm"
        back = nora.import_segmentation(made["id"], reference_id=found.file_id)
        assert back["notes"] == []
        assert np.array_equal(nora.roi(back["saved"]["file"]["id"]), roi)
        made = nora.export_segmentation(mask["id"], found.file_id, form="rtstruct")["file"]
        assert made["path"] == "rois/x.rtstruct.dcm"
        back = nora.import_segmentation(made["id"])  # the image is the one it refers to
        assert back["notes"] == []
        assert np.array_equal(nora.roi(back["saved"]["file"]["id"]), roi)
        away = {"i": 999, "j": 0, "k": 0}
        assert http.get(f"/files/{found.file_id}/source", params=away).status_code == 400
