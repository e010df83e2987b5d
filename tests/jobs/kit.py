"""A small appliance for tests of the jobs room: catalog, queue, scheduler and studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from appliance import catalog as cat
from appliance.core import DataFolder, load_settings
from appliance.jobs import (
    Argument,
    BatchSpec,
    JobQuery,
    JobRow,
    JobSpec,
    Queue,
    Resources,
    Scheduler,
    ToolBox,
    basic_tools,
    jobs_migrations,
)
from appliance.jobs.sandbox import Sandbox
from appliance.jobs.states import ENDED
from tests.support.waiting import wait_until

ENDED_STATES = {str(state) for state in ENDED}
_TAKEN = """
SELECT ifnull(sum(cpus), 0), ifnull(sum(memory_mb), 0) FROM job
WHERE state IN ('starting', 'running', 'suspended')
"""
_GPUS_GIVEN_TWICE = """
SELECT g.value FROM job j JOIN attempt a ON a.job_id = j.id AND a.n = j.attempt,
json_each(a.gpu_uuids) g WHERE j.state IN ('starting', 'running', 'suspended')
GROUP BY 1 HAVING count(*) > 1
"""
_DONE_WITHOUT_SUCCESS = """
SELECT j.key FROM job j LEFT JOIN attempt a ON a.job_id = j.id AND a.n = j.attempt
WHERE j.state = 'done' AND a.code IS NOT 0
"""
_LIVE_WITHOUT_ATTEMPT = """
SELECT j.key FROM job j LEFT JOIN attempt a ON a.job_id = j.id AND a.n = j.attempt
WHERE j.state IN ('starting', 'running', 'suspended') AND a.n IS NULL
"""


class Bench:
    """Everything that the scheduler needs, in one folder."""

    def __init__(self, root: Path, **overrides: Any) -> None:
        self.folder = DataFolder(root)
        self.folder.prepare()
        settings = {"jobs.cpus": 4, "jobs.memory_mb": 8192, "jobs.gpus": ["fake0", "fake1"]}
        settings |= {"jobs.sandbox": "off", "data.min_free_bytes": 0}
        self.settings = load_settings(self.folder.root, overrides=settings | overrides)
        self.catalog = cat.Catalog.open(self.folder.catalog_path, migrations=[jobs_migrations])
        self.queue = Queue(self.folder.queue_path)
        self.tools = ToolBox(basic_tools())
        self.scheduler = Scheduler(
            self.catalog,
            self.folder,
            self.settings,
            self.queue,
            self.tools,
            sandbox=Sandbox(self.folder, "off"),
        )

    def start(self) -> None:
        self.queue.start()
        self.scheduler.start()

    def close(self) -> None:
        self.scheduler.stop()
        self.queue.stop()
        self.catalog.close()

    def study(self, psid: str = "S-1#V1", *files: str) -> Path:
        """Make a study with small files; give its folder."""
        pid, sid = psid.split("#")
        folder = cat.study_dir(self.folder, "demo", pid, sid)

        def write(tx: cat.Tx) -> None:
            project = cat.ensure_project(tx, "demo")
            subject = cat.ensure_subject(tx, project.id, pid)
            study = cat.ensure_study(tx, subject, sid, date=f"2020-01-{len(sid):02d}")
            for name in files:
                cat.add_file(tx, study, name, size_bytes=3, mtime_ns=1, kind="text")

        self.catalog.write(write)
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("abc")
        return folder

    def submit(
        self, *jobs: JobSpec, targets: Sequence[str] = ("S-1#V1",), **spec: Any
    ) -> list[str]:
        """Submit a batch; give the keys of its jobs in order."""
        batch = BatchSpec(name="batch", project="demo", jobs=jobs, **spec)
        accepted = self.scheduler.submit_batch(batch, targets, "owner")
        with self.catalog.read() as con:
            rows = con.execute(
                "SELECT j.key FROM job j JOIN batch b ON b.id = j.batch_id WHERE b.key = ?"
                " ORDER BY j.id",
                (accepted.key,),
            ).fetchall()
        return [row["key"] for row in rows]

    def row(self, key: str) -> JobRow:
        return self.scheduler.job_detail(key).row

    def states(self, keys: Sequence[str]) -> list[str]:
        return [self.row(key).state for key in keys]

    def wait(self, keys: Sequence[str]) -> list[str]:
        """Wait until all have ended; give their states."""
        wait_until(
            lambda: set(self.states(keys)) <= ENDED_STATES,
            "all jobs have ended",
            every_s=0.02,
            show=lambda: self.scheduler.job_rows(JobQuery()).items,
        )
        return self.states(keys)

    def wait_state(self, key: str, state: str) -> None:
        wait_until(lambda: self.row(key).state == state, f"job is {state}", every_s=0.02)

    def log(self, key: str) -> str:
        return self.scheduler.read_log(key).text

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.catalog.read() as con:
            return [tuple(row) for row in con.execute(text, values).fetchall()]

    def check(self) -> None:
        """Invariants that hold at every commit, asked of the tables alone."""
        ((cpus, memory),) = self.sql(_TAKEN)
        assert cpus <= self.scheduler.capacity.cpus
        assert memory <= self.scheduler.capacity.memory_mb
        assert self.sql(_GPUS_GIVEN_TWICE) == []
        assert self.sql(_DONE_WITHOUT_SUCCESS) == []
        assert self.sql(_LIVE_WITHOUT_ATTEMPT) == []


MakeBench = Callable[..., Bench]


def bash(code: str, *args: Argument, name: str = "job", **more: Any) -> JobSpec:
    return JobSpec(name=name, language="bash", code=code, args=args, **more)


def need(**more: Any) -> Resources:
    return Resources(**{"memory_mb": 64} | more)


def file(value: str, id: str = "f1", **more: Any) -> Argument:  # noqa: A002
    return Argument(id=id, kind="FILE", value=value, **more)


def out(value: str, id: str = "o1", **more: Any) -> Argument:  # noqa: A002
    return Argument(id=id, kind="OUT", value=value, **more)
