"""Every route of the API against every kind of caller: who may, who may not, who learns nothing.

Two projects: ``alpha`` holds what is asked for, ``beta`` is where the outsider may do everything.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from appliance.core import now_ms
from appliance.web.routes import ROUTES
from appliance.web.scope import where_of
from tests.web_api.conftest import Site, add_file, served, working_services

GRANTS = {
    "reader": Grant(),
    "editor": Grant(readonly=False),
    "batcher": Grant(readonly=False, batchtool=True),
    "downloader": Grant(download=True),
    "revealer": Grant(deanonym=True),
    "manager": Grant(role="admin"),
}
ROLES = ("anonymous", "outsider", *GRANTS, "limited", "job", "owner")
STREAM = "/events"

# What a route that checks by itself is sent: about alpha, or (None) a list that keeps it back.
BODIES: dict[tuple[str, str], dict[str, Any] | None] = {
    ("GET", "/projects"): None,
    ("GET", "/receipts"): None,
    ("GET", "/sessions"): None,
    ("POST", "/receipts/retry"): None,
    ("GET", "/jobs"): None,
    ("GET", "/operations"): None,
    ("POST", "/tags"): {"level": "file", "ids": ["FILE"], "add": ["x"]},
    ("POST", "/trash"): {"files": ["DOOMED"]},
    ("POST", "/files/add"): {"project": "alpha", "paths": ["A-1#1/none.nii"]},
    ("POST", "/files/remove"): {"project": "alpha", "paths": ["A-1#1/none.nii"]},
    ("POST", "/select"): {"project": "alpha", "selector": "*"},
    ("POST", "/batches"): {
        "project": "alpha",
        "name": "b",
        "level": "study",
        "jobs": [],
        "targets": [],
    },
    ("POST", "/batches/dry-run"): {"project": "alpha", "name": "b", "jobs": [], "targets": []},
    ("POST", "/batches/check"): {"project": "alpha", "batch": {"jobs": []}},
    ("POST", "/notebooks"): {"project": "alpha", "memory_mb": 64, "queue": "none"},
    ("POST", "/jobs/actions"): {"keys": ["JOB"], "action": "dismiss"},
    ("POST", "/jobs/priority"): {"keys": ["JOB"], "priority": 1},
    ("GET", "/jobs/counts"): None,
    ("POST", "/jobs/rerun"): {"keys": ["JOB"]},
    ("POST", "/jobs/logs"): {"keys": ["JOB"], "text": "x"},
    ("POST", "/downloads"): {"project": "alpha", "files": ["FILE"]},
    ("POST", "/recompute"): {"project": "alpha", "files": []},
    ("POST", "/rois/compare"): {"a": {"file_id": "FILE"}, "b": {"file_id": "FILE"}},
    ("POST", "/rois/statistics"): {"images": ["FILE"], "rois": []},
    ("POST", "/rois/statistics/csv"): {"images": ["FILE"], "rois": []},
    ("POST", "/contact"): {"project": "alpha", "studies": ["STUDY"]},
    ("POST", "/operations/{operation_id:int}/undo"): {},
    ("POST", "/operations/{operation_id:int}/purge"): {},
    ("GET", "/previews/{name:str}"): {},
    ("GET", "/slices/{name:str}"): {},
    ("GET", "/links/{key:str}"): {},
    ("PUT", "/links/{key:str}"): {"state": {}},
    ("DELETE", "/links/{key:str}"): {},
    ("PUT", "/presets/{key:str}"): {},
    ("DELETE", "/presets/{key:str}"): {},
}
# The keys of archives are checked against who made them; nobody else's exists.
OWN_THINGS = {("GET", "/downloads/{key:str}/{name:str}")}
# Nobody brought a tool, and no file is a pyramid, movie or report: who may look finds nothing.
NOTHING_THERE = {
    ("GET", "/tools/descriptors/{tool:str}"),
    ("GET", "/pyramids/{file_id:int}/{name:path}"),
    ("GET", "/movies/{file_id:int}/{name:str}"),
    ("DELETE", "/directives/templates/{name:str}"),
    ("GET", "/tilt-series/{file_id:int}/slices"),
    ("GET", "/tilt-series/{file_id:int}/slice"),
}


@dataclass
class World:
    site: Site
    ids: dict[str, Any]
    tokens: dict[str, str] = field(default_factory=dict)

    def http(self, role: str) -> httpx.Client:
        headers = {} if role == "anonymous" else {"Authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(base_url=f"{self.site.url}/api/v1", headers=headers, timeout=60)


def fill(tx: catalog.Tx) -> dict[str, Any]:
    alpha, beta = (catalog.ensure_project(tx, name) for name in ("alpha", "beta"))
    subject = catalog.ensure_subject(tx, alpha.id, "A-1")
    study = catalog.ensure_study(tx, subject, "1", date="2024-01-01")
    files = [
        catalog.add_file(tx, study, f"t1/{n}.nii", size_bytes=1, mtime_ns=1, kind="image")
        for n in "ab"
    ]
    catalog.tag(tx, "study", [study], add=["secret"])
    operation = catalog.tag(tx, "study", [study], add=["other"], actor="owner")
    now = now_ms()
    tx.con.execute(
        "INSERT INTO receipts (key, project_id, kind, state, created_at, updated_at)"
        " VALUES ('rec-one', ?, 'upload', 'done', ?, ?)",
        (alpha.id, now, now),
    )
    for project, number in ((alpha, "one"), (alpha, "three"), (beta, "two")):
        batch = tx.con.execute(
            "INSERT INTO batch (key, project_id, name, level, spec, spec_sha256, queue, actor,"
            " created_at) VALUES (?, ?, 'b', 'study', '{}', '', 'DPXproc', 'owner', ?)",
            (f"batch-{number}", project.id, now),
        ).lastrowid
        tx.con.execute(
            "INSERT INTO job (key, batch_id, project_id, project, chain_key, seq, psid, targets,"
            " name, spec, queue, state, cpus, memory_mb, gpus, created_at, queued_at, updated_at)"
            " VALUES (?, ?, ?, ?, 'c', 1, ?, '[]', 'j', '{}', 'DPXproc', 'failed', 1, 1, 0,"
            " ?, ?, ?)",
            (
                f"job-{number}",
                batch,
                project.id,
                project.name,
                f"{project.name[0].upper()}-1#1",
                now,
                now,
                now,
            ),
        )
    return {
        "project": "alpha",
        "file_id": files[0],
        "DOOMED": files[1],
        "study_id": study,
        "subject_id": subject,
        "operation_id": operation,
        "ids": (alpha.id, beta.id),
    }


def make_users(tx: catalog.Tx, ids: dict[str, Any]) -> dict[str, str]:
    alpha, beta = ids["ids"]
    catalog.create_user(tx, "visitor", actor="owner")
    tokens = {"owner": catalog.issue_token(tx, "t")}
    tokens["limited"] = catalog.issue_token(tx, "t", scope="reader")
    tokens["job"] = catalog.issue_token(tx, "t", scope="job", job_key="job-two")
    for login, grant in (*GRANTS.items(), ("outsider", Grant(role="admin"))):
        catalog.create_user(tx, login, actor="owner")
        catalog.set_grant(tx, login, beta if login == "outsider" else alpha, grant, actor="o")
        tokens[login] = catalog.issue_token(tx, "t", login=login)
    return tokens


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    root = Path(tempfile.mkdtemp(prefix="nora-rights-"))
    try:
        with working_services(root / "data") as services, served(services) as site:
            ids = services.catalog.write(fill)
            tokens = services.catalog.write(lambda tx: make_users(tx, ids))
            yield World(site, ids, tokens)
    finally:
        shutil.rmtree(root)


def routes() -> list[tuple[str, str, Any]]:
    return [
        (method, min(handler.paths), handler)
        for handler in ROUTES
        for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"})
        if min(handler.paths) != STREAM
    ]


def address(world: World, path: str, handler: Any) -> str:
    """Fill in the things of alpha."""
    keys = {"receipt": "rec-one", "batch": "batch-one"}
    key = keys.get(where_of(handler) or "", "job-one")
    known = {
        **world.ids,
        "key": key,
        "login": "visitor",
        "page": "first-steps",
        "action": "dismiss",
    }
    known |= {"n": 1, "value": 0, "item_id": 900}
    known |= {"user_id": world.ids["file_id"] + 900, "token_id": 900, "kind": "view"}
    if path.startswith(("/previews", "/slices")):
        known["name"] = f"{world.ids['file_id']}.png"
    return re.sub(r"\{(\w+):\w+\}", lambda match: str(known.get(match[1], "x")), path)


def body_of(world: World, method: str, path: str) -> Any:
    names = {"FILE": "file_id", "STUDY": "study_id", "DOOMED": "DOOMED"}
    told = BODIES.get((method, path)) or {}

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(one) for one in value]
        if isinstance(value, dict):
            return {name: put(one) for name, one in value.items()}
        if value == "JOB":
            return "job-one"
        return world.ids[names[value]] if value in names else value

    return {name: put(value) for name, value in told.items()}


def ask(world: World, http: httpx.Client, method: str, path: str, handler: Any) -> httpx.Response:
    sent = {} if method == "GET" else {"json": body_of(world, method, path)}
    asked = {"project": "alpha", "filename": "x.bin"}
    if BODIES.get((method, path), 0) is None:
        asked = {}
    return http.request(method, address(world, path, handler), params=asked, **sent)


def expected(role: str, method: str, path: str, handler: Any) -> set[str]:
    """Give what may happen: ``pass``, ``refused`` (403), ``hidden`` (404)."""
    right, where = handler.opt.get("right"), where_of(handler)
    if path == "/files/{file_id:int}/{name:str}":
        right = "download"  # an image; surfaces and texts are shown out of their own bytes
    if role == "owner":
        return {"pass"}
    if role == "limited":
        return {"pass"} if right == "reader" else {"refused"}
    if role == "job":
        return {"pass"} if where == "open" and handler.opt.get("job") else {"refused"}
    everything = frozenset({"reader", "editor", "batch", "download", "deanonym", "manage"})
    held = everything if role == "outsider" else GRANTS[role].rights
    if right not in held or where is None:
        return {"refused"}
    if where == "open" or BODIES.get((method, path), 0) is None:
        return {"pass"}
    if (method, path) in OWN_THINGS:
        return {"hidden"}
    return {"hidden"} if role == "outsider" else {"pass"}


def verdict(answer: httpx.Response, role: str) -> str:
    if answer.status_code == 404 and role == "outsider":
        return "hidden"
    return {401: "unknown", 403: "refused"}.get(answer.status_code, "pass")


def test_every_route_that_checks_by_itself_is_in_the_table() -> None:
    found = {(m, path) for m, path, handler in routes() if where_of(handler) == "handler"}
    assert found - OWN_THINGS == set(BODIES)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "anonymous"])
def test_PROJ_x09_every_route_answers_each_role_as_its_rights_say(world: World, role: str) -> None:
    wrong = []
    with world.http(role) as http:
        for method, path, handler in routes():
            if handler.opt.get("public"):
                continue
            if role == "limited" and path.startswith("/profile") and method != "GET":
                continue  # a limited token makes no tokens, whatever its rights
            answer = ask(world, http, method, path, handler)
            may = expected(role, method, path, handler)
            mine = (method, path) in OWN_THINGS and "hidden" in may
            if mine or ((method, path) in NOTHING_THERE and "pass" in may):
                may = {"hidden", "pass"}
            if verdict(answer, role) not in may:
                wrong.append((method, path, answer.status_code, may, answer.text[:120]))
    assert wrong == []


def test_nobody_gets_in_without_saying_who(world: World) -> None:
    with world.http("anonymous") as http:
        for method, path, handler in routes():
            if not handler.opt.get("public"):
                assert ask(world, http, method, path, handler).status_code == 401, path


def test_PROJ_02_an_outsider_learns_no_name_of_a_project(world: World) -> None:
    with world.http("outsider") as http:
        for method, path, handler in routes():
            if handler.opt.get("public"):
                continue
            answer = ask(world, http, method, path, handler)
            told = answer.text.replace("'alpha'", "").replace('"alpha"', "")  # as it was asked
            if answer.status_code < 400:
                told = answer.text
            assert "alpha" not in told, (path, answer.text[:300])
            assert "A-1" not in told, (path, answer.text[:300])
        wrong = http.get("/projects/gamma/studies").json()
        hidden = http.get("/projects/alpha/studies").json()
        assert {**wrong, "detail": ""} == {**hidden, "detail": ""}
        assert [p["name"] for p in http.get("/projects").json()["items"]] == ["beta"]
        assert http.get("/projects").json()["items"][0]["rights"] == sorted(
            ["reader", "editor", "batch", "download", "deanonym", "manage"]
        )


def test_lists_hold_what_the_caller_may_see(world: World) -> None:
    with world.http("outsider") as out, world.http("reader") as member:
        assert [job["key"] for job in out.get("/jobs").json()["items"]] == ["job-two"]
        assert "job-three" in {job["key"] for job in member.get("/jobs").json()["items"]}
        assert out.get("/receipts").json()["items"] == []
        assert {r["key"] for r in member.get("/receipts").json()["items"]} >= {"rec-one"}
        assert {o["project"] for o in member.get("/operations").json()["items"]} == {"alpha"}


def test_events_tell_of_the_callers_projects_only(world: World) -> None:
    since = world.site.services.catalog.last_seq()
    with world.http("outsider") as http, http.stream("GET", f"/events?since={since}") as stream:
        lines = stream.iter_lines()
        next(lines)
        for name in ("alpha", "beta"):
            world.site.services.catalog.write(
                lambda tx, name=name: catalog.ensure_study(  # type: ignore[misc]
                    tx,
                    catalog.ensure_subject(tx, catalog.get_project(tx.con, name).id, "E-1"),
                    "1",
                )
            )
        told = next(line for line in lines if line.startswith("data:"))
    assert '"beta"' in told


def test_a_change_of_rights_holds_at_once(world: World) -> None:
    with world.http("owner") as owner, world.http("editor") as editor:
        body = {"level": "study", "ids": [world.ids["study_id"]], "add": ["now"]}
        assert editor.post("/tags", json=body).status_code == 200
        readonly = {"role": "user", "readonly": True}
        assert owner.put("/projects/alpha/members/editor", json=readonly).status_code == 204
        assert editor.post("/tags", json=body).status_code == 403
        assert owner.delete("/projects/alpha/members/editor").status_code == 204
        assert editor.post("/tags", json=body).status_code == 403
        assert editor.get("/projects/alpha/studies").status_code == 404
        free = {"role": "user", "readonly": False}
        assert owner.put("/projects/alpha/members/editor", json=free).status_code == 204
        assert editor.post("/tags", json=body).status_code == 200


def test_without_download_images_are_shown_but_files_are_not_given(world: World) -> None:
    services = world.site.services
    image = add_file(services, "t1/shown.nii", b"x", "image")
    mesh = add_file(services, "t1/shown.stl", b"x", "surface")

    def join(tx: catalog.Tx) -> None:
        project = catalog.get_project(tx.con, "default").id
        for login in ("reader", "downloader"):
            catalog.set_grant(tx, login, project, GRANTS[login], actor="owner")

    services.catalog.write(join)
    with world.http("owner") as owner:
        owner.patch("/users/2", json={})  # callers are remembered for some seconds
    with world.http("reader") as reader, world.http("downloader") as downloader:
        assert reader.get(f"/files/{image}/shown.nii").status_code == 403
        assert reader.get(f"/volumes/{image}/shown.nii").status_code == 422  # asked, not refused
        assert reader.get(f"/files/{mesh}/shown.stl").status_code == 200
        assert downloader.get(f"/files/{image}/shown.nii").content == b"x"


def test_a_disabled_user_is_out_at_once(world: World) -> None:
    with world.http("owner") as owner:
        user = owner.post("/users", json={"login": "leaver", "full_name": "L. Eaver"}).json()
        link = owner.post(f"/users/{user['id']}/login-link").json()["link"]
        code = link.partition("#")[2]
        with httpx.Client(base_url=f"{world.site.url}/api/v1", timeout=20) as browser:
            assert browser.post("/session", json={"code": code}).status_code == 201
            assert browser.get("/session").json()["user"]["login"] == "leaver"
            owner.patch(f"/users/{user['id']}", json={"disabled": True}).raise_for_status()
            assert browser.get("/session").status_code == 401
        assert owner.post(f"/users/{user['id']}/login-link").status_code == 404
        assert owner.patch("/users/1", json={"is_admin": False}).status_code == 409
        logins = [entry["login"] for entry in owner.get("/users").json()["items"]]
        assert "leaver" in logins


def test_users_make_tokens_for_themselves_but_a_limited_token_makes_none(world: World) -> None:
    with world.http("reader") as reader, world.http("limited") as limited:
        made = reader.post("/profile/tokens", json={"name": "n", "rights": ["reader"]})
        assert made.status_code == 201
        assert limited.post("/profile/tokens", json={"name": "n"}).status_code == 403
        headers = {"Authorization": f"Bearer {made.json()['token']}"}
        with httpx.Client(base_url=f"{world.site.url}/api/v1", headers=headers) as http:
            assert http.get("/projects/alpha/studies").status_code == 200
            assert http.get("/projects/beta/studies").status_code == 404
            assert http.post("/profile/tokens", json={"name": "m"}).status_code == 403


def test_statements_of_a_project_tell_of_no_other(world: World) -> None:
    with world.http("reader") as http:
        for table in (
            "projects",
            "rights",
            "users",
            "json",
            "main.projects",
            "studies",
            "gridjobs",
        ):
            answer = http.post("/projects/alpha/sql", json={"sql": f"FROM {table}"})
            assert "beta" not in answer.text, table
            assert "outsider" not in answer.text, table


def test_an_action_on_all_that_fits_stays_in_the_callers_projects(world: World) -> None:
    def dismissed() -> set[str]:
        with world.site.services.catalog.read() as con:
            rows = con.execute("SELECT key FROM job WHERE dismissed = 1 AND key LIKE 'job-%'")
            return {row["key"] for row in rows.fetchall()}

    before, everything = dismissed(), {"action": "dismiss", "where": {}}
    with world.http("reader") as reader, world.http("outsider") as outsider:
        assert reader.post("/jobs/actions", json=everything).status_code == 403
        outsider.post("/jobs/actions", json=everything).raise_for_status()
        assert dismissed() - before <= {"job-two"}
        named = {**everything, "where": {"project": "alpha"}}
        assert outsider.post("/jobs/actions", json=named).status_code == 404
        assert outsider.post("/jobs/rerun", json={"where": {"batch": "batch-one"}}).json()["n"] == 0
        found = outsider.post("/jobs/logs", json={"where": {}, "text": "x"}).json()
        assert {hit["key"] for hit in found["items"]} <= {"job-two"}
        counts = outsider.get("/jobs/counts").json()
        assert sum(counts["own"].values()) + sum(counts["others"].values()) <= 1


def test_saved_batches_and_names_for_studies_are_their_owners(world: World) -> None:
    doc = {"jobs": [{"name": "x", "language": "bash", "code": "true"}]}
    asked = {"project": "alpha"}
    with world.http("batcher") as batcher, world.http("manager") as manager:
        for name, private in (("own", True), ("all", False)):
            params = {**asked, "private": private}
            batcher.put(f"/batches/saved/{name}", params=params, json=doc).raise_for_status()
        value = {"value": "ANALYSIS#MNI"}
        batcher.put("/batches/variables/MNI", params=asked, json=value).raise_for_status()
        items = manager.get("/batches/saved", params=asked).json()["items"]
        assert [(one["name"], one["owner"]) for one in items if one["owner"]] == [
            ("all", "batcher")
        ]
        assert manager.get("/batches/variables", params=asked).json()["items"] == []
        with world.http("owner") as owner:
            assert owner.put("/batches/saved/all", params=asked, json=doc).status_code == 200
        batcher.delete("/batches/saved/own", params={**asked, "private": True}).raise_for_status()
        assert manager.delete("/docs/batch/all", params=asked).status_code == 400
