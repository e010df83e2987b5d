"""ROI statistics over the API: all ROIs by all images, drawn ones too, CSV, and for queries."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from appliance.client import Client
from appliance.formats import write_nifti
from appliance.geometry import Volume
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


def image_in(site: Site, path: str, unit: str) -> tuple[int, int]:
    """An image of ones whose lengths are no millimetres, and its study."""
    volume = Volume(np.ones(SHAPE, np.float32), AFFINE, {"length_unit": unit})
    with tempfile.TemporaryDirectory() as folder:
        write_nifti(Path(folder) / "image.nii", volume)
        body = (Path(folder) / "image.nii").read_bytes()
    file_id = add_file(site.services, path, body, "image")
    with site.services.catalog.read() as con:
        study = con.execute("SELECT study_id FROM files WHERE id = ?", (file_id,)).fetchone()[0]
    return file_id, study


@pytest.mark.parametrize(
    ("unit", "volume", "area"),
    [("angstrom", 1e-21, 1e-14), ("detector", None, 1), ("pixel", None, None), ("mm", 1, 1)],
)
def test_VIEW_x09_sizes_are_told_only_where_a_voxels_size_is_known(
    site: Site, unit: str, volume: float | None, area: float | None
) -> None:
    image, study = image_in(site, f"x/{unit}.nii", unit)
    with Client(socket=site.socket) as nora:
        saved = nora.save_roi(study, f"x/{unit}_roi.nii", {"a": mask()}, reference=image)
        (row,) = nora.roi_statistics([image], [saved["file"]["id"]])
    with site.local() as http:
        one = {"file_id": saved["file"]["id"]}
        agreement = http.post("/rois/compare", json={"a": one, "b": one}).json()
        about = http.get(f"/files/{one['file_id']}/rois").json()
    ml = mask().sum() * np.linalg.det(AFFINE[:3, :3]) / 1000
    wanted = None if volume is None else pytest.approx(ml * volume)
    assert (row["length_unit"], row["volume_ml"]) == (unit, wanted)
    assert (row["area_cm2"] is None) == (area is None)
    if area is not None:
        on_slice = np.linalg.norm(np.cross(AFFINE[:3, 0], AFFINE[:3, 1]))
        assert row["area_cm2"] == pytest.approx(mask().sum() * on_slice / 100 * area)
    assert (row["surface_mm2"] is None) == (volume is None)
    assert (agreement["length_unit"], agreement["volume_a_ml"]) == (unit, wanted)
    assert agreement["hausdorff_mm"] == (None if unit == "pixel" else 0)
    assert about["segments"][0]["volume_ml"] == wanted


def test_VIEW_x09_a_drawn_roi_on_a_grid_of_its_own_says_what_its_lengths_are(site: Site) -> None:
    image, study = image_in(site, "y/px.nii", "pixel")
    drawn = body(image, "")["rois"][0]
    grid = {"shape": SHAPE, "affine": AFFINE.tolist(), "length_unit": "pixel"}
    asked = {"images": [image], "rois": [{**drawn, "grid": grid, "packing": "bytes"}]}
    with site.local() as http:
        (row,) = http.post("/rois/statistics", json=asked).json()["rows"]
        table = http.post("/rois/statistics/csv", json=asked).text
        kept = http.post(
            f"/studies/{study}/rois/statistics", json={**asked, "path": "META/px.json"}
        )
        assert kept.status_code == 201, kept.text
        document = http.get(f"/files/{kept.json()['file']['id']}/px.json").json()
    assert (row["length_unit"], row["volume_ml"]) == ("pixel", None)
    (told,) = csv.DictReader(io.StringIO(table))
    assert (told["length_unit"], told["volume_ml"], told["area_cm2"]) == ("pixel", "", "")
    (numbers,) = document.values()
    assert (numbers["length_unit"], numbers["volume"]) == ("pixel", None)
