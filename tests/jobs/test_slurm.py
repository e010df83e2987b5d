"""A real Slurm that fails in all the ways it does: killed, slow, forgetful, told twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.jobs import JobSpec
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out
from tests.jobs.places import slurm_place
from tests.support.needs import needs
from tests.support.slurm import Slurm
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
POINTS = (
    *("starting_committed", "run_dir_made", "before_submit", "submitted", "submitted_committed"),
    *("running_committed", "before_finish", "finish_committed"),
    *("before_register", "register_committed", "before_announce", "announced"),
)


def live(root: Path, settings: str, crash_at: str) -> subprocess.Popen[bytes]:
    env = os.environ | {"NORA_TEST": "1", "NORA_CRASH_AT": crash_at, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.jobs.crash_far", str(root), settings]
    return subprocess.Popen(command, cwd=ROOT, env=env)


def test_a_crash_at_any_point_forgets_nothing_and_runs_nothing_twice(
    tmp_path: Path, slurm: Slurm
) -> None:
    settings = json.dumps(slurm_place(slurm, poll_s=1.0).settings)
    first = {point: live(tmp_path / point, settings, point) for point in POINTS}
    assert {point: one.wait(120) for point, one in first.items()} == dict.fromkeys(POINTS, 9)
    second = {point: live(tmp_path / point, settings, "") for point in POINTS}
    assert {point: one.wait(120) for point, one in second.items()} == dict.fromkeys(POINTS, 0)
    for point in POINTS:
        bench = Bench(tmp_path / point, **slurm_place(slurm).settings)
        try:
            assert bench.sql("SELECT state FROM job") == [("done",), ("done",)], point
            runs = (tmp_path / point / "count").read_text().split()
            assert len(runs) == 2, point  # each job ran once
            with bench.catalog.read() as con:
                files = {row.path: row for row in cat.study_files(con, 1)}
            assert set(files) == {"x.txt", "y.txt", "z.txt"}, point
            assert files["y.txt"].tags == ["t"]
            assert bench.sql("SELECT count(*) FROM tokens") == [(0,)], point
        finally:
            bench.close()


def test_jobs_survive_a_controller_that_is_killed(make_bench: MakeBench, own_slurm: Slurm) -> None:
    slurm = own_slurm
    bench = make_bench(**slurm_place(slurm, timeout_s=3.0).settings)
    bench.study("S-1#V1", "x.txt")
    since = time.time()
    (runs,) = bench.submit(bash("while [ ! -e go ]; do sleep 0.05; done"), queue="far")
    work = bench.folder.jobs / runs / "1" / "work"
    bench.wait_state(runs, "running")
    slurm.wait_saved(since)
    slurm.tell("kill slurmctld")
    try:
        (waits,) = bench.submit(bash("echo $NORA_ATTEMPT"), queue="far")
        wait_until(
            lambda: "did not answer" in bench.row(waits).why,
            "it says what it waits for",
            show=lambda: bench.row(waits),
        )
        assert bench.row(waits).letter == "q"
        assert "did not answer" in bench.scheduler.adapters.named("hill").problem()
        (work / "go").touch()
        assert bench.wait([runs]) == ["done"]  # its run folder says so, whoever is down
    finally:
        slurm.tell("start slurmctld")
    slurm.wait_ready()
    assert bench.wait([waits]) == ["done"]
    assert bench.log(waits) == "1\n"
    assert bench.scheduler.adapters.named("hill").problem() == ""


def test_an_order_that_nobody_confirmed_is_looked_for_before_it_is_given_again(
    make_bench: MakeBench, slurm: Slurm, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("squeue", "scancel", "scontrol", "sinfo"):
        (programs / name).symlink_to(needs(name))
    once, calls = tmp_path / "once", tmp_path / "calls"
    (programs / "sbatch").write_text(
        f'#!/bin/sh\necho x >> {calls}\n{needs("sbatch")} "$@" || exit\n'
        f"[ -e {once} ] || {{ touch {once}; exec sleep 30; }}\n"
    )
    (programs / "sbatch").chmod(0o755)
    bench = make_bench(**slurm_place(slurm, programs=str(programs), timeout_s=2.0).settings)
    bench.study("S-1#V1", "x.txt")
    (key,) = bench.submit(bash("echo $NORA_ATTEMPT"), queue="far")
    assert bench.wait([key]) == ["done"]
    assert bench.log(key) == "1\n"
    assert calls.read_text() == "x\n"
    assert bench.row(key).attempt == 1


def test_a_job_whose_supervisor_is_killed_there_is_lost(
    make_bench: MakeBench, slurm: Slurm
) -> None:
    bench = make_bench(**slurm_place(slurm).settings)
    bench.study("S-1#V1", "x.txt")
    keys = bench.submit(bash("sleep 300"), bash("true", name="next"), queue="far")
    bench.wait_state(keys[0], "running")
    claim = json.loads((bench.folder.jobs / keys[0] / "1" / "claim").read_text())
    os.kill(claim["shim_pid"], signal.SIGKILL)
    assert bench.wait(keys) == ["lost", "skipped"]
    assert bench.row(keys[0]).failure == "lost"


def test_a_job_that_others_end_there_says_so(make_bench: MakeBench, slurm: Slurm) -> None:
    bench = make_bench(**slurm_place(slurm).settings)
    bench.study("S-1#V1", "x.txt")
    waits = bench.submit(bash("true"), queue="shut")[0]
    runs = bench.submit(bash("sleep 300"), queue="far")[0]
    wait_until(
        lambda: "at hill: Partition" in bench.row(waits).why,
        "it waits there",
        show=lambda: bench.row(waits),
    )
    bench.wait_state(runs, "running")
    for key in (waits, runs):
        slurm.run("scancel", f"--name=nora-{key}-1")
    assert bench.wait([waits, runs]) == ["cancelled", "cancelled"]
    assert bench.row(waits).why == "cancelled at hill"


def test_gpus_are_those_that_the_cluster_gives(make_bench: MakeBench, slurm: Slurm) -> None:
    bench = make_bench(**slurm_place(slurm).settings)
    bench.study("S-1#V1", "x.txt")
    meet = "touch here; until [ $(ls ../../../*/1/work/here | wc -l) = 2 ]; do sleep 0.05; done"
    ask = bash(f"{meet}; echo $CUDA_VISIBLE_DEVICES", resources=need(gpus=1))
    keys = bench.submit(ask, ask, queue="far", mode="parallel")
    (too_many,) = bench.submit(bash("true", resources=need(gpus=9)), queue="far")
    assert bench.wait([*keys, too_many]) == ["done", "done", "failed"]
    assert {bench.log(key).strip() for key in keys} == {"0", "1"}
    assert "configuration is not available" in bench.row(too_many).why


def test_files_lie_at_other_paths_on_the_cluster(
    make_bench: MakeBench, slurm: Slurm, tmp_path: Path
) -> None:
    """The cluster's mount is a link to the data folder here (INST-25)."""
    (tmp_path / "mnt").mkdir()
    there = tmp_path / "mnt" / "cluster data"
    there.symlink_to(tmp_path / "data")
    paths = [{"here": str(tmp_path / "data"), "there": str(there)}]
    bench = make_bench(**slurm_place(slurm, paths=paths).settings)
    bench.study("S-1#V1", "it's x.txt")
    job = bash('echo $f1 $PWD; cp "$f1" "$o1"', file("*x.txt"), out("y.txt"))
    code = "import os, shutil; print(os.getcwd()); shutil.copy($f1, $o1)"
    python = JobSpec(
        name="python", language="python", code=code, args=(file("*x.txt"), out("z.txt"))
    )
    keys = bench.submit(job, python, queue="far", mode="parallel")
    assert bench.wait(keys) == ["done", "done"]
    assert bench.log(keys[0]).startswith(str(there))
    with bench.catalog.read() as con:
        assert {row.path for row in cat.study_files(con, 1)} == {"it's x.txt", "y.txt", "z.txt"}
