"""Rules lead what arrives to projects, tags, folders and other archives (GEN-07, PACS-x04)."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime

import pytest

from appliance.catalog import ensure_project
from appliance.core import Conflict, Invalid, PacsNode, now_ms
from appliance.exchange import Condition, DicomListener, DropWatcher, Route, arrived
from appliance.exchange.routing_match import Header, arrival_facts, choose
from tests.exchange.kit import Kit, write_series
from tests.support.needs import needs
from tests.support.waiting import wait_until


def rule(name: str, *when: tuple[str, str, str], **does) -> Route:
    return Route(name=name, when=tuple(Condition(*one) for one in when), **does)


def keep(kit: Kit, *routes: Route) -> None:
    kit.importer.routing.keep(routes, kit.importer.routing.table().rev, "admin")


def make_projects(kit: Kit, *names: str) -> None:
    kit.catalog.write(lambda tx: [ensure_project(tx, name) for name in names])


def send(listener: DicomListener, *paths, title: str = "MRC1", called: str = "NORA") -> None:
    words = ["-aet", title, "-aec", called, "127.0.0.1", str(listener.port)]
    subprocess.run([needs("storescu"), *words, *map(str, paths)], check=True, timeout=60)


def receipts(kit: Kit):
    with kit.catalog.read() as con:
        return con.execute(
            "SELECT r.*, p.name AS project, d.name AS rule FROM receipts r JOIN projects p"
            " ON p.id = r.project_id LEFT JOIN routed d ON d.receipt_id = r.id ORDER BY r.id"
        ).fetchall()


def tags_of(kit: Kit, project: str) -> set[str]:
    with kit.catalog.read() as con:
        rows = con.execute(
            "SELECT t.name FROM study_tags x JOIN tags t ON t.id = x.tag_id JOIN studies s"
            " ON s.id = x.x_id JOIN projects p ON p.id = s.project_id WHERE p.name = ?",
            (project,),
        )
        return {row[0] for row in rows}


@pytest.fixture
def listen(make_kit):
    started = []

    def start(kit: Kit) -> DicomListener:
        listener = DicomListener(kit.importer, kit.settings)
        listener.start()
        started.append(listener)
        return listener

    yield start
    for listener in started:
        listener.stop()


def test_PACS_x04_the_first_rule_that_fits_takes_what_storescu_sends(kit, listen, tmp_path):
    make_projects(kit, "heads", "spines", "inbox")
    keep(
        kit,
        rule("elsewhere", ("calling", "is", "CT1, CT2"), project="spines"),
        rule(
            "heads",
            ("calling", "is", "mrc1"),
            ("called", "like", "STUDY*"),
            ("ProtocolName", "contains", "MPRAGE"),
            project="heads",
            tags=("from-scanner", "new"),
            series_folder="{number}_{description}",
        ),
        rule("rest", project="inbox"),
    )
    listener = listen(kit)
    send(listener, *write_series(tmp_path / "a"), called="STUDY7")
    wait_until(lambda: [r["state"] for r in receipts(kit)] == ["pending"], "the arrival")
    kit.run()
    (row,) = receipts(kit)
    assert (row["project"], row["rule"], row["state"]) == ("heads", "heads", "done")
    assert kit.files() == {}
    images = [name for name, one in kit.files("heads").items() if one.kind == "image"]
    assert [re.sub(r"^.*?/", "", name) for name in images] == ["3_t1_mprage/s001.nii"]
    assert tags_of(kit, "heads") == {"from-scanner", "new"}


def test_the_last_rule_takes_what_no_other_does_and_a_drop_folder_is_a_door(kit, tmp_path):
    make_projects(kit, "heads", "inbox")
    keep(
        kit,
        rule("dicom only", doors=("dicom",), project="heads"),
        rule("rest", ("source", "like", "*"), project="inbox"),
    )
    watcher = DropWatcher(kit.importer, kit.folder, kit.settings)
    watcher.start()
    try:
        write_series(kit.folder.drop / "in")
        wait_until(lambda: len(receipts(kit)) == 1, "a receipt")
        wait_until(lambda: kit.run() or receipts(kit)[0]["state"] == "done", "the end")
    finally:
        watcher.stop()
    assert (receipts(kit)[0]["project"], receipts(kit)[0]["rule"]) == ("inbox", "rest")
    assert kit.files("inbox")


def test_rules_part_an_arrival_by_series_and_every_part_has_a_receipt(kit, tmp_path):
    make_projects(kit, "structure", "function")
    routes = (
        rule("t1", ("SeriesDescription", "like", "t1*"), doors=("cli",), project="structure"),
        rule("bold", ("SeriesDescription", "regex", "^bold"), doors=("cli",), project="function"),
    )
    keep(kit, *routes)
    write_series(tmp_path / "in", number=1, description="t1 mprage")
    write_series(tmp_path / "in", number=2, description="bold rest")
    write_series(tmp_path / "in", number=3, description="localizer")
    first = kit.take_in(tmp_path / "in")
    rows = receipts(kit)
    assert {(r["project"], r["rule"], r["n_files"], r["state"]) for r in rows} == {
        ("default", "", 4, "done"),
        ("structure", "t1", 4, "done"),
        ("function", "bold", 4, "done"),
    }
    assert first.n_files == 4
    assert len(kit.files("structure")) == len(kit.files("function")) == len(kit.files())
    part = next(r for r in rows if r["rule"] == "t1")
    names = kit.importer.original_names(part["key"], actor="admin")
    assert {name.rsplit("/", 1)[1] for name in names.values()} == {
        f"IM1_{k:04d}.dcm" for k in range(4)
    }
    with kit.catalog.read() as con:
        brought = [one for row in rows for one in arrived.brought_by(con, row["key"])]
    assert len({one.project_id for one in brought}) == 3


def test_what_a_person_chose_is_not_led_elsewhere(kit, tmp_path):
    make_projects(kit, "other")
    keep(kit, rule("all", doors=("dicom", "drop", "upload", "cli"), project="other"))
    (path,) = write_series(tmp_path / "in", n=1)
    assert kit.upload(path, subject="S-1", study="x").project == "default"
    assert kit.files("other") == {}


def test_a_rule_whose_project_is_put_away_is_passed_over_and_says_so(kit, tmp_path):
    make_projects(kit, "gone")
    keep(kit, rule("all", doors=("cli",), project="gone"))
    kit.catalog.write(
        lambda tx: tx.con.execute("UPDATE projects SET state = 'archived' WHERE name = 'gone'")
    )
    write_series(tmp_path / "in")
    assert kit.take_in(tmp_path / "in").project == "default"
    assert "archive" in kit.importer.routing.table().problems["all"]


def test_the_rules_asked_to_fire_travel_with_the_arrival(kit, tmp_path):
    keep(kit, rule("all", doors=("cli",), fire=("segment", "mail")))
    write_series(tmp_path / "in")
    key = kit.take_in(tmp_path / "in").key
    with kit.catalog.read() as con:
        assert [one.fire for one in arrived.brought_by(con, key)] == [("segment", "mail")]


def test_a_trial_tells_which_rule_would_take_recent_arrivals(kit, tmp_path):
    make_projects(kit, "heads")
    write_series(tmp_path / "in", StationName="MRC1")
    kit.take_in(tmp_path / "in")
    routes = (
        rule("ct", ("Modality", "is", "CT"), doors=("cli",)),
        rule("mr", ("0008,1010", "is", "mrc1"), doors=("cli",), project="heads"),
    )
    (told,) = kit.importer.routing.try_on(routes)
    assert (told.rule, told.goes_to, told.project) == ("mr", "heads", "default")
    assert [(one.rule, one.field) for one in told.missed] == [("ct", "Modality")]
    assert receipts(kit)[0]["project"] == "default"


@pytest.mark.parametrize(
    ("field", "op", "value", "holds"),
    [
        ("time", "within", "22:00-06:00", True),
        ("time", "within", "07:00-19:00", False),
        ("weekday", "is", "sat,sun", True),
        ("MagneticFieldStrength", "within", "2.8-3.2", True),
        ("MagneticFieldStrength", "less", "3", False),
        ("MagneticFieldStrength", "more", "1.5", True),
        ("ImageType", "is", "derived", True),
        ("ImageType", "is_not", "SCREEN SAVE", True),
        ("StationName", "is_not", "X", True),
        ("StationName", "is", "", False),
        ("ProtocolName", "like", "t1*sag", True),
        ("ProtocolName", "like", "t1", False),
        ("ProtocolName", "regex", "^T1.+sag$", True),
    ],
)
def test_conditions(field, op, value, holds):
    header = Header(None, [])
    header._values = {
        "MagneticFieldStrength": ["3.0"],
        "ImageType": ["DERIVED", "PRIMARY"],
        "ProtocolName": ["T1 mprage sag"],
    }
    at = int(datetime(2026, 11, 21, 23, 30).astimezone().timestamp() * 1000)
    facts = arrival_facts(at, "", {})
    found, _ = choose([rule("x", (field, op, value), doors=("drop",))], "drop", facts, header)
    assert (found is not None) is holds


@pytest.mark.parametrize(
    ("route", "says"),
    [
        (rule("a", ("NoSuchField", "is", "x")), "no field"),
        (rule("a", ("Modality", "regex", "(")), "regular expression"),
        (rule("a", ("time", "within", "soon")), "range"),
        (rule("a", ("Rows", "more", "many")), "number"),
        (rule("a", project="nowhere"), "no project"),
        (rule("a", forward=("nobody",)), "no archive"),
        (rule("a", series_folder="{nothing}"), "policy"),
        (rule(" "), "no name"),
    ],
)
def test_a_rule_that_could_never_work_is_not_kept(kit, route, says):
    with pytest.raises(Invalid, match=says):
        keep(kit, route)


def test_a_table_that_somebody_changed_meanwhile_is_not_overwritten(kit):
    keep(kit, rule("a"))
    with pytest.raises(Conflict):
        kit.importer.routing.keep((rule("b"),), 0, "admin")


def forwards(kit: Kit):
    return kit.importer.forwards.listed()


def make_due(kit: Kit) -> None:
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE forwards SET due_at = 0"))


def node_at(port: int, push: bool) -> dict:
    return {
        "pacs.nodes": {
            "peer": {"ae_title": "PEER", "host": "127.0.0.1", "port": port, "push": push}
        }
    }


def test_a_forward_goes_nowhere_until_the_archive_may_be_sent_to(make_kit, listen, tmp_path):
    peer = make_kit("peer")
    listener = listen(peer)
    kit = make_kit("data", **node_at(listener.port, False))
    keep(kit, rule("on", doors=("cli",), forward=("peer",)))
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    make_due(kit)
    kit.run()
    (held,) = forwards(kit)
    assert (held.state, held.n_sent) == ("held", 0)
    assert "switched off" in held.reason
    assert receipts(peer) == []


def test_a_forward_arrives_byte_for_byte_and_is_tried_again(make_kit, listen, tmp_path):
    peer = make_kit("peer")
    kit = make_kit("data", **node_at(1, True))  # nobody listens there yet
    keep(kit, rule("on", doors=("cli",), forward=("peer",)))
    paths = write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    kit.run()
    (waits,) = forwards(kit)
    assert (waits.state, waits.tries) == ("queued", 1)
    assert "does not answer" in waits.reason
    listener = listen(peer)
    old = kit.settings.pacs.nodes["peer"]
    kit.settings.pacs.nodes["peer"] = PacsNode(
        ae_title=old.ae_title, host=old.host, port=listener.port, push=True, push_check=False
    )
    make_due(kit)
    kit.run()
    (sent,) = forwards(kit)
    assert (sent.state, sent.n_sent, sent.reason) == ("done", len(paths), "")
    wait_until(lambda: [r["state"] for r in receipts(peer)] == ["pending"], "the peer has it")
    peer.run()
    assert [p.stat().st_size for p in peer.originals()] == [
        p.stat().st_size for p in kit.originals()
    ]


def test_a_forward_that_failed_is_sent_again_by_hand(make_kit, listen, tmp_path):
    kit = make_kit("data", **node_at(1, True))
    keep(kit, rule("on", doors=("cli",), forward=("peer",)))
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    kit.catalog.write(
        lambda tx: tx.con.execute("UPDATE forwards SET tries = 10, due_at = ?", (now_ms() - 1,))
    )
    kit.run()
    (failed,) = forwards(kit)
    assert failed.state == "failed"
    assert kit.importer.forwards.again(failed.key) == 1
    assert forwards(kit)[0].state == "queued"
