"""The queue of steps: durable, at least once, woken at once, put right by reconcilers."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core import Conflict
from appliance.jobs import Queue
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    found = Queue(tmp_path / "queue.sqlite")
    yield found
    found.stop()


def test_steps_are_done_by_priority_and_once_each(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue.sqlite", workers=1)
    done: list[int] = []
    queue.register_step("step", done.append)
    for row_id, priority in [(1, 0), (2, 5), (3, 0), (2, 5)]:
        queue.enqueue("step", row_id, priority)
    assert queue.backlog() == 3
    queue.start()
    wait_until(lambda: queue.backlog() == 0, "all done", every_s=0.01)
    assert queue.stop()
    assert done == [2, 1, 3]


def test_steps_for_idle_times_wait_until_nothing_else_is_to_be_done(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue.sqlite", workers=3)
    done: list[tuple[str, int]] = []
    go_on = threading.Event()

    def work(row_id: int) -> None:
        queue.enqueue("idle", row_id, -1)
        assert go_on.wait(30)
        done.append(("work", row_id))

    queue.register_step("work", work)
    queue.register_step("idle", lambda row_id: done.append(("idle", row_id)))
    queue.enqueue("work", 1)
    queue.enqueue("work", 2)
    queue.start()
    wait_until(lambda: queue.backlog() == 4, "two run, two are held back", every_s=0.01)
    assert done == []
    go_on.set()
    wait_until(lambda: queue.backlog() == 0, "all done", every_s=0.01)
    assert queue.stop()
    assert {name for name, _ in done[:2]} == {"work"}
    assert sorted(done[2:]) == [("idle", 1), ("idle", 2)]


def test_a_step_for_idle_times_begins_at_once_when_nothing_runs(queue: Queue) -> None:
    done: list[int] = []
    queue.register_step("idle", done.append)
    queue.start()
    queue.enqueue("idle", 1, -1)
    wait_until(lambda: done == [1], "done", every_s=0.01)


def test_the_queue_is_durable(tmp_path: Path) -> None:
    first = Queue(tmp_path / "queue.sqlite")
    first.enqueue("step", 7)
    assert first.stop()
    second = Queue(tmp_path / "queue.sqlite")
    done: list[int] = []
    second.register_step("step", done.append)
    assert second.backlog() == 1
    second.start()
    wait_until(lambda: done == [7], "done", every_s=0.01)
    assert second.stop()
    with sqlite3.connect(tmp_path / "queue.sqlite") as con:
        assert con.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    con.close()


def test_a_failed_step_is_logged_and_recorded_with_its_owner(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[int, str]] = []

    def fail(row_id: int) -> None:
        raise OSError("no luck")

    queue.register_step("step", fail, on_error=lambda i, error: told.append((i, str(error))))
    with caplog.at_level(logging.ERROR):
        queue.start()
        queue.enqueue("step", 3)
        wait_until(lambda: told, "recorded", every_s=0.01)
    assert told == [(3, "no luck")]
    assert "step step of row 3 failed" in caplog.text


def test_reconcilers_run_at_start_and_one_that_fails_does_not_matter(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    queue.register_step("step", ran.append)
    queue.register_reconciler(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    queue.register_reconciler(lambda: queue.enqueue("step", 1))
    queue.start()
    wait_until(lambda: ran == [1], "the step of the reconciler", every_s=0.01)
    assert "a reconciler failed" in caplog.text


def test_a_step_enqueued_while_it_runs_is_done_again(queue: Queue) -> None:
    entered, go, runs = threading.Event(), threading.Event(), []

    def step(row_id: int) -> None:
        runs.append(row_id)
        entered.set()
        go.wait(30)

    queue.register_step("step", step)
    queue.start()
    queue.enqueue("step", 1)
    entered.wait(30)
    queue.enqueue("step", 1)
    go.set()
    wait_until(lambda: queue.backlog() == 0 and len(runs) == 2, "twice", every_s=0.01)


def test_a_dead_worker_is_replaced(queue: Queue) -> None:
    done: list[int] = []
    queue.register_step("step", done.append)
    queue.start()
    inner = queue._opened()
    assert inner._consumer is not None
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    worker, thread = inner._consumer.worker_threads[0]
    inner._consumer.worker_threads[0] = (worker, dead)
    queue._check()
    assert all(t.is_alive() for _, t in inner._consumer.worker_threads)
    inner._consumer.worker_threads.append((worker, thread))  # so that stop joins it, too
    queue.enqueue("step", 1)
    wait_until(lambda: done == [1], "done", every_s=0.01)


def test_two_steps_of_one_name_are_refused(queue: Queue) -> None:
    queue.register_step("step", print)
    with pytest.raises(Conflict):
        queue.register_step("step", print)


def test_a_killed_service_loses_no_row(tmp_path: Path) -> None:
    """Huey forgets a task that was running; the reconciler does not."""
    script = (
        "import sys, time; from pathlib import Path; from appliance.jobs import Queue\n"
        "q = Queue(Path(sys.argv[1]))\n"
        "def step(i):\n    print(i, flush=True); time.sleep(1000)\n"
        "q.register_step('step', step); q.start(); q.enqueue('step', 5); time.sleep(1000)\n"
    )
    path = tmp_path / "queue.sqlite"
    service = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdout is not None
    with service.stdout:
        assert service.stdout.readline() == "5\n"
    service.send_signal(signal.SIGKILL)
    service.wait()
    pending, done = {5}, []
    again = Queue(path)

    def step(row_id: int) -> None:
        done.append(row_id)
        pending.discard(row_id)

    again.register_step("step", step)
    again.register_reconciler(lambda: [again.enqueue("step", i) for i in pending] and None)
    again.start()
    wait_until(lambda: done == [5], "done after all", every_s=0.01)
    assert again.stop()
