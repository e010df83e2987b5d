"""A project in the archive: every change is refused with what to do, everything can be read."""

from __future__ import annotations

import pytest

from appliance import catalog
from tests.web_api.test_rights import World, ask, routes, world

__all__ = ["world"]

CHANGES = frozenset({"editor", "batch", "manage"})
OF_NO_PROJECT = {
    ("POST", "/batches/references"),
    ("POST", "/batches/check"),
    ("POST", "/batches/dry-run"),  # starts and changes nothing
    ("POST", "/projects/{project:str}/autorules/try"),  # starts and changes nothing
    ("PUT", "/directives/templates/{name:str}"),  # templates are of the whole appliance
    ("DELETE", "/directives/templates/{name:str}"),
    ("POST", "/notebooks"),  # the room looks itself, once its queue is found
    ("POST", "/operations/{operation_id:int}/undo"),  # also takes the archiving itself back
    ("POST", "/receipts/retry"),  # leaves out what is put away
}
ADMINISTRATION = {
    ("PUT", "/projects/{project:str}/members/{login:str}"),
    ("DELETE", "/projects/{project:str}/members/{login:str}"),
}


@pytest.fixture
def archived(world: World) -> World:
    put(world, "archived")
    yield world
    put(world, "active")


def put(world: World, state: str) -> None:
    world.site.services.catalog.write(
        lambda tx: catalog.set_project_state(tx, "alpha", state, actor="owner")
    )


def everything(world: World) -> list[tuple]:
    """What is known of the project, to see that nothing has changed."""
    with world.site.services.catalog.read() as con:
        return [
            tuple(map(tuple, con.execute(f"SELECT * FROM {table}").fetchall()))  # noqa: S608
            for table in ("subjects", "studies", "files", "study_tags", "file_tags", "json_docs")
        ]


@pytest.mark.parametrize("role", ["owner", "manager"])
def test_PROJ_x07_every_change_to_an_archived_project_is_refused_with_what_to_do(
    archived: World, role: str
) -> None:
    before, wrong, n = everything(archived), [], 0
    with archived.http(role) as http:
        for method, path, handler in routes():
            right = handler.opt.get("right")
            if method == "GET" or right not in CHANGES or (method, path) in OF_NO_PROJECT:
                continue
            if role == "manager" and right == "batch":
                continue
            n += 1
            answer = ask(archived, http, method, path, handler)
            told = answer.json() if answer.content else {}
            refused = answer.status_code == 409 and "archive" in told.get("detail", "")
            if refused and "projects page" not in told["hint"]:
                wrong.append(f"{method} {path} says nothing of what to do")
            if refused == ((method, path) in ADMINISTRATION):
                wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert n > 15
    assert everything(archived) == before


def test_what_brings_data_into_an_archived_project_is_refused(
    archived: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("existing")
    (folder / "S1" / "v1").mkdir(parents=True)
    (folder / "S1" / "v1" / "a.nii").write_bytes(b"x")
    with archived.http("owner") as http:
        for body in (
            ("/imports", {"project": "alpha", "path": str(folder)}),
            ("/existing", {"project": "alpha", "root": str(folder)}),
        ):
            answer = http.post(body[0], json=body[1])
            assert (answer.status_code, "archive" in answer.text) == (409, True), body[0]


def test_everything_of_an_archived_project_can_be_read(archived: World) -> None:
    wrong = []
    with archived.http("owner") as http:
        for method, path, handler in routes():
            if handler.opt.get("right") not in ("reader", "download"):
                continue
            answer = ask(archived, http, method, path, handler)
            if answer.status_code == 409 and "archive" in answer.text:
                wrong.append(f"{method} {path}")
        rows = http.get("/projects/alpha/studies").json()["items"]
    assert not wrong
    assert [row["psid"] for row in rows] == ["A-1#1"]


def test_taking_the_archiving_back_is_no_change_of_the_project(world: World) -> None:
    put(world, "archived")
    with world.site.services.catalog.read() as con:
        operation = con.execute("SELECT max(id) FROM operations").fetchone()[0]
    with world.http("owner") as http:
        assert http.post(f"/operations/{operation}/undo").status_code == 204
        assert http.get("/projects/alpha").json()["state"] == "active"
