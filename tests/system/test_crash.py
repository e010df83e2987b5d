"""After kill -9 every arrival is in or still pending, and no job is lost or run twice.

``NORA_CRASH_ROUNDS`` says how often each is tried (2 when it is not set).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

ROUNDS = int(os.environ.get("NORA_CRASH_ROUNDS", "2"))
N_SERIES, N_SLICES = 4, 12
PATIENT = MadePatient("DEMO^CRASH", "DEMO-6001", "19700101", "O", "20230401")


def delays(n: int, low: float, high: float) -> list[float]:
    """`n` moments to kill at, spread from early to late."""
    return [low + (high - low) * k / max(n - 1, 1) for k in range(n)]


def all_series(folder: Path) -> list[list[Path]]:
    """The series of one visit."""
    return [
        tiny_series(folder / f"s{n}", number=n, description=f"series{n}", patient=PATIENT)
        for n in range(1, N_SERIES + 1)
    ]


def images(service: Service) -> list[str]:
    """Paths of all images in the catalog."""
    rows = service.items("/projects/default/files")
    return [row["path"] for row in rows if row["kind"] == "image"]


def assert_everything_is_in_once(service: Service, sent: list[Path]) -> None:
    """All series are images of one study, and every object sent is kept as it was."""
    wait_until(
        lambda: len(images(service)) >= N_SERIES, "all series", within_s=120, show=service.log
    )
    service.settled(within_s=120)
    assert len(images(service)) == N_SERIES
    assert len(service.items("/projects/default/studies")) == 1
    kept = {path.read_bytes() for path in service.folder.originals.rglob("*") if path.is_file()}
    assert {path.read_bytes() for path in sent} <= kept
    receipts = service.receipts()
    assert receipts
    assert [r for r in receipts if r["state"] != "done"] == []


def killed_and_started(service: Service, after_s: float) -> None:
    """Kill the service after a while and start it again."""
    time.sleep(after_s)
    service.kill()
    service.start()


@pytest.mark.parametrize("after_s", delays(ROUNDS, 0.3, 2.5))
def test_killed_while_a_drop_is_taken(
    start_service: Callable[..., Service], tmp_path: Path, after_s: float
) -> None:
    series = all_series(tmp_path / "new")
    sent = [path for paths in series for path in paths]
    contents = {path.name + str(n): path.read_bytes() for n, path in enumerate(sent)}
    service = start_service()
    (tmp_path / "new").rename(service.folder.drop / "visit")
    killed_and_started(service, after_s)
    originals = tmp_path / "again"
    originals.mkdir()
    for name, content in contents.items():
        (originals / name).write_bytes(content)
    assert_everything_is_in_once(service, sorted(originals.iterdir()))


@pytest.mark.parametrize("after_s", delays(ROUNDS, 0.05, 1.5))
def test_killed_while_an_upload_is_imported(
    start_service: Callable[..., Service], tmp_path: Path, after_s: float
) -> None:
    series = all_series(tmp_path / "new")
    sent = []
    for n, paths in enumerate(series):
        sent += [path.rename(path.with_name(f"{n}_{path.name}")) for path in paths]
    service = start_service()
    key = service.upload("visit.zip", zip_of(sent))["key"]
    killed_and_started(service, after_s)
    assert service.closed(key)["n_files"] == len(sent)
    assert_everything_is_in_once(service, sent)


def counted(path: Path) -> list[str]:
    """Lines that the jobs have written."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.mark.parametrize("after_s", delays(ROUNDS, 0.2, 2.5))
def test_killed_while_jobs_run(
    start_service: Callable[..., Service], tmp_path: Path, after_s: float
) -> None:
    service = start_service(env={"NORA__JOBS__CPUS": "2", "NORA__JOBS__SANDBOX": "off"})
    paths = tiny_series(tmp_path / "new", patient=PATIENT)
    service.closed(service.upload("visit.zip", zip_of(paths))["key"])
    psid = service.items("/projects/default/studies")[0]["psid"]
    began, finished = tmp_path / "began", tmp_path / "finished"
    code = f'echo "$NORA_JOB" >> "{began}"\nsleep 2\necho "$NORA_JOB" >> "{finished}"\nexit 0\n'
    jobs: list[dict[str, Any]] = [
        {"name": f"job{n}", "language": "bash", "code": code, "args": []} for n in range(4)
    ]
    body = {"project": "default", "name": "crash", "jobs": jobs, "targets": [psid]}
    service.post("/batches", {**body, "mode": "parallel"})
    killed_and_started(service, after_s)

    def over() -> list[dict[str, Any]] | None:
        rows = service.items("/jobs", project="default", state="all")
        rows = [row for row in rows if row["name"].startswith("job")]
        return rows if rows and all(row["letter"] in "edk" for row in rows) else None

    rows = wait_until(over, "all jobs ended", within_s=120, show=service.log)
    assert [row["letter"] for row in rows] == ["d"] * 4, rows
    assert len(counted(began)) == len(set(counted(began))) == 4
    assert sorted(counted(began)) == sorted(counted(finished))


def test_a_second_service_is_refused_and_a_killed_one_starts_again(
    start_service: Callable[..., Service],
) -> None:
    service = start_service()
    refused = service.nora(*service.arguments(), within_s=60)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error:")
    service.kill()
    service.start()
    assert service.get("/projects")["items"]
