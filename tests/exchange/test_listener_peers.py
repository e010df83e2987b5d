"""The listener with real peers: TLS, routes by AE title, storage commitment, places, silence."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE, build_context, evt

from appliance.catalog import ensure_project
from appliance.core import SettingsError
from appliance.exchange import DicomListener
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

MR = "1.2.840.10008.5.1.4.1.1.4"
COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN = "1.2.840.10008.1.20.1.1"


@pytest.fixture
def listen(make_kit):
    started = []

    def start(**overrides):
        kit = make_kit(**overrides)
        kit.catalog.write(lambda tx: ensure_project(tx, "trial"))
        started.append(DicomListener(kit.importer, kit.settings))
        started[-1].start()
        return kit, started[-1]

    yield start
    for listener in started:
        listener.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate and key of ours, and one of a sender; each vouches for itself."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
        command = [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files]
        subject = ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, *subject], check=True, capture_output=True)
    return folder


def run(program, *arguments):
    command = [needs(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def receipts(kit):
    with kit.catalog.read() as con:
        return con.execute(
            "SELECT r.*, p.name AS project FROM receipts r JOIN projects p ON p.id = r.project_id"
            " ORDER BY r.id"
        ).fetchall()


def came(kit, n=1):
    wait_until(
        lambda: [row["state"] for row in receipts(kit)].count("pending") == n, f"{n} arrivals"
    )
    return receipts(kit)


def associate(listener, *contexts, calling="SENDER", called="NORA", **more):
    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    entity.requested_contexts = [build_context(uid) for uid in contexts]
    return entity.associate("127.0.0.1", listener.port, ae_title=called, **more)


def test_storescu_sends_over_tls_and_nobody_without_it(listen, certificates, tmp_path):
    path = write_series(tmp_path / "in", n=1)[0]
    own, theirs = certificates / "ours", certificates / "theirs"
    kit, listener = listen(
        **{
            "dicom.tls_certificate_file": f"{own}.pem",
            "dicom.tls_key_file": f"{own}.key",
            "dicom.tls_ca_file": f"{theirs}.pem",
        }
    )
    to = ("-aec", "NORA", "127.0.0.1", listener.port, path)
    assert run("storescu", *to).returncode != 0
    trust = ("+cf", f"{own}.pem")
    assert run("storescu", "+tla", *trust, *to).returncode != 0  # shows no certificate
    known = ("+tls", f"{theirs}.key", f"{theirs}.pem", *trust)
    sent = run("storescu", *known, *to)
    assert sent.returncode == 0, sent.stderr
    came(kit)


def test_old_tls_is_refused(listen, certificates):
    own = certificates / "ours"
    _, listener = listen(
        **{"dicom.tls_certificate_file": f"{own}.pem", "dicom.tls_key_file": f"{own}.key"}
    )
    context = ssl.create_default_context(cafile=f"{own}.pem")
    with (
        socket.create_connection(("127.0.0.1", listener.port), 30) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
    assert listener._tls.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"dicom.tls_certificate_file": "/nowhere.pem"}, "certificates"),
        ({"dicom.tls_key_file": "/nowhere.key"}, "lacks its certificate"),
    ],
)
def test_certificates_that_cannot_be_used_are_named(make_kit, overrides, message):
    kit = make_kit(**overrides)
    with pytest.raises(SettingsError, match=message) as caught:
        DicomListener(kit.importer, kit.settings).start()
    assert "dicom.tls_certificate_file" in caught.value.hint


def test_routes_lead_senders_and_our_titles_to_projects(listen, tmp_path):
    path = write_series(tmp_path / "in", n=1)[0]
    kit, listener = listen(
        **{
            "dicom.routes": [
                {"project": "trial", "calling": "MR1"},
                {"project": "trial", "called": "TRIAL"},
                {"project": "nowhere", "called": "LOST"},
            ]
        }
    )
    for calling, called in (("MR1", "NORA"), ("CT1", "TRIAL"), ("CT1", "NORA")):
        to = ("-aet", calling, "-aec", called, "127.0.0.1", listener.port, path)
        assert run("storescu", *to).returncode == 0
    assert [row["project"] for row in came(kit, 3)] == ["trial", "trial", "default"]
    lost = run("storescu", "-aec", "LOST", "127.0.0.1", listener.port, path)
    assert lost.returncode != 0
    assert len(receipts(kit)) == 3


def question(*uids):
    found = Dataset()
    found.TransactionUID = "1.2.3.4"
    items = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MR, uid
        items.append(item)
    found.ReferencedSOPSequence = Sequence(items)
    return found


def test_commitment_is_told_over_the_same_association(listen, tmp_path):
    path = write_series(tmp_path / "in", n=1)[0]
    dataset = pydicom.dcmread(path)
    _, listener = listen()
    reports, answers, answered = [], [], []

    def on_report(event):
        reports.append((event.event_type, event.event_information))
        return 0x0000, None

    def on_message(event):
        if type(event.message).__name__ == "N_EVENT_REPORT_RSP":
            answers.append(event.message)

    def on_pdu(event):
        answered[:] = answers

    handlers = [
        (evt.EVT_N_EVENT_REPORT, on_report),
        (evt.EVT_DIMSE_SENT, on_message),
        (evt.EVT_PDU_SENT, on_pdu),
    ]
    association = associate(listener, MR, COMMITMENT, evt_handlers=handlers)
    assert association.send_c_store(dataset).Status == 0
    asked = ([dataset.SOPInstanceUID], [dataset.SOPInstanceUID, "1.2.3.9"])
    for n, uids in enumerate(asked, 1):
        status, _ = association.send_n_action(question(*uids), 1, COMMITMENT, WELL_KNOWN)
        assert status.Status == 0
        wait_until(lambda n=n: len(answered) == n, "the report is answered")
    association.release()
    (first, safe), (second, some) = reports
    assert (first, second) == (1, 2)
    assert [one.ReferencedSOPInstanceUID for one in safe.ReferencedSOPSequence] == [
        dataset.SOPInstanceUID
    ]
    assert safe.TransactionUID == "1.2.3.4"
    assert "FailedSOPSequence" not in safe
    [failed] = some.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.3.9", 0x0112)


def test_commitment_is_told_to_a_node_where_it_listens(listen, tmp_path):
    path = write_series(tmp_path / "in", n=1)[0]
    dataset = pydicom.dcmread(path)
    reports = []

    def on_report(event):
        reports.append((event.event_type, event.event_information))
        return 0x0000, None

    scanner = AE("SCANNER")
    scanner.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = scanner.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]
    )
    try:
        node = {"ae_title": "SCANNER", "host": "127.0.0.1", "port": server.server_address[1]}
        _, listener = listen(**{"pacs.nodes": {"scanner": node}})
        association = associate(listener, MR, COMMITMENT, calling="SCANNER")
        assert association.send_c_store(dataset).Status == 0
        uids = (dataset.SOPInstanceUID, "1.2.3.9")
        association.send_n_action(question(*uids), 1, COMMITMENT, WELL_KNOWN)
        association.release()
        wait_until(lambda: reports, "the report")
    finally:
        server.shutdown()
    assert reports[0][0] == 2
    assert len(reports[0][1].FailedSOPSequence) == 1


def test_commitment_is_told_over_TLS_with_certificates_on_both_sides(
    listen, certificates, tmp_path
):
    path = write_series(tmp_path / "in", n=1)[0]
    dataset = pydicom.dcmread(path)
    reports = []

    def on_report(event):
        reports.append((event.event_type, event.assoc.requestor.ae_title))
        return 0x0000, None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "theirs.pem", certificates / "theirs.key")
    context.load_verify_locations(certificates / "ours.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    scanner = AE("SCANNER")
    scanner.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = scanner.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)],
        ssl_context=context,
    )
    own = {"cert_file": str(certificates / "ours.pem"), "key_file": str(certificates / "ours.key")}
    node = {"ae_title": "SCANNER", "host": "127.0.0.1", "port": server.server_address[1]}
    trusts = {"tls": True, "ca_file": str(certificates / "theirs.pem")}
    try:
        _, listener = listen(**{"pacs.nodes": {"scanner": node | own | trusts}})
        association = associate(listener, MR, COMMITMENT, calling="SCANNER")
        assert association.send_c_store(dataset).Status == 0
        association.send_n_action(question(dataset.SOPInstanceUID), 1, COMMITMENT, WELL_KNOWN)
        association.release()
        wait_until(lambda: reports, "the report")
    finally:
        server.shutdown()
    assert reports == [(1, "NORA")]


def test_an_object_of_another_class_or_a_lost_file_is_not_safe(listen, tmp_path):
    path = write_series(tmp_path / "in", n=2)[0]
    kit, listener = listen()
    association = associate(listener, MR, COMMITMENT)
    dataset = pydicom.dcmread(path)
    association.send_c_store(dataset)
    listener.flush()
    asked = question(dataset.SOPInstanceUID, dataset.SOPInstanceUID)
    asked.ReferencedSOPSequence[1].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    look = listener.commitments._lack
    found = [
        look(one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID)
        for one in asked.ReferencedSOPSequence
    ]
    assert found == [None, 0x0119]
    for stored in kit.folder.incoming.rglob("*.dcm"):
        stored.unlink()
    assert look(MR, dataset.SOPInstanceUID) == 0x0112
    association.abort()


def test_who_finds_no_place_is_told_to_come_again(listen):
    verification = "1.2.840.10008.1.1"
    _, listener = listen(**{"dicom.max_associations": 1})
    first = associate(listener, verification)
    assert first.is_established
    second = associate(listener, verification)
    assert second.is_rejected
    reply = second.acceptor.primitive
    assert (reply.result, reply.result_source, reply.diagnostic) == (2, 3, 2)
    first.release()
    wait_until(lambda: _echoes(listener), "the place is free again")


def _echoes(listener):
    return run("echoscu", "-aec", "NORA", "127.0.0.1", listener.port).returncode == 0


def test_a_silent_sender_is_cut_off_and_what_came_is_kept(listen, tmp_path):
    path = write_series(tmp_path / "in", n=1)[0]
    kit, listener = listen(**{"dicom.idle_s": 0.5})
    association = associate(listener, MR)
    assert association.send_c_store(pydicom.dcmread(path)).Status == 0
    came(kit)
    wait_until(lambda: not association.is_established, "it is cut off")


def test_private_classes_are_taken_and_other_services_are_not(listen):
    _, listener = listen()
    print_service, private = "1.2.840.10008.5.1.1.9", "1.3.12.2.1107.5.9.1"
    association = associate(listener, print_service, private, MR)
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    assert accepted == {private, MR}
    association.release()
