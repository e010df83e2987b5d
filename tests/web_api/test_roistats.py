"""ROI statistics over the API: all ROIs by all images, drawn ones too, CSV, and for queries."""

from __future__ import annotations

import csv
import io
import json

import nibabel
import numpy as np
import pytest

from appliance.client import Client
from tests.web_api.conftest import Site, add_file
from tests.web_api.test_rois import AFFINE, SHAPE, body, mask, nifti, put_image


def image_of(site: Site, path: str, seed: int, frames: int = 1) -> tuple[int, np.ndarray]:
    shape = SHAPE if frames == 1 else (*SHAPE, frames)
    data = np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)
    image = nibabel.Nifti1Image(data, AFFINE)
    if frames > 1:
        text = json.dumps({"xdata": [0.5 * t for t in range(frames)]}).encode()
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text))
    return add_file(site.services, path, image.to_bytes(), "image"), data


def test_ROI_39_all_rois_are_measured_in_all_images_per_time_point(site: Site) -> None:
    _, study = put_image(site, "s/t1.nii")
    first, one = image_of(site, "s/one.nii", 1)
    second, four = image_of(site, "s/four.nii", 2, frames=3)
    parts = np.random.default_rng(3).integers(0, 3, SHAPE)
    with Client(socket=site.socket) as nora:
        labels = {"a": parts == 1, "b": parts == 2}
        file_id = nora.save_roi(study, "s/map.nii", labels, reference=first)["file"]["id"]
        rows = nora.roi_statistics([first, second], [file_id], percentiles=[90])
    assert [(r["image"], r["roi"], r["frame"]) for r in rows] == [
        ("one", "a", 0),
        ("one", "b", 0),
        *[("four", roi, t) for roi in "ab" for t in range(3)],
    ]
    values = four[..., 2][parts == 2]
    assert rows[-1]["median"] == pytest.approx(np.median(values), rel=1e-6)
    assert rows[-1]["percentiles"]["90"] == pytest.approx(np.percentile(values, 90), rel=1e-6)
    assert rows[-1]["x"] == 1.0
    assert rows[0]["mean"] == pytest.approx(one[parts == 1].mean(), rel=1e-6)
    assert rows[0]["psid"] == "S-0001#2024"


def test_a_roi_that_is_not_saved_is_measured_as_it_was_drawn(site: Site) -> None:
    image, data = image_of(site, "d/one.nii", 5)
    drawn = body(image, "")["rois"][0]
    asked = {
        "images": [image],
        "rois": [{**drawn, "reference_id": image, "packing": "bytes"}],
        "histogram_bins": 4,
    }
    with site.local() as http:
        answer = http.post("/rois/statistics", json=asked).json()
        (row,) = answer["rows"]
        assert row["roi_file_id"] is None
        assert row["mean"] == pytest.approx(data[mask()].mean(), rel=1e-6)
        assert sum(row["histogram"]["counts"]) == mask().sum()
        assert "interpolated" in answer["notes"][0]
        nora = http.post("/rois/statistics", json={**asked, "nora": True}).json()
        ordered = np.sort(data[mask()])
        assert nora["rows"][0]["median"] == pytest.approx(ordered[len(ordered) // 2])


def test_csv_has_noras_columns_and_no_formulas(site: Site) -> None:
    image, _ = image_of(site, "c/one.nii", 6)
    drawn = {**body(image, "")["rois"][0], "reference_id": image, "packing": "bytes"}
    asked = {"images": [image], "rois": [{**drawn, "name": "=1+1"}], "percentiles": [5]}
    with site.local() as http:
        answer = http.post("/rois/statistics/csv", json=asked)
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["roi"] == "'=1+1"
    wanted = "psid image frame roi roi_frame color median iqr1 iqr2 mean std volume_ml area_cm2"
    assert set(wanted.split()) <= set(row)
    assert float(row["p5"]) < float(row["median"])


def test_saved_statistics_are_found_by_metadata_queries(site: Site) -> None:
    _, study = put_image(site, "q/t1.nii")
    image, data = image_of(site, "q/one.nii", 7)
    with Client(socket=site.socket) as nora:
        roi = nora.save_roi(study, "q/tumor.nii", mask(), reference=image)["file"]["id"]
        saved = nora.save_roi_statistics(study, [image], [roi], path="META/q.json")
        document = nora.get_json(saved["file"]["id"])
        assert document["tumor"]["mean"] == pytest.approx(data[mask()].mean(), rel=1e-6)
        table = nora.meta("default", ["*q.tumor.mean"])
        assert document["tumor"]["mean"] in table.rows[0]
        both = nora.save_roi_statistics(
            study, [image, image], [roi], path="META/q.json", version=saved["file"]["version"]
        )
    assert both["version_n"] == 2


def test_an_image_that_cannot_be_read_is_a_row_with_a_reason(site: Site) -> None:
    broken = add_file(site.services, "b/x.nii", b"broken", "image")
    image, _ = put_image(site, "b/t1.nii")
    drawn = {**body(image, "")["rois"][0], "reference_id": image, "packing": "bytes"}
    with site.local() as http:
        (row,) = http.post("/rois/statistics", json={"images": [broken], "rois": [drawn]}).json()[
            "rows"
        ]
        assert row["problem"]
        assert row["mean"] is None
        wrong = {"images": [image], "rois": [{"file_id": image, "value": 7}]}
        assert http.post("/rois/statistics", json=wrong).status_code == 400
        assert http.post("/rois/statistics", json={"images": [], "rois": [{}]}).status_code == 400


def test_nifti_helper_makes_what_the_tests_say() -> None:
    assert nibabel.Nifti1Image.from_bytes(nifti(np.ones(SHAPE, np.int16))).shape == SHAPE
