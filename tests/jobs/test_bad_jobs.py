"""Jobs that misbehave: endless logs, detached children, deaf ones, and rules of retrying."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from appliance.jobs import Retry
from appliance.jobs.shim import start_time
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out
from tests.jobs.test_shim import bash as bash_spec
from tests.jobs.test_shim import run
from tests.support.waiting import wait_until

MIB = 1 << 20


def whole_log(bench: Bench, key: str) -> str:
    text, offset, done, n = "", 0, False, 0
    while not done:
        piece = bench.scheduler.read_log(key, offset=offset)
        assert piece.offset > offset or piece.done
        text, offset, done, n = text + piece.text, piece.offset, piece.done, n + 1
        assert n < 100
    return text


def test_the_middle_of_an_endless_log_goes_back_to_the_disk(make_bench: MakeBench) -> None:
    bench = make_bench(**{"jobs.log_limit_mb": 2})
    bench.study("S-1#V1")
    code = "echo first; head -c 40000000 /dev/zero | tr '\\0' x; echo; echo last"
    (key,) = bench.submit(bash(code))
    assert bench.wait([key]) == ["done"]
    path = bench.folder.jobs / key / "1" / "log.txt"
    assert path.stat().st_size > 40_000_000  # those who follow it do not lose their place
    assert path.stat().st_blocks * 512 < 4 * MIB
    text = whole_log(bench, key)
    assert text.startswith("first\nxxx")
    assert text.endswith("xxx\nlast\n")
    assert "MiB of this log were not kept ...]" in text
    assert "\0" not in text
    assert len(text) < 3 * MIB


def test_a_short_log_is_kept_whole(bench: Bench) -> None:
    (key,) = bench.submit(bash("seq 1000"))
    bench.wait([key])
    assert whole_log(bench, key) == "".join(f"{n}\n" for n in range(1, 1001))


def test_a_log_without_limit_is_kept_whole(make_bench: MakeBench) -> None:
    bench = make_bench(**{"jobs.log_limit_mb": 0})
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("head -c 3000000 /dev/zero | tr '\\0' x"))
    bench.wait([key])
    assert whole_log(bench, key) == "x" * 3_000_000


def test_a_job_that_detaches_leaves_nothing_behind(bench: Bench) -> None:
    code = "(setsid sh -c 'echo $$ > pid; exec sleep 1000' &) ; while [ ! -s pid ]; do :; done"
    (key,) = bench.submit(bash(code))
    assert bench.wait([key]) == ["done"]
    pid = int((bench.folder.jobs / key / "1" / "work" / "pid").read_text())
    assert start_time(pid) is None


def test_a_job_that_is_deaf_to_its_end_is_killed(make_bench: MakeBench) -> None:
    bench = make_bench(**{"jobs.grace_s": 0.2})
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("trap '' TERM; echo up; while :; do sleep 0.1; done"))
    wait_until(lambda: bench.log(key), "it is up", every_s=0.02)
    bench.scheduler.cancel(key, "ann")
    assert bench.wait([key]) == ["cancelled"]


EAT = "python3 -c 'x = bytearray(200 << 20); print(1, flush=True); import time; time.sleep(1000)'"


def test_a_job_that_takes_too_much_memory_is_ended_and_tried_with_more(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(**{"jobs.memory_watch": True, "jobs.memory_over": 1.0})
    bench.study("S-1#V1")
    code = f"echo half > $o1; if [ $NORA_ATTEMPT = 1 ]; then {EAT}; fi"
    job = bash(code, out("r.txt"), resources=need(memory_mb=100), retry=Retry(times=1))
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"], bench.row(key)
    detail = bench.scheduler.job_detail(key)
    assert [(a.n, a.state) for a in detail.attempts] == [(1, "failed"), (2, "done")]
    assert detail.attempts[0].why == "ran out of memory: ask for more and retry"
    assert detail.row.memory_mb == 150
    assert detail.spec["resources"]["memory_mb"] == 150
    assert [one["why"] for one in detail.history if "rule" in one["why"]] == [
        "tried again by rule, 1 of 1: it ran out of memory"
    ]
    assert list((bench.folder.jobs / key / "1" / "partial").rglob("r.txt"))


def kill_supervisor(bench: Bench, key: str, attempt: int) -> None:
    def pid() -> int | None:
        found = bench.sql(
            "SELECT a.shim_pid FROM attempt a JOIN job j ON j.id = a.job_id"
            " WHERE j.key = ? AND a.n = ? AND j.state = 'running'",
            key,
            attempt,
        )
        return found[0][0] if found else None

    os.kill(wait_until(pid, "it runs", every_s=0.02), signal.SIGKILL)


def test_a_lost_job_is_tried_again_as_often_as_its_rule_says(bench: Bench) -> None:
    keys = bench.submit(
        bash("sleep 1000", name="one", retry=Retry(times=2)), bash("true", name="two")
    )
    for attempt in (1, 2):
        kill_supervisor(bench, keys[0], attempt)
        bench.wait_state(keys[0], "running")
        assert bench.states(keys)[1] == "queued"  # it still may run
    wait_until(lambda: bench.row(keys[0]).attempt == 3, "the last attempt", every_s=0.02)
    kill_supervisor(bench, keys[0], 3)
    assert bench.wait(keys) == ["lost", "skipped"]
    bench.scheduler.retry(keys[0], "owner")  # by a person, who has a rule again
    kill_supervisor(bench, keys[0], 4)
    kill_supervisor(bench, keys[0], 5)
    bench.scheduler.cancel(keys[0], "owner")
    bench.wait([keys[0]])


@pytest.mark.parametrize(
    ("rule", "attempts"),
    [(Retry(times=3), 1), (Retry(times=2, after=("exit",)), 3), (Retry(), 1)],
)
def test_a_code_is_no_reason_unless_it_is_named(bench: Bench, rule: Retry, attempts: int) -> None:
    (key,) = bench.submit(bash("exit 3", retry=rule))
    assert bench.wait([key]) == ["failed"]
    assert bench.row(key).attempt == attempts


def test_nothing_is_tried_again_after_a_time_limit_or_a_missing_output(bench: Bench) -> None:
    rule = Retry(times=3, after=("lost", "memory", "exit"))
    (slow,) = bench.submit(bash("sleep 1000", resources=need(walltime_s=1), retry=rule))
    (empty,) = bench.submit(bash("true $o1", out("never.txt"), retry=rule))
    assert bench.wait([slow, empty]) == ["failed", "failed"]
    assert [bench.row(key).failure for key in (slow, empty)] == ["timeout", "missing_output"]
    assert [bench.row(key).attempt for key in (slow, empty)] == [1, 1]


def test_a_cancelled_job_stays_cancelled(bench: Bench) -> None:
    rule = Retry(times=3, after=("lost", "memory", "exit"))
    (key,) = bench.submit(bash("trap 'exit 1' TERM; echo up; sleep 1000 & wait", retry=rule))
    wait_until(lambda: bench.log(key), "it is up", every_s=0.02)
    bench.scheduler.cancel(key, "ann")
    assert bench.wait([key]) == ["cancelled"]
    assert bench.row(key).attempt == 1


@pytest.mark.parametrize("name", ["it's.txt", 'a "b".txt', "$(touch pwned).txt", "a;b c.txt"])
def test_names_of_files_are_never_code(bench: Bench, name: str) -> None:
    folder = bench.study("S-1#V1", name)
    pattern = name.replace("(", "_").replace(")", "_").replace(" ", "_").replace('"', "_")
    (key,) = bench.submit(bash('cat "$f1"; ls', file(pattern)))
    assert bench.wait([key]) == ["done"], bench.row(key)
    assert bench.log(key) == "abc"
    assert not (folder / "pwned").exists()


def test_a_job_steps_back_behind_interactive_work(tmp_path: Path) -> None:
    folder = bash_spec(tmp_path / "1", "nice; ionice", nice=5, ionice=6)
    run(folder)
    assert (folder / "log.txt").read_text().splitlines() == [
        str(5 + os.nice(0)),
        "best-effort: prio 6",
    ]


AUTOGROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_sessions_of_a_job_step_back_as_a_whole(tmp_path: Path) -> None:
    told = "grep -o 'nice .*' /proc/self/autogroup"
    later = (
        'setsid -w sh -c "until grep -q nice.5 /proc/self/autogroup; do sleep 0.05; done; echo too"'
    )
    folder = bash_spec(tmp_path / "1", f"{told}; {later}", nice=5)
    run(folder)
    assert (folder / "log.txt").read_text().splitlines() == ["nice 5", "too"]


def test_a_row_that_nobody_can_read_does_not_keep_others_from_starting(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(start=False)
    bench.study("S-1#V1")
    (broken,) = bench.submit(bash("true"))
    bench.catalog.write(lambda tx: tx.con.execute("UPDATE job SET targets = '{}'"))
    (good,) = bench.submit(bash("true"))
    bench.start()
    assert bench.wait([good]) == ["done"]
    assert bench.row(broken).state == "held"
    assert "could not read it" in bench.row(broken).why
