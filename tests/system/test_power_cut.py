"""Nothing that was acknowledged is lost when the power goes."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info
from pynetdicom import AE
from pynetdicom.dsutils import encode

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, series_datasets, write_series
from tests.support.power import PowerCut
from tests.support.samples import OBLIQUE, blob, tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until

WRITER = """
import os, sys
root = sys.argv[1]

def write(name, data, sync=True):
    with open(os.path.join(root, name), "wb") as stream:
        stream.write(data)
        stream.flush()
        if sync:
            os.fsync(stream.fileno())

def sync(folder):
    fd = os.open(os.path.join(root, folder), os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)

write("kept", b"kept")
write("empty", b"never synced", sync=False)
os.mkdir(os.path.join(root, "known"))
os.mkdir(os.path.join(root, "known", "forgotten"))
write("known/kept", b"also kept")
sync("known")
sync("")
write("known/late", b"file synced, folder not")
write("known/forgotten/x", b"x")
sync("known/forgotten")
os.rename(os.path.join(root, "kept"), os.path.join(root, "renamed"))
with open(os.path.join(root, "known", "kept"), "ab") as stream:
    stream.write(b" and more")
"""


def test_the_played_power_cut_keeps_only_what_was_synced(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    power = PowerCut(root, tmp_path / "store")
    command = [sys.executable, "-c", WRITER, str(root)]
    subprocess.run(command, env=power.env, check=True)
    assert (root / "renamed").read_bytes() == b"kept"
    after = power.restore(tmp_path / "after")
    assert {str(p.relative_to(after)) for p in after.rglob("*")} == {
        "kept",
        "empty",
        "known",
        "known/kept",
        "known/forgotten",
        "known/forgotten/x",
    }
    assert (after / "kept").read_bytes() == b"kept"
    assert (after / "empty").read_bytes() == b""
    assert (after / "known/kept").read_bytes() == b"also kept"


def dataset_bytes(path: Path) -> bytes:
    """The data set of a DICOM file, without its file meta information."""
    with path.open("rb") as stream:
        stream.seek(128 + 4)
        _read_file_meta_info(stream)
        return stream.read()


def send_until_cut(port: int, datasets: list[Dataset], acked: list[str], cut: Event) -> None:
    """Send objects one by one, a few an association; note what was acknowledged."""
    ae = AE("SENDER")
    ae.dimse_timeout = 5  # a sender that missed an answer goes on with the next association
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
    for start in range(0, len(datasets), 10):
        association = ae.associate("127.0.0.1", port, ae_title="NORA")
        for ds in datasets[start : start + 10]:
            if cut.is_set() or not association.is_established:
                association.kill()
                return
            status = association.send_c_store(ds)
            if not status:
                break
            if status.Status == 0x0000:
                acked.append(str(ds.SOPInstanceUID))
        association.release()


def kept_objects(service: Service) -> dict[str, bytes]:
    """Data set of every object that the service holds, by SOP instance UID."""
    found = {}
    for place in (service.folder.incoming, service.folder.originals, service.folder.quarantine):
        for path in place.rglob("*"):
            if path.is_file() and path.stat().st_size > 132 and is_dicom(path):
                uid = str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
                found[uid] = dataset_bytes(path)
    return found


def is_dicom(path: Path) -> bool:
    """Whether a file has the DICOM prefix."""
    with path.open("rb") as stream:
        stream.seek(128)
        return stream.read(4) == b"DICM"


def encoded(ds: Dataset) -> bytes:
    """The bytes that the sender puts on the wire."""
    data = encode(ds, is_implicit_vr=False, is_little_endian=True)
    assert data is not None
    return data


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the cut sender
@pytest.mark.parametrize("n_acked", [3, 27])
def test_acknowledged_objects_survive_a_power_cut(
    tmp_path: Path, start_service: Callable[..., Service], n_acked: int
) -> None:
    first = start_service("disk")
    first.stop()
    power = PowerCut(first.root, tmp_path / "store")
    power.everything_is_durable()
    service = start_service("disk", extra_env=power.env)
    patient = MadePatient("DEMO^POWER", "DEMO-5001", "19700101", "O", "20230501")
    series = MadeSeries(number=1, description="power", patient=patient)
    datasets = series_datasets(blob((28, 24, 60)), OBLIQUE, series)
    acked: list[str] = []
    cut = Event()
    sender = Thread(
        target=send_until_cut, args=(service.dicom_port, datasets, acked, cut), daemon=True
    )
    sender.start()
    wait_until(lambda: len(acked) >= n_acked, "objects acknowledged", every_s=0.002)
    service.kill()
    cut.set()
    sender.join(60)
    gc.collect()  # the cut sender's sockets, while warnings about them are expected
    promised = list(acked)
    power.restore(tmp_path / "after")

    back = start_service("after")
    receipts = back.settled(within_s=120)
    kept = kept_objects(back)
    sent = {str(ds.SOPInstanceUID): encoded(ds) for ds in datasets}
    assert len(promised) >= n_acked
    lost = [uid for uid in promised if kept.get(uid) != sent[uid]]
    assert not lost
    assert sum(receipt["n_files"] for receipt in receipts) >= len(promised)


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the killed peer
def test_acknowledged_uploads_survive_a_power_cut(
    tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    first = start_service("disk")
    first.stop()
    power = PowerCut(first.root, tmp_path / "store")
    power.everything_is_durable()
    service = start_service("disk", extra_env=power.env)
    sent: list[Path] = []
    for n in range(1, 4):
        patient = MadePatient("DEMO^POWER", "DEMO-5002", "19700101", "O", f"2023070{n}")
        paths = tiny_series(tmp_path / f"visit{n}", number=n, patient=patient)
        service.upload(f"visit{n}.zip", zip_of(paths))
        sent += paths
    service.kill()
    power.restore(tmp_path / "after")

    back = start_service("after")
    receipts = back.settled(3, within_s=120)
    assert [receipt["state"] for receipt in receipts] == ["done"] * 3
    kept = {path.read_bytes() for path in back.folder.originals.rglob("*") if path.is_file()}
    assert {path.read_bytes() for path in sent} <= kept
    assert len(back.items("/projects/default/studies")) == 3


@pytest.mark.system
@pytest.mark.slow
def test_many_dropped_files_survive_a_power_cut(
    tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    first = start_service("disk")
    first.stop()
    power = PowerCut(first.root, tmp_path / "store")
    power.everything_is_durable()
    service = start_service("disk", extra_env=power.env)
    patient = MadePatient("DEMO^POWER", "DEMO-5003", "19700101", "O", "20230801")
    series = MadeSeries(number=1, description="many", patient=patient)
    sent = write_series(tmp_path / "many", blob((28, 24, 90)), OBLIQUE, series)
    bytes_sent = {path.read_bytes() for path in sent}
    (tmp_path / "many").rename(service.folder.drop / "many")
    wait_until(
        lambda: sum(receipt["n_done"] for receipt in service.receipts()) == len(sent),
        "all files are converted",
        every_s=0.01,
    )
    service.kill()
    power.restore(tmp_path / "after")

    back = start_service("after")
    receipts = back.settled(within_s=120)
    assert [(receipt["state"], receipt["n_files"]) for receipt in receipts] == [("done", 90)]
    kept = {path.read_bytes() for path in back.folder.originals.rglob("*") if path.is_file()}
    assert bytes_sent <= kept
