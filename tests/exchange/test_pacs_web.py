"""Searching and pulling over DICOMweb: a real Orthanc, and servers that misbehave."""

from __future__ import annotations

import http.server
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import PeerError
from appliance.exchange import Wished
from appliance.exchange.pacs_web import parts_of
from tests.exchange.test_pacs_find import UID, cohort, search, uids
from tests.exchange.test_pacs_pull import Ward
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    root = tmp_path_factory.mktemp("orthanc")
    with an_orthanc(root / "o", web=True) as running:
        running.fill(cohort(root / "in"))
        yield running


@pytest.fixture
def ward_of(make_kit):
    opened = []

    def make(node, **more):
        settings = {"pacs.nodes": {"main": {**node, "tries": 1, **more}}, "dicom.quiet_s": 3600.0}
        opened.append(Ward(make_kit(**settings)))
        return opened[-1]

    yield make
    for ward in opened:
        ward.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"patient_id": "P1"}, ["1", "2"]),
        ({"patient_id": "P*", "study_date": "20240501-20240601"}, ["1", "4"]),
        ({"patient_name": "DOE*"}, ["1", "2"]),
        ({"patient_name": "DOE^JANE"}, ["1", "2"]),
        ({"modality": "CT"}, ["4"]),
        ({"patient_id": "P*", "series_description": "T2*"}, ["1"]),
        ({"patient_id": "P*", "max_age": 17}, ["4"]),
        ({"patient_id": "nobody"}, []),
    ],
)
def test_PACS_x01_each_field_narrows(orthanc, ward_of, query, expected):
    assert uids(search(ward_of(orthanc.web_node()).pacs, **query)) == expected


def test_PACS_05_06_studies_and_series_with_all_their_columns(orthanc, ward_of):
    ward = ward_of(orthanc.web_node())
    ward.pacs.echo("default", "main")
    found = search(ward.pacs, patient_id="P1", study_date="2024-05-02")
    [study] = found.studies
    assert (study.patient_name, study.time, study.description) == ("DOE^JANE", "101112", "head")
    assert (study.modalities, study.n_series, study.n_images) == (["MR"], 2, 4)
    rows = sorted((s.number, s.description, s.protocol, s.modality) for s in found.series)
    assert rows == [(3, "t1 mprage", "t1 mprage", "MR"), (4, "t2 tse", "t2 tse", "MR")]
    assert [s.n_images for s in found.series] == [2, 2]


def test_PACS_09_what_is_pulled_is_converted_at_once_under_a_pseudonym(orthanc, ward_of):
    ward = ward_of(orthanc.web_node())
    series = Wished(study_uid=f"{UID}.1", series_uid=f"{UID}.1.3", n_images=2)
    study = Wished(study_uid=f"{UID}.3", n_images=2)
    pulls = ward.ended(ward.pull(series, study))
    assert [(one.state, one.n_received, one.reason) for one in pulls] == [("done", 2, "")] * 2
    assert sorted(ward.kit.images()) == [
        "S-0001#2024-05-02/t1_mprage_3/s001.nii",
        "S-0002#2025-01-01/t1_mprage_3/s001.nii",
    ]
    assert {one.state for one in ward.receipts()} == {"done"}


def test_a_series_that_the_archive_has_not_fails(orthanc, ward_of):
    ward = ward_of(orthanc.web_node())
    [pull] = ward.ended(ward.pull(Wished(study_uid=f"{UID}.7", series_uid=f"{UID}.7.1")))
    assert (pull.state, pull.reason, ward.receipts()) == ("failed", "nothing came", [])


def test_no_log_holds_a_query(orthanc, ward_of, caplog):
    caplog.set_level(logging.DEBUG)
    search(ward_of(orthanc.web_node()).pacs, patient_id="P1", patient_name="DOE*")
    assert "DOE" not in caplog.text
    assert "P1" not in caplog.text


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers as the test says, and remembers what it was sent."""

    answer = (200, "text/html", b"<p>no</p>")
    seen: tuple[str, ...] = ()

    def do_GET(self):
        status, kind, body = self.answer
        type(self).seen = (*self.seen, str(self.headers.get("Authorization")))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def odd():
    """A server on loopback that is told what to answer, and its URL."""
    handler = type("Handler", (Odd,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, {"method": "web", "url": f"http://127.0.0.1:{server.server_port}/web"}
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "text/html", b"<p>no</p>"), "does not speak DICOMweb"),
        ((401, "text/plain", b""), "does not let us in"),
        ((500, "text/plain", b""), "500"),
    ],
)
def test_a_server_that_is_no_archive_is_told(odd, ward_of, answer, told):
    handler, node = odd
    handler.answer = answer
    with pytest.raises(PeerError, match=told):
        ward_of(node).pacs.echo("default", "main")


def test_the_key_of_an_archive_is_read_from_its_file_and_never_shown(odd, ward_of, tmp_path):
    handler, node = odd
    handler.answer = (200, "application/dicom+json", b"[]")
    (tmp_path / "key").write_text("Bearer 5ecret\n")
    ward = ward_of(node, authorization_file=str(tmp_path / "key"))
    ward.pacs.echo("default", "main")
    assert handler.seen == ("Bearer 5ecret",)
    assert "5ecret" not in repr(ward.kit.settings)
    (tmp_path / "key").unlink()
    with pytest.raises(PeerError, match="cannot read"):
        ward.pacs.echo("default", "main")


def test_a_message_that_is_no_multipart_fails_the_pull(odd, ward_of):
    ward = ward_of(odd[1])
    [pull] = ward.ended(ward.pull(Wished(study_uid="1.2", series_uid="1.2.3")))
    assert (pull.state, "sent no DICOM objects" in pull.reason) == ("failed", True)


def test_nobody_there_is_told(ward_of):
    node = {"method": "web", "url": f"http://127.0.0.1:{free_port()}/web", "timeout_s": 5.0}
    with pytest.raises(PeerError, match="does not answer"):
        ward_of(node).pacs.echo("default", "main")


@given(
    st.lists(st.binary(max_size=40).filter(lambda body: b"--mark" not in body), max_size=4),
    st.integers(1, 30),
)
def test_parts_are_found_wherever_the_network_cuts(bodies, size):
    head = b"\r\n--mark\r\nContent-Type: application/dicom\r\n\r\n"
    whole = b"".join(head + body for body in bodies) + b"\r\n--mark--\r\n"
    whole = whole[2:]  # the first mark may begin the message
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert list(parts_of(chunks, b"mark")) == bodies


def test_a_part_that_is_cut_short_is_left_out():
    message = [b"--m\r\n\r\nwhole\r\n--m\r\n\r\nhal"]
    assert list(parts_of(message, b"m")) == [b"whole"]
