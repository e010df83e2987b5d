"""The command against a real service in a process of its own, and without one."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.service import NORA, REPOSITORY, Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def study(service: Service) -> Path:
    """A study with two files on disk, in a project of its own, entered by the command."""
    assert service.nora("-c", "mri").returncode == 0
    folder = service.folder.projects / "mri" / "S-0001" / "2024"
    (folder / "META").mkdir(parents=True)
    (folder / "mask.nii").write_bytes(b"mask")
    (folder / "META" / "radio.json").write_text('{"mask": {"volume": 12.5}}')
    (folder / "nodeinfo.json").write_text('{"study": {"date": "2024-02-03"}}')
    done = service.nora("rescan")
    assert done.returncode == 0, done.stderr
    assert "3 files added" in done.stdout
    return folder


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_CLI_09_select_prints_absolute_paths(service: Service, study: Path) -> None:
    assert lines(service.nora("-p", "mri", "-s", "*mask*")) == [str(study / "mask.nii")]
    assert lines(service.nora("-p", "mri", "-s", "S-0001", "META/*")) == [
        str(study / "META" / "radio.json")
    ]


def test_CLI_09_select_gives_json_also_by_filename(service: Service, study: Path) -> None:
    [row] = json.loads("".join(lines(service.nora("-p", "mri", "-s", "--json", "META/*"))))
    assert row["psid"] == "S-0001#2024"
    assert row["content"] == {"mask": {"volume": 12.5}}
    by_name = json.loads(
        "".join(lines(service.nora("-p", "mri", "-s", "--json", "--byfilename", "META/*")))
    )
    assert [row["path"] for row in by_name["radio.json"]] == ["META/radio.json"]


def test_CLI_10_11_tags_are_put_on_and_taken_off(service: Service, study: Path) -> None:
    mask = str(study / "mask.nii")
    lines(service.nora("-p", "mri", "--addtag", "good,seen", "-s", "S-0001#2024", mask))
    assert lines(service.nora("-p", "mri", "-s", "FTAG:seen")) == [mask]
    lines(service.nora("-p", "mri", "--rmtag", "seen", "-s", "*mask*"))
    assert service.nora("-p", "mri", "-s", "FTAG:seen").returncode == 1
    assert lines(service.nora("-p", "mri", "-s", "FTAG:good")) == [mask]


def test_CLI_04_05_PROJ_x05_files_are_added_with_tags_and_removed(
    service: Service, study: Path
) -> None:
    new = study / "new.nii"
    new.write_bytes(b"x")
    assert lines(service.nora("-p", "mri", "-a", str(new), "--addtag", "fresh")) == ["added 1 file"]
    assert lines(service.nora("-p", "mri", "-s", "FTAG:fresh")) == [str(new)]
    lines(service.nora("-p", "mri", "-d", str(new)))
    assert service.nora("-p", "mri", "-s", "new*").returncode == 1


def test_CLI_07_out_tells_where_an_output_belongs(service: Service, study: Path) -> None:
    wanted = [str(study / "results" / "out.nii")]
    assert lines(service.nora("-p", "mri", "-o", "S-0001#2024", "results/out.nii")) == wanted


def test_CLI_24_metadata_comes_as_csv(service: Service, study: Path) -> None:
    done = service.nora(
        "-p", "mri", "--exportmeta", "*", "META/radio*.json", "--keys", "*.mask.volume"
    )
    assert list(csv.reader(lines(done))) == [
        ["subject", "study", "radio.mask.volume"],
        ["S-0001", "2024", "12.5"],
    ]


def test_CLI_03_sql_gives_json_or_csv_and_cannot_write(service: Service, study: Path) -> None:
    statement = "SELECT name FROM projects ORDER BY name"
    rows = json.loads("".join(lines(service.nora("--sql", statement))))
    assert rows == [{"name": "default"}, {"name": "mri"}]
    assert lines(service.nora("-q", statement, "--csv")) == ["name", "default", "mri"]
    assert service.nora("--sql", "DELETE FROM projects").returncode == 2


def test_CLI_06_studies_go_to_the_trash(service: Service, study: Path) -> None:
    other = service.folder.projects / "mri" / "S-0009" / "2023"
    other.mkdir(parents=True)
    (other / "a.nii").write_bytes(b"x")
    lines(service.nora("rescan"))
    assert service.nora("-p", "mri", "-s", "S-0009", "*").returncode == 0
    lines(service.nora("-p", "mri", "-dp", "S-0009#2023"))
    assert service.nora("-p", "mri", "-s", "S-0009", "*").returncode == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-p", "nowhere", "-s", "*"], 2, "no project 'nowhere'"),
        (["-p", "default", "-s", "absent*"], 1, "matches 'absent*'"),
        (["-s", "*"], 2, "which project?"),
        (["-p", "mri", "-a", "/nowhere/x.nii"], 2, "there is no file /nowhere/x.nii"),
        (["-p", "mri", "-a", "/etc/hostname"], 2, ""),
        (["-c", "mri"], 2, "exists already"),
        (["-p", "mri", "--launch", "{"], 2, "no JSON"),
        (["import", "/nowhere"], 2, "nothing at /nowhere"),
        (["restore", "nothing"], 2, "no backup nothing"),
        (["statsu"], 2, "no verb 'statsu'"),
        (["status", "--nope"], 2, "--nope"),
    ],
)
def test_what_is_wrong_is_said_on_stderr_with_a_code(
    service: Service, study: Path, words: list[str], code: int, said: str
) -> None:
    done = service.nora(*words)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_status_and_settings_tell_what_runs(service: Service) -> None:
    done = service.nora("status", "--json")
    health = json.loads(done.stdout)
    levels = {check["id"]: check["level"] for check in health["checks"]}
    for part in ("listener", "watcher", "queue", "scheduler"):
        assert levels[part] == "ok", health
    assert f"{service.folder.root}" in service.nora("status").stdout
    values = json.loads(service.nora("settings", "--json").stdout)
    assert values["watch.settle_s"] == {"value": 0.4, "source": "environment"}
    assert values["web.bind"]["source"] == "default"


def test_a_login_link_works_once(service: Service) -> None:
    [link] = lines(service.nora("login"))
    url, _, code = link.partition("/login#")
    assert url == service.url
    answers = [httpx.post(f"{url}/api/v1/session", json={"code": code}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 403]


def test_a_backup_is_made_by_the_running_service(service: Service, tmp_path: Path) -> None:
    made = Path(lines(service.nora("backup"))[0].split("  ")[0])
    assert (made / "manifest.json").is_file()
    assert made.name in service.nora("backup", "--list").stdout
    lines(service.nora("backup", "--to", str(tmp_path)))
    assert len(list(tmp_path.glob("backup-*/manifest.json"))) == 1


def test_a_restore_is_refused_while_the_service_runs(service: Service) -> None:
    lines(service.nora("backup"))
    name = service.nora("backup", "--list").stdout.split()[0]
    done = service.nora("restore", name)
    assert done.returncode == 2
    assert "pid" in done.stderr


def test_a_taken_port_is_a_clear_error(service: Service, tmp_path: Path) -> None:
    other = Service(tmp_path / "other")
    other.web_port = service.web_port
    done = other.nora(*other.arguments())
    assert done.returncode == 2
    assert f"port {service.web_port}" in done.stderr


def test_a_taken_dicom_port_is_told_by_the_health_page_of_a_service_that_runs(
    service: Service, tmp_path: Path
) -> None:
    other = Service(tmp_path / "other")
    other.dicom_port = service.dicom_port
    try:
        other.start()
        [found] = [one for one in other.get("/health")["checks"] if one["id"] == "listener"]
    finally:
        other.stop()
    assert (found["level"], f"DICOM port {service.dicom_port}" in found["text"]) == ("error", True)
    assert "dicom.port" in found["hint"]


def test_a_service_tells_systemd_and_ends_well(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(90)
        service.start(
            extra_env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        )
        told = [sock.recv(100).decode() for _ in range(3)]
        assert "READY=1" in told
        assert "WATCHDOG=1" in told
        assert service.stop() == 0
        sock.settimeout(0.1)
        while told[-1] != "STOPPING=1":
            told.append(sock.recv(100).decode())
    assert not service.folder.socket_path.exists()


def test_ctrl_c_ends_it_well_too(start_service) -> None:  # type: ignore[no-untyped-def]
    service = start_service()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(60) == 0


def test_without_a_service_the_same_verbs_work_alone(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    missing = service.nora("-p", "default", "-s", "*")
    assert missing.returncode == 2
    assert "no data folder" in missing.stderr
    assert lines(service.nora("--createproject", "alone")) == ["made project alone"]
    folder = service.folder.projects / "alone" / "P1" / "S1"
    folder.mkdir(parents=True)
    (folder / "a.nii").write_bytes(b"x")
    assert "1 files added" in service.nora("rescan").stdout
    assert lines(service.nora("-p", "alone", "-s", "*")) == [str(folder / "a.nii")]
    assert service.nora("status").returncode == 1
    made = Path(lines(service.nora("backup"))[0].split("  ")[0])
    service.folder.catalog_path.write_bytes(b"broken")
    broken = service.nora("-p", "alone", "-s", "*")
    assert broken.returncode == 1
    assert "nora restore" in broken.stderr
    assert "1 files" in "\n".join(lines(service.nora("restore", made.name)))
    assert lines(service.nora("-p", "alone", "-s", "*")) == [str(folder / "a.nii")]


def test_two_calls_without_a_service_wait_for_each_other(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    lines(service.nora("--createproject", "alone"))
    env = {**service.env, "NORA__DATA__PATH": str(service.root), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", NORA, "--projectlist", "--json"]
    calls = [
        subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for call in calls:
        out, err = call.communicate(timeout=120)
        assert call.returncode == 0, err
        assert "alone" in [project["name"] for project in json.loads(out)]


def test_CLI_13_14_without_a_service_a_batch_runs_to_its_end_and_its_jobs_can_speak(
    tmp_path: Path,
) -> None:
    service = Service(tmp_path / "data")
    lines(service.nora("--createproject", "alone"))
    folder = service.folder.projects / "alone" / "P1" / "S1"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("x")
    lines(service.nora("rescan"))
    code = 'cp "$f1" "$o1"\nnora -a "$o1" --addtag mask\nnora --out below/b.txt\n'
    code += 'nora --addtag seen -s "$DPXpsid" "$f1"\n'  # CLI-x03
    args = [
        {"id": "f1", "kind": "FILE", "value": "a.txt"},
        {"id": "o1", "kind": "OUT", "value": "copy.txt"},
    ]
    batch = tmp_path / "batch.json"
    job = {"name": "copy", "language": "bash", "code": code, "args": args}
    batch.write_text(json.dumps({"targets": ["P1#S1"], "jobs": [job]}))
    words = ["-p", "alone", "--launchfile", str(batch), "--handle_job_result"]
    assert lines(service.nora(*words))[-1] == "DONE"
    assert lines(service.nora("-p", "alone", "-s", "FTAG:mask")) == [str(folder / "copy.txt")]
    assert lines(service.nora("-p", "alone", "-s", "FTAG:seen")) == [str(folder / "a.txt")]
    batch.write_text(json.dumps({"targets": ["P1#S1"], "jobs": [{**job, "code": "exit 3"}]}))
    failed = service.nora("-p", "alone", "--launchfile", str(batch), "--throwerror")
    assert failed.returncode == 1
    assert "error: job copy of P1#S1" in failed.stderr


def test_an_interrupted_restore_is_rolled_back_by_the_next_start(tmp_path: Path) -> None:
    from appliance.upkeep.swap import Swap

    service = Service(tmp_path / "data")
    lines(service.nora("--createproject", "kept"))
    with service.folder.lock():
        Swap.begin(service.folder)
    assert not service.folder.catalog_path.exists()
    assert (
        "kept"
        in service.nora("--data", str(service.root), "--sql", "SELECT name FROM projects").stdout
    )


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", NORA, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "usage: nora" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"msgspec", "argparse", "sqlite3", "httpx", "numpy", "litestar"}


def test_a_second_service_on_one_data_folder_is_refused(service: Service) -> None:
    second = service.nora(*service.arguments())
    assert second.returncode == 2
    assert "already uses" in second.stderr
    wait_until(service.ready, "the first one still answers")


def test_what_replaces_the_catalog_is_refused_while_a_service_uses_it(service: Service) -> None:
    before = service.folder.catalog_path.stat().st_ino
    done = service.nora("rescan", "--anew")
    assert done.returncode == 2
    assert "already uses" in done.stderr
    assert "Stop it first" in done.stderr
    assert service.folder.catalog_path.stat().st_ino == before
    assert list(service.folder.backups.glob("damaged-*")) == []
