"""Bad input gets a clear receipt; the service stays up and nothing is lost."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system


def person(n: int) -> MadePatient:
    """Another made-up person for each case."""
    return MadePatient(f"DEMO^BAD{n}", f"DEMO-8{n:03d}", "19700101", "O", f"202302{n:02d}")


def series_images(service: Service, date: str) -> list[str]:
    """Paths of all images of the visit on a date."""
    studies = service.items("/projects/default/studies")
    ids = [s["id"] for s in studies if str(s["date"]).replace("-", "") == date]
    rows = [r for i in ids for r in service.items("/projects/default/files", study_id=i)]
    return [row["path"] for row in rows if row["kind"] == "image"]


@pytest.fixture(autouse=True)
def _still_answers(service: Service) -> Iterator[None]:
    """Whatever came in, the same process still answers afterwards."""
    assert service.process is not None
    before = service.process.pid
    yield
    assert service.process.pid == before
    assert service.ready()


def test_a_truncated_and_a_foreign_file_are_quarantined_with_a_reason(
    service: Service, tmp_path: Path
) -> None:
    paths = tiny_series(tmp_path / "new", patient=person(1))
    paths[-1].write_bytes(paths[-1].read_bytes()[:-300])
    (tmp_path / "new" / "notes.dcm").write_bytes(b"this is not DICOM" * 40)
    members = [*paths, tmp_path / "new" / "notes.dcm"]
    receipt = service.closed(service.upload("mixed.zip", zip_of(members))["key"])
    assert receipt["state"] == "partial", receipt
    bad = [item for item in receipt["items"] if item["state"] == "quarantined"]
    assert len(bad) == receipt["n_quarantined"] == 2
    assert all(item["reason"] for item in bad)
    kept = [p.stat().st_size for p in service.folder.quarantine.rglob("*") if p.is_file()]
    assert len(b"this is not DICOM" * 40) in kept
    assert len(series_images(service, "20230201")) == 1


def test_a_zip_that_leaves_its_folder_is_refused_and_kept(service: Service) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../escaped.dcm", b"x" * 200)
        archive.writestr("/etc/absolute.dcm", b"x" * 200)
    receipt = service.closed(service.upload("evil.zip", buffer.getvalue())["key"])
    assert receipt["state"] in {"failed", "partial"}, receipt
    assert receipt["reason"] or all(item["reason"] for item in receipt["items"])
    places = service.root.parent.rglob("*")
    assert not [p for p in places if p.name in {"escaped.dcm", "absolute.dcm"}]


def test_a_zip_bomb_is_stopped_by_its_ratio(service: Service) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for n in range(8):
            archive.writestr(f"bomb{n}.dcm", bytes(64 << 20))
    receipt = service.closed(service.upload("bomb.zip", buffer.getvalue())["key"])
    assert receipt["state"] in {"failed", "partial"}, receipt
    assert receipt["reason"] or any(item["reason"] for item in receipt["items"])
    used = sum(p.stat().st_size for p in service.root.rglob("*") if p.is_file())
    assert used < 256 << 20


def test_an_empty_and_a_broken_zip_get_a_reason(service: Service) -> None:
    receipt = service.closed(service.upload("broken.zip", b"PK\x03\x04 and then nothing")["key"])
    assert receipt["state"] in {"failed", "partial"}, receipt
    assert receipt["reason"] or receipt["items"][0]["reason"]


def test_two_series_with_one_number_stay_two(service: Service, tmp_path: Path) -> None:
    first = tiny_series(tmp_path / "a", patient=person(5), number=4, description="t1_first")
    other = tiny_series(tmp_path / "b", patient=person(5), number=4, description="t1_second")
    members = [p.rename(p.with_name(f"x{p.name}")) for p in other]
    service.closed(service.upload("both.zip", zip_of([*first, *members]))["key"])
    paths = series_images(service, "20230205")
    assert len(paths) == len({str(Path(path).parent) for path in paths}) == 2


def test_a_differing_object_under_a_known_uid_is_kept_apart(
    service: Service, tmp_path: Path
) -> None:
    paths = tiny_series(tmp_path / "a", patient=person(6))
    service.closed(service.upload("first.zip", zip_of(paths))["key"])
    changed = bytearray(paths[0].read_bytes())
    changed[-2:] = b"\x01\x02"
    paths[0].write_bytes(bytes(changed))
    receipt = service.closed(service.upload("changed.zip", zip_of(paths[:1]))["key"])
    assert receipt["n_quarantined"] == 1, receipt
    stored = [p.read_bytes() for p in service.folder.quarantine.rglob("*") if p.is_file()]
    assert bytes(changed) in stored


def test_a_file_that_is_still_growing_is_waited_for(service: Service, tmp_path: Path) -> None:
    paths = tiny_series(tmp_path / "a", patient=person(7), shape=(28, 24, 12))
    target = service.folder.drop / "slow"
    target.mkdir()
    before = len(service.receipts())
    for path in paths[1:]:
        (target / path.name).write_bytes(path.read_bytes())
    whole = paths[0].read_bytes()
    with (target / paths[0].name).open("wb") as stream:
        for start in range(0, len(whole), len(whole) // 12 + 1):
            stream.write(whole[start : start + len(whole) // 12 + 1])
            stream.flush()
            wait_until(lambda: True, "", every_s=0)
            os.utime(target / paths[0].name)
            _breathe()
    service.settled(before + 1)
    wait_until(lambda: series_images(service, "20230207"), "the image", show=service.log)
    items = [i for r in service.receipts()[:3] for i in service.receipt(r["key"])["items"]]
    assert not [item for item in items if item["state"] == "quarantined" and _slow(item)]


def _slow(item: dict[str, object]) -> bool:
    """Whether an item is of the slow series."""
    return item["psid"] is not None and "20230207" in str(item["psid"])


def _breathe() -> None:
    """A pause shorter than the settle time."""
    subprocess.run(["sleep", "0.15"], check=True)


@pytest.fixture
def without_all_rights(tmp_path: Path) -> Iterator[Service]:
    """A service that folders can be closed to, also when the tests run as root."""
    prefix = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    service = Service(tmp_path / "data", prefix=prefix).start()
    yield service
    service.stop()


def test_an_unreadable_folder_is_told_and_the_rest_comes_in(
    without_all_rights: Service, tmp_path: Path
) -> None:
    service = without_all_rights
    tiny_series(tmp_path / "visit" / "open", patient=person(8))
    tiny_series(tmp_path / "visit" / "locked", number=2, patient=person(8))
    (tmp_path / "visit" / "locked").chmod(0)
    key = service.post("/imports", {"project": "default", "path": str(tmp_path / "visit")})["key"]
    receipt = service.closed(key)
    assert receipt["state"] == "partial"
    assert receipt["reason"] == "cannot be read: Permission denied"
    assert "right to read" in receipt["hint"]
    assert [item["state"] for item in receipt["items"]].count("failed") == 1
    (tmp_path / "visit" / "locked").chmod(0o700)
    again = service.post("/imports", {"project": "default", "path": str(tmp_path / "visit")})
    assert service.closed(again["key"])["state"] == "done"
    assert len(service.items("/projects/default/files", kind="image")) == 2


def test_a_missing_folder_is_a_clear_error(service: Service, tmp_path: Path) -> None:
    missing = service.http.post(
        "/imports", json={"project": "default", "path": str(tmp_path / "nothing here")}
    )
    assert missing.status_code == 404, missing.text
    assert missing.headers["content-type"].startswith("application/problem+json")
    assert "nothing here" in missing.json()["detail"]


def test_an_unknown_project_is_a_clear_error(service: Service, tmp_path: Path) -> None:
    answer = service.http.post(
        "/uploads", params={"project": "nowhere", "filename": "a.zip"}, content=b"x"
    )
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]
    done = service.nora("-p", "nowhere", "--select", "*")
    assert done.returncode == 2
    assert done.stderr.startswith("error:")
    assert "nowhere" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB, when we may mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_waits_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    service = Service(small_disk / "data", {"NORA__DATA__MIN_FREE_BYTES": str(12 << 20)})
    service.log_path = tmp_path / "service.log"
    paths = tiny_series(tmp_path / "new", patient=person(9), shape=(128, 128, 40))
    body = zip_of(paths)
    try:
        service.start()
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        ballast.write_bytes(bytes(max(free - (4 << 20), 1)))
        refused = service.http.post(
            "/uploads", params={"project": "default", "filename": "a.zip"}, content=body
        )
        assert refused.status_code == 507, refused.text
        assert service.ready()
        ballast.unlink()
        receipt = service.closed(service.upload("a.zip", body)["key"])
        assert receipt["state"] == "done", receipt
    finally:
        service.stop()
