"""Whoever may not know who a subject is learns it nowhere: every door in, every place out (B5).

A person with a name, an ID, a birth date, an accession number and a study ID like nobody else's
comes in through every door. Then all that the appliance wrote is searched, and every GET of the
API is asked by somebody without the right to know.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from appliance.exchange import DicomListener, DropWatcher, Peer, send_objects
from appliance.web.routes import ROUTES
from tests.exchange.kit import write_series
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site, served, working_services

PERSON = {"patient_id": "QZX-900417", "name": "OKONKWOSKI^ZEPHYRINE", "birth": "19310923"}
TEXTS = {
    "AccessionNumber": "ACCQX71",
    "StudyID": "STIDQX9",
    "OtherPatientIDs": "MRNQX55",
    "PatientAddress": "Elmqxstreet 4",
    "ReferringPhysicianName": "MARQXVALE^H",
    "ImageComments": "Zephyrine, born 23.09.1931",
    "InstitutionName": "Hospital of Qxville",
}
WORDS = (
    "QZX-900417", "OKONKWOSKI", "ZEPHYRINE", "19310923", "1931-09-23", "23.09.1931", "ACCQX71",
    "STIDQX9", "MRNQX55", "Elmqxstreet", "MARQXVALE",
)  # fmt: skip
OPEN = ("done", "partial", "failed", "waiting")
STREAM = "/events"


def series(folder: Path, n: int) -> list[Path]:
    uid = f"1.2.826.0.1.3680043.10.555.{n}"
    told = "t1 Zephyrine Okonkwoski"
    return write_series(folder, n=2, study_uid=uid, number=n, description=told, **PERSON, **TEXTS)


def through_every_door(site: Site, root: Path) -> None:
    """Drop folders, listener, upload of a zip, upload of one file, and a folder by command."""
    services = site.services
    importer = services.importer
    named = root / "Okonkwoski_Zephyrine"
    importer.import_path("default", series(named / "QZX-900417", 1)[0].parent)
    archive = root / "QZX-900417.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in series(root / "zipped", 2):
            out.write(path, f"Zephyrine/{path.name}")
    listener = DicomListener(importer, services.settings)
    listener.start()
    try:
        send_objects(series(root / "sent", 3), Peer("127.0.0.1", listener.port, "NORA"))
    finally:
        listener.stop()
    broken = series(root / "broken", 4)[0]
    broken.write_bytes(broken.read_bytes()[:-300])
    with site.local() as http:
        for path in (archive, broken):
            asked = {"project": "default", "filename": f"Okonkwoski {path.name}"}
            http.post("/uploads", params=asked, content=path.read_bytes()).raise_for_status()
    other = {**PERSON, "name": "OKONKWOSKI^ANTEQX"}  # somebody else with this ID: waits
    write_series(root / "waits", n=1, study_uid="1.2.826.0.1.3680043.10.555.9", **other)
    importer.import_path("default", root / "waits")
    dropped(services, root)
    wait_until(lambda: arrived(services), "every arrival is through", within_s=120)


def dropped(services: Any, root: Path) -> None:
    """Our own drop folder is emptied; in a folder of somebody else's everything stays."""
    watched = root / "watched" / "Okonkwoski QZX-900417"
    series(watched, 5)
    series(root / "new" / "Zephyrine", 6)
    shutil.move(root / "new", services.folder.drop / "Okonkwoski")
    watcher = DropWatcher(services.importer, services.folder, services.settings)
    taken = "SELECT count(*) FROM receipts WHERE kind = 'drop'"

    def all_taken() -> bool:
        unsettled = watcher.look_once()
        with services.catalog.read() as con:
            return not unsettled and con.execute(taken).fetchone()[0] >= 2

    wait_until(all_taken, "both folders were taken in", within_s=60)
    wait_until(lambda: arrived(services), "what was dropped is through", within_s=120)
    wait_until(lambda: emptied(services, watcher), "the drop folder is empty", within_s=60)
    assert len(list(watched.iterdir())) == 2


def emptied(services: Any, watcher: DropWatcher) -> bool:
    watcher.look_once()
    return not list(services.folder.drop.iterdir())


def arrived(services: Any) -> bool:
    with services.catalog.read() as con:
        rows = con.execute("SELECT state FROM receipts").fetchall()
        busy = con.execute(
            "SELECT count(*) FROM incoming_series WHERE state IN ('ready', 'entered')"
        ).fetchone()[0]
    return len(rows) >= 7 and not busy and all(row["state"] in OPEN for row in rows)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("nobody")
    log = root / "service.log"
    handler = logging.FileHandler(log)
    handler.addFilter(lambda record: not record.name.startswith("http"))  # of our own client
    logging.getLogger().addHandler(handler)
    level, _ = logging.getLogger().level, logging.getLogger().setLevel(logging.DEBUG)
    folders = [{"path": str(root / "watched"), "project": "default", "mode": "copy"}]
    (root / "watched").mkdir()
    watch = {"watch.folders": folders, "watch.settle_s": 0.2}
    settings = {"dicom.port": 0, "dicom.quiet_s": 0.2, **watch}
    try:
        with working_services(root / "data", settings) as services, served(services) as site:
            through_every_door(site, root)
            shutil.copyfile(log, root / "so-far.log")
            yield site
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(level)
        handler.close()


def named_in(text: str) -> list[str]:
    folded = text.casefold()
    return [word for word in WORDS if word.casefold() in folded]


def test_nothing_that_was_written_beside_the_originals_names_anybody(site: Site) -> None:
    """Sidecars, headers, folders, caches, the catalog with its events: all but what came in."""
    home = site.services.folder.root
    kept = ("originals/", "quarantine/", "incoming/", "identity.sqlite", "drop/")
    wrong = {}
    for path in home.rglob("*"):
        place = str(path.relative_to(home))
        found = named_in(place)
        if path.is_file() and not place.startswith(kept):
            found += named_in(path.read_bytes().decode("latin-1"))
        if found:
            wrong[place] = found
    assert wrong == {}
    assert list((home / "projects").rglob("*.nii")), "there is something to look at"


def test_no_line_of_the_log_names_anybody(site: Site) -> None:
    text = (site.services.folder.root.parent / "so-far.log").read_text(errors="replace")
    assert text
    assert [line for line in text.splitlines() if named_in(line)] == []


def reader(site: Site) -> httpx.Client:
    """Somebody who may do everything but know who subjects are."""
    grant = Grant(readonly=False, batchtool=True, download=True, deanonym=False)

    def write(tx: catalog.Tx) -> str:
        if tx.con.execute("SELECT 1 FROM users WHERE login = 'curious'").fetchone() is None:
            catalog.create_user(tx, "curious", actor="owner")
        project = catalog.get_project(tx.con, "default").id
        catalog.set_grant(tx, "curious", project, grant, actor="owner")
        return catalog.issue_token(tx, "t", login="curious")

    headers = {"Authorization": f"Bearer {site.services.catalog.write(write)}"}
    return httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=60)


def things(site: Site) -> dict[str, list[Any]]:
    """What the parameters of routes can be filled in with."""
    with site.services.catalog.read() as con:

        def column(query: str) -> list[Any]:
            return [row[0] for row in con.execute(query).fetchall()]

        return {
            "project": ["default"],
            "subject_id": column("SELECT id FROM subjects"),
            "study_id": column("SELECT id FROM studies"),
            "file_id": column("SELECT id FROM files"),
            "key": column("SELECT key FROM receipts") + column("SELECT key FROM files"),
            "name": [*column("SELECT id || '.png' FROM files"), "x.nii", "x.json"],
            "n": [1],
            "item_id": column("SELECT id FROM receipt_items"),
        }


def addresses(site: Site) -> Iterator[str]:
    """Every GET of the API with everything there is to fill it in."""
    known = things(site)
    for handler in ROUTES:
        path = min(handler.paths)
        if "GET" not in handler.http_methods or path == STREAM:
            continue
        found = [path]
        for name in re.findall(r"\{(\w+):\w+\}", path):
            mark = re.compile(rf"\{{{name}:\w+\}}")
            values = known.get(name, ["x"])
            found = [mark.sub(str(value), one) for one in found for value in values][:12]
        yield from found


def test_no_answer_of_the_api_names_anybody_to_who_may_not_know(site: Site) -> None:
    wrong, n_good = {}, 0
    with reader(site) as http:
        for address in addresses(site):
            with http.stream("GET", address, params={"project": "default"}) as answer:
                body = b"".join(answer.iter_bytes())
            n_good += answer.status_code == 200
            told = f"{answer.headers}{body.decode('latin-1')}"
            if found := named_in(told):
                wrong[address] = (answer.status_code, found, told[:200])
    assert wrong == {}
    assert n_good > 30


def test_no_event_names_anybody(site: Site) -> None:
    with site.services.catalog.read() as con:
        rows = con.execute("SELECT topic, data FROM events").fetchall()
    assert rows
    assert [tuple(row) for row in rows if named_in(f"{row['topic']}{row['data']}")] == []


def test_a_job_sees_codes_alone(site: Site) -> None:
    services = site.services
    with services.catalog.read() as con:
        psid = con.execute(
            "SELECT b.pid || '#' || s.sid FROM studies s JOIN subjects b ON b.id = s.subject_id"
            " JOIN files f ON f.study_id = s.id LIMIT 1"
        ).fetchone()[0]
    script = "env; cat *.json 2>/dev/null; find .. -maxdepth 2"
    body = {
        "project": "default",
        "name": "look",
        "jobs": [{"name": "look", "language": "bash", "code": script}],
        "targets": [psid],
    }
    with site.local() as http:
        made = http.post("/batches", json=body).raise_for_status().json()

        def jobs() -> list[dict[str, Any]]:
            answer = http.get("/jobs", params={"project": "default", "batch": made["key"]})
            return [one for one in answer.json()["items"] if one["batch_key"] == made["key"]]

        wait_until(lambda: jobs() and jobs()[0]["letter"] in "de", "the job ends", within_s=120)
    home = services.folder.jobs / jobs_key(site, made["key"])
    texts = {str(p): p.read_bytes().decode("latin-1") for p in home.rglob("*") if p.is_file()}
    assert texts
    assert {name for name, text in texts.items() if named_in(name + text)} == set()


def jobs_key(site: Site, batch: str) -> str:
    with site.services.catalog.read() as con:
        row = con.execute(
            "SELECT j.key FROM job j JOIN batch b ON b.id = j.batch_id WHERE b.key = ?", (batch,)
        ).fetchone()
    return str(row[0])


def test_who_may_know_is_told_on_demand(site: Site) -> None:
    """The words are there to be found: the search above would find them."""
    with site.local() as http:
        (subject,) = [
            one["id"]
            for one in http.get("/projects/default/subjects").json()["items"]
            if one["n_files"]
        ][:1]
        told = json.dumps(http.get(f"/subjects/{subject}/identity").json())
    assert {"QZX-900417", "OKONKWOSKI", "ZEPHYRINE", "19310923"} <= set(named_in(told))
