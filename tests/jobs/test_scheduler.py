"""The scheduler with real jobs: outputs, tags, chains, actions, limits, environment."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.core import Conflict
from appliance.jobs import Argument, JobQuery, JobSpec, find_references
from appliance.jobs.attempts import Fate, judge
from appliance.jobs.shim import start_time
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out
from tests.support.waiting import wait_until


def study_files(bench: Bench) -> dict[str, cat.FileRow]:
    with bench.catalog.read() as con:
        return {row.path: row for row in cat.study_files(con, 1)}


def test_JOB_03_05_06_BATCH_21_outputs_are_registered_with_tags_and_origin(bench: Bench) -> None:
    code = 'cat "${f1[@]}" > $o1; mkdir -p $p1/deep; echo "{\\"a\\": [NaN, 1]}" > $p1/deep/x.json'
    job = bash(
        code,
        file("t1/s00_.nii"),
        out("r/sum.txt TAG(good, sum)"),
        Argument(id="p1", kind="PATHOUT", value="META TAG(meta)"),
    )
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"], bench.log(key)
    files = study_files(bench)
    assert files["r/sum.txt"].tags == ["good", "sum"]
    assert files["r/sum.txt"].origin == f"attempt:{key}/1"
    assert files["META/deep/x.json"].tags == ["meta"]
    assert files["META/deep/x.json"].kind == "json"
    assert files["t1/s001.nii"].origin is None
    assert bench.sql("SELECT doc FROM meta") == [('{"a": [null, 1]}',)]
    seen = {
        (one.dir, one.arg_id, Path(one.path).name) for one in bench.scheduler.job_detail(key).files
    }
    assert {("in", "f1", "s001.nii"), ("in", "f1", "s002.nii.gz"), ("out", "o1", "sum.txt")} <= seen
    bench.check()


def test_BATCH_03_a_missing_output_fails_the_job_and_a_retry_mends_it(bench: Bench) -> None:
    code = (
        'if [ $NORA_ATTEMPT = 1 ]; then echo half > $o1; exit 4; fi; echo whole > "$o1"; echo $f1'
    )
    (key,) = bench.submit(bash(code, file("notes.txt"), out("r.txt TAG(x)")))
    assert bench.wait([key]) == ["failed"]
    assert bench.row(key).failure == "exit(4)"
    assert "r.txt" not in study_files(bench)  # outputs of failed attempts are not registered
    bench.scheduler.retry(key, "owner")
    bench.wait([key])
    assert bench.row(key).state == "done"
    partial = list((bench.folder.jobs / key / "1" / "partial").rglob("r.txt"))
    assert [path.read_text() for path in partial] == ["half\n"]
    assert [a.n for a in bench.scheduler.job_detail(key).attempts] == [1, 2]
    assert bench.scheduler.read_log(key, attempt=1).text == ""


def test_an_exit_of_zero_without_the_promised_file_is_a_failure(bench: Bench) -> None:
    (key,) = bench.submit(bash("true $o1", out("never.txt")))
    assert bench.wait([key]) == ["failed"]
    assert bench.row(key).failure == "missing_output"
    assert "never.txt" in bench.row(key).why


def test_BATCH_12_jobs_of_a_chain_run_in_order_and_see_what_came_before(bench: Bench) -> None:
    first = bash("echo one > $o1", out("a/x.txt"), name="one")
    second = bash("cat $f1 > $o1", file("a/x*.txt"), out("a/y.txt"), name="two")
    keys = bench.submit(first, second)
    assert bench.wait(keys) == ["done", "done"]
    assert (cat.study_dir(bench.folder, "demo", "S-1", "V1") / "a/y.txt").read_text() == "one\n"


@pytest.mark.parametrize(("on_error", "last"), [("stop", "skipped"), ("continue", "done")])
def test_BATCH_x03_what_follows_a_failure(bench: Bench, on_error: str, last: str) -> None:
    keys = bench.submit(bash("exit 1"), bash("true"), bash("true"), on_error=on_error)
    assert bench.wait(keys) == ["failed", last, last]


def test_a_retry_arms_the_skipped_jobs_again(bench: Bench) -> None:
    flag = cat.study_dir(bench.folder, "demo", "S-1", "V1") / "flag"
    keys = bench.submit(bash(f"test -e {flag}"), bash("true"), bash("true"))
    assert bench.wait(keys) == ["failed", "skipped", "skipped"]
    flag.touch()
    bench.scheduler.retry(keys[0], "owner")
    assert bench.wait(keys) == ["done", "done", "done"]


def test_a_job_without_its_file_is_unresolved_and_can_be_tried_again(bench: Bench) -> None:
    keys = bench.submit(bash("cat $f1", file("late.txt")), bash("true"))
    assert bench.states(keys) == ["unresolved", "skipped"]
    assert bench.row(keys[0]).letter == "k"  # not an error of the queue
    bench.study("S-1#V1", "late.txt")
    bench.scheduler.retry(keys[0], "owner")
    assert bench.wait(keys) == ["done", "done"]
    assert bench.log(keys[0]) == "abc"


def test_GRID_03_cancel_ends_the_tree_and_skips_the_rest(bench: Bench) -> None:
    keys = bench.submit(bash("(setsid sleep 1000 &); echo up; sleep 1000"), bash("true"))
    wait_until(lambda: bench.log(keys[0]), "it is up", every_s=0.02)
    bench.scheduler.cancel(keys[0], "someone")
    assert bench.wait(keys) == ["cancelled", "skipped"]
    assert bench.row(keys[0]).why == "cancelled by someone"
    with pytest.raises(Conflict):
        bench.scheduler.cancel(keys[0], "someone")


def test_GRID_04_suspend_and_resume(bench: Bench) -> None:
    (key,) = bench.submit(bash("while [ ! -e go ]; do sleep 0.05; done; echo went"))
    bench.wait_state(key, "running")
    bench.scheduler.suspend(key, "owner")
    assert (bench.row(key).state, bench.row(key).letter) == ("suspended", "r")
    (bench.folder.jobs / key / "1" / "work" / "go").touch()
    bench.scheduler.resume(key, "owner")
    assert bench.wait([key]) == ["done"]
    assert bench.log(key) == "went\n"


def test_GRID_x02_a_waiting_job_can_be_held(make_bench: MakeBench) -> None:
    bench = make_bench(start=False)
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("true"))
    bench.scheduler.suspend(key, "owner")
    assert bench.row(key).state == "held"
    bench.start()
    other = bench.submit(bash("true"))
    bench.wait(other)
    assert bench.row(key).state == "held"
    bench.scheduler.resume(key, "owner")
    assert bench.wait([key]) == ["done"]


def test_the_environment_of_a_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.scheduler.url = "http://127.0.0.1:1"
    job = bash("env -0 > $o1", out("env.txt"), resources=need(cpus=3, gpus=1), env={"MINE": "1"})
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"]
    folder = cat.study_dir(bench.folder, "demo", "S-1", "V1")
    text = (folder / "env.txt").read_text()
    env = dict(line.split("=", 1) for line in text.split("\0") if line)
    assert env["NORA_PROJECT"] == "demo"
    assert (env["NORA_SUBJECT"], env["NORA_STUDY"]) == ("S-1", "V1")
    assert (env["DPXproject"], env["DPXpsid"]) == ("demo", "S-1#V1")
    assert env["NORA_JOB"] == key
    assert env["NORA_URL"] == "http://127.0.0.1:1"
    assert env["OMP_NUM_THREADS"] == env["NUMBA_NUM_THREADS"] == "3"
    assert env["CUDA_VISIBLE_DEVICES"] in ("fake0", "fake1")
    assert env["MINE"] == "1"
    assert Path(env["PATH"].split(os.pathsep)[0], "python").exists()
    with bench.catalog.read() as con:
        assert cat.find_token(con, env["NORA_TOKEN"]) is None  # it died with the job


def test_a_job_token_speaks_for_its_job_while_it_runs(bench: Bench) -> None:
    (key,) = bench.submit(bash("echo $NORA_TOKEN; while [ ! -e go ]; do sleep 0.05; done"))
    token = wait_until(lambda: bench.log(key).strip(), "it tells its token", every_s=0.02)
    with bench.catalog.read() as con:
        caller = cat.find_token(con, token)
    assert caller is not None
    assert (caller.job_key, caller.scope, caller.is_admin) == (key, "job", False)
    (bench.folder.jobs / key / "1" / "work" / "go").touch()
    bench.wait([key])


def test_no_gpu_asked_for_means_none_seen(bench: Bench) -> None:
    (key,) = bench.submit(bash('echo "[$CUDA_VISIBLE_DEVICES]"'))
    bench.wait([key])
    assert bench.log(key) == "[]\n"


@pytest.mark.parametrize(("code", "state"), [("exit 0", True), ("exit 1", False)])
def test_JOB_10_tags_asked_for_by_a_job_wait_for_its_success(
    bench: Bench, code: str, state: bool
) -> None:
    folder = cat.study_dir(bench.folder, "demo", "S-1", "V1")
    wait = "while [ ! -e go ]; do sleep 0.05; done"
    (key,) = bench.submit(bash(f"echo new > {folder}/new.txt; {wait}; {code}"))
    wait_until((folder / "new.txt").exists, "it made its file", every_s=0.02)
    paths = [folder / "new.txt", folder / "notes.txt", Path("/etc/passwd")]
    assert bench.scheduler.pend_tags(key, paths, ["late"]) == 3
    assert "new.txt" not in study_files(bench)
    (bench.folder.jobs / key / "1" / "work" / "go").touch()
    bench.wait([key])
    files = study_files(bench)
    assert ("new.txt" in files) is state
    assert ("late" in files["notes.txt"].tags) is state
    with pytest.raises(Conflict):
        bench.scheduler.pend_tags(key, paths, ["x"])


def test_resources_are_never_given_twice(bench: Bench) -> None:
    job = bash("sleep 0.05", resources=need(cpus=2, gpus=1))
    keys = [key for _ in range(8) for key in bench.submit(job)]

    def ended() -> bool:
        bench.check()
        return set(bench.states(keys)) == {"done"}

    wait_until(ended, "all done", every_s=0.01)
    given = bench.sql("SELECT DISTINCT gpu_uuids FROM attempt")
    assert sorted(json.loads(g)[0] for (g,) in given) == ["fake0", "fake1"]


def test_nothing_starts_on_a_full_disk(make_bench: MakeBench) -> None:
    bench = make_bench(**{"data.min_free_bytes": 1 << 60})
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("true"))
    wait_until(lambda: bench.scheduler.waiting_for, "it says what it waits for", every_s=0.02)
    (row,) = bench.scheduler.job_rows(JobQuery()).items
    assert (row.key, row.state) == (key, "queued")
    assert "disk space" in row.why


def test_a_killed_supervisor_is_lost_and_its_processes_with_it(bench: Bench) -> None:
    (key,) = bench.submit(bash("echo $$; exec sleep 1000"))
    pid = int(wait_until(lambda: bench.log(key), "it is up", every_s=0.02))
    (shim_pid,) = bench.sql("SELECT shim_pid FROM attempt")[0]
    os.kill(shim_pid, signal.SIGKILL)
    assert bench.wait([key]) == ["lost"]
    assert bench.row(key).letter == "e"
    wait_until(lambda: start_time(pid) is None, "its process has ended", every_s=0.02)


def test_jobs_outlive_the_service_and_are_found_again(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.study("S-1#V1")
    wait = "while [ ! -e go ]; do sleep 0.05; done; echo $o1 > $o1"
    keys = bench.submit(bash(wait, out("a.txt")), bash("exit 3"))
    wait_until((bench.folder.jobs / keys[0] / "1" / "run.json").exists, "runs", every_s=0.02)
    bench.wait_state(keys[0], "running")
    bench.scheduler.stop()
    run_dir = bench.folder.jobs / keys[0] / "1"
    assert judge(run_dir) is Fate.ALIVE
    (run_dir / "work" / "go").touch()
    wait_until((run_dir / "exit.json").exists, "it ends while nobody looks", every_s=0.02)
    bench.scheduler.start()
    assert bench.wait(keys) == ["done", "failed"]
    assert bench.row(keys[1]).failure == "exit(3)"
    assert bench.sql("SELECT max(n) FROM attempt") == [(1,)]


def test_a_job_that_asks_for_a_missing_disk_is_told_so(bench: Bench) -> None:
    (bench.folder.projects / ".nora-storage").unlink()
    (key,) = bench.submit(bash("true"))
    assert bench.wait([key]) == ["failed"]
    assert bench.row(key).failure == "cannot_start"
    assert "marker" in bench.row(key).why


WHOLE_BASH = """
lines() {
  while read -r line; do echo "line: $line"; done
}
lines <<EOF
$(cat "$f1")
EOF
"""
WHOLE_PYTHON = """
def lines(path):
    with open(path) as stream:
        return [f"line: {line}" for line in stream]

if __name__ == "__main__":
    print(*lines($f1))
"""


@pytest.mark.parametrize(
    ("language", "code", "printed"),
    [
        ("bash", "cat $f1", "abc"),
        ("bash", WHOLE_BASH, "line: abc\n"),
        ("python", "print(open($f1).read())", "abc\n"),
        ("python", WHOLE_PYTHON, "line: abc\n"),
    ],
    ids=["bash expression", "bash script", "python expression", "python script"],
)
def test_JOB_01_02_an_expression_or_a_whole_script_runs(
    bench: Bench, language: str, code: str, printed: str
) -> None:
    job = JobSpec(name="x", language=language, code=code, args=(file("notes.txt"),))  # type: ignore[arg-type]
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert bench.log(key) == printed


def test_JOB_01_07_python_and_tools_run(bench: Bench) -> None:
    code = "import pathlib\npathlib.Path($o1).write_text(open('$f1').read() + str($n1 + 1))"
    python = JobSpec(
        name="py",
        language="python",
        code=code,
        args=(file("notes.txt"), out("py.txt"), Argument(id="n1", kind="NUMERIC", value=41)),
    )
    assert {arg.id for arg in find_references("python", code)} == {"f1", "o1", "n1"}
    sums = JobSpec(name="sums", tool="files.checksums")
    keys = bench.submit(python, sums)
    assert bench.wait(keys) == ["done", "done"], [bench.log(key) for key in keys]
    folder = cat.study_dir(bench.folder, "demo", "S-1", "V1")
    assert (folder / "py.txt").read_text() == "abc42"
    files = json.loads((folder / "META/checksums.json").read_text())["files"]
    assert set(files) == {"notes.txt", "py.txt", "t1/s001.nii", "t1/s002.nii.gz"}
    assert files["notes.txt"]["sha256"].startswith("ba7816bf")
    with bench.catalog.read() as con:
        (row,) = cat.select(con, 1, "META/checksums.json")
    assert row.tags == ["checksums"]
    (descriptor,) = bench.sql("SELECT id, sha256 FROM descriptor")
    assert descriptor[0] == "files.checksums"
    assert bench.scheduler.job_detail(keys[1]).spec["tool_sha256"] == descriptor[1]
