"""What leaves over the API: the last look, who may let it go, and the report (B5)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from appliance import catalog
from appliance.catalog import Grant
from appliance.cli.entry import main
from appliance.privacy import Identity, ProjectPolicy
from appliance.viewing.versions import Head, keep
from tests.formats.test_slide_attachments import jpeg, write
from tests.support.czi import attach
from tests.web_api.conftest import Site, add_file, served, working_services

JANE = Identity(patient_id="QX-4711", name="DOE^JANE", birth_date="19700102", sex="F")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("leaving")
    with working_services(root / "data") as services, served(services) as site:
        with services.catalog.read() as con:
            key = catalog.get_project(con, "default").key
        services.identities.resolve(key, JANE, ProjectPolicy())
        add_file(services, "a/notes.txt", b"doe is well", "text")
        add_file(services, "b/plain.txt", b"all is well", "text")
        yield site


def prepare(http: httpx.Client, pattern: str) -> dict:
    study = http.get("/projects/default/studies").json()["items"][0]["id"]
    body = {"project": "default", "studies": [study], "pattern": pattern}
    return http.post("/downloads", json=body).raise_for_status().json()


def downloader(site: Site, *, deanonym: bool) -> httpx.Client:
    grant = Grant(download=True, deanonym=deanonym)
    return member(site, "knowing" if deanonym else "other", grant)


def member(site: Site, login: str, grant: Grant) -> httpx.Client:

    def write(tx: catalog.Tx) -> str:
        if tx.con.execute("SELECT 1 FROM users WHERE login = ?", (login,)).fetchone() is None:
            catalog.create_user(tx, login, actor="owner")
        project = catalog.get_project(tx.con, "default").id
        catalog.set_grant(tx, login, project, grant, actor="owner")
        return catalog.issue_token(tx, "t", login=login)

    headers = {"Authorization": f"Bearer {site.services.catalog.write(write)}"}
    return httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=60)


def bytes_of(http: httpx.Client, url: str) -> httpx.Response:
    return http.get(url.removeprefix("/api/v1"))


def test_an_archive_that_tells_nobody_is_sent_at_once(site: Site) -> None:
    with downloader(site, deanonym=False) as http:
        answer = bytes_of(http, prepare(http, "*plain*")["url"])
    with zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content)) as archive:
        assert [name.rpartition("/")[2] for name in archive.namelist()] == ["plain.txt"]


def test_one_that_tells_somebody_waits_for_who_may_know_it(site: Site) -> None:
    with downloader(site, deanonym=False) as http:
        made = prepare(http, "*notes*")
        refused = bytes_of(http, made["url"])
        assert (refused.status_code, refused.json()["key"]) == (409, "release_unconfirmed")
        assert "doe" not in refused.text.lower()
        check = f"/projects/default/releases/checks/{refused.json()['facts']['check']}"
        assert http.post(f"{check}/confirm").status_code == 403
        with downloader(site, deanonym=True) as knowing:
            done = knowing.post(f"{check}/confirm").raise_for_status().json()
        assert done["confirmed_by"] == "knowing"
        assert bytes_of(http, made["url"]).status_code == 200
        report = http.get(f"{check}/report").raise_for_status()
        assert http.post("/releases/verify", json=report.json()).json() == {"valid": True}
        changed = {**report.json(), "confirmed": False}
        assert http.post("/releases/verify", json=changed).json() == {"valid": False}
        listed = http.get("/projects/default/releases/checks").json()["items"]
        assert done["key"] in {one["key"] for one in listed}


def test_a_look_beforehand_names_rules_and_places_but_no_value(site: Site) -> None:
    with downloader(site, deanonym=False) as http:
        body = {"way": "files", "download": prepare(http, "*.txt")["key"]}
        found = http.post("/projects/default/releases/checks", json=body).raise_for_status().json()
        assert [one["rule"] for one in found["findings"]] == ["text"]
        assert found["needed"]
        assert found["findings"][0]["places"][0].endswith("notes.txt")
        assert "doe" not in json.dumps(found).lower()
        unknown = {"way": "files", "download": "nothing"}
        assert http.post("/projects/default/releases/checks", json=unknown).status_code == 404


def test_the_command_checks_and_verifies(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(site.services.folder.root)]
    assert main(["release", "check", "--way", "dicom", "-p", "default", *data]) == 0
    key = capsys.readouterr().out.partition(":")[0]
    assert main(["release", "report", key, "-p", "default", *data]) == 0
    path = tmp_path / "report.json"
    path.write_text(capsys.readouterr().out)
    assert main(["release", "verify", str(path), *data]) == 0
    path.write_text(path.read_text().replace('"n_files": 0', '"n_files": 3'))
    assert main(["release", "verify", str(path), *data]) == 1


def test_a_subject_is_erased_by_an_administrator_who_types_its_code(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(tx: catalog.Tx) -> None:
        project = catalog.get_project(tx.con, "default").id
        catalog.ensure_study(tx, catalog.ensure_subject(tx, project, "S-0077"), "2024")

    site.services.catalog.write(make)
    data = ["-p", "default", "--data", str(site.services.folder.root)]
    assert main(["erase", "S-0077", "--plan", *data]) == 0
    assert "1 studies" in capsys.readouterr().out
    assert main(["erase", "S-0077", "--typed", "S-0001", *data]) == 2
    with downloader(site, deanonym=True) as http:
        body = {"subject": "S-0077", "typed": "S-0077"}
        assert http.post("/projects/default/erasures", json=body).status_code == 403
    with site.local() as http:
        wrong = http.post("/projects/default/erasures", json={"subject": "S-0077", "typed": ""})
        assert wrong.status_code == 400
        names = [one["pid"] for one in http.get("/projects/default/subjects").json()["items"]]
        assert "S-0077" in names
    assert main(["erase", "S-0077", "--typed", "S-0077", *data]) == 0
    with site.local() as http:
        names = [one["pid"] for one in http.get("/projects/default/subjects").json()["items"]]
        assert "S-0077" not in names
        told = http.get("/operations?project=default").json()["items"]
    assert "erase" in {one["verb"] for one in told}


def test_URL_01_a_link_is_let_go_by_who_may_know_it_though_nothing_else(site: Site) -> None:
    body = draft(site, "Doe, second visit")
    revealing = Grant(deanonym=True)
    with member(site, "reader", Grant()) as http, member(site, "revealing", revealing) as knowing:
        refused = http.post("/links?project=default", json=body)
        assert refused.status_code == 409
        check = f"/projects/default/releases/checks/{refused.json()['facts']['check']}"
        # who shares a link sees what was found in it, and cannot let it go
        assert http.get(check).raise_for_status().json()["needed"]
        assert http.post(f"{check}/confirm").status_code == 403
        assert knowing.post("/links?project=default", json=body).status_code == 409
        done = knowing.post(f"{check}/confirm").raise_for_status().json()
        assert done["confirmed_by"] == "revealing"
        assert knowing.get(f"{check}/report").raise_for_status().json()["confirmed"]
        assert http.post("/links?project=default", json=body).status_code == 201


def test_an_archive_is_let_go_by_who_may_know_it_and_cannot_take_it(site: Site) -> None:
    add_file(site.services, "c/letter.log", b"doe asks", "text")
    revealing = Grant(deanonym=True)
    with (
        downloader(site, deanonym=False) as http,
        member(site, "reader", Grant()) as reader,
        member(site, "revealing", revealing) as knowing,
    ):
        body = {"way": "files", "download": prepare(http, "*letter*")["key"]}
        made = http.post("/projects/default/releases/checks", json=body).raise_for_status().json()
        check = f"/projects/default/releases/checks/{made['key']}"
        assert made["needed"]
        for look in (reader.get(check), reader.post(f"{check}/confirm")):
            assert look.status_code == 403
        assert knowing.get(check).status_code == 200
        assert knowing.post(f"{check}/confirm").status_code == 200
        assert knowing.get("/projects/default/releases/checks").status_code == 403


def draft(site: Site, title: str) -> dict:
    with site.local() as http:
        files = http.get("/projects/default/files").json()["items"]
    plain = [row["id"] for row in files if row["name"] == "plain.txt"]
    return {"title": title, "files": plain, "state": {"version": 1, "layout": "2x2"}}


def test_a_link_that_tells_nobody_is_made_at_once(site: Site) -> None:
    with downloader(site, deanonym=False) as http:
        made = http.post("/links?project=default", json=draft(site, "Case 1"))
        assert made.status_code == 201, made.text


def test_a_link_that_tells_somebody_waits_for_who_may_know_it(site: Site) -> None:
    body = draft(site, "Doe, first visit")
    with downloader(site, deanonym=False) as http:
        refused = http.post("/links?project=default", json=body)
        assert (refused.status_code, refused.json()["key"]) == (409, "release_unconfirmed")
        assert "doe" not in refused.text.lower()
        check = f"/projects/default/releases/checks/{refused.json()['facts']['check']}"
        found = http.get(check).raise_for_status().json()
        assert (found["way"], found["findings"][0]["rule"]) == ("link", "text")
        assert "doe" not in json.dumps(found).lower()
        assert http.post(f"{check}/confirm").status_code == 403
        with downloader(site, deanonym=True) as knowing:
            knowing.post(f"{check}/confirm").raise_for_status()
        moved = {**body, "state": {**body["state"], "crosshair": [1, 2, 3]}}
        made = http.post("/links?project=default", json=moved).raise_for_status().json()
        other = {**moved, "title": "Jane Doe"}
        assert http.put(f"/links/{made['key']}", json=other).status_code == 409
        assert http.get(f"/links/{made['key']}").json()["link"]["title"] == body["title"]
        report = http.get(f"{check}/report").raise_for_status().json()
        assert report["confirmed"]


def test_a_link_to_a_file_that_tells_somebody_is_looked_at(site: Site) -> None:
    with site.local() as http:
        files = http.get("/projects/default/files").json()["items"]
    body = draft(site, "Case 2")
    body["files"] = [row["id"] for row in files if row["name"] == "notes.txt"]
    with downloader(site, deanonym=False) as http:
        assert http.post("/links?project=default", json=body).status_code == 409


@pytest.fixture
def strict(site: Site) -> Iterator[None]:
    """The project lets nothing leave unasked."""

    def want(what: str) -> None:
        change = {"release_check": what}
        site.services.catalog.write(
            lambda tx: catalog.change_policy(tx, "default", change, actor="owner")
        )

    want("always")
    yield
    want("found")


@pytest.mark.usefixtures("strict")
def test_one_file_waits_for_a_confirmation_like_an_archive_of_it(site: Site) -> None:
    number = add_file(site.services, "c/data.mat", b"all is well", "other")
    shown = add_file(site.services, "c/shown.txt", b"all is well", "text")
    with downloader(site, deanonym=False) as http:
        refused = http.get(f"/files/{number}/data.mat")
        assert (refused.status_code, refused.json()["key"]) == (409, "release_unconfirmed")
        assert http.head(f"/files/{number}/data.mat").status_code == 409
        assert http.get(f"/files/{shown}/shown.txt").status_code == 200  # as a page shows it
        # the pages ask by way of an archive of the same file
        made = http.post("/downloads", json={"project": "default", "files": [number]}).json()
        body = {"way": "files", "download": made["key"]}
        check = http.post("/projects/default/releases/checks", json=body).json()
        assert (check["needed"], check["n_files"]) == (True, 1)
        http.post(f"/projects/default/releases/checks/{check['key']}/confirm").raise_for_status()
        assert http.get(f"/files/{number}/data.mat").content == b"all is well"
        other = add_file(site.services, "c/other.mat", b"all is well", "other")
        assert http.get(f"/files/{other}/other.mat").status_code == 409


@pytest.mark.usefixtures("strict")
def test_a_version_of_a_file_waits_for_a_confirmation_of_its_own(site: Site) -> None:
    number = add_file(site.services, "e/r.mat", b"before", "other")
    study = catalog.study_dir(site.services.folder, "default", "S-0001", "2024")
    about = Head(n=1, saved_at=1, saved_by="owner", origin="", size_bytes=6, mtime_ns=1)
    keep(study, "e/r.mat", about)
    (study / "e/new").write_bytes(b"now")
    (study / "e/new").replace(study / "e/r.mat")
    with downloader(site, deanonym=True) as http:
        refused = http.get(f"/files/{number}/versions/1/r.mat")
        assert (refused.status_code, refused.json()["key"]) == (409, "release_unconfirmed")
        assert http.head(f"/files/{number}/versions/1/r.mat").status_code == 409
        check = refused.json()["facts"]["check"]
        http.post(f"/projects/default/releases/checks/{check}/confirm").raise_for_status()
        assert http.get(f"/files/{number}/versions/1/r.mat").content == b"before"
        assert http.get(f"/files/{number}/r.mat").status_code == 409  # that is another one


def test_SPA_04_a_slide_with_its_label_leaves_when_who_may_know_it_says_so(
    site: Site, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.czi", np.ones((20, 30, 1), np.uint16))
    attach(path, [("Label", "JPG", jpeg(np.full((40, 80, 3), 90, np.uint8)))])
    number = add_file(site.services, "d/a.czi", path.read_bytes(), "other")
    with downloader(site, deanonym=False) as http:
        refused = http.get(f"/files/{number}/a.czi")
        assert (refused.status_code, refused.json()["key"]) == (409, "release_unconfirmed")
        check = f"/projects/default/releases/checks/{refused.json()['facts']['check']}"
        assert "photographs" in {one["rule"] for one in http.get(check).json()["findings"]}
        assert http.post(f"{check}/confirm").status_code == 403
        with downloader(site, deanonym=True) as knowing:
            knowing.post(f"{check}/confirm").raise_for_status()
        assert http.get(f"/files/{number}/a.czi").content == path.read_bytes()
