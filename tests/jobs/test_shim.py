"""The supervisor with real processes: codes, signals, escapees, limits, suspension."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from appliance.jobs import shim
from appliance.jobs.attempts import Fate, judge, poison, read_exit
from appliance.jobs.launch import spawn
from tests.support.waiting import wait_until


def write_spec(folder: Path, argv: list[str], **more: Any) -> Path:
    (folder / "work").mkdir(parents=True)
    spec = {"argv": argv, "cwd": str(folder / "work"), "env": {"PATH": os.defpath}, "nice": 0}
    (folder / "spec.json").write_text(json.dumps(spec | {"timeout_s": None, "grace_s": 5} | more))
    return folder


def bash(folder: Path, code: str, **more: Any) -> Path:
    return write_spec(folder, ["bash", "-c", code], **more)


def run(folder: Path) -> dict[str, Any]:
    """Run a shim to its end; its exit code is the job's."""
    code = spawn(folder).wait()
    found: dict[str, Any] = json.loads((folder / "exit.json").read_bytes())
    assert code == found["code"]
    return found


def tree_states(pid: int) -> str:
    return "".join(sorted({(shim._stat(p) or ["?"])[0] for p in shim._tree(pid)}))


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_the_exit_code_of_the_job_is_kept(tmp_path: Path, code: int) -> None:
    end = run(bash(tmp_path / "1", f"echo out; echo err >&2; exit {code}"))
    assert (end["code"], end["signal"], end["why"]) == (code, None, "exit")
    assert (tmp_path / "1" / "log.txt").read_text() == "out\nerr\n"
    assert judge(tmp_path / "1") is Fate.ENDED


def test_a_job_that_dies_of_a_signal_says_which(tmp_path: Path) -> None:
    end = run(bash(tmp_path / "1", "kill -SEGV $$"))
    assert (end["code"], end["signal"], end["why"]) == (128 + 11, 11, "signal")


@pytest.mark.parametrize(("program", "code"), [("/nonexistent/x", 127), ("/etc/passwd", 126)])
def test_a_program_that_cannot_start_is_told(tmp_path: Path, program: str, code: int) -> None:
    end = run(write_spec(tmp_path / "1", [program]))
    assert (end["code"], end["why"]) == (code, "cannot_start")
    assert "cannot start" in (tmp_path / "1" / "log.txt").read_text()


def test_escapees_in_sessions_of_their_own_are_ended(tmp_path: Path) -> None:
    code = "(setsid sleep 1000 & echo $! > pid); (setsid bash -c 'sleep 1000 & wait' &) ; exit 0"
    end = run(bash(tmp_path / "1", code))
    pid = int((tmp_path / "1" / "work" / "pid").read_text())
    assert end["killed_leftovers"] >= 2
    assert shim.start_time(pid) is None


def test_cancel_lets_the_job_clean_up_and_ends_its_tree(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "trap 'echo bye; exit 0' TERM; touch up; sleep 1000 & wait")
    child = spawn(folder)
    wait_until((folder / "work" / "up").exists, "job is up", every_s=0.02)
    child.send_signal(signal.SIGTERM)
    child.wait()
    end = read_exit(folder)
    assert end is not None
    assert end.why == "cancelled"
    assert (folder / "log.txt").read_text() == "bye\n"


def test_a_job_that_ignores_the_request_is_killed_after_its_grace(tmp_path: Path) -> None:
    folder = bash(
        tmp_path / "1", "trap '' TERM; touch up; while true; do sleep 0.1; done", grace_s=0.2
    )
    child = spawn(folder)
    wait_until((folder / "work" / "up").exists, "job is up", every_s=0.02)
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 128 + 9
    end = read_exit(folder)
    assert end is not None
    assert (end.why, end.signal) == ("cancelled", 9)


def test_a_cancel_that_comes_at_once_is_not_lost(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "sleep 1000")
    child = spawn(folder)
    child.send_signal(signal.SIGTERM)
    child.wait()
    end = read_exit(folder)
    assert end is not None
    assert end.why == "cancelled"


def test_suspend_stops_the_whole_tree_and_does_not_count(tmp_path: Path) -> None:
    code = "(setsid bash -c 'touch up; sleep 1000' &) ; sleep 1000"
    folder = bash(tmp_path / "1", code, timeout_s=2)
    child = spawn(folder)
    wait_until((folder / "work" / "up").exists, "job is up", every_s=0.02)
    child.send_signal(signal.SIGTSTP)
    wait_until(lambda: tree_states(child.pid) == "T", "all are stopped", every_s=0.02)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(2.5)  # longer than its limit, which stands still
    child.send_signal(signal.SIGCONT)
    wait_until(lambda: "T" not in tree_states(child.pid), "all go on", every_s=0.02)
    child.wait()
    end = read_exit(folder)
    assert end is not None
    assert end.why == "timeout"
    assert end.suspended_s >= 2.5
    assert end.wall_s - end.suspended_s >= 2


def test_a_suspended_job_can_be_cancelled(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "touch up; sleep 1000")
    child = spawn(folder)
    wait_until((folder / "work" / "up").exists, "job is up", every_s=0.02)
    child.send_signal(signal.SIGTSTP)
    wait_until(lambda: tree_states(child.pid) == "T", "stopped", every_s=0.02)
    child.send_signal(signal.SIGTERM)
    child.wait()
    end = read_exit(folder)
    assert end is not None
    assert end.why == "cancelled"


def test_the_time_limit_ends_a_job(tmp_path: Path) -> None:
    end = run(bash(tmp_path / "1", "sleep 1000", timeout_s=1))
    assert end["why"] == "timeout"


def test_an_attempt_runs_at_most_once(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "echo ran >> count; sleep 0.2")
    first, second = spawn(folder), spawn(folder)
    assert sorted([first.wait(), second.wait()]) == [0, 75]
    assert (folder / "work" / "count").read_text() == "ran\n"


def test_a_poisoned_attempt_never_runs(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "touch ran")
    assert poison(folder)
    assert spawn(folder).wait() == 75
    assert not (folder / "work" / "ran").exists()
    assert judge(folder) is Fate.POISONED


def test_a_claimed_attempt_cannot_be_poisoned(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "true")
    run(folder)
    assert not poison(folder)
    assert judge(folder) is Fate.ENDED


def test_a_killed_supervisor_is_seen_as_lost(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "touch up; exec sleep 1000")
    child = spawn(folder)
    wait_until((folder / "run.json").exists, "job runs", every_s=0.02)
    assert judge(folder) is Fate.ALIVE
    facts = json.loads((folder / "run.json").read_bytes())
    child.kill()
    child.wait()
    assert judge(folder) is Fate.LOST
    os.kill(facts["child_pid"], signal.SIGKILL)


def test_an_earlier_boot_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    me = {"shim_pid": os.getpid(), "shim_start": shim.start_time(os.getpid())}
    (folder / "claim").write_text(json.dumps(me | {"boot_id": "another"}))
    assert judge(folder) is Fate.LOST
    (folder / "claim").write_text(json.dumps(me | {"boot_id": shim.boot_id()}))
    assert judge(folder) is Fate.ALIVE


def test_a_job_does_not_inherit_blocked_signals_or_open_files(tmp_path: Path) -> None:
    code = "grep -E 'SigBlk|SigIgn' /proc/self/status; ls /proc/self/fd | wc -l"
    folder = bash(tmp_path / "1", code)
    run(folder)
    blocked, ignored, n_files = (folder / "log.txt").read_text().splitlines()
    standard = 0x7FFFFFFF  # 1 to 31; the C library keeps 32 and 33 for itself
    assert int(blocked.split()[1], 16) & standard == 0
    assert int(ignored.split()[1], 16) & standard == 0
    assert int(n_files) == 4  # three streams and the folder that ls reads


def test_a_full_disk_does_not_hide_how_the_job_ended(tmp_path: Path) -> None:
    folder = bash(tmp_path / "1", "dd if=/dev/zero of=/dev/full bs=1 count=1")
    (folder / "log.txt").symlink_to("/dev/full")
    assert run(folder)["code"] == 1


def test_the_shim_imports_nothing_of_ours() -> None:
    text = Path(shim.__file__).read_text()
    assert "import appliance" not in text
    assert "from appliance" not in text
    done = subprocess.run(
        [sys.executable, "-I", "-S", shim.__file__], capture_output=True, text=True, check=False
    )
    assert "IndexError" in done.stderr  # no folder named: it got as far as that


def test_spawning_leaves_the_signal_mask_of_the_caller_alone(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    found = []
    folder = bash(tmp_path / "1", "true")
    thread = threading.Thread(target=lambda: found.append(spawn(folder).wait()))
    thread.start()
    thread.join()
    assert found == [0]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
