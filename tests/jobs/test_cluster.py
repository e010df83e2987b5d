"""What an adapter makes of a cluster's answers, with a cluster that says what the test wants."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.core import JobError, SettingsError, load_settings
from appliance.jobs import shim, tending
from appliance.jobs.adapterset import check_adapters
from appliance.jobs.hosts import Host, HostDown, Said
from appliance.jobs.sites import PathMap
from appliance.jobs.slurm import Slurm, parse_queue
from appliance.jobs.structs import Resources
from appliance.jobs.workload import Ask, Entry, Refused, Seen, Wait, read_mark
from tests.jobs.kit import Bench, MakeBench, bash
from tests.support.waiting import wait_until

ADAPTER = {"kind": "slurm", "queues": {"far": ""}, "poll_s": 0.05, "settle_s": 0.3}
SETTINGS = {"jobs.queues": ["DPXproc", "far"], "jobs.adapters": {"hill": ADAPTER}}


class Fake:
    """A cluster that lists what it is told to, and writes down what it is asked for."""

    def __init__(self) -> None:
        self.listed: list[Entry] = []
        self.asked: list[Ask] = []
        self.did: list[str] = []
        self.refusal: Exception | None = None
        self.no_resume: Exception | None = None
        self.down = False
        self.n_looks = 0

    def script(self, command: str) -> str:
        return command

    def submit(self, ask: Ask) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(ask)
        self.listed.append(Entry(str(len(self.asked)), ask.mark, Seen.PENDING, "PENDING", "Wish"))
        return str(len(self.asked))

    def entries(self) -> Sequence[Entry]:
        self.n_looks += 1
        if self.down:
            raise HostDown("it sleeps")
        return list(self.listed)

    def cancel(self, entries: Sequence[Entry], *, force: bool = False) -> None:
        self.did += [f"cancel {one.ref}{' hard' * force}" for one in entries]

    def suspend(self, entry: Entry) -> None:
        self.did.append(f"suspend {entry.ref}")

    def resume(self, entry: Entry) -> None:
        if self.no_resume is not None:
            raise self.no_resume
        self.did.append(f"resume {entry.ref}")

    def probe(self) -> str:
        return "fake"

    def shell(self, line: str) -> Said:
        return Said(0, "", "")

    def close(self) -> None:
        self.did.append("close")

    def turn(self, seen: Seen, state: str) -> None:
        """Let the last job there be somewhere else."""
        self.listed[-1] = self.listed[-1]._replace(seen=seen, state=state)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def bench(make_bench: MakeBench, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(tending, "_WAKES_WITHIN_S", 0.3)
    found = make_bench(start=False, **SETTINGS)
    (cluster,) = found.scheduler.clusters
    cluster._workload = cluster._tender._workload = fake
    found.start()
    found.study("S-1#V1", "x.txt")
    return found


def handed_over(bench: Bench, fake: Fake, code: str = "true") -> tuple[str, Path]:
    (key,) = bench.submit(bash(code), queue="far")
    wait_until(lambda: fake.asked and "at hill" in bench.row(key).why, "it is there", every_s=0.02)
    return key, bench.folder.jobs / key / "1"


def claim(folder: Path) -> None:
    (folder / "claim").write_text('{"shim_pid": 1, "shim_start": 1, "boot_id": "elsewhere"}')


def exit_as(folder: Path, why: str, signal: int | None = None) -> None:
    facts = {"code": 143, "why": why, "wall_s": 1, "cpu_s": 1, "maxrss_kb": 1, "suspended_s": 0}
    facts |= {"killed_leftovers": 0, "ended_at": 1, "signal": signal}
    (folder / "exit.part").write_text(json.dumps(facts))
    (folder / "exit.part").rename(folder / "exit.json")


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("TIMEOUT", "timeout"),
        ("OUT_OF_MEMORY", "memory"),
        ("PREEMPTED", "lost"),
        ("NODE_FAIL", "lost"),
        ("CANCELLED", "cancelled"),
    ],
)
def test_a_signal_from_the_cluster_is_told_by_its_cause(
    bench: Bench, fake: Fake, state: str, failure: str
) -> None:
    key, folder = handed_over(bench, fake)
    claim(folder)
    fake.turn(Seen.RUNNING, "RUNNING")
    bench.wait_state(key, "running")
    exit_as(folder, "cancelled")
    fake.turn(Seen.ENDED, state)
    bench.wait([key])
    assert bench.row(key).failure == failure


def stopped_there(bench: Bench, fake: Fake) -> tuple[str, Path]:
    key, folder = handed_over(bench, fake)
    claim(folder)
    fake.turn(Seen.RUNNING, "RUNNING")
    bench.wait_state(key, "running")
    fake.turn(Seen.SUSPENDED, "SUSPENDED")
    return key, folder


def test_what_the_cluster_has_stopped_goes_on_before_it_is_ended(bench: Bench, fake: Fake) -> None:
    key, folder = stopped_there(bench, fake)
    bench.scheduler.cancel(key, "owner")
    wait_until(lambda: "resume 1" in fake.did, "it goes on", every_s=0.02)
    fake.turn(Seen.RUNNING, "RUNNING")
    wait_until(lambda: "cancel 1" in fake.did, "it is asked to end", every_s=0.02)
    exit_as(folder, "cancelled")
    assert bench.wait([key]) == ["cancelled"]
    assert fake.did == ["resume 1", "cancel 1"]


def test_what_has_just_been_resumed_is_not_ended_before_it_can_hear(
    bench: Bench, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "_WAKES_WITHIN_S", 600.0)
    key, folder = handed_over(bench, fake)
    claim(folder)
    fake.turn(Seen.RUNNING, "RUNNING")
    bench.wait_state(key, "running")
    bench.scheduler.suspend(key, "owner")
    wait_until(lambda: "suspend 1" in fake.did, "it is stopped", every_s=0.02)
    bench.scheduler.resume(key, "owner")
    wait_until(lambda: "resume 1" in fake.did, "it goes on", every_s=0.02)
    bench.scheduler.cancel(key, "owner")
    looks = fake.n_looks
    wait_until(lambda: fake.n_looks > looks + 3, "it is looked after", every_s=0.02)
    assert fake.did == ["suspend 1", "resume 1"]
    monkeypatch.setattr(tending, "_WAKES_WITHIN_S", 0.0)
    wait_until(lambda: "cancel 1" in fake.did, "it is asked to end", every_s=0.02)
    exit_as(folder, "cancelled")
    assert bench.wait([key]) == ["cancelled"]


@pytest.mark.parametrize("error", [JobError("not yours"), HostDown("it sleeps"), None])
def test_what_stays_stopped_is_killed_and_counts_as_cancelled(
    bench: Bench, fake: Fake, error: Exception | None
) -> None:
    key, _ = stopped_there(bench, fake)
    fake.no_resume = error
    bench.scheduler.cancel(key, "owner")
    if isinstance(error, HostDown):
        wait_until(bench.scheduler.clusters[0].problem, "it is asked", every_s=0.02)
        assert fake.did == []
        fake.no_resume = None
    wait_until(lambda: "cancel 1" in fake.did, "it is killed", every_s=0.02)
    fake.turn(Seen.ENDED, "CANCELLED")
    assert bench.wait([key]) == ["cancelled"]
    assert bench.row(key).why == "cancelled by owner"


@pytest.mark.parametrize(
    ("state", "failure"),
    [("OUT_OF_MEMORY", "memory"), ("NODE_FAIL", "lost"), ("CANCELLED", "cancelled")],
)
def test_an_end_without_a_result_is_told_by_its_cause(
    bench: Bench, fake: Fake, state: str, failure: str
) -> None:
    key, folder = handed_over(bench, fake)
    claim(folder)
    fake.turn(Seen.ENDED, state)
    bench.wait([key])
    assert bench.row(key).failure == failure


def test_a_job_that_vanishes_before_it_began_is_lost_and_can_never_begin(
    bench: Bench, fake: Fake
) -> None:
    key, folder = handed_over(bench, fake, f"touch {bench.folder.root}/ran")
    fake.listed.clear()
    assert bench.wait([key]) == ["lost"]
    late = subprocess.run([sys.executable, "-I", "-S", shim.__file__, str(folder)], check=False)
    assert late.returncode == 75
    assert not (bench.folder.root / "ran").exists()


def test_an_order_that_is_there_twice_is_ended_once(bench: Bench, fake: Fake) -> None:
    key, _ = handed_over(bench, fake)
    fake.listed.append(fake.listed[-1]._replace(ref="77"))
    wait_until(lambda: "cancel 77" in fake.did, "the second one is ended")
    assert "cancel 1" not in fake.did
    assert bench.row(key).state == "starting"


def test_what_is_there_without_need_is_ended_and_what_others_made_is_not(
    bench: Bench, fake: Fake
) -> None:
    key, folder = handed_over(bench, fake)
    fake.listed.append(Entry("8", f"nora-{key}-9", Seen.PENDING, "PENDING"))
    fake.listed.append(Entry("9", "nora-otherappliance-1", Seen.PENDING, "PENDING"))
    fake.listed.append(Entry("10", "", Seen.PENDING, "PENDING"))
    wait_until(lambda: "cancel 8 hard" in fake.did, "it is ended")
    assert not {"cancel 9 hard", "cancel 10 hard", "cancel 1 hard"} & set(fake.did)
    assert folder.exists()


def test_a_cluster_that_takes_no_more_jobs_is_asked_again(bench: Bench, fake: Fake) -> None:
    fake.refusal = Wait("submit limit")
    (key,) = bench.submit(bash("true"), queue="far")
    wait_until(lambda: "submit limit" in bench.row(key).why, "it says so")
    fake.refusal = None
    wait_until(lambda: fake.asked, "it is taken")
    assert bench.row(key).attempt == 1


def test_a_cluster_that_sleeps_is_not_asked_to_take_jobs(bench: Bench, fake: Fake) -> None:
    fake.down = True
    (key,) = bench.submit(bash("true"), queue="far")
    wait_until(lambda: "it sleeps" in bench.row(key).why, "it says so")
    assert fake.asked == []
    fake.down = False
    wait_until(lambda: fake.asked, "it is taken")


def test_what_the_cluster_suspends_is_left_alone(bench: Bench, fake: Fake) -> None:
    key, folder = handed_over(bench, fake)
    claim(folder)
    fake.turn(Seen.SUSPENDED, "SUSPENDED")
    wait_until(lambda: bench.row(key).why == "suspended by hill", "it says so")
    assert bench.row(key).state == "running"
    fake.turn(Seen.RUNNING, "RUNNING")
    wait_until(lambda: bench.row(key).why == "", "it says no more")
    bench.scheduler.suspend(key, "owner")
    wait_until(lambda: "suspend 1" in fake.did, "a person's wish is done")
    fake.turn(Seen.SUSPENDED, "SUSPENDED")
    bench.scheduler.resume(key, "owner")
    wait_until(lambda: "resume 1" in fake.did, "and undone")
    assert [one for one in fake.did if "s" in one] == ["suspend 1", "resume 1"]


def test_no_more_jobs_are_handed_over_than_the_settings_say(
    make_bench: MakeBench, fake: Fake
) -> None:
    few = {"jobs.adapters": {"hill": ADAPTER | {"max_jobs": 2}}}
    bench = make_bench(start=False, **(SETTINGS | few))
    (cluster,) = bench.scheduler.clusters
    cluster._workload = cluster._tender._workload = fake
    bench.start()
    bench.study("S-1#V1", "x.txt")
    keys = bench.submit(*[bash("true")] * 4, queue="far", mode="parallel")
    wait_until(lambda: len(fake.asked) == 2, "two are there")
    assert [bench.row(key).state for key in keys] == ["starting", "starting", "queued", "queued"]
    assert "waits to be handed to hill" in bench.row(keys[3]).why
    folder = bench.folder.jobs / keys[0] / "1"
    claim(folder)
    exit_as(folder, "exit")
    wait_until(lambda: len(fake.asked) == 3, "the next one follows")


def test_suspending_without_the_rights_of_an_operator_asks_the_supervisor(tmp_path: Path) -> None:
    said = tmp_path / "said"
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'Access/permission denied' >&2; exit 1\n")
    (tmp_path / "scancel").write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    for name in ("scontrol", "scancel"):
        (tmp_path / name).chmod(0o755)
    slurm = Slurm(Host(programs=str(tmp_path)))
    entry = Entry("5", "nora-abc-1", Seen.RUNNING, "RUNNING")
    slurm.suspend(entry)
    slurm.resume(entry)
    assert said.read_text().splitlines() == [
        "--batch --signal=TSTP --name=nora-abc-1 5",
        "--batch --signal=CONT --name=nora-abc-1 5",
    ]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", Refused),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv", HostDown),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", HostDown),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", Wait),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying", Wait),
    ],
)
def test_what_sbatch_says_decides_whether_it_is_asked_again(
    tmp_path: Path, words: str, error: type[Exception]
) -> None:
    (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho '{words}' >&2; exit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(error):
        Slurm(Host(programs=str(tmp_path))).submit(Ask("m", "s", "/d", "", Resources()))


def test_the_queue_is_read_whatever_stands_in_comments() -> None:
    fields = ["7", "7_3", "RUNNING", "normal", "4", "2G", "gres:gpu:a100:2,gres:tmp:9", "ann"]
    fields += ["1700000000", "1700000100", "node[1-2]", "None", "a|b;c", "nora-1abc-2"]
    (entry,) = parse_queue("\x1f".join(fields) + "\nbroken line\n")
    assert (entry.ref, entry.mark, entry.name) == ("7_3", "nora-1abc-2", "a|b;c")
    assert (entry.cpus, entry.memory_mb, entry.gpus) == (4, 2048, 2)
    assert (entry.submitted_at, entry.seen, entry.reason) == (1700000000000, Seen.RUNNING, "")
    assert read_mark(entry.mark) == ("1abc", 2)
    assert read_mark("nora-x") is None


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/data/a b", "/mnt/a b"),
        ("/data", "/mnt"),
        ("/data/x/f", "/fast/f"),
        ("/data/out/", "/mnt/out/"),
        ("/database/f", "/database/f"),
    ],
)
def test_paths_are_mapped_by_whole_folders_and_the_longest(path: str, there: str) -> None:
    assert PathMap([("/data", "/mnt"), ("/data/x", "/fast")]).there(path) == there


@pytest.mark.parametrize(
    ("adapters", "words"),
    [
        ({"local": {}}, "cannot have this name"),
        ({"a": {"queues": {"moon": ""}}}, "no queue 'moon'"),
        ({"a": {"queues": {"DPXproc": ""}}, "b": {"queues": {"DPXproc": ""}}}, "goes to 'a'"),
        ({"a": {"paths": [{"here": "x", "there": "/y"}]}}, "absolute"),
        ({"a": {"kind": "cobol"}}, "cobol"),
        ({"a": {"colour": "red"}}, "colour"),
    ],
)
def test_adapters_that_cannot_be_meant_are_refused(
    tmp_path: Path, adapters: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        check_adapters(load_settings(tmp_path, overrides={"jobs.adapters": adapters}).jobs)
