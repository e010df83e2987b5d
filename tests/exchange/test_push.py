"""Sending to real archives by C-STORE and STOW-RS: what arrives, what is refused, what is kept."""

from __future__ import annotations

import hashlib
import socket
import subprocess

import pytest

from appliance.catalog import get_project, set_project_state
from appliance.core import Conflict, NotFound, PacsNode, Refused, SettingsError
from appliance.exchange import (
    Condition,
    DicomListener,
    Pacs,
    Peer,
    Route,
    forward_objects,
    send_objects,
)
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until

UID = "1.2.826.0.1.3680043.10.995"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with an_orthanc(tmp_path_factory.mktemp("orthanc") / "o", web=True) as running:
        yield running


@pytest.fixture(params=["cstore", "stow"])
def node(request, orthanc):
    return (orthanc.node if request.param == "cstore" else orthanc.web_node)(push=True)


class Desk:
    """A kit with archives that are sent to."""

    def __init__(self, kit):
        self.kit, self.pacs = kit, Pacs(kit.importer, kit.settings)

    @property
    def pushes(self):
        return self.pacs.pushes

    def take(self, folder, **more):
        """Bring a series in; gives the keys of all that are here."""
        self.kit.take_in(write_series(folder, **more)[0].parent)
        return self.keys()

    def keys(self):
        with self.kit.catalog.read() as con:
            return [row[0] for row in con.execute("SELECT key FROM incoming_series ORDER BY id")]

    def rows(self, batch=""):
        return self.pushes.pushes("default", batch=batch)[::-1]

    def ended(self, batch):
        """Send until all of a batch have ended."""
        self.pushes.start()
        return wait_until(
            lambda: (
                all(one.state not in ("queued", "sending") for one in self.rows(batch))
                and self.rows(batch)
            ),
            "the pushes have ended",
            show=lambda: self.rows(batch),
        )

    def sent(self, keys, node="main"):
        batch, n = self.pushes.forward("default", node, keys, "owner")
        return self.ended(batch), n

    def history(self):
        with self.kit.catalog.read() as con:
            return [row[0] for row in con.execute("SELECT verb FROM operations ORDER BY id")]


@pytest.fixture
def desk_of(make_kit):
    opened = []

    def make(node, *, name="data", **more):
        nodes = {"main": {**node, "retry_s": 0.0, "tries": 2, **more}}
        opened.append(Desk(make_kit(name, **{"pacs.nodes": nodes})))
        return opened[-1]

    yield make
    for desk in opened:
        desk.pacs.close()


def held(orthanc, study_uid):
    """Hashes of the data sets that Orthanc holds of a study, without their file meta."""
    found = orthanc.http.post(
        "/tools/find", json={"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}}
    ).json()
    return sorted(_body(orthanc.http.get(f"/instances/{one}/file").content) for one in found)


def _body(data):
    """Hash of what follows the file meta information."""
    length = int.from_bytes(data[140:144], "little")
    return hashlib.sha256(data[144 + length :]).hexdigest()


def test_GEN_06_objects_arrive_byte_for_byte_and_each_has_its_answer(
    desk_of, node, orthanc, tmp_path
):
    desk, study = desk_of(node), f"{UID}.{1 if 'port' in node else 2}"
    keys = desk.take(tmp_path / "in", n=3, study_uid=study)
    [push], n = desk.sent(keys)
    assert (push.state, push.n_objects, push.n_sent, n) == ("done", 3, 3, 3), push
    assert (push.psid, push.what, push.kind) == (
        "S-0001#2024-05-02", "t1_mprage_3 (MR)", "originals",
    )  # fmt: skip
    assert held(orthanc, study) == sorted(_body(p.read_bytes()) for p in desk.kit.originals())
    answers = desk.pushes.answers("default", push.key)
    assert [(one.n, one.state, one.code) for one in answers] == [
        (n, "acknowledged", 0) for n in (1, 2, 3)
    ]
    assert desk.history()[-1] == "pacs-push"


def test_what_an_archive_acknowledged_does_not_go_again(desk_of, node, tmp_path):
    desk = desk_of(node)
    keys = desk.take(tmp_path / "a", n=2, study_uid=f"{UID}.3")
    desk.sent(keys)
    assert desk.pushes.forward("default", "main", keys, "owner") == ("", 0)
    desk.take(tmp_path / "b", n=1, first=2, study_uid=f"{UID}.3")
    [late], n = desk.sent(keys)
    assert (late.state, n) == ("done", 1)


def test_an_archive_that_knows_the_study_as_somebody_elses_gets_nothing(
    desk_of, node, orthanc, tmp_path
):
    study = f"{UID}.{4 if 'port' in node else 5}"
    orthanc.fill(write_series(tmp_path / "there", n=1, study_uid=study, patient_id="OTHER"))
    desk = desk_of(node)
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=1, number=8, study_uid=study))
    assert (push.state, push.n_sent) == ("failed", 0)
    assert push.reason == "main has the study with another PatientID"
    assert len(held(orthanc, study)) == 1


def test_a_PatientID_that_is_another_persons_there_is_refused(desk_of, node, orthanc, tmp_path):
    number = 61 if "port" in node else 62
    who = f"TWIN{number}"
    orthanc.fill(
        write_series(tmp_path / "there", n=1, study_uid=f"{UID}.{number}", patient_id=who,
                     name="ELSE^ANN", birth="19500101")
    )  # fmt: skip
    desk = desk_of(node)
    [push], _ = desk.sent(
        desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.7{number}", patient_id=who)
    )
    assert push.reason == "main has the PatientID with another name and birth date"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"PatientIdentityRemoved": "YES"}, "pseudonymised"),
        ({"DeidentificationMethod": "some tool"}, "pseudonymised"),
        ({"patient_id": ""}, "do not tell whose"),
    ],
)
def test_what_has_no_real_identity_is_never_sent(desk_of, orthanc, tmp_path, made, told):
    desk = desk_of(orthanc.node(push=True))
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.8", **made))
    assert (push.state, told in push.reason) == ("failed", True), push
    assert held(orthanc, f"{UID}.8") == []


def test_a_node_that_is_no_archive_of_patients_may_get_pseudonymised_images(
    desk_of, orthanc, tmp_path
):
    desk = desk_of(orthanc.node(push=True), push_check=False)
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.9", PatientIdentityRemoved="YES")
    assert desk.sent(keys)[0][0].state == "done"


def test_sending_is_off_until_the_settings_allow_it(desk_of, orthanc, tmp_path):
    desk = desk_of(orthanc.node())
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.10")
    with pytest.raises(Refused, match="off") as caught:
        desk.pushes.forward("default", "main", keys, "owner")
    assert "push = true" in caught.value.hint
    with pytest.raises(NotFound):
        desk.pushes.forward("default", "elsewhere", keys, "owner")


def test_nothing_is_sent_out_of_an_archived_project(desk_of, orthanc, tmp_path):
    desk = desk_of(orthanc.node(push=True))
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.11")
    desk.kit.catalog.write(lambda tx: set_project_state(tx, "default", "archived", actor="owner"))
    with pytest.raises(Conflict):
        desk.pushes.forward("default", "main", keys, "owner")


def test_an_archive_that_is_away_is_tried_again_and_then_told(desk_of, orthanc, tmp_path):
    desk = desk_of({**orthanc.node(push=True), "port": free_port(), "timeout_s": 5.0})
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.12"))
    assert (push.state, push.tries, "does not answer" in push.reason) == ("failed", 2, True)
    assert desk.pushes.change("default", "retry", keys=[push.key]) == 1
    assert desk.ended(push.batch)[0].state == "failed"


def test_a_push_outlives_the_service(desk_of, make_kit, orthanc, tmp_path):
    study = f"{UID}.13"
    away = {**orthanc.node(push=True), "port": free_port(), "timeout_s": 5.0}
    desk = desk_of(away, tries=9)
    batch, _ = desk.pushes.forward(
        "default", "main", desk.take(tmp_path / "in", n=2, study_uid=study), "owner"
    )
    desk.pushes.start()
    wait_until(lambda: desk.rows(batch)[0].tries >= 1, "it was tried")
    desk.pacs.close()
    desk.kit.close()
    again = desk_of(orthanc.node(push=True))
    [push] = again.ended(batch)
    assert (push.state, push.n_sent) == ("done", 2)
    assert len(held(orthanc, study)) == 2


def test_a_push_that_waits_can_be_cancelled_and_asked_for_again(desk_of, orthanc, tmp_path):
    desk = desk_of(orthanc.node(push=True))
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.14")
    batch, _ = desk.pushes.forward("default", "main", keys, "owner")
    assert desk.pushes.change("default", "cancel", batch=batch) == 1
    assert [one.state for one in desk.rows(batch)] == ["cancelled"]
    assert desk.pushes.change("default", "retry", batch=batch) == 1
    assert desk.ended(batch)[0].state == "done"
    assert desk.pushes.change("default", "cancel", batch=batch) == 0


def test_no_row_of_a_push_that_is_shown_names_the_patient(desk_of, orthanc, tmp_path):
    desk = desk_of(orthanc.node(push=True))
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.15", patient_id="SECRET1")
    found, _ = desk.sent(keys)
    told = repr(found) + repr(desk.pushes.answers("default", found[0].key))
    assert not [word for word in ("SECRET1", "DOE", UID) if word in told]
    with desk.kit.catalog.read() as con:
        assert get_project(con, "default").name == "default"


def test_GEN_07_rules_send_on_through_the_same_checks(node, orthanc, tmp_path):
    study = f"{UID}.{16 if 'port' in node else 17}"
    paths = write_series(tmp_path / "a", n=2, study_uid=study)
    settings = PacsNode(**node)
    replies = forward_objects("main", settings, "NORA", paths)
    assert [(one.n, one.state) for one in replies] == [(1, "acknowledged"), (2, "acknowledged")]
    assert len(held(orthanc, study)) == 2
    other = write_series(tmp_path / "b", n=1, study_uid=study, number=9, patient_id="P9")
    with pytest.raises(Refused, match="another PatientID"):
        forward_objects("main", settings, "NORA", other)
    bare = write_series(tmp_path / "c", n=1, PatientIdentityRemoved="YES")
    with pytest.raises(Refused, match="pseudonymised"):
        forward_objects("main", settings, "NORA", bare)
    with pytest.raises(Refused, match="off"):
        forward_objects("main", PacsNode(**{**node, "push": False}), "NORA", paths)


@pytest.fixture
def storescp(tmp_path):
    """DCMTK's storescp, which cannot be searched and takes what the test says."""
    port = free_port()
    profile = ["--promiscuous", "-od", str(tmp_path / "out"), str(port)]
    (tmp_path / "out").mkdir()
    done = subprocess.Popen([needs("storescp"), *profile])
    wait_until(lambda: listens(port), "storescp listens")
    yield {"ae_title": "STORE", "host": "127.0.0.1", "port": port, "push": True}
    done.terminate()
    done.wait(30)


def listens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_GEN_07_a_rule_sends_on_what_arrives_to_orthanc_live(make_kit, orthanc, tmp_path):
    nodes = {"ward": orthanc.node(push=True)}
    kit = make_kit(**{"pacs.nodes": nodes})
    route = Route(name="on", when=(Condition("modality", "is", "MR"),), forward=("ward",))
    kit.importer.routing.keep((route,), kit.importer.routing.table().rev, "admin")
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    study = f"{UID}.30"
    paths = write_series(tmp_path / "in", n=2, study_uid=study)
    try:
        send_objects(paths, Peer("127.0.0.1", listener.port, "NORA"))
    finally:
        listener.stop()
    kit.run()
    (sent,) = wait_until(lambda: _forwards_of(kit, "done"), "it has gone on", show=kit.run)
    assert (sent.node, sent.n_sent) == ("ward", 2)
    assert held(orthanc, study) == sorted(_body(path.read_bytes()) for path in paths)


def _forwards_of(kit, state):
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE forwards SET due_at = 0"))
    kit.run()
    return [one for one in kit.importer.forwards.listed() if one.state == state]


def test_a_node_that_cannot_be_searched_gets_something_only_unasked(desk_of, storescp, tmp_path):
    desk = desk_of(storescp)
    keys = desk.take(tmp_path / "in", n=2, study_uid=f"{UID}.20")
    [push], _ = desk.sent(keys)
    assert push.reason == "main cannot be asked whose the study is"
    assert "push_check" in push.hint
    open_desk = desk_of(storescp, name="other", push_check=False)
    [push], _ = open_desk.sent(open_desk.take(tmp_path / "in2", n=2, study_uid=f"{UID}.20"))
    assert (push.state, len(list((tmp_path / "out").iterdir()))) == ("done", 2)


def test_objects_that_a_node_takes_not_are_told_one_by_one(desk_of, orthanc, tmp_path):
    private = "1.2.826.0.1.3680043.10.995.99"
    desk = desk_of(orthanc.node(push=True))
    keys = desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.21")
    desk.take(tmp_path / "in", n=1, first=1, study_uid=f"{UID}.21", SOPClassUID=private)
    [push], _ = desk.sent(keys)
    assert (push.state, push.n_sent, push.n_refused) == ("partial", 1, 1), push
    refused = desk.pushes.answers("default", push.key)[-1]
    assert (refused.state, "no objects of this kind" in refused.text) == ("refused", True)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A key and a certificate for 127.0.0.1 that vouches for itself, and another pair."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("peer", "other"):
        subprocess.run(
            [
                *(needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")),
            ],
            check=True,
            capture_output=True,
        )
    return folder


@pytest.fixture
def secured(certified, tmp_path):
    """DCMTK's storescp over TLS, which lets in only who has the right certificate."""
    port, out = free_port(), tmp_path / "tls-out"
    out.mkdir()
    own = ["+tls", str(certified / "peer.key"), str(certified / "peer.pem")]
    trusts = ["+cf", str(certified / "peer.pem")]
    done = subprocess.Popen([needs("storescp"), *own, *trusts, "-od", str(out), str(port)])
    wait_until(lambda: listens(port), "storescp listens")
    node = {"ae_title": "SAFE", "host": "127.0.0.1", "port": port, "push": True, "tls": True}
    yield {**node, "push_check": False, "timeout_s": 10.0}, out
    done.terminate()
    done.wait(30)


def test_GEN_06_objects_go_over_TLS_with_certificates_on_both_sides(
    secured, certified, desk_of, tmp_path
):
    node, out = secured
    files = {name: str(certified / f"peer.{ending}") for name, ending in TLS_FILES}
    desk = desk_of({**node, **files})
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=2, study_uid=f"{UID}.30"))
    assert (push.state, len(list(out.iterdir()))) == ("done", 2), push
    desk.pacs.echo("default", "main")


@pytest.mark.parametrize(
    "wrong", [{"tls": False}, {"ca_file": "other.pem"}, {"tls_name": "elsewhere"}]
)
def test_who_is_not_secured_as_agreed_gets_nothing(secured, certified, desk_of, tmp_path, wrong):
    node, out = secured
    files = {name: str(certified / f"peer.{ending}") for name, ending in TLS_FILES}
    told = {n: str(certified / v) if n == "ca_file" else v for n, v in wrong.items()}
    desk = desk_of({**node, **files, **told}, tries=1)
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.31"))
    assert (push.state, list(out.iterdir())) == ("failed", []), push


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"cert_file": "x"}, "belong together"),
        ({"tls": True, "method": "web", "url": "https://x/web"}, "tls is for DICOM"),
    ],
)
def test_settings_of_TLS_that_make_no_sense_are_refused(orthanc, desk_of, more, told):
    with pytest.raises(SettingsError, match=told):
        desk_of({**orthanc.node(), **more})


TLS_FILES = (("ca_file", "pem"), ("cert_file", "pem"), ("key_file", "key"))


def test_a_push_that_is_erased_takes_its_answers_along(desk_of, orthanc, tmp_path):
    desk = desk_of(orthanc.node(push=True))
    desk.sent(desk.take(tmp_path / "in", n=1, study_uid=f"{UID}.40"))
    desk.kit.catalog.write(lambda tx: tx.con.execute("DELETE FROM pacs_pushes"))
    with desk.kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM pacs_push_objects").fetchone()[0] == 0


@pytest.fixture
def dcmqrscp(tmp_path):
    """DCMTK's archive, which answers C-FIND."""
    port, store = free_port(), tmp_path / "store"
    store.mkdir()
    conf = tmp_path / "dcmqrscp.cfg"
    conf.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    done = subprocess.Popen([needs("dcmqrscp"), "-c", str(conf)])
    wait_until(lambda: listens(port), "dcmqrscp listens")
    yield {"ae_title": "QR", "host": "127.0.0.1", "port": port, "push": True}
    done.terminate()
    done.wait(30)


def test_GEN_06_dcmqrscp_takes_objects_and_is_asked_whose_they_are(desk_of, dcmqrscp, tmp_path):
    desk, study = desk_of(dcmqrscp), f"{UID}.41"
    [push], _ = desk.sent(desk.take(tmp_path / "in", n=2, study_uid=study))
    assert (push.state, push.n_sent) == ("done", 2), push
    other = desk_of(dcmqrscp, name="other")
    keys = other.take(tmp_path / "in2", n=1, study_uid=study, number=9, patient_id="P9")
    [refused], _ = other.sent(keys)
    assert (refused.state, "another PatientID" in refused.reason) == ("failed", True), refused
