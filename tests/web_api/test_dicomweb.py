"""Our originals for other DICOMweb programs: dicomweb-client over HTTP, rights, codes, errors."""

from __future__ import annotations

import dataclasses
import io
import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from appliance import catalog
from appliance.catalog import Grant
from appliance.core import SettingsError
from appliance.web.app import create_app
from appliance.web.origins import Origins
from appliance.web.server import WebServer, bind_tcp
from tests.exchange.kit import write_series
from tests.support.orthanc import an_orthanc
from tests.support.waiting import wait_until
from tests.web_api.conftest import served, working_services

UID = "1.2.826.0.1.3680043.10.993"
ALICE = {"patient_id": "DW-1", "name": "SMITH^ALICE", "sex": "F"}
BERT = {"patient_id": "DW-2", "name": "JONES^BERT", "sex": "M", "birth": "19500101"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A server that holds three studies of two people; `made` are their files."""
    root = Path(tempfile.mkdtemp(prefix="nora-dicomweb-"))
    source = tmp_path_factory.mktemp("in")
    made = [
        *write_series(source / "a", study_uid=f"{UID}.1", n=3, **ALICE),
        *write_series(source / "b", study_uid=f"{UID}.1", n=2, number=4, description="t2", **ALICE),
        *write_series(source / "c", study_uid=f"{UID}.2", n=2, date="20240601", **ALICE),
        *write_series(source / "d", study_uid=f"{UID}.3", n=1, date="20250101", **BERT),
    ]
    packed = dcmread(made[-1])
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(made[-1], enforce_file_format=True)
    try:
        with working_services(root / "data") as services, served(services) as site:
            services.catalog.write(lambda tx: catalog.ensure_project(tx, "empty"))
            services.importer.import_path("default", source)
            wait_until(lambda: n_kept(services) == len(made), "the objects are kept")
            site.made = made
            yield site
    finally:
        shutil.rmtree(root)


def n_kept(services):
    sql = "SELECT count(*) FROM receipt_items WHERE place LIKE 'originals/%' AND from_place IS NULL"
    with services.catalog.read() as con:
        return con.execute(sql).fetchone()[0]


@pytest.fixture(scope="module")
def tokens(shelf):
    """Tokens of callers: with all rights, without names, and who may only look."""

    def make(tx):
        project = catalog.get_project(tx.con, "default").id
        for login, grant in (
            ("plain", Grant(readonly=False, download=True)),
            ("looker", Grant()),
            ("stranger", None),
        ):
            catalog.create_user(tx, login, actor="owner")
            if grant is not None:
                catalog.set_grant(tx, login, project, grant, actor="owner")
        logins = ("plain", "looker", "stranger")
        found = {login: catalog.issue_token(tx, "t", login=login) for login in logins}
        return {"owner": catalog.issue_token(tx, "t"), **found}

    return shelf.services.catalog.write(make)


@pytest.fixture(scope="module")
def client(shelf, tokens):
    def make(login="owner", project="default"):
        headers = {"Authorization": f"Bearer {tokens[login]}"}
        return DICOMwebClient(f"{shelf.url}/dicom-web/{project}", headers=headers)

    return make


@pytest.fixture(scope="module")
def ask(shelf, tokens):
    def get(path, login="owner", **more):
        headers = {"Authorization": f"Bearer {tokens[login]}", **more.pop("headers", {})}
        return requests.get(f"{shelf.url}/dicom-web/{path}", headers=headers, timeout=30, **more)

    return get


def value(row, tag):
    found = row.get(tag, {}).get("Value", [None])[0]
    return found.get("Alphabetic") if isinstance(found, dict) else found


def studies(found):
    return sorted(value(row, "0020000D").rpartition(".")[2] for row in found)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["1", "2", "3"]),
        ({"PatientID": "DW-1"}, ["1", "2"]),
        ({"00100020": "DW-2"}, ["3"]),
        ({"PatientName": "smith*"}, ["1", "2"]),
        ({"PatientName": "JONES^BERT"}, ["3"]),
        ({"StudyDate": "20240502"}, ["1"]),
        ({"StudyDate": "20240601-"}, ["2", "3"]),
        ({"StudyDate": "-20240601"}, ["1", "2"]),
        ({"StudyDate": "20240510-20241231"}, ["2"]),
        ({"ModalitiesInStudy": "CT"}, []),
        ({"ModalitiesInStudy": "MR", "StudyDescription": "h?ad"}, ["1", "2", "3"]),
        ({"StudyInstanceUID": f"{UID}.1,{UID}.3"}, ["1", "3"]),
        ({"PatientID": "nobody"}, []),
    ],
)
def test_GEN_06_QIDO_finds_studies(client, filters, expected):
    assert studies(client().search_for_studies(search_filters=filters)) == expected


def test_GEN_06_QIDO_tells_of_studies_series_and_instances(client):
    [study] = client().search_for_studies(search_filters={"StudyInstanceUID": f"{UID}.1"})
    assert (value(study, "00201206"), value(study, "00201208")) == (2, 5)
    assert (study["00080061"]["Value"], value(study, "00100010")) == (["MR"], "SMITH^ALICE")
    assert value(study, "00081190").endswith(f"/dicom-web/default/studies/{UID}.1")
    assert "00280010" not in study
    series = client().search_for_series(f"{UID}.1")
    assert [(value(s, "0008103E"), value(s, "00201209")) for s in series] == [
        ("t1 mprage", 3),
        ("t2", 2),
    ]
    instances = client().search_for_instances(f"{UID}.1", f"{UID}.1.3")
    assert [value(i, "00200013") for i in instances] == [1, 2, 3]
    assert value(instances[0], "00280010") == 16
    [more] = client().search_for_studies(fields=["BodyPartExamined", "EchoTime"], limit=1)
    assert value(more, "00180081") == 2.3


def test_pages_are_cut_and_say_that_there_is_more(client, ask):
    pages = [client().search_for_studies(limit=2, offset=n) for n in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert studies(pages[0] + pages[1]) == ["1", "2", "3"]
    answer = ask("default/studies", params={"limit": 2})
    assert (answer.status_code, "more results" in answer.headers["Warning"]) == (200, True)
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    fuzzy = ask("default/studies", params={"fuzzymatching": "true"})
    assert "fuzzy" in fuzzy.headers["Warning"]


def test_GEN_06_WADO_gives_the_very_bytes_that_came(client, shelf):
    sent = {dcmread(path).SOPInstanceUID: path.read_bytes() for path in shelf.made}
    study = client().retrieve_study(f"{UID}.1")
    assert len(study) == 5
    series = client().retrieve_series(f"{UID}.1", f"{UID}.1.3")
    assert [ds.InstanceNumber for ds in series] == [1, 2, 3]
    one = client().retrieve_instance(f"{UID}.3", f"{UID}.3.3", f"{UID}.3.3.1")
    stream = io.BytesIO()
    one.save_as(stream, enforce_file_format=True)
    assert one.PixelData == dcmread(io.BytesIO(sent[f"{UID}.3.3.1"])).PixelData


def test_GEN_06_metadata_frames_and_bulkdata(client, ask, shelf):
    [first, *_] = client().retrieve_series_metadata(f"{UID}.1", f"{UID}.1.3")
    assert len(client().retrieve_study_metadata(f"{UID}.1")) == 5
    ds = Dataset.from_json(first, bulk_data_uri_handler=lambda _uri: None)
    assert (ds.PatientName, ds.Rows) == ("SMITH^ALICE", 16)
    original = dcmread(shelf.made[0])
    uri = first["7FE00010"]["BulkDataURI"]
    [bulk] = client().retrieve_bulkdata(uri)
    assert bulk == original.PixelData
    names = (f"{UID}.1", f"{UID}.1.3", ds.SOPInstanceUID)
    [frame] = client().retrieve_instance_frames(*names, frame_numbers=[1])
    assert np.array_equal(np.frombuffer(frame, "<u2").reshape(16, 16), original.pixel_array)
    path = "default/studies/{}/series/{}/instances/{}".format(*names)
    assert ask(f"{path}/frames/2").status_code == 404
    assert ask(f"{path}/frames/one").status_code == 400
    assert ask(f"{path}/bulkdata/00100010").status_code == 404


def test_compressed_frames_come_as_they_are_stored(ask):
    path = f"default/studies/{UID}.3/series/{UID}.3.3/instances/{UID}.3.3.1/frames/1"
    kind = 'multipart/related; type="application/octet-stream"'
    assert ask(path, headers={"Accept": kind}).status_code == 406
    answer = ask(path, headers={"Accept": f"{kind}; transfer-syntax=*"})
    assert (answer.status_code, str(RLELossless) in answer.text[:200]) == (200, True)


ANY_SYNTAX = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
ONE = f"studies/{UID}.1/series/{UID}.1.3/instances/{UID}.1.3.1"
PACKED = f"studies/{UID}.3/series/{UID}.3.3/instances/{UID}.3.3.1"
OBJECTS, PARTS = "application/dicom", "multipart/related"


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        (f"{ONE}/frames/1", ANY_SYNTAX, PARTS),  # OHIF
        (f"{PACKED}/frames/1", ANY_SYNTAX, PARTS),
        (f"{PACKED}/frames/1", "multipart/related; type=application/octet-stream;q=0.5,*/*", PARTS),
        (f"{PACKED}/frames/1", 'multipart/related; type="image/dicom-rle"', PARTS),
        (f"{PACKED}/frames/1", "*/*", PARTS),
        (f"{PACKED}/frames/1", "multipart/related; type=image/jls", None),
        (f"{PACKED}/frames/1", ANY_SYNTAX.replace("*", "1.2.840.10008.1.2.1"), None),
        (f"{ONE}/frames/1", ANY_SYNTAX.replace("*", "1.2.840.10008.1.2.1"), PARTS),
        (f"{ONE}/frames/1", 'multipart/related; type="application/octet-stream"', PARTS),
        (f"{ONE}/frames/1", "application/octet-stream", "application/octet-stream"),
        (ONE, "multipart/related; type=application/dicom; transfer-syntax=*", PARTS),
        (ONE, 'multipart/related; type="application/dicom"; transfer-syntax=*', PARTS),  # Slicer
        (ONE, "application/dicom; transfer-syntax=*", OBJECTS),
        (ONE, "application/dicom, multipart/related;type=application/dicom;q=0.3", OBJECTS),
        (ONE, "application/dicom;q=0.3, multipart/related;type=application/dicom", PARTS),
        (ONE, "application/dicom+json", None),
        (ONE, "*/*, multipart/*;q=0, application/dicom;q=0", None),
        (ONE, "*/*", PARTS),
        (f"{ONE}/metadata", "application/dicom+json, application/json", "application/dicom+json"),
        (f"{ONE}/metadata", "application/json, text/plain, */*;q=0.1", "application/json"),
        (f"{ONE}/metadata", "*/*", "application/dicom+json"),
        ("studies", "application/json;q=0.9, application/dicom+json;q=0.2", "application/json"),
        ("studies", "application/dicom+json;q=0, application/xml", None),
        (
            "studies?includefield=all&limit=2&offset=1&fuzzymatching=true",
            "*/*",
            "application/dicom+json",
        ),
        (
            "studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060",
            "application/dicom+json",
            "application/dicom+json",
        ),
    ],
)
def test_GEN_06_viewers_get_the_form_that_their_Accept_asks_for(ask, path, accept, kind):
    answer = ask(f"default/{path}", headers={"Accept": accept})
    if kind is None:
        assert (answer.status_code, "Accept: " in answer.json()["hint"]) == (406, True)
    else:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith(kind)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_GEN_06_compressed_frames_can_be_asked_for_by_their_image_type(ask):
    kind = 'multipart/related; type="image/dicom-rle"'
    answer = ask(f"default/{PACKED}/frames/1", headers={"Accept": kind})
    assert answer.headers["Content-Type"].startswith(kind)
    head = answer.content.partition(b"\r\n\r\n")[0].decode()
    assert head.endswith(f"Content-Type: image/dicom-rle; transfer-syntax={RLELossless}")


def test_GEN_06_everything_is_told_page_by_page(ask):
    params = {"includefield": "all", "limit": 1, "offset": 1, "fuzzymatching": "true"}
    answer = ask("default/instances", params=params)
    [one] = answer.json()
    assert value(one, "00180081") == 2.3
    assert "more results" in answer.headers["Warning"]


def test_without_the_right_to_names_every_answer_carries_the_code(client, ask):
    # PS3.15 is applied as on export, so that no UID leads back either
    plain = client("plain")
    found = plain.search_for_studies()
    assert len(found) == 3
    codes = {value(row, "00100020") for row in found}
    assert all(code.startswith("S-000") for code in codes)
    assert len(codes) == 2
    assert plain.search_for_studies(search_filters={"PatientID": "DW-1"}) == []
    code = min(codes)
    mine = plain.search_for_studies(search_filters={"PatientID": code})
    assert {value(row, "00100020") for row in mine} == {code}
    study = value(found[0], "0020000D")
    series = [value(row, "0020000E") for row in plain.search_for_series(study)]
    assert not study.startswith(UID)
    objects = plain.retrieve_study(study)
    metadata = plain.retrieve_study_metadata(study)
    assert len(objects) == len(metadata) == 5
    assert {ds.SeriesInstanceUID for ds in objects} == set(series)
    assert {ds.PatientIdentityRemoved for ds in objects} == {"YES"}
    sop = objects[0].SOPInstanceUID
    one = plain.retrieve_instance(study, objects[0].SeriesInstanceUID, sop)
    assert one.PixelData == objects[0].PixelData
    told = repr(found) + repr(metadata) + "".join(ds.to_json() for ds in objects)
    assert not [word for word in ("SMITH", "ALICE", "DW-1", UID, "1970") if word in told]
    assert ask(f"default/studies/{UID}.1", "plain").status_code == 404


def test_rights_hold_as_for_every_other_route(ask, shelf, client):
    assert ask("default/studies", "looker").status_code == 200
    study = value(client("looker").search_for_studies()[0], "0020000D")
    assert ask(f"default/studies/{study}", "looker").status_code == 403
    assert ask("default/studies", "stranger").status_code == 404
    assert requests.get(f"{shelf.url}/dicom-web/default/studies", timeout=30).status_code == 401
    assert ask("nowhere/studies").status_code == 404
    assert ask("empty/studies").json() == []
    posted = requests.post(f"{shelf.url}/dicom-web/default/studies", timeout=30)
    assert posted.status_code == 401


def test_that_names_were_seen_is_put_on_record_once_an_hour(client, shelf):
    for _ in range(3):
        client().search_for_studies()
    with shelf.services.catalog.read() as con:
        rows = con.execute(
            "SELECT 1 FROM operations WHERE verb = 'dicomweb-names' AND actor = 'owner'"
            " AND target ->> 'project' = 'default'"
        ).fetchall()
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("studies?PatientName.x=1", {}, 400),
        ("studies?NoSuchThing=1", {}, 400),
        ("studies?limit=many", {}, 400),
        ("studies?fuzzymatching=perhaps", {}, 400),
        ("studies", {"Accept": "application/dicom+xml"}, 406),
        ("studies/1.2.3", {}, 404),
        ("studies/1.2.3/metadata", {}, 404),
        (f"studies/{UID}.1", {"Accept": "image/png"}, 406),
    ],
)
def test_what_cannot_be_answered_is_told(ask, path, headers, status):
    answer = ask(f"default/{path}", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_GEN_06_STOW_answers_when_objects_are_on_disk_under_a_receipt(client, shelf, tmp_path):
    paths = write_series(tmp_path / "new", study_uid=f"{UID}.7", n=2, **BERT)
    answer = client().store_instances([dcmread(path) for path in paths])
    assert [str(item.ReferencedSOPInstanceUID) for item in answer.ReferencedSOPSequence] == [
        f"{UID}.7.3.1",
        f"{UID}.7.3.2",
    ]
    wait_until(
        lambda: (
            studies(client().search_for_studies(search_filters={"PatientID": "DW-2"})) == ["3", "7"]
        ),
        "the study can be searched",
    )
    with shelf.bearer() as http:
        [receipt, *_] = http.get("/receipts?project=default").json()["items"]
    assert (receipt["source"], receipt["n_files"]) == ("DICOMweb", 2)


def posted(shelf, tokens, bodies, study="", login="owner"):
    body = b"".join(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + b + b"\r\n" for b in bodies)
    kind = 'multipart/related; type="application/dicom"; boundary=x'
    headers = {"Authorization": f"Bearer {tokens[login]}", "Content-Type": kind}
    url = f"{shelf.url}/dicom-web/default/studies{study}"
    return requests.post(url, data=body + b"--x--\r\n", headers=headers, timeout=30)


def test_STOW_tells_of_each_object_that_it_did_not_take(shelf, tokens, tmp_path):
    good, other = (
        write_series(tmp_path / n, study_uid=f"{UID}.{n}", n=1, **BERT)[0].read_bytes()
        for n in ("8", "9")
    )
    some = posted(shelf, tokens, [good, b"nothing", other], f"/{UID}.8")
    assert some.status_code == 202
    codes = [item["00081197"]["Value"][0] for item in some.json()["00081198"]["Value"]]
    assert codes == [0xC000, 0xA900]
    assert len(some.json()["00081199"]["Value"]) == 1
    key = some.headers["Content-Location"].rpartition("/")[2]
    with shelf.bearer() as http:
        assert http.get(f"/receipts/{key}").json()["n_files"] == 1
    none = posted(shelf, tokens, [b"nothing"])
    assert (none.status_code, "00081199" in none.json()) == (409, False)
    assert posted(shelf, tokens, []).status_code == 400
    assert posted(shelf, tokens, [good], login="looker").status_code == 403


def test_a_page_of_another_site_reaches_nothing(ask):
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert ask("default/studies", headers=headers).status_code == 403


VIEWER = "https://viewer.example.org:3000"


@pytest.fixture(scope="module")
def lent(shelf):
    """The same service, with a page of another address that may read."""
    web = msgspec.structs.replace(shelf.services.settings.web, dicomweb_origins=[f"{VIEWER}/"])
    settings = msgspec.structs.replace(shelf.services.settings, web=web)
    with WebServer(
        create_app(dataclasses.replace(shelf.services, settings=settings)),
        [listening := bind_tcp("127.0.0.1", 0)],
    ):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def preflight(url, origin=VIEWER, method="GET", **more):
    asked = {"Access-Control-Request-Method": method, "Sec-Fetch-Site": "cross-site"}
    asked["Access-Control-Request-Headers"] = "authorization"
    return requests.options(url, headers={"Origin": origin, **asked, **more}, timeout=30)


def test_GEN_06_a_viewer_on_another_address_reads_with_a_token(lent, tokens):
    url = f"{lent}/dicom-web/default/studies"
    first = preflight(url, **{"Access-Control-Request-Private-Network": "true"})
    assert (first.status_code, first.content) == (204, b"")
    assert first.headers["Access-Control-Allow-Origin"] == VIEWER
    assert "authorization" in first.headers["Access-Control-Allow-Headers"].lower()
    assert first.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert first.headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Credentials" not in first.headers
    page = {"Origin": VIEWER, "Sec-Fetch-Site": "cross-site"}
    known = {**page, "Authorization": f"Bearer {tokens['owner']}"}
    found = requests.get(url, headers=known, timeout=30)
    assert (found.status_code, len(found.json()) > 0) == (200, True)
    assert found.headers["Access-Control-Allow-Origin"] == VIEWER
    assert found.headers["Vary"] == "Origin"
    nobody = requests.get(url, headers=page, timeout=30)  # the page can read why
    assert (nobody.status_code, nobody.headers["Access-Control-Allow-Origin"]) == (401, VIEWER)


@pytest.mark.parametrize(
    "origin",
    ["https://viewer.example.org", "http://viewer.example.org:3000", f"{VIEWER}.evil.org", "null"],
)
def test_no_other_page_reads_and_a_page_reads_alone(lent, tokens, origin):
    url = f"{lent}/dicom-web/default/studies"
    token = {"Authorization": f"Bearer {tokens['owner']}"}
    refused = [
        preflight(url, origin),
        requests.get(url, headers={"Origin": origin, **token}, timeout=30),
        preflight(url, method="POST"),
        requests.post(url, headers={"Origin": VIEWER, **token}, timeout=30),
        preflight(f"{lent}/api/v1/projects"),
        requests.get(f"{lent}/api/v1/projects", headers={"Origin": VIEWER, **token}, timeout=30),
    ]
    assert [one.status_code for one in refused] == [403] * 6
    assert not any("Access-Control-Allow-Origin" in one.headers for one in refused)


def test_the_session_of_the_browser_is_not_lent_to_another_page(lent, shelf):
    with shelf.browser() as http:
        cookies = {"nora_session": http.cookies["nora_session"]}
        csrf = {"X-CSRF-Token": http.headers["X-CSRF-Token"]}
    url = f"{lent}/dicom-web/default/studies"
    own = requests.get(url, headers=csrf, cookies=cookies, timeout=30)
    assert own.status_code == 200
    assert "Access-Control-Allow-Origin" not in own.headers
    other = requests.get(url, headers={"Origin": VIEWER, **csrf}, cookies=cookies, timeout=30)
    assert other.status_code == 401


def test_off_by_default_no_page_of_another_address_is_told_anything(shelf):
    answer = preflight(f"{shelf.url}/dicom-web/default/studies")
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "wrong", ["*", "viewer.example.org", "https://*.example.org", "https://a/b", "ftp://a", "null"]
)
def test_an_address_of_pages_that_is_none_is_refused(wrong):
    with pytest.raises(SettingsError, match="dicomweb_origins"):
        Origins([wrong])


def test_GEN_06_Orthancs_plugin_searches_retrieves_and_stores(shelf, tokens, tmp_path):
    shelf.services.catalog.write(lambda tx: catalog.ensure_project(tx, "orthanc"))
    with an_orthanc(tmp_path / "o", web=True) as orthanc:

        def ask(what, project="default", **body):
            """Let the plugin ask a project of ours."""
            server = {
                "Url": f"{shelf.url}/dicom-web/{project}",
                "HttpHeaders": {"Authorization": f"Bearer {tokens['owner']}"},
            }
            orthanc.http.put(f"/dicom-web/servers/{project}", json=server).raise_for_status()
            answer = orthanc.http.post(f"/dicom-web/servers/{project}/{what}", json=body)
            answer.raise_for_status()
            return answer.json()

        found = ask("qido", Uri="/studies", Arguments={"PatientID": "DW-2", "StudyDate": "2026-"})
        assert found == []  # no such day
        found = ask("qido", Uri="/studies", Arguments={"PatientName": "SMITH*"})
        assert sorted(_told(one, "0020000D") for one in found) == [f"{UID}.1", f"{UID}.2"]
        ask("retrieve", Resources=[{"Study": f"{UID}.1"}, {"Study": f"{UID}.3"}])
        names = orthanc.http.get("/instances").json()
        came = [orthanc.http.get(f"/instances/{name}/file").content for name in names]
        wanted = [path for path in shelf.made if f"{UID}.2" != dcmread(path).StudyInstanceUID]
        assert sorted(map(_body, came)) == sorted(_body(path.read_bytes()) for path in wanted)
        ask("stow", "orthanc", Resources=names)
    own = {"project": "orthanc"}
    with shelf.bearer() as http:
        receipts = wait_until(lambda: http.get("/receipts", params=own).json()["items"], "it came")
    assert sum(one["n_files"] for one in receipts) == len(wanted)


def _body(data):
    """The data set of an object, without its file meta."""
    return data[144 + int.from_bytes(data[140:144], "little") :]


def _told(row, tag):
    """A value as the plugin shows it; it writes tags in lower case."""
    return next(one["Value"] for key, one in row.items() if key.upper() == tag)
