"""C-CANCEL both ways, with DCMTK, pynetdicom and Orthanc at the other end (GEN-06, PACS-x02)."""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
import threading

import msgspec
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt

from appliance.core import PacsNode
from appliance.exchange import DicomListener, Pacs, PacsQuery
from appliance.exchange.pacs_link import Link
from appliance.exchange.pacs_nodes import Nodes
from appliance.exchange.wire import Gone, Wire
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until

UID = "1.2.826.0.1.3680043.10.986"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STATION = {"calling": "WS1", "project": "default", "names": True}
SERIES = {"StudyInstanceUID": f"{UID}.1", "SeriesInstanceUID": f"{UID}.1.3"}


@pytest.fixture
def asked(make_kit, tmp_path):
    """A listener over a series of six objects, and the port of a station they may go to."""
    station = {"ae_title": "WS1", "host": "127.0.0.1", "port": free_port(), "push": True}
    nodes = {"ws": station | {"push_check": False}}
    kit = make_kit(**{"dicom.readers": [STATION], "pacs.nodes": nodes})
    kit.take_in(write_series(tmp_path / "in", study_uid=f"{UID}.1", n=6, size=8)[0].parent)
    links = Nodes(kit.settings, kit.folder).links
    listener = DicomListener(kit.importer, kit.settings, links=links)
    listener.start()
    yield listener, station["port"]
    listener.stop()


@pytest.fixture
def attentive(monkeypatch):
    """After two answers, our side sends no more before the peer has said something."""
    looks = []
    plain = Wire.ahead

    def ahead(self):
        looks.append(1)
        while (found := plain(self)) is None and len(looks) == 3:
            assert select.select([self._raw], [], [], 60)[0], "the peer says nothing"
        return found

    monkeypatch.setattr(Wire, "ahead", ahead)
    return looks


def run(program, *arguments):
    command = [needs(program), "-v", "-S", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return done.stdout + done.stderr


def keys(level, *more):
    return [word for key in (f"QueryRetrieveLevel={level}", *more) for word in ("-k", key)]


@pytest.mark.usefixtures("attentive")
def test_GEN_06_findscu_cancels_a_query_and_gets_no_more_answers(asked, tmp_path):
    listener, _ = asked
    peer = ("-aet", "WS1", "-aec", "NORA", "127.0.0.1", listener.port)
    query = keys("IMAGE", f"SeriesInstanceUID={UID}.1.3", "SOPInstanceUID")
    told = run("findscu", "-d", "--cancel", 2, "-X", "-od", tmp_path, *query, *peer)
    assert "Cancel: Matching terminated" in told, told
    assert len(list(tmp_path.glob("rsp*.dcm"))) == 2
    told = run("findscu", "-d", *query, *peer)
    assert "0x0000: Success" in told  # who does not cancel gets all


@pytest.mark.usefixtures("attentive")
def test_GEN_06_movescu_cancels_a_move_and_is_told_what_is_left(asked, tmp_path):
    listener, port = asked
    own = ("+P", port, "-aet", "WS1", "-aec", "NORA", "-aem", "WS1", "-od", tmp_path / "came")
    (tmp_path / "came").mkdir()
    study = keys("STUDY", f"StudyInstanceUID={UID}.1")
    told = run("movescu", "-d", "--cancel", 2, *own, *study, "127.0.0.1", listener.port)
    assert "Cancel: Sub-operations terminated" in told, told
    n_sent = len(list((tmp_path / "came").iterdir()))
    final = told[told.rindex("C-MOVE RSP") :]
    counted = [
        line.split(":")[-1].strip() for line in final.splitlines() if "Suboperations" in line
    ]
    assert counted == [str(6 - n_sent), str(n_sent), "0", "0"]
    assert n_sent == 3
    with listener.importer.ctx.catalog.read() as con:
        [row] = con.execute("SELECT target FROM operations WHERE verb = 'pacs-push'").fetchall()
    assert msgspec.json.decode(row["target"])["n"] == n_sent


def test_a_cancel_of_something_else_stops_nothing_and_the_association_lives_on(asked, attentive):
    listener, _ = asked
    entity = AE("WS1")
    entity.dimse_timeout = entity.network_timeout = 60
    entity.add_requested_context(FIND)
    association = entity.associate("127.0.0.1", listener.port, ae_title="NORA")
    question = Dataset()
    question.QueryRetrieveLevel, question.SOPInstanceUID = "IMAGE", ""

    def find(number, taken_back):
        statuses = []
        for status, _ in association.send_c_find(question, FIND, msg_id=number):
            statuses.append(status.Status)
            if len(statuses) == 2:
                association.send_c_cancel(taken_back, query_model=FIND)
        return statuses

    assert find(5, taken_back=4) == [0xFF00] * 6 + [0]
    attentive.clear()
    assert find(6, taken_back=6) == [0xFF00] * 2 + [0xFE00]
    association.send_c_cancel(6, query_model=FIND)  # nothing is left to be cancelled
    assert find(7, taken_back=1) == [0xFF00] * 6 + [0]
    association.release()
    assert association.is_released


PDU = b"\x04\0\0\0\0\4abcd"


@pytest.mark.parametrize("tls", [False, True])
def test_a_look_at_the_next_pdu_waits_for_nothing_and_takes_nothing(tls, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    if tls:
        ours, theirs = _wrapped(ours, theirs, tmp_path)
    wire = Wire(ours, 64, 30)
    assert wire.ahead() is None
    theirs.sendall(PDU[:7])
    select.select([ours], [], [], 30)
    assert wire.ahead() is None
    theirs.sendall(PDU[7:] + PDU)
    select.select([ours], [], [], 30)
    assert [bytes(found[1]) for found in (wire.ahead(), wire.ahead())] == [b"abcd", b"abcd"]
    kind, body = wire.read()
    assert (kind, bytes(body)) == (4, b"abcd")
    kind, after = wire.ahead()
    assert (bytes(body), bytes(after)) == (b"abcd", b"abcd")  # neither moved
    assert bytes(wire.read()[1]) == b"abcd"
    assert ours.gettimeout() == 30
    theirs.close()
    select.select([ours], [], [], 30)
    with pytest.raises(Gone):
        wire.ahead()
    ours.close()


def _wrapped(ours, theirs, folder):
    files = ["-keyout", folder / "key", "-out", folder / "pem", "-days", "2", "-subj", "/CN=us"]
    command = [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pem", folder / "key")
    client = ssl.create_default_context(cafile=folder / "pem")
    client.check_hostname = False
    wrapped = []
    shaking = threading.Thread(
        target=lambda: wrapped.append(server.wrap_socket(ours, server_side=True))
    )
    shaking.start()
    other = client.wrap_socket(theirs)
    shaking.join(30)
    return wrapped[0], other


class Endless:
    """An archive of pynetdicom that answers without an end, until it is told to stop."""

    def __init__(self, *, obeys=True):
        self.obeys, self.ended, self.heard = obeys, threading.Event(), []
        self.answered = threading.Event()
        entity = AE("ENDLESS")
        entity.supported_contexts = [build_context(FIND)]
        events = [
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_RELEASED, lambda _: self._over("released")),
            (evt.EVT_ABORTED, lambda _: self._over("aborted")),
        ]
        address = ("127.0.0.1", free_port())
        self._server = entity.start_server(address, block=False, evt_handlers=events)
        self.node = {"ae_title": "ENDLESS", "host": "127.0.0.1", "port": address[1]}

    def _find(self, event):
        n = 0
        while not event.assoc.is_aborted:
            if event.is_cancelled:
                self.heard.append("cancelled")
                if self.obeys:
                    yield 0xFE00, None
                    return
            n += 1
            answer = Dataset()
            answer.QueryRetrieveLevel = "STUDY"
            answer.StudyInstanceUID, answer.PatientID = f"{UID}.{n}", f"P{n}"
            yield 0xFF00, answer
            self.answered.set()

    def _over(self, how):
        self.heard.append(how)
        self.ended.set()

    def close(self):
        self._server.shutdown()


@pytest.fixture(params=[True], ids=["obeys"])
def endless(request):
    archive = Endless(obeys=request.param)
    yield archive
    archive.close()


def test_PACS_x02_beyond_the_limit_of_its_node_a_query_is_cancelled_and_released(endless):
    link = Link("x", msgspec.convert({**endless.node, "max_answers": 3}, PacsNode), "NORA")
    found, more = link.find("STUDY", {}, ["PatientID"])
    assert ([one["PatientID"] for one in found], more) == (["P1", "P2", "P3"], True)
    assert endless.ended.wait(60)
    assert endless.heard == ["cancelled", "released"]


def test_PACS_x02_a_search_that_is_stopped_tells_the_archive(endless, make_kit):
    node = {**endless.node, "max_answers": 1_000_000}
    kit = make_kit(**{"pacs.nodes": {"main": node}})
    pacs = Pacs(kit.importer, kit.settings)
    try:
        key = pacs.search("default", "main", PacsQuery(modality="MR"), "owner").key
        assert endless.answered.wait(60)
        pacs.stop_search("default", key, "owner")
        assert endless.ended.wait(60)
        assert endless.heard == ["cancelled", "released"]
        wait_until(
            lambda: pacs.found("default", key, "owner").state == "stopped", "the search is over"
        )
    finally:
        pacs.close()


@pytest.mark.parametrize("endless", [False], indirect=True, ids=["deaf"])
def test_an_archive_that_does_not_listen_is_left(endless, monkeypatch):
    monkeypatch.setattr("appliance.exchange.pacs_request._CANCEL_WITHIN_S", 0.2)
    link = Link("x", msgspec.convert({**endless.node, "max_answers": 3}, PacsNode), "NORA")
    found, more = link.find("STUDY", {}, ["PatientID"])
    assert (len(found), more) == (3, True)
    assert endless.ended.wait(60)
    assert (endless.heard[0], endless.heard[-1]) == ("cancelled", "aborted")


def test_a_query_that_nobody_wants_any_more_is_not_made():
    nobody = {"ae_title": "NOBODY", "host": "127.0.0.1", "port": free_port()}
    stopping = threading.Event()
    stopping.set()
    link = Link("x", msgspec.convert(nobody, PacsNode), "NORA")
    assert link.find("STUDY", {}, ["PatientID"], stopping) == ([], False)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    root = tmp_path_factory.mktemp("orthanc")
    with an_orthanc(root / "o") as running:
        running.fill(write_series(root / "in", study_uid=f"{UID}.1", n=40, size=8))
        yield running


@pytest.fixture
def archive(orthanc):
    return Link("x", msgspec.convert(orthanc.node(), PacsNode), "NORA")


def test_PACS_10_orthanc_ends_a_get_that_is_cancelled(archive):
    came = []

    def store(data):
        came.append(data)
        if len(came) == 2:
            archive.cancel_pull()
        return 0

    moved = archive.get(SERIES, store, lambda: None)
    assert moved.why == "it was cancelled (0xFE00)"
    assert 2 <= len(came) < 40


def test_PACS_10_orthanc_ends_a_move_that_is_cancelled(orthanc, archive, make_kit):
    kit = make_kit()
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    try:
        orthanc.knows("NORA", listener.port)
        moved = archive.move(SERIES, 7, archive.cancel_pull)
    finally:
        listener.stop()
    assert moved.why == "it was cancelled (0xFE00)"
    assert moved.n_sent < 40
