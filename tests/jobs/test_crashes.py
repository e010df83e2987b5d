"""The crash matrix: the service dies at every point of its writes, and nothing is forgotten."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.jobs.crash import POINTS
from tests.jobs.kit import Bench
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def live(root: Path, *when: str, crash_at: str = "") -> int:
    env = os.environ | {"NORA_TEST": "1", "NORA_CRASH_AT": crash_at, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.jobs.crash_once", str(root), *when]
    return subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=120).returncode


def check_after(root: Path) -> None:
    """Live again to the end; all that was accepted is done, and each attempt ran at most once."""
    bench = Bench(root)
    try:
        bench.start()
        keys = [key for (key,) in bench.sql("SELECT key FROM job ORDER BY id")]
        assert bench.wait(keys) == ["done", "done"]
        bench.check()
        with bench.catalog.read() as con:
            files = {row.path: row for row in cat.study_files(con, 1)}
        assert set(files) == {"x.txt", "y.txt", "z.txt"}
        assert files["y.txt"].tags == ["t"]
        (attempt,) = (root / "count").read_text().split()  # exactly one run of the first job
        assert files["y.txt"].origin is not None
        assert files["y.txt"].origin.endswith(f"/{attempt}")
        assert bench.row(keys[1]).attempt >= 2  # it was tried again by its rule
        ran = bench.sql("SELECT count(*) FROM attempt WHERE state IN ('done', 'failed')")
        assert ran == [(3,)]
        assert bench.sql("SELECT count(*) FROM tokens") == [(0,)]
    finally:
        bench.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_forgets_nothing_and_does_nothing_twice(
    tmp_path: Path, point: str
) -> None:
    assert live(tmp_path / "data", crash_at=point) == 9
    check_after(tmp_path / "data")


@pytest.mark.slow
@pytest.mark.parametrize(("when", "first"), [("before", 1), ("after", 3)])
def test_a_crash_at_every_commit_forgets_nothing_and_does_nothing_twice(
    tmp_path: Path, when: str, first: int
) -> None:
    step = 1 if os.environ.get("NORA_EVERY_COMMIT") else 4  # a part of them, else all
    for number in itertools.count(1 if step == 1 else first, step):
        root = tmp_path / f"data{number}"
        code = live(root, when, str(number))
        if not code:
            break  # it lived to its end: no commit is left
        assert code == 9
        if (when, number) == ("before", 1):
            assert live(root) == 0  # nothing was accepted, so nothing is to be found
        check_after(root)
    assert number > 10


def test_a_service_that_is_killed_finds_its_jobs_again(tmp_path: Path) -> None:
    root = tmp_path / "data"
    bench = Bench(root)
    bench.start()
    bench.study("S-1#V1", "x.txt")
    bench.close()
    script = (
        "import sys; from pathlib import Path; from tests.jobs.kit import Bench, bash\n"
        "b = Bench(Path(sys.argv[1])); b.start()\n"
        "k = b.submit(bash('while [ ! -e go ]; do sleep 0.05; done; exit 3'))\n"
        "b.wait_state(k[0], 'running'); print(k[0], flush=True); b.wait(k)\n"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", script, str(root)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdout is not None
    with service.stdout:
        key = service.stdout.readline().strip()
    run_dir = root / "jobs" / key / "1"
    wait_until((run_dir / "run.json").exists, "the job runs", every_s=0.02)
    service.send_signal(signal.SIGKILL)
    service.wait()
    again = Bench(root)
    again.start()
    try:
        assert again.row(key).state == "running"
        (run_dir / "work" / "go").touch()
        assert again.wait([key]) == ["failed"]
        assert again.row(key).failure == "exit(3)"
        assert again.row(key).attempt == 1
    finally:
        again.close()
