"""Projects from existing data, their settings, and BIDS datasets over the real API."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx

from appliance import catalog
from tests.exchange.trees import bids_dataset, write_image
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site


def settled(http: httpx.Client, key: str) -> dict:
    """The receipt once it is through."""
    found: dict = {}

    def done() -> bool:
        found.update(http.get(f"/receipts/{key}").json())
        return found["state"] in ("done", "partial", "failed")

    wait_until(done, "the folder to be read")
    return found


def read(http: httpx.Client, root: Path, project: str, **more) -> dict:
    answer = http.post("/existing", json={"root": str(root), "project": project, **more})
    assert answer.status_code == 202, answer.text
    return settled(http, answer.json()["key"])


def test_PROJ_25_a_project_is_made_from_a_folder(works: Site, tmp_path: Path) -> None:
    write_image(tmp_path / "old" / "anna" / "v1" / "t1.nii")
    body = {"root": str(tmp_path / "old"), "subjects": "keep"}
    with works.local() as http:
        preview = http.post("/existing/preview", json=body).json()
        assert (preview["n_files"], preview["rows"][0]["psid"]) == (1, "anna#v1")
        receipt = read(http, tmp_path / "old", "taken", subjects="keep")
        assert (receipt["kind"], receipt["state"]) == ("existing", "done")
        row = http.get("/projects/taken/files").json()["items"][0]
        image = http.get(row["content_url"].removeprefix("/api/v1"))
        volume = http.get(row["volume_url"].removeprefix("/api/v1"))
        assert image.content == (tmp_path / "old" / "anna" / "v1" / "t1.nii").read_bytes()
        assert volume.status_code == 200
        detail = http.get("/projects/taken").json()
        [source] = detail["sources"]
        assert (source["mode"], source["root"]) == ("stay", str(tmp_path / "old"))
        assert detail["usage"]["linked_bytes"] > 0
        write_image(tmp_path / "old" / "ben" / "v1" / "t1.nii")
        again = http.post(f"/projects/taken/sources/{source['key']}/update").json()
        assert settled(http, again["key"])["n_done"] == 1
        assert http.post(f"/projects/default/sources/{source['key']}/update").status_code == 404
        assert http.get("/projects/taken/files").json()["total"] == 2


def test_names_of_subjects_become_codes_unless_it_is_said_that_they_are(
    works: Site, tmp_path: Path
) -> None:
    write_image(tmp_path / "old" / "Miller" / "v1" / "t1.nii")
    with works.local() as http:
        preview = http.post("/existing/preview", json={"root": str(tmp_path / "old")}).json()
        assert preview["rows"][0]["psid"] == "(new)#v1"
        read(http, tmp_path / "old", "coded")
        assert http.get("/projects/coded/subjects").json()["items"][0]["pid"] == "S-0001"
        assert "Miller" not in http.get("/projects/coded/files").text


def test_a_folder_that_is_none_makes_no_project(works: Site, tmp_path: Path) -> None:
    with works.local() as http:
        answer = http.post("/existing", json={"root": str(tmp_path / "x"), "project": "ghost"})
        assert answer.status_code == 404
        wrong = {"root": str(tmp_path), "project": "ghost", "pattern": "{study}"}
        assert http.post("/existing", json=wrong).status_code == 400
        assert "ghost" not in [p["name"] for p in http.get("/projects").json()["items"]]


def test_only_administrators_read_folders_of_the_machine(works: Site, tmp_path: Path) -> None:
    with works.bearer("reader editor manage download") as http:
        body = {"root": str(tmp_path), "project": "default"}
        assert http.post("/existing", json=body).status_code == 403
        assert http.post("/existing/preview", json=body).status_code == 403
        assert http.post("/projects/default/state", json={"state": "trashed"}).status_code == 403


def test_PROJ_04_settings_of_a_project_are_changed_and_taken_back(works: Site) -> None:
    with works.local() as http:
        http.post("/projects", json={"name": "set"})
        fields = [{"name": "arm", "kind": "choice", "choices": ["a", "b"]}]
        changes = {"subject_code": "T{n:03d}", "title": "A trial", "fields": fields}
        made = http.patch("/projects/set", json={"settings": changes}).json()
        assert made["examples"]["subject"] == "T007"
        assert made["changed"] == ["fields", "subject_code", "title"]
        wrong = [
            {"subject_code": "same"},
            {"colour": "red"},
            {"nifti": "png"},
            {"quota_bytes": -1},
            {"fields": [{"name": "1x"}]},
            {"fields": [{"name": "a", "kind": "choice"}]},
        ]
        for settings in wrong:
            answer = http.patch("/projects/set", json={"settings": settings})
            assert answer.status_code == 400, settings
        operation = works.services.catalog.write(
            lambda tx: tx.con.execute("SELECT max(id) FROM operations").fetchone()[0]
        )
        assert http.post(f"/operations/{operation}/undo").status_code in (200, 204)
        assert http.get("/projects/set").json()["examples"]["subject"] == "S-0007"


def test_a_project_goes_to_the_archive_and_to_the_trash_and_comes_back(works: Site) -> None:
    with works.local() as http:
        http.post("/projects", json={"name": "shelf"})

        def put(state: str, project: str = "shelf") -> httpx.Response:
            return http.post(f"/projects/{project}/state", json={"state": state})

        assert put("archived").status_code == 200
        upload = http.post("/uploads", params={"project": "shelf", "filename": "x"}, content=b"x")
        assert (upload.status_code, upload.json()["key"]) == (409, "conflict")
        assert put("archived").status_code == 409
        done = put("trashed").json()
        assert "shelf" not in [p["name"] for p in http.get("/projects").json()["items"]]
        assert http.get("/projects/shelf").status_code == 404
        assert [p["name"] for p in http.get("/trash/projects").json()["items"]] == ["shelf"]
        assert http.post("/projects", json={"name": "shelf"}).status_code == 409
        http.post(f"/operations/{done['operation_id']}/undo")
        assert http.get("/projects/shelf").json()["state"] == "archived"
        assert put("active").status_code == 200
        assert put("trashed", "default").status_code == 409


def test_CLI_16_a_project_starts_with_what_its_module_holds(works: Site) -> None:
    definition = {
        "module": "mri",
        "policy": {"subject_code": "M{n}", "nifti": "nii.gz"},
        "fields": [{"name": "arm"}],
        "quota_bytes": 1000,
        "batches": {"First": {"jobs": []}},
        "autoloaders": {"Usual": {"rows": 1}},
        "bids": {"rules": [{"source": "t1/s*.nii", "datatype": "anat", "suffix": "T1w"}]},
    }
    with works.local() as http:
        made = http.post("/projects", json={"name": "trial", "definition": definition})
        assert (made.status_code, made.json()["module"]) == (201, "mri")
        saved = http.get("/batches/saved", params={"project": "trial"}).json()["items"]
        assert [one["name"] for one in saved] == ["First"]
        assert http.get("/projects/trial/bids").json()["rules"][0]["suffix"] == "T1w"
        module = http.get("/projects/trial/module").json()
        again = http.post("/projects", json={"name": "second", "definition": module})
        assert again.status_code == 201
        assert http.get("/projects/second/module").json() == module
        for wrong in (
            {"colours": 1},
            {"policy": {"nifti": "png"}},
            {"fields": [{"name": "1"}]},
            {"bids": {"rules": [{"source": "x", "datatype": "y", "suffix": "z"}]}},
        ):
            answer = http.post("/projects", json={"name": "third", "definition": wrong})
            assert answer.status_code == 400, wrong
        assert "third" not in [p["name"] for p in http.get("/projects").json()["items"]]


def test_custom_fields_take_values_of_their_kind(works: Site) -> None:
    fields = [
        {"name": "arm", "kind": "choice", "choices": ["a", "b"]},
        {"name": "score", "kind": "number"},
        {"name": "seen", "kind": "date", "level": "study"},
    ]

    def make(tx: catalog.Tx) -> tuple[int, int]:
        project = catalog.get_project(tx.con, "fielded")
        subject = catalog.ensure_subject(tx, project.id, "S-0001")
        return subject, catalog.ensure_study(tx, subject, "v1")

    with works.local() as http:
        http.post("/projects", json={"name": "fielded", "definition": {"fields": fields}})
        subject, study = works.services.catalog.write(make)
        where = f"/subjects/{subject}/fields"
        assert http.put(where, json={"values": {"arm": "a", "score": 1.5}}).status_code == 200
        assert http.put(where, json={"values": {"score": None}}).json() == {"values": {"arm": "a"}}
        for values in ({"arm": "c"}, {"score": "x"}, {"seen": "2024-01-01"}, {"other": 1}):
            assert http.put(where, json={"values": values}).status_code == 400, values
        there = f"/studies/{study}/fields"
        assert http.put(there, json={"values": {"seen": "2024-01-01"}}).status_code == 200
        assert http.get(there).json() == {"values": {"seen": "2024-01-01"}}


def test_PROJ_01_03_the_table_shows_only_what_is_in_the_current_project(works: Site) -> None:
    def make(tx: catalog.Tx) -> None:
        for name in ("pool-a", "pool-b"):
            subject = catalog.ensure_subject(tx, catalog.get_project(tx.con, name).id, name)
            study = catalog.ensure_study(tx, subject, "v1")
            catalog.add_file(tx, study, "a.nii", size_bytes=1, mtime_ns=1, kind="image")

    with works.local() as http:
        for name in ("pool-a", "pool-b"):
            http.post("/projects", json={"name": name})
        works.services.catalog.write(make)
        assert {"pool-a", "pool-b"} <= {p["name"] for p in http.get("/projects").json()["items"]}
        for name in ("pool-a", "pool-b"):
            for level, column in (("subjects", "pid"), ("studies", "psid"), ("files", "psid")):
                rows = http.get(f"/projects/{name}/{level}").json()["items"]
                assert [row[column].partition("#")[0] for row in rows] == [name], level


def test_PROJ_06_custom_fields_are_columns_of_the_table_and_of_its_exports(works: Site) -> None:
    fields = [
        {"name": "arm", "kind": "choice", "choices": ["a", "b"]},
        {"name": "seen", "kind": "date", "level": "study"},
    ]

    def make(tx: catalog.Tx) -> list[int]:
        project = catalog.get_project(tx.con, "columns")
        people = [catalog.ensure_subject(tx, project.id, f"S-{n}") for n in (1, 2)]
        visits = [catalog.ensure_study(tx, one, "v1") for one in people]
        catalog.change_fields(tx, "subject", people[0], {"ARM": "a"})
        catalog.change_fields(tx, "study", visits[0], {"seen": "2024-01-01"})
        return visits

    def lines(http: httpx.Client, **wanted: Any) -> list[str]:
        answer = http.post("/projects/columns/table", json=wanted).raise_for_status()
        return answer.text.splitlines()

    with works.local() as http:
        http.post("/projects", json={"name": "columns", "definition": {"fields": fields}})
        works.services.catalog.write(make)
        where = "/projects/columns/{}"
        rows = http.get(where.format("studies"), params={"fields": "*", "sort": "pid"}).json()
        assert [row["fields"] for row in rows["items"]] == [{"arm": "a", "seen": "2024-01-01"}, {}]
        rows = http.get(where.format("subjects"), params={"fields": "Arm"}).json()
        assert [row["fields"] for row in rows["items"]] == [{"arm": "a"}, {}]
        for level, name in (("subjects", "seen"), ("studies", "shoe")):
            wrong = http.get(where.format(level), params={"fields": name})
            assert (wrong.status_code, name in wrong.json()["detail"]) == (400, True)
        columns = ["study", "field:arm", "field:seen"]
        text = lines(http, level="studies", columns=columns)
        assert text == ["study,field:arm,field:seen", "v1,a,2024-01-01", "v1,,"]
        assert lines(http, level="subjects")[0].endswith(",field:arm")
        tree = lines(http, level="studies", form="tree", columns=columns)
        assert tree[1:3] == ["subject,,a,", "study,v1,,2024-01-01"]
        strange = http.post("/projects/columns/table", json={"columns": ["field:shoe"]})
        assert (strange.status_code, "shoe" in strange.json()["detail"]) == (400, True)


def test_E_08_a_dataset_goes_in_and_comes_out(works: Site, tmp_path: Path) -> None:
    root = bids_dataset(tmp_path / "ds", subjects=("01",), sessions=("a", "b"))
    with works.local() as http:
        read(http, root, "dataset", layout="bids")
        plan = http.post("/projects/dataset/bids/plan", json={}).json()
        assert (plan["n_files"], plan["n_studies"], plan["n_subjects"]) == (6, 2, 1)
        one = http.post("/projects/dataset/bids/plan", json={"studies": ["sub-01#ses-a"]}).json()
        assert one["n_files"] == 3
        settings = {"name": "Mine", "authors": ["A. Author"]}
        assert http.put("/projects/dataset/bids", json=settings).json()["name"] == "Mine"
        made = http.post("/projects/dataset/bids/exports", json={}).json()
        url = made["download_url"].removeprefix("/api/v1")
        answer = http.get(url)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert b'"Mine"' in archive.read("dataset_description.json")
        assert http.get(url.replace("dataset", "default")).status_code == 404
        folder = http.post(
            "/projects/dataset/bids/exports", json={"target": str(tmp_path / "out")}
        ).json()
        where = f"/projects/dataset/bids/exports/{folder['key']}"
        wait_until(lambda: http.get(where).json()["state"] == "done", "the export")
        assert (tmp_path / "out" / "participants.tsv").is_file()
        assert len(http.get("/projects/dataset/bids/exports").json()["items"]) == 2


def test_only_administrators_write_datasets_to_folders(works: Site, tmp_path: Path) -> None:
    with works.bearer("reader download") as http:
        body = {"target": str(tmp_path / "out")}
        answer = http.post("/projects/default/bids/exports", json=body)
        assert answer.status_code in (400, 403)
    assert not (tmp_path / "out").exists()
