"""The DICOM listener, spoken to by DCMTK and by pynetdicom."""

from __future__ import annotations

import socket
import subprocess
import threading

import pydicom
import pytest

from appliance.core import DiskFull, SettingsError
from appliance.exchange import DicomListener, ListenerKeeper, reception
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.waiting import wait_until


@pytest.fixture
def listen(make_kit):
    started = []

    def start(**overrides):
        kit = make_kit(**overrides)
        listener = DicomListener(kit.importer, kit.settings)
        listener.start()
        started.append(listener)
        return kit, listener

    yield start
    for listener in started:
        listener.stop()


def dcmtk(program: str, listener, *arguments, title: str = "SENDER"):
    command = [needs(program), "-aet", title, "-aec", "NORA", "127.0.0.1", str(listener.port)]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def receipts(kit):
    with kit.catalog.read() as con:
        return con.execute("SELECT * FROM receipts ORDER BY id").fetchall()


def closed(kit, n: int = 1):
    wait_until(
        lambda: [r["state"] for r in receipts(kit)].count("pending") == n, f"{n} receipts closed"
    )
    kit.run()
    return [kit.importer.receipt(row["key"]) for row in receipts(kit)]


def dataset_of(path) -> bytes:
    data = path.read_bytes()
    return data[144 + int.from_bytes(data[140:144], "little") :]


def test_PACS_11_what_storescu_sends_is_kept_byte_for_byte(listen, tmp_path):
    paths = write_series(tmp_path / "in")
    kit, listener = listen()
    assert dcmtk("storescu", listener, *paths).returncode == 0
    (receipt,) = closed(kit)
    assert (receipt.state, receipt.kind, receipt.n_done) == ("done", "dicom", 4)
    assert receipt.source == "SENDER 127.0.0.1"
    assert sorted(map(dataset_of, kit.originals())) == sorted(map(dataset_of, paths))
    assert len(kit.images()) == 1


def test_echo_is_answered_and_leaves_no_receipt(listen):
    kit, listener = listen()
    assert dcmtk("echoscu", listener).returncode == 0
    assert receipts(kit) == []


def test_dcmsend_may_send_any_transfer_syntax(listen):
    from pydicom.data import get_testdata_file

    names = ("JPEG2000.dcm", "MR_small_RLE.dcm", "CT_small.dcm", "image_dfl.dcm")
    files = [get_testdata_file(name, read=False) for name in names]
    kit, listener = listen()
    sent = subprocess.run(
        [
            *(needs("dcmsend"), "-aec", "NORA", "--decompress-never"),
            *("127.0.0.1", str(listener.port), *files),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert sent.returncode == 0, sent.stderr
    wait_until(lambda: len(list(kit.folder.incoming.rglob("*.dcm"))) == 4, "four objects")


def test_every_object_is_on_disk_before_it_is_acknowledged(listen, tmp_path):
    from pynetdicom import AE

    paths = write_series(tmp_path / "in", n=3)
    kit, listener = listen()
    ae = AE()
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
    association = ae.associate("127.0.0.1", listener.port, ae_title="NORA")
    for k, path in enumerate(paths, 1):
        assert association.send_c_store(pydicom.dcmread(path)).Status == 0x0000
        whole = list(kit.folder.incoming.glob("*/*.dcm"))
        assert len(whole) == k
        assert not list(kit.folder.incoming.glob("*/*.part"))
    association.abort()
    (receipt,) = closed(kit)
    assert (receipt.state, receipt.n_done) == ("done", 3)


def test_two_senders_at_once_get_a_receipt_each(listen, tmp_path):
    kit, listener = listen()
    sets = [
        write_series(tmp_path / p, patient_id=p, study_uid=f"1.2.3.{k}", n=6)
        for k, p in enumerate(("A", "B"))
    ]
    threads = [threading.Thread(target=dcmtk, args=("storescu", listener, *s)) for s in sets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.n_done for r in closed(kit, 2)] == [6, 6]


def test_a_full_disk_is_answered_a700_before_a_byte_is_taken(listen, tmp_path, monkeypatch):
    def full(*_):
        raise DiskFull("full")

    paths = write_series(tmp_path / "in", n=1)
    kit, listener = listen()
    monkeypatch.setattr(reception, "require_space", full)
    sent = dcmtk("storescu", listener, "-v", *paths)
    assert "OutOfResources" in sent.stdout + sent.stderr  # 0xA700
    assert not list(kit.folder.incoming.rglob("*.dcm*"))


def test_senders_that_are_not_on_the_list_are_rejected(listen, tmp_path):
    paths = write_series(tmp_path / "in", n=1)
    kit, listener = listen(**{"dicom.allow": ["SCANNER@127.0.0.1", "OTHER@10.0.0.0/8"]})
    assert dcmtk("storescu", listener, *paths, title="STRANGER").returncode != 0
    assert dcmtk("storescu", listener, *paths, title="OTHER").returncode != 0
    assert receipts(kit) == []
    assert dcmtk("storescu", listener, *paths, title="SCANNER").returncode == 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"dicom.bind": "0.0.0.0"}, "anyone"),  # noqa: S104 - refused
        ({"dicom.allow": ["A@nowhere"]}, "address"),
        ({"dicom.allow": ["@1.2.3.4"]}, "title"),
        ({"dicom.ae_title": "X" * 17}, "16"),
    ],
)
def test_unsafe_or_broken_settings_are_refused(make_kit, overrides, message):
    kit = make_kit(**overrides)
    with pytest.raises(SettingsError, match=message):
        DicomListener(kit.importer, kit.settings)


def test_a_taken_port_is_named_with_its_setting(make_kit):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        kit = make_kit(**{"dicom.port": port})
        with pytest.raises(SettingsError, match=str(port)) as caught:
            DicomListener(kit.importer, kit.settings).start()
        assert "dicom.port" in caught.value.hint


def test_a_listener_whose_port_is_taken_says_so_and_begins_when_it_is_free(make_kit):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        kit = make_kit(**{"dicom.port": port})
        listener = DicomListener(kit.importer, kit.settings)
        keeper = ListenerKeeper(listener, retry_s=0.05)
        keeper.start()
        assert f"DICOM port {port} on 127.0.0.1 is taken" in keeper.problem()
        assert "tried again" in keeper.problem()
    try:
        wait_until(lambda: keeper.problem() == "", "it listens", show=keeper.problem)
        assert dcmtk("echoscu", listener).returncode == 0
    finally:
        keeper.stop()
    assert keeper.problem() == "It does not answer."


def test_a_keeper_that_is_stopped_tries_no_more(make_kit):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        kit = make_kit(**{"dicom.port": holder.getsockname()[1]})
        listener = DicomListener(kit.importer, kit.settings)
        keeper = ListenerKeeper(listener, retry_s=0.05)
        keeper.start()
        keeper.stop()
    assert not listener.is_running()


def test_a_series_waits_for_its_quiet_time(listen, tmp_path):
    first, _, *rest = write_series(tmp_path / "in", n=5)  # a slice is missing
    kit, listener = listen(**{"dicom.quiet_s": 3600.0})
    dcmtk("storescu", listener, first, *rest)
    (receipt,) = closed(kit)
    assert (receipt.state, receipt.n_pending) == ("working", 4)
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"


def test_files_that_were_acknowledged_but_not_journaled_are_found_again(make_kit, tmp_path):
    kit = make_kit()
    opened = reception.Reception(kit.importer, "default", "TEST")
    for path in write_series(tmp_path / "in", n=3):
        assert opened.store(path.read_bytes()) == 0
    (kit.folder.incoming / opened.key / "000004.dcm.part").write_bytes(b"half")
    kit.close()
    again = make_kit()
    again.importer.start()
    again.importer.stop()
    again.run()
    receipt = again.importer.receipt(opened.key)
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 3, 3)
    assert not list(again.folder.incoming.rglob("*.part"))
