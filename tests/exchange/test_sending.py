"""Sending by C-STORE to our own listener, to nobody, and to one who does not take us."""

from __future__ import annotations

import pytest

from appliance.core import FormatError, PeerError
from appliance.exchange import DicomListener, Peer, send_objects
from tests.exchange.kit import write_series
from tests.support.service import free_port
from tests.support.waiting import wait_until


@pytest.fixture
def listening(kit):
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    yield kit, Peer("127.0.0.1", listener.port, "NORA")
    listener.stop()


def test_what_is_sent_arrives_byte_for_byte_the_same_objects(listening, tmp_path):
    kit, peer = listening
    paths = write_series(tmp_path / "a", n=3)
    send_objects(paths, peer, ae_title="SENDER")
    found = wait_until(lambda: kit.run() or kit.originals(), "the objects are here")
    assert len(found) == 3


def test_nobody_there_is_told_with_the_address(tmp_path):
    port = free_port()
    with pytest.raises(PeerError, match=rf"NORA at 127.0.0.1:{port} does not answer"):
        send_objects(write_series(tmp_path / "a", n=1), Peer("127.0.0.1", port, "NORA"))


def test_what_is_no_dicom_is_not_sent(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    with pytest.raises(FormatError, match=r"x\.dcm"):
        send_objects([tmp_path / "x.dcm"], Peer("127.0.0.1", 1, "NORA"))
