"""What a job in bubblewrap sees and reaches, for real; and limits by systemd, with a stand-in."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from appliance import catalog as cat
from appliance.core import JobSettings
from appliance.jobs import JobSpec, Resources, Scheduler
from appliance.jobs.limits import Limits, systemd_scopes_work
from appliance.jobs.sandbox import Sandbox, bubblewrap_works
from tests.jobs.kit import Bench, MakeBench, bash, file, out
from tests.support.needs import needs
from tests.support.waiting import wait_until


@pytest.fixture
def boxed(make_bench: MakeBench) -> Bench:
    """A running bench whose jobs are in bubblewrap."""
    needs("bwrap")
    if not bubblewrap_works():
        pytest.skip("this machine does not let bubblewrap make namespaces")
    bench = make_bench(start=False, **{"jobs.grace_s": 5.0})
    bench.scheduler._starter._sandbox = Sandbox(bench.folder, "auto")
    bench.study("S-1#V1", "x.txt")
    bench.start()
    return bench


def says(bench: Bench, code: str, **more: Any) -> list[str]:
    (key,) = bench.submit(bash(f"{code}\n:", strict=False, **more))
    assert bench.wait([key]) == ["done"], (bench.row(key), bench.log(key))
    return bench.log(key).splitlines()


def test_a_job_works_on_its_files(boxed: Bench) -> None:
    (key,) = boxed.submit(bash("cat $f1 > $o1; echo t > $TMPDIR/t", file("x.txt"), out("y.txt")))
    assert boxed.wait([key]) == ["done"], boxed.log(key)
    with boxed.catalog.read() as con:
        assert {row.path for row in cat.study_files(con, 1)} == {"x.txt", "y.txt"}
    python = JobSpec(name="py", language="python", code="import appliance, numpy; print(40 + 2)")
    (key,) = boxed.submit(python)
    assert boxed.wait([key]) == ["done"], boxed.log(key)
    assert boxed.log(key) == "42\n"


def test_a_job_sees_only_its_project_of_the_data_folder(boxed: Bench) -> None:
    folder = boxed.folder
    secrets = [folder.identity_path, folder.originals / "demo" / "a.dcm", folder.jobs / "o" / "k"]
    secrets += [
        folder.projects / "other" / "S" / "x",
        folder.cache / "meta" / "m",
        folder.conf_path,
    ]
    for path in secrets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SECRET")
    places = (folder.root, folder.projects, folder.jobs)
    lines = says(boxed, f"ls {' '.join(map(str, places))}; grep -r SEC[R]ET {folder.root} | wc -l")
    assert lines[-1] == "0"
    assert not {"identity.sqlite", "catalog.sqlite", "other", "originals"} & set(lines)
    assert "demo" in lines


def test_a_job_sees_no_homes_no_keys_and_no_other_process(boxed: Bench) -> None:
    for place in ("/home", "/run", str(Path.home() / ".ssh"), "/etc/nora"):
        lines = says(boxed, f"ls -A {place} 2>/dev/null | grep -v -e resolve -e systemd | wc -l")
        entries = int(lines[-1])
        assert entries <= 1, place  # at most the folder that leads to our own programs
    lines = says(boxed, f"ls /proc | grep -c '^[0-9]'; kill -0 {os.getpid()} || echo no such")
    assert int(lines[0]) < 10
    assert lines[-1] == "no such"


@pytest.mark.parametrize("chosen", [True, False])
def test_machine_code_that_one_job_compiles_is_there_for_the_next(
    boxed: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, chosen: bool
) -> None:
    if chosen:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "machine" / "code"))
        place = '"$NUMBA_CACHE_DIR"'
    else:
        monkeypatch.delenv("NUMBA_CACHE_DIR")
        place = str(boxed.folder.cache / "numba")
    assert says(boxed, f"echo kept > {place}/kernel") == []
    assert says(boxed, f"cat {place}/kernel") == ["kept"]


def test_the_system_cannot_be_changed(boxed: Bench) -> None:
    own = f"/tmp/nora-test-{os.getpid()}-{time.monotonic_ns()}"
    probe = "touch /usr/probe /etc/probe 2>&1 | grep -c -e 'Read-only' -e denied"
    assert says(boxed, f"{probe}; echo mine > {own}; cat {own}") == ["2", "mine"]
    assert not Path(own).exists()


def test_the_socket_of_the_owner_cannot_be_reached(boxed: Bench) -> None:
    socket = boxed.folder.socket_path
    assert socket.parent.is_dir()
    assert says(boxed, f"ls {socket.parent} 2>/dev/null | wc -l") == ["0"]


def test_the_way_jobs_end_is_the_same_in_bubblewrap(boxed: Bench) -> None:
    keys = boxed.submit(bash("exit 3"), bash("kill -SEGV $$"), bash("exit 0"), mode="parallel")
    boxed.wait(keys)
    assert [boxed.row(key).failure for key in keys] == ["exit(3)", "signal(SIGSEGV)", None]
    (key,) = boxed.submit(bash("trap 'echo bye; exit 0' TERM; echo up; sleep 1000 & wait"))
    wait_until(lambda: boxed.log(key), "it is up", every_s=0.02)
    boxed.scheduler.suspend(key, "owner")
    boxed.scheduler.resume(key, "owner")
    boxed.scheduler.cancel(key, "ann")
    assert boxed.wait([key]) == ["cancelled"]
    assert boxed.log(key) == "up\nbye\n"  # it had its time to clean up


def test_no_network_when_the_settings_say_so(boxed: Bench) -> None:
    boxed.scheduler._starter._sandbox = Sandbox(boxed.folder, "auto", network=False)
    assert says(boxed, "tail -n +3 /proc/net/dev | grep -vc lo:") == ["0"]


def test_further_folders_are_seen_when_the_settings_name_them(boxed: Bench, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "atlas").write_text("atlas")
    (tmp_path / "scratch").mkdir()
    boxed.scheduler._starter._sandbox = Sandbox(
        boxed.folder, "auto", read=[str(tmp_path / "tools")], write=[str(tmp_path / "scratch")]
    )
    code = f"cat {tmp_path}/tools/atlas; touch {tmp_path}/scratch/made; touch {tmp_path}/tools/no"
    assert says(boxed, f"{code} 2>/dev/null")[0] == "atlas"
    assert (tmp_path / "scratch" / "made").exists()
    assert not (tmp_path / "tools" / "no").exists()


def test_it_is_told_when_jobs_are_not_isolated(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(start=False)
    off = Sandbox(bench.folder, "off", works=lambda: True)
    without = Sandbox(bench.folder, "auto", works=lambda: False)
    assert off.problem() == "Jobs can read all that the service can read: jobs.sandbox is off."
    assert "bubblewrap does not work here" in without.problem()
    assert Sandbox(bench.folder, "auto", works=lambda: True).problem() == ""
    assert off.wrap(["x"], tmp_path) == without.wrap(["x"], tmp_path) == ["x"]
    assert isinstance(bench.scheduler, Scheduler)
    assert "jobs.sandbox is off" in bench.scheduler.isolation_problem()


FAKE_SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> {calls}
while [ "$1" != -- ] && [ "$1" != true ]; do shift; done
[ "$1" = -- ] && shift
exec "$@"
"""


def test_systemd_holds_jobs_to_their_limits_where_it_can(
    make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "systemd-run"
    program.parent.mkdir()
    program.write_text(FAKE_SYSTEMD_RUN.format(calls=tmp_path / "calls"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    bench = make_bench(**{"jobs.memory_over": 1.5})
    bench.study("S-1#V1")
    job = bash("echo ran", resources=Resources(cpus=2, memory_mb=1000))
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"]
    assert bench.log(key) == "ran\n"
    asked, made = (tmp_path / "calls").read_text().splitlines()
    assert asked.endswith("--scope --quiet true")
    for word in ("--scope", f"--unit=nora-job-{key}-1", "MemoryMax=1500M", "CPUQuota=200%"):
        assert word in made
    bench.check()


def test_without_systemd_there_are_no_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert not systemd_scopes_work()
    need = Resources()
    assert Limits(JobSettings(), lambda: False).prefix("k", 1, need) == []
    assert Limits(JobSettings(scope="off"), lambda: True).prefix("k", 1, need) == []
    assert Limits(JobSettings(), lambda: True).prefix("k", 1, need)[0].endswith("systemd-run")
