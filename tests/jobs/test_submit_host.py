"""A cluster behind a submit host: commands through ssh, folders at other paths (INST-25)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.core import JobError
from tests.jobs.kit import MakeBench, bash, file, need, out
from tests.jobs.places import Place, slurm_place
from tests.support.slurm import Slurm
from tests.support.sshd import an_sshd
from tests.support.waiting import wait_until


def behind_ssh(slurm: Slurm, client: Path, tmp_path: Path, **more: object) -> Place:
    """The cluster's mount of the data folder is a link to it."""
    there = tmp_path / "on the cluster"
    there.symlink_to(tmp_path / "data")
    paths = [{"here": str(tmp_path / "data"), "there": str(there)}]
    return slurm_place(
        slurm, **({"host": "submit", "ssh_config": str(client), "paths": paths} | more)
    )


def test_jobs_go_through_a_submit_host(make_bench: MakeBench, slurm: Slurm, tmp_path: Path) -> None:
    with an_sshd(tmp_path / "ssh") as client:
        bench = make_bench(**behind_ssh(slurm, client, tmp_path).settings)
        bench.study("S-1#V1", "x.txt")
        copy = bash('echo $f1; cp "$f1" "$o1"', file("*x.txt"), out("y.txt TAG(t)"))
        ended, slow = bench.submit(copy, bash("sleep 300", resources=need(cpus=2)), queue="far")
        bench.wait_state(slow, "running")
        bench.scheduler.cancel(slow, "owner")
        assert bench.wait([ended, slow]) == ["done", "cancelled"]
        assert bench.log(ended).startswith(str(tmp_path / "on the cluster"))
        with bench.catalog.read() as con:
            (made,) = [row for row in cat.study_files(con, 1) if row.path == "y.txt"]
        assert made.tags == ["t"]
        (cluster,) = bench.scheduler.clusters
        said = cluster.probe()
        assert "normal (up, 1)" in said
        assert "the data folder is seen" in said
        bench.close()


def test_a_submit_host_that_cannot_be_reached_lets_jobs_wait(
    make_bench: MakeBench, slurm: Slurm, tmp_path: Path
) -> None:
    with an_sshd(tmp_path / "ssh") as client:
        pass  # it is gone
    bench = make_bench(**behind_ssh(slurm, client, tmp_path, timeout_s=5.0).settings)
    bench.study("S-1#V1", "x.txt")
    (key,) = bench.submit(bash("true"), queue="far")
    wait_until(lambda: "submit cannot be reached" in bench.row(key).why, "it says so")
    assert bench.row(key).letter == "q"
    (cluster,) = bench.scheduler.clusters
    with pytest.raises(JobError, match="cannot be reached"):
        cluster.probe()
    bench.scheduler.cancel(key, "owner")
    bench.close()


def test_a_probe_says_what_is_missing(make_bench: MakeBench, slurm: Slurm, tmp_path: Path) -> None:
    for number, (wrong, words) in enumerate(
        {
            "python": "no-such-python does not run there",
            "paths": "cannot be read there",
            "programs": "cannot be run",
        }.items()
    ):
        values = {
            "python": "no-such-python",
            "paths": [{"here": str(tmp_path), "there": "/nowhere"}],
            "programs": "/nowhere",
        }
        place = slurm_place(slurm, **{wrong: values[wrong]})
        bench = make_bench(f"data{number}", start=False, **place.settings)
        (cluster,) = bench.scheduler.clusters
        with pytest.raises(JobError, match=words):
            cluster.probe()


def test_an_examination_leaves_a_file_on_either_side(
    make_bench: MakeBench, slurm: Slurm, tmp_path: Path
) -> None:
    bench = make_bench(start=False, **slurm_place(slurm).settings)
    (cluster,) = bench.scheduler.clusters
    before = set(cluster.home.iterdir())
    found = cluster.examine()
    assert [(one.step, one.ok) for one in found] == [
        (step, True) for step in ("commands", "python", "program", "paths", "writes")
    ]
    assert set(cluster.home.iterdir()) == before
    bench.close()


def test_an_examination_finds_a_folder_that_is_another_one_there(
    make_bench: MakeBench, slurm: Slurm, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    paths = [{"here": str(tmp_path / "data"), "there": str(other)}]
    bench = make_bench(start=False, **slurm_place(slurm, paths=paths).settings)
    (cluster,) = bench.scheduler.clusters
    shutil.copytree(cluster.home, other / "jobs")  # an old copy of what is here
    *good, last = cluster.examine()
    assert [one.step for one in good if one.ok] == ["commands", "python", "program"]
    assert (last.step, last.ok) == ("paths", False)
    assert "is not seen there as" in last.text
    assert "paths of the adapter" in last.hint
    bench.close()
