"""Waits for the end of supervisors, children of ours or not, and for being woken."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess

__all__ = ["Watcher"]


class Watcher:
    """Handles on live supervisors by job id. Used by one thread; only `wake` by others."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.POLLIN)
        self._jobs: dict[int, int] = {}
        self._handles: dict[int, int] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def __contains__(self, job_id: int) -> bool:
        return job_id in self._handles

    def add(self, job_id: int, handle: int, child: subprocess.Popen[bytes] | None = None) -> None:
        """Watch a process by its pidfd; a child of ours is also reaped."""
        self._jobs[handle], self._handles[job_id] = job_id, handle
        if child is not None:
            self._children[job_id] = child
        self._poll.register(handle, select.POLLIN)

    def wait(self, seconds: float) -> list[int]:
        """Give the jobs whose supervisor has ended; they are watched no more."""
        ready = [handle for handle, _ in self._poll.poll(seconds * 1000)]
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        return [self._drop(self._jobs[handle]) for handle in ready if handle in self._jobs]

    def wake(self) -> None:
        """Let `wait` return; any thread may call this."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Let go of all handles; the processes live on."""
        for job_id in list(self._handles):
            handle = self._handles.pop(job_id)
            self._poll.unregister(handle)
            os.close(handle)
            child = self._children.pop(job_id, None)
            if child is not None and child.poll() is None:
                child.returncode = 0  # it outlives us on purpose
        self._jobs.clear()

    def _drop(self, job_id: int) -> int:
        handle = self._handles.pop(job_id)
        del self._jobs[handle]
        self._poll.unregister(handle)
        os.close(handle)
        child = self._children.pop(job_id, None)
        if child is not None:
            child.wait()
        return job_id
