"""The nursery of supervisors: what it bears outlives it, and it is replaced when it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from appliance.jobs.attempts import Fate, judge, read_exit
from appliance.jobs.births import Births
from appliance.jobs.shim import start_time
from tests.jobs.kit import Bench, bash
from tests.jobs.test_shim import bash as bash_spec
from tests.support.waiting import wait_until


def ended(handle: int) -> bool:
    try:
        signal.pidfd_send_signal(handle, 0)
    except ProcessLookupError:
        return True
    return False


def test_supervisors_are_born_and_outlive_the_nursery(tmp_path: Path) -> None:
    births = Births()
    born = []
    for name in ("1", "2"):
        folder = bash_spec(tmp_path / name, "while [ ! -e go ]; do sleep 0.05; done; exit 3")
        born.append(births.ask(folder))
    assert births._program is not None
    births._program.kill()
    births._program.wait()
    third = births.ask(bash_spec(tmp_path / "3", "exit 0"))  # by a new one
    births.close()
    for name, one in zip(("1", "2"), born, strict=True):
        assert one is not None
        wait_until((tmp_path / name / "run.json").exists, "it runs", every_s=0.02)
        assert judge(tmp_path / name) is Fate.ALIVE
        (tmp_path / name / "work" / "go").touch()
        wait_until(lambda one=one: ended(one.handle), "it ended", every_s=0.02)
        end = read_exit(tmp_path / name)
        assert end is not None
        assert end.code == 3
        os.close(one.handle)
    assert third is not None
    wait_until(lambda: read_exit(tmp_path / "3"), "it ended", every_s=0.02)
    os.close(third.handle)


@pytest.mark.parametrize("files", [0, 100])
def test_a_supervisor_has_a_session_of_its_own_and_nothing_of_ours(
    tmp_path: Path, files: int
) -> None:
    """However many files the service has open when the nursery begins."""
    with contextlib.ExitStack() as held:
        for _ in range(files):
            held.enter_context(Path(os.devnull).open())
        births = Births()
        code = "cat /proc/$PPID/environ | tr '\\0' '\\n'; ls -l /proc/$PPID/fd | grep -c socket; :"
        born = births.ask(bash_spec(tmp_path / "1", f"{code}; sleep 0.2"))
    assert born is not None
    wait_until((tmp_path / "1" / "claim").exists, "it has begun", every_s=0.02)
    assert os.getsid(born.pid) == born.pid
    wait_until(lambda: read_exit(tmp_path / "1"), "it ended", every_s=0.02)
    os.close(born.handle)
    births.close()
    assert (tmp_path / "1" / "log.txt").read_text().splitlines()[-1] == "0"


def test_no_interpreter_means_no_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match="nonexistent"):
        Births().ask(tmp_path)


def test_a_supervisor_that_cannot_read_its_folder_is_told_in_the_job(bench: Bench) -> None:
    births = bench.scheduler.adapters.named("local")._births  # type: ignore[attr-defined]
    ask = births.ask

    def broken(folder: Path):  # type: ignore[no-untyped-def]
        (folder / "spec.json").write_text("{")
        return ask(folder)

    births.ask = broken
    (key,) = bench.submit(bash("true"))
    assert bench.wait([key]) == ["lost"]
    assert "JSONDecodeError" in bench.row(key).why


def test_a_nursery_that_dies_over_a_job_does_not_lose_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from appliance.jobs import scheduler

    monkeypatch.setattr(scheduler, "_RECONCILE_S", 0.2)
    births = bench.scheduler.adapters.named("local")._births  # type: ignore[attr-defined]
    ask, died = births.ask, []

    def dies_once(folder: Path):  # type: ignore[no-untyped-def]
        if died:
            return ask(folder)
        died.append(folder)
        return None

    births.ask = dies_once
    (key,) = bench.submit(bash("echo ran"))
    assert bench.wait([key]) == ["done"]
    assert bench.row(key).attempt == 2
    assert json.loads((died[0] / "claim").read_bytes()) == {"poisoned": True}
    assert start_time(os.getpid()) is not None
