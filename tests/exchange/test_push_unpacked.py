"""Objects for archives that refuse the form they are stored in (GEN-06)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.core import FormatError
from appliance.exchange import Pacs
from appliance.exchange.push_unpack import PLAIN, Unpacker
from tests.support.needs import needs
from tests.support.service import free_port
from tests.support.waiting import wait_until

PACKED = ("MR_small_RLE.dcm", "JPEG2000.dcm")


def sample(name):
    return Path(get_testdata_file(name))


@pytest.fixture
def archive(tmp_path):
    """Start DCMTK's storescp, which takes the forms that a test says."""
    started, port, out = [], free_port(), tmp_path / "out"
    out.mkdir()

    def start(*forms):
        words = [needs("storescp"), *forms, "-od", str(out), str(port)]
        started.append(subprocess.Popen(words))
        peer = [needs("echoscu"), "127.0.0.1", str(port)]
        wait_until(lambda: subprocess.run(peer, check=False).returncode == 0, "it answers")
        node = {"ae_title": "OLD", "host": "127.0.0.1", "port": port, "push": True}
        return {"old": node | {"push_check": False, "tries": 1}}, out

    yield start
    for one in started:
        one.terminate()
        one.wait(30)


def pushed(make_kit, nodes, paths):
    """Bring objects in and send them all; gives pushes and what was said of each object."""
    kit = make_kit(**{"pacs.nodes": nodes})
    for path in paths:
        kit.take_in(path)
    with kit.catalog.read() as con:
        keys = [row[0] for row in con.execute("SELECT key FROM incoming_series ORDER BY id")]
    pacs = Pacs(kit.importer, kit.settings)
    try:
        pacs.pushes.forward("default", "old", keys, "owner")
        pacs.pushes.start()
        rows = wait_until(
            lambda: (
                all(one.state not in ("queued", "sending") for one in _rows(pacs)) and _rows(pacs)
            ),
            "the pushes have ended",
            show=lambda: _rows(pacs),
        )
        return rows, [one for row in rows for one in pacs.pushes.answers("default", row.key)]
    finally:
        pacs.close()


def _rows(pacs):
    return pacs.pushes.pushes("default")


@pytest.mark.parametrize(
    ("forms", "syntax"),
    [(["+xe"], ExplicitVRLittleEndian), (["+xi"], ImplicitVRLittleEndian)],
)
def test_GEN_06_what_an_archive_takes_in_no_packed_form_goes_unpacked(
    make_kit, archive, caplog, forms, syntax
):
    caplog.set_level("INFO", "appliance.exchange.push_store")
    nodes, out = archive(*forms)
    paths = [sample(name) for name in PACKED]
    rows, answers = pushed(make_kit, nodes, paths)
    assert {row.state for row in rows} == {"done"}, rows
    assert [("unpacked for it" in one.text) for one in answers] == [True] * 2
    assert caplog.text.count("was unpacked for old") == 2
    wanted = {pydicom.dcmread(path).SOPInstanceUID: pydicom.dcmread(path) for path in paths}
    for path in out.iterdir():
        found = pydicom.dcmread(path)
        original = wanted.pop(found.SOPInstanceUID)
        assert found.file_meta.TransferSyntaxUID == syntax
        assert (found.pixel_array == original.pixel_array).all()
        assert found.PatientID == original.PatientID
    assert wanted == {}


def test_what_an_archive_takes_as_it_is_goes_as_it_is(make_kit, archive):
    nodes, out = archive("+xa")
    path = sample("MR_small_RLE.dcm")
    rows, [answer] = pushed(make_kit, nodes, [path])
    assert ([row.state for row in rows], answer.text) == (["done"], "")
    [found] = out.iterdir()
    assert pydicom.dcmread(found).file_meta.TransferSyntaxUID.is_compressed


def test_what_cannot_be_unpacked_is_told_and_the_next_is_unpacked(tmp_path):
    sound = sample("MR_small_RLE.dcm")
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(sound.read_bytes()[:-400])
    with Unpacker() as unpacker:
        for path in (damaged, tmp_path / "none.dcm"):
            with pytest.raises(FormatError):
                unpacker.unpacked(path, PLAIN[0])
        target = unpacker.unpacked(sound, PLAIN[0])
        assert not pydicom.dcmread(target).file_meta.TransferSyntaxUID.is_compressed
    assert not target.exists()


def test_a_decoder_that_takes_too_long_is_ended():
    with (
        Unpacker(timeout_s=0.0) as unpacker,
        pytest.raises(FormatError, match="in time"),
    ):
        unpacker.unpacked(sample("JPEG2000.dcm"), PLAIN[0])
