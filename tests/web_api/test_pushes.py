"""Sending series, ROIs, pictures and reports to a real Orthanc: the API and the command line."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from appliance import catalog
from appliance.formats import is_segmentation, read_volume, write_nifti
from tests.cli.shell import Shell, use_server
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until
from tests.web_api.conftest import served, working_services

UID = "1.2.826.0.1.3680043.10.994"
PATIENT = {"patient_id": "PX-77", "name": "MÜLLER^ÄNNE", "SpecificCharacterSet": "ISO_IR 100"}
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
MARK = "research, not for diagnosis"


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with an_orthanc(tmp_path_factory.mktemp("orthanc") / "o", web=True) as running:
        yield running


@pytest.fixture(scope="module")
def desk(orthanc, tmp_path_factory):
    """A server with one study, which the archive knows, a mask, a PDF and a picture."""
    root = Path(tempfile.mkdtemp(prefix="nora-push-"))
    gone = {"ae_title": "GONE", "host": "127.0.0.1", "port": free_port(), "timeout_s": 5.0}
    nodes = {
        "main": orthanc.node(push=True, charset="ISO_IR 192"),
        "web": orthanc.web_node(push=True),
        "off": orthanc.node(),
        "gone": {**gone, "push": True},
    }
    source = tmp_path_factory.mktemp("in")
    paths = write_series(source / "a", study_uid=f"{UID}.1", n=4, **PATIENT)
    orthanc.fill(paths)
    write_series(source / "b", study_uid=f"{UID}.2", n=2, number=5, date="20240601", **PATIENT)
    try:
        with (
            working_services(root / "data", {"pacs.nodes": nodes}) as services,
            served(services) as site,
        ):
            services.importer.import_path("default", source)
            site.ids = wait_until(lambda: fill(services), "the images are here")
            services.pacs.start()
            yield site
            services.pacs.close()
    finally:
        shutil.rmtree(root)


def fill(services):
    """Put a mask, a PDF and a picture beside the image, once that is there."""
    with services.catalog.read() as con:
        project = catalog.get_project(con, "default")
        query = catalog.FileQuery(limit=100)
        rows = [r for r in catalog.list_files(con, project.id, query).items if r.kind == "image"]
    if len(rows) < 2:
        return None
    image = next(row for row in rows if row.sid == "2024-05-02")
    path = catalog.file_path(services.folder, image)
    volume = read_volume(path)
    mask = np.zeros(volume.data.shape[:3], np.uint8)
    mask[4:9, 5:11, 1:3] = 1
    write_nifti(path.parent / "lesion.nii", volume.like(mask))
    (path.parent / "report.pdf").write_bytes(PDF)

    def add(tx, name, kind):
        size = (path.parent / name).stat().st_size
        return catalog.add_file(
            tx, image.study_id, f"{image.folder}/{name}", size_bytes=size, mtime_ns=1, kind=kind
        )

    return services.catalog.write(
        lambda tx: {
            "image": image.id,
            "study": image.study_id,
            "other": next(row.study_id for row in rows if row is not image),
            "mask": add(tx, "lesion.nii", "mask"),
            "pdf": add(tx, "report.pdf", "document"),
        }
    )


@pytest.fixture
def shell(desk, capsys, monkeypatch):
    use_server(monkeypatch, desk)
    return Shell(capsys, desk.services, "default")


def pushed(desk, **body):
    """Send, wait until it has arrived, and give the row."""
    with desk.bearer() as http:
        answer = http.post("/projects/default/pacs/pushes", json=body)
        assert answer.status_code == 202, answer.text
        batch = answer.json()["batch"]
        assert batch, answer.text

        def ended():
            rows = http.get("/projects/default/pacs/pushes", params={"batch": batch}).json()
            [row] = rows["items"]
            return row["state"] not in ("queued", "sending") and row

        return wait_until(ended, "it has been sent")


def newest(orthanc, study_uid, modality):
    """The latest object of a kind that the archive holds of a study."""
    query = {"StudyInstanceUID": study_uid, "Modality": modality}
    found = orthanc.http.post("/tools/find", json={"Level": "Series", "Query": query}).json()
    series = max(
        (orthanc.http.get(f"/series/{key}").json() for key in found),
        key=lambda one: one["LastUpdate"],
    )
    return orthanc.http.get(f"/instances/{series['Instances'][0]}/file").content


def judged(data, tmp_path):
    """Errors that an independent validator finds."""
    path = tmp_path / "judged.dcm"
    path.write_bytes(data)
    done = subprocess.run(
        [needs("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def check_result(data, original):
    """A result is of the same person and study, and new in everything else."""
    ds = dcmread(io.BytesIO(data))
    for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert ds[keyword].value == original[keyword].value, keyword
    assert str(ds.PatientName) == str(original.PatientName)
    assert ds.SeriesInstanceUID != original.SeriesInstanceUID
    assert MARK in ds.SeriesDescription
    return ds


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    return dcmread(write_series(folder, study_uid=f"{UID}.1", n=1, **PATIENT)[0])


@pytest.mark.parametrize("way", [("main", "seg"), ("web", "seg"), ("main", "rtstruct")])
def test_GEN_06_ROIs_go_as_objects_of_the_study_that_refer_to_its_images(
    desk, orthanc, original, tmp_path, way
):
    node, form = way
    row = pushed(desk, node=node, files=[desk.ids["mask"]], form=form, title="tumour")
    assert (row["state"], row["kind"], row["n_sent"]) == ("done", form, 1), row
    data = newest(orthanc, f"{UID}.1", "SEG" if form == "seg" else "RTSTRUCT")
    ds = check_result(data, original)
    assert ds.SeriesDescription == f"tumour ({MARK})"
    assert judged(data, tmp_path) == []
    path = tmp_path / "it.dcm"
    path.write_bytes(data)
    assert is_segmentation(path) == (form == "seg")
    if form == "seg":
        assert (ds.ContentLabel, ds.ContentDescription) == ("RESEARCH", MARK)
    else:
        assert (ds.StructureSetLabel, ds.StructureSetDescription) == ("RESEARCH", MARK)
    # what has arrived is not kept a second time
    assert list((desk.services.folder.root / "outgoing").glob("*.dcm")) == []


def test_GEN_06_a_picture_goes_as_a_secondary_capture(desk, orthanc, original, tmp_path):
    sent = base64.b64encode(picture()).decode()
    row = pushed(desk, node="main", picture=sent, study_id=desk.ids["study"], title="view")
    assert (row["state"], row["kind"], row["what"]) == ("done", "picture", "view"), row
    data = newest(orthanc, f"{UID}.1", "OT")
    ds = check_result(data, original)
    assert judged(data, tmp_path) == []
    assert np.array_equal(ds.pixel_array, np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


def test_GEN_06_a_report_goes_as_an_encapsulated_document(desk, orthanc, original, tmp_path):
    row = pushed(desk, node="web", files=[desk.ids["pdf"]])
    assert (row["state"], row["kind"]) == ("done", "report"), row
    data = newest(orthanc, f"{UID}.1", "DOC")
    ds = check_result(data, original)
    assert judged(data, tmp_path) == []
    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength] == PDF


def test_a_series_that_the_archive_has_not_goes_only_when_that_is_allowed(desk, orthanc):
    body = {"node": "main", "studies": [desk.ids["other"]]}
    with desk.bearer() as http:
        told = http.post("/projects/default/pacs/pushes", json={**body, "dry_run": True}).json()
        [fate] = told["fates"]
        assert (fate["known_there"], fate["problem"]) == (False, "main has no such study")
        refused = http.post("/projects/default/pacs/pushes", json=body)
        assert (refused.status_code, "no such study" in refused.text) == (403, True)
        assert "new" in refused.json()["hint"]
    row = pushed(desk, **body, new_study=True)
    assert (row["state"], row["n_sent"], row["kind"]) == ("done", 2, "originals")
    with desk.bearer() as http:
        answers = http.get(f"/projects/default/pacs/pushes/{row['key']}").json()["items"]
        assert [(one["n"], one["state"]) for one in answers] == [
            (1, "acknowledged"),
            (2, "acknowledged"),
        ]
        told = http.post("/projects/default/pacs/pushes", json={**body, "dry_run": True}).json()
        [fate] = told["fates"]
        assert (fate["known_there"], fate["n_objects"], fate["n_there"]) == (True, 0, 2)


def test_names_are_told_with_the_right_alone_and_put_on_record(desk):
    body = {"node": "main", "files": [desk.ids["image"]], "dry_run": True}
    with desk.bearer("reader editor") as http:
        plain = http.post("/projects/default/pacs/pushes", json=body)
        assert (plain.status_code, plain.json()["fates"][0]["patient"]) == (202, None)
        assert not [word for word in ("PX-77", "LLER", UID) if word in plain.text]
        assert (
            http.post("/projects/default/pacs/pushes", json={**body, "names": True}).status_code
            == 403
        )
    with desk.bearer() as http:
        told = http.post("/projects/default/pacs/pushes", json={**body, "names": True}).json()
    assert told["fates"][0]["patient"]["patient_id"] == "PX-77"
    assert told["address"].startswith("ARCHIVE@127.0.0.1:")
    with desk.services.catalog.read() as con:
        assert (
            con.execute("SELECT verb FROM operations ORDER BY id DESC").fetchone()[0]
            == "pacs-names"
        )


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"node": "off", "studies": ["study"]}, 403, "off"),
        ({"node": "nowhere", "studies": ["study"]}, 404, "no PACS node"),
        ({"node": "gone", "studies": ["study"]}, 502, "does not answer"),
        ({"node": "main"}, 400, "nothing is named"),
        ({"node": "main", "picture": "eA==", "study_id": "study"}, 422, "no PNG"),
        ({"node": "main", "picture": "?", "study_id": "study"}, 400, "base64"),
        ({"node": "main", "picture": "eA=="}, 400, "study"),
        ({"node": "main", "files": [987654]}, 404, "file"),
    ],
)
def test_what_cannot_be_sent_is_told(desk, body, status, told):
    def put(value):
        if isinstance(value, list):
            return [put(one) for one in value]
        return desk.ids.get(value, value) if isinstance(value, str) else value

    with desk.bearer() as http:
        answer = http.post(
            "/projects/default/pacs/pushes", json={name: put(value) for name, value in body.items()}
        )
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert list((desk.services.folder.root / "outgoing").glob("*.part")) == []


def test_CLI_push_tells_sends_and_lists(shell, desk):
    words = ("pacs", "push", "main", "-p", "default", "--study", "S-0001#2024-05-02")
    code, out, err = shell.run(*words, "--dry-run", "--names", "--json")
    assert code == 0, err
    [fate] = json.loads(out.partition("\n")[2])
    assert (fate["patient_id"], fate["known_there"]) == ("PX-77", True)
    code, out, err = shell.run(*words, "--again")
    assert (code, out.splitlines()[-1]) == (0, "1 done"), err
    code, out, _ = shell.run("pacs", "pushes", "-p", "default", "--json")
    row = json.loads(out)[0]
    assert (code, row["state"], row["n_sent"]) == (0, "done", 4)
    code, out, _ = shell.run("pacs", "pushes", "-p", "default", "--answers", row["key"], "--csv")
    assert (code, len(out.splitlines())) == (0, 5)
    assert shell.run("pacs", "push", "-p", "default")[0] == 2
