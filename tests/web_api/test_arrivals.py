"""Uploads, imports and receipts: streamed, acknowledged when durable, told to the end."""

from __future__ import annotations

import io
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nibabel as nib
import numpy as np
import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series, zip_of
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site

OPEN = {"receiving", "pending", "working"}


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        yield client


def volume() -> bytes:
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    return nib.Nifti1Image(data, np.eye(4)).to_bytes()


def closed(http: httpx.Client, key: str) -> dict[str, Any]:
    """The receipt once it is through."""

    def look() -> dict[str, Any] | None:
        found = http.get(f"/receipts/{key}").raise_for_status().json()
        return None if found["state"] in OPEN else found

    return wait_until(look, "the receipt is closed")


def upload(http: httpx.Client, name: str, body: Any, **more: str) -> httpx.Response:
    params = {"project": "default", "filename": name, **more}
    return http.post("/uploads", params=params, content=body)


def test_an_uploaded_image_ends_in_its_study(http: httpx.Client) -> None:
    answer = upload(http, "scan of Doe.nii", volume(), subject="S-7", study="2024")
    assert answer.status_code == 202
    receipt = closed(http, answer.json()["key"])
    assert (receipt["state"], receipt["studies"]) == ("done", ["S-7#2024"])
    assert "Doe" not in str(receipt)
    rows = http.get("/projects/default/files", params={"files": "*.nii"}).json()["items"]
    assert "S-7#2024" in [row["psid"] for row in rows]


def test_original_names_need_a_right_and_are_on_record(works: Site, http: httpx.Client) -> None:
    answer = upload(http, "Doe_Jane.nii", volume(), subject="S-8", study="2024")
    key = closed(http, answer.json()["key"])["key"]
    names = http.get(f"/receipts/{key}/names").json()["items"]
    assert [name["original_path"] for name in names] == ["Doe_Jane.nii"]
    record = http.post("/sql", json={"sql": "SELECT actor FROM operations WHERE verb LIKE 'rev%'"})
    assert ["owner"] in record.json()["rows"]
    with works.bearer(scope="reader editor") as other:
        assert other.get(f"/receipts/{key}/names").status_code == 403


def test_identities_of_an_arrival_need_a_right(works: Site, http: httpx.Client) -> None:
    answer = upload(http, "one.nii", volume(), subject="S-8", study="2024")
    key = closed(http, answer.json()["key"])["key"]
    assert http.get(f"/receipts/{key}/identities").json() == {"items": []}
    with works.bearer(scope="reader editor") as other:
        assert other.get(f"/receipts/{key}/identities").status_code == 403


def test_both_identities_of_a_waiting_arrival_are_told(http: httpx.Client, tmp_path: Path) -> None:
    for name in ("ONE^A", "TWO^B"):
        patient = MadePatient(name, "BOTH-1", "19600101", "F", f"2024060{len(name)}")
        paths = tiny_series(tmp_path / name, patient=patient)
        receipt = closed(http, upload(http, "s.zip", zip_of(paths)).json()["key"])
    assert (receipt["state"], receipt["closed_at"]) == ("waiting", None)
    (found,) = http.get(f"/receipts/{receipt['key']}/identities").raise_for_status().json()["items"]
    assert found["name"] == "TWO^B"
    assert [(one["name"], one["differs"]) for one in found["known"]] == [("ONE^A", ["name"])]
    assert "TWO^B" not in str(http.get(f"/receipts/{receipt['key']}").json())


def test_a_zip_is_streamed_in_pieces_and_unpacked(http: httpx.Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for n in range(3):
            archive.writestr(f"s{n}.nii", volume())
    body = packed.getvalue()
    pieces = (body[start : start + 100] for start in range(0, len(body), 100))
    answer = upload(http, "all.zip", pieces, subject="S-9", study="2024")
    receipt = closed(http, answer.json()["key"])
    assert receipt["state"] == "done"
    assert receipt["n_done"] == 3


def test_an_upload_may_be_larger_than_any_other_request(http: httpx.Client) -> None:
    size = 33 << 20
    answer = upload(http, "big.bin", bytes(size), subject="S-9", study="2024")
    assert answer.status_code == 202
    assert closed(http, answer.json()["key"])["size_bytes"] == size
    assert http.post("/tags", content=b" " * size).status_code == 413


def test_an_upload_into_nowhere_is_refused_before_a_byte_is_read(http: httpx.Client) -> None:
    assert upload(http, "a.nii", b"x", project="none").status_code == 404
    assert upload(http, "a.nii", b"x", study="2024").status_code == 400


def test_an_upload_that_is_cut_off_says_so(works: Site, http: httpx.Client) -> None:
    token = http.headers["Authorization"]
    before = http.get("/receipts").json()["total"]
    with socket.create_connection(("127.0.0.1", works.port), timeout=30) as sock:
        sock.sendall(
            b"POST /api/v1/uploads?project=default&filename=half.zip HTTP/1.1\r\n"
            b"Host: localhost\r\nContent-Length: 1000000\r\n"
            + f"Authorization: {token}\r\n\r\n".encode()
            + b"PK" * 1000
        )
        wait_until(
            lambda: http.get("/receipts").json()["total"] == before + 1, "the receipt is there"
        )

    def failed() -> bool:
        newest = http.get("/receipts", params={"limit": 1}).json()["items"][0]
        return bool(newest["state"] == "failed")

    wait_until(failed, "the receipt says that it failed")
    with works.services.catalog.read() as con:
        assert not list(works.services.folder.incoming.rglob("*.part"))
        assert con.execute("SELECT count(*) FROM receipts").fetchone()[0] == before + 1


def test_a_folder_of_the_machine_is_imported_and_left_as_it_is(
    http: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "scan.nii").write_bytes(volume())
    body = {
        "project": "default",
        "path": str(tmp_path),
        "patients_id": "S-10",
        "studies_id": "2024",
    }
    answer = http.post("/imports", json=body)
    assert answer.status_code == 202
    assert closed(http, answer.json()["key"])["state"] == "done"
    assert (tmp_path / "scan.nii").read_bytes() == volume()


def test_only_an_admin_imports_paths(works: Site, tmp_path: Path) -> None:
    with works.bearer(scope="reader editor") as other:
        answer = other.post("/imports", json={"project": "default", "path": str(tmp_path)})
    assert answer.status_code == 403


def test_what_cannot_be_read_is_told_and_can_be_tried_again(http: httpx.Client) -> None:
    answer = upload(http, "noise.dcm", b"\0" * 500)
    receipt = closed(http, answer.json()["key"])
    assert receipt["state"] in ("failed", "partial", "waiting")
    assert receipt["reason"]
    assert [item["state"] for item in receipt["items"]] != ["stored"]
    again = http.post(f"/receipts/{receipt['key']}/retry")
    assert again.status_code == 202
    assert closed(http, receipt["key"])["state"] == receipt["state"]


def test_receipts_are_listed_by_state(http: httpx.Client) -> None:
    answer = upload(http, "listed.nii", volume(), subject="S-11", study="2024")
    closed(http, answer.json()["key"])
    done = http.get("/receipts", params={"project": "default", "state": "done"}).json()["items"]
    assert answer.json()["key"] in [receipt["key"] for receipt in done]
    assert {receipt["state"] for receipt in done} == {"done"}
    assert http.get("/receipts", params={"state": "dreaming"}).status_code == 400
    assert http.get("/receipts/none").status_code == 404


def test_who_a_subject_is_needs_a_right_and_is_on_record(works: Site, http: httpx.Client) -> None:
    with works.bearer(scope="reader") as other:
        assert other.get("/subjects/1/identity").status_code == 403
    assert http.get("/subjects/999999/identity").status_code == 404
