"""ROIs over the API: saved, refused, loaded, compared, taken back; and through the client."""

from __future__ import annotations

import base64
import gzip
import io
from typing import Any

import nibabel
import numpy as np
import pytest

from appliance.client import Client
from appliance.core import Conflict
from tests.web_api.conftest import Site, add_file
from tests.web_api.test_rights import World, world

__all__ = ["world"]
SHAPE = (6, 5, 4)
AFFINE = np.array([[2.0, 0.1, 0, -7], [-0.1, 2.0, 0, 3], [0, 0, 2.5, 1], [0, 0, 0, 1]])


def nifti(data: np.ndarray) -> bytes:
    image = nibabel.Nifti1Image(data, AFFINE)
    image.set_sform(AFFINE, 2)
    image.set_qform(AFFINE, 1)
    return image.to_bytes()


def put_image(site: Site, path: str) -> tuple[int, int]:
    """An image of known voxels; its id and that of its study."""
    file_id = add_file(site.services, path, nifti(np.ones(SHAPE, np.int16)), "image")
    with site.services.catalog.read() as con:
        study = con.execute("SELECT study_id FROM files WHERE id = ?", (file_id,)).fetchone()[0]
    return file_id, study


def mask(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE) > 0.5


def body(reference: int, path: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    raw = gzip.compress(mask(seed).astype(np.uint8).tobytes(order="F"))
    roi = {"name": "tumor", "color": "#ff8800", "data": base64.b64encode(raw).decode()}
    return {
        "path": path,
        "reference_id": reference,
        "packing": "bytes",
        "rois": [roi],
        **more,
    }


def test_ROI_10_a_mask_is_saved_and_loaded_over_the_api(site: Site) -> None:
    image, study = put_image(site, "roi/t1.nii")
    with site.browser() as http:
        http.base_url = f"{site.url}/api/v1/"
        answer = http.post(f"studies/{study}/rois", json=body(image, "roi/tumor.nii.gz"))
        assert answer.status_code == 201, answer.text
        saved = answer.json()
        assert saved["created"]
        assert saved["version_n"] == 1
        assert saved["file"]["tags"] == ["mask"]
        assert saved["segments"][0]["n_voxels"] == int(mask().sum())
        file_id = saved["file"]["id"]
        raw = http.get(f"files/{file_id}/tumor.nii.gz").content
        found = nibabel.Nifti1Image.from_bytes(gzip.decompress(raw))
        assert np.array_equal(np.asarray(found.dataobj), mask())
        assert (int(found.header["sform_code"]), int(found.header["qform_code"])) == (2, 1)
        about = http.get(f"files/{file_id}/rois").json()
        assert (about["kind"], about["shape"], about["name"]) == ("mask", list(SHAPE), "tumor")
        bits = http.get(f"files/{file_id}/rois/1/bits")
        assert bits.headers["content-encoding"] == "gzip"
        packed = np.packbits(mask().ravel(order="F"), bitorder="little").tobytes()
        assert bits.content == packed
        assert http.get(f"files/{file_id}/rois/9/bits").status_code == 404


def test_a_stale_version_is_answered_409_with_who_when_and_a_free_name(site: Site) -> None:
    image, study = put_image(site, "stale/t1.nii")
    with site.local() as http:
        first = http.post(f"/studies/{study}/rois", json=body(image, "stale/r.nii")).json()
        again = body(image, "stale/r.nii", 1, version=first["file"]["version"])
        second = http.post(f"/studies/{study}/rois", json=again)
        assert second.status_code == 201
        told = http.post(f"/studies/{study}/rois", json=again)
        assert (told.status_code, told.json()["key"]) == (409, "changed")
        facts = told.json()["facts"]
        assert facts["changed_by"] == "owner"
        assert facts["is_mine"]
        assert facts["version"] == second.json()["file"]["version"]
        assert facts["suggested_path"] == "stale/r_1.nii"
        renamed = http.post(f"/studies/{study}/rois", json={**again, "if_changed": "new_name"})
        assert renamed.json()["file"]["path"] == "stale/r_1.nii"
        assert renamed.json()["requested_path"] == "stale/r.nii"
        file_id = first["file"]["id"]
        versions = http.get(f"/files/{file_id}/versions").json()["items"]
        assert [(one["n"], one["is_current"]) for one in versions] == [(2, True), (1, False)]
        kept = http.get(f"/files/{file_id}/versions/1/r.nii").content
        assert np.array_equal(np.asarray(nibabel.Nifti1Image.from_bytes(kept).dataobj), mask(0))
        compared = http.post(
            "/rois/compare",
            json={"a": {"file_id": file_id}, "b": {"file_id": file_id, "kept": 1}},
        ).json()
        both = int((mask(0) & mask(1)).sum())
        assert compared["n_both"] == both
        assert compared["dice"] == pytest.approx(2 * both / (mask(0).sum() + mask(1).sum()))
        operation = second.json()["operation_id"]
        assert http.post(f"/operations/{operation}/undo").status_code == 204
        back = nibabel.Nifti1Image.from_bytes(http.get(f"/files/{file_id}/r.nii").content)
        assert np.array_equal(np.asarray(back.dataobj), mask(0))
        lines = http.get("/operations?verb=save,restore&project=default").json()["items"]
        assert lines[0]["verb"] == "restore"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"reference_id": None}, 400, "one geometry"),
        ({"reference_id": 999999}, 404, "no file"),
        ({"path": "../x.nii"}, 400, "hidden name"),
        ({"path": "x.png"}, 400, ".nii"),
        ({"rois": []}, 400, "one ROI"),
        ({"n_frames": 0}, 400, "frame"),
        ({"n_frames": 2}, 400, "expected"),
        ({"n_frames": 1 << 40}, 400, "voxels"),
        ({"grid": {"shape": [0, 1, 1], "affine": []}, "reference_id": None}, 400, "axes|affine"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    site: Site, change: dict[str, Any], status: int, text: str
) -> None:
    import re

    image, study = put_image(site, "bad/t1.nii")
    with site.local() as http:
        answer = http.post(f"/studies/{study}/rois", json={**body(image, "bad/r.nii"), **change})
    assert answer.status_code == status, answer.text
    assert re.search(text, answer.text)


def test_saving_needs_the_right_to_write_and_references_are_those_one_may_see(
    world: World,
) -> None:
    hidden = add_file(world.site.services, "h/t1.nii", nifti(np.ones(SHAPE, np.int16)), "image")
    study = world.ids["study_id"]
    for role, expected in (("reader", 403), ("outsider", 404), ("editor", 404)):
        with world.http(role) as http:
            answer = http.post(f"/studies/{study}/rois", json=body(hidden, "r.nii"))
            assert answer.status_code == expected, (role, answer.text)


def test_the_client_saves_loads_and_compares_rois(site: Site) -> None:
    image, study = put_image(site, "client/t1.nii")
    with Client(socket=site.socket) as nora:
        parts = np.random.default_rng(3).integers(0, 3, SHAPE)
        named = {"a": parts == 1, "b": parts == 2}
        saved = nora.save_roi(study, "client/map.nii.gz", named, reference=image)
        file_id = saved["file"]["id"]
        assert [one["name"] for one in nora.rois(file_id)["segments"]] == ["a", "b"]
        assert np.array_equal(nora.roi(file_id, 2), parts == 2)
        assert np.array_equal(nora.roi(file_id), parts > 0)
        with pytest.raises(Conflict) as told:
            nora.save_roi(study, "client/map.nii.gz", parts > 0, reference=image)
        assert told.value.facts["suggested_path"] == "client/map_1.nii.gz"
        version = saved["file"]["version"]
        four = np.stack([parts == 1, parts == 2], axis=-1)
        nora.save_roi(study, "client/map.nii.gz", four, reference=image, version=version)
        assert np.array_equal(nora.roi(file_id), four)
        assert [one["n"] for one in nora.versions(file_id)] == [2, 1]
        assert nora.compare_rois({"file_id": file_id, "kept": 1}, file_id)["dice"] > 0
        now = nora.versions(file_id)[0]["version"]
        nora.restore_version(file_id, 1, version=now)
        assert np.array_equal(nora.roi(file_id, 1), parts == 1)
        assert io.BytesIO(nora.get_bytes(file_id)).read(2) == b"\x1f\x8b"
