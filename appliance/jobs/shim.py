"""The supervisor of one attempt: a standalone program that outlives the service.

Run as ``python -I -S shim.py DIR``. DIR holds ``spec.json``; the shim writes ``claim`` (at most one
run per attempt), ``run.json``, ``log.txt`` and at the end ``exit.json``, and exits with the code of
the job. SIGTERM cancels the whole tree, SIGTSTP suspends it and SIGCONT resumes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from typing import Any

__all__ = ["Shim", "boot_id", "main", "start_time"]

_SET_CHILD_SUBREAPER = 36
_ALREADY_CLAIMED = 75
_SHORT_TICK_S, _TICK_S, _LATE_S = 0.05, 2.0, 10.0  # late: between signals to one tree
_PUNCH_HOLE = 3  # and keep the size
_BLOCK = _RESERVED_BYTES = 4096
_IOPRIO_SET, _BEST_EFFORT = {"x86_64": 251, "aarch64": 30}, 2 << 13
_SIGNALS = [signal.Signals[f"SIG{n}"] for n in ("TERM", "INT", "HUP", "TSTP", "CONT", "CHLD")]


def boot_id() -> str:
    """Tell which boot of the machine this is, so that a pid of an earlier one is not believed."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:  # noqa: PTH123
        return stream.read().strip()


def start_time(pid: int) -> int | None:
    """Tell when a process began, in clock ticks since boot; None when it is gone or a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as stream:  # noqa: PTH123
                found += map(int, stream.read().split())
    except OSError:
        return found
    return found


def _tree(pid: int) -> list[int]:
    """Descendants of a process; orphans among them are our own children, as we are the reaper."""
    found: list[int] = []
    wave = _children(pid)
    while wave:
        found += wave
        wave = [child for parent in wave for child in _children(parent)]
    return found


def _send(pids: list[int], number: signal.Signals) -> int:
    sent = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            sent += 1
    return sent


def _stand_back(pids: list[int], nice: int) -> None:
    """Let whole sessions step back: kernels that group by session heed niceness only inside one."""
    for pid in pids if nice > 0 else ():
        path = f"/proc/{pid}/autogroup"
        with contextlib.suppress(OSError), open(path, "r+b", buffering=0) as stream:  # noqa: PTH123
            if not stream.read(64).endswith(b" nice %d\n" % nice):
                stream.write(b"%d" % nice)  # refused when another has just done so: later again


def _oom_kills() -> int:
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as stream:  # noqa: PTH123
        for line in stream:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _rss_mb(pids: list[int]) -> float:
    pages = (int(fields[21]) for fields in map(_stat, pids) if fields)
    return sum(pages) * resource.getpagesize() / 2**20


def _is_wrapper(pid: int) -> bool:
    """Tell whether a process only holds the namespaces of others, who clean up by themselves."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().strip() == "bwrap"
    except OSError:
        return False


def _write_json(folder: int, name: str, data: dict[str, Any], *, durable: bool = True) -> None:
    """Replace a small JSON file; its blocks may have been set aside before."""
    part = f"{name}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder)
    try:
        os.write(handle, json.dumps(data).encode().ljust(_RESERVED_BYTES))
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    if durable:
        os.fsync(folder)


def _inherited(names: list[str]) -> dict[str, str]:
    """Variables of the place that a job takes over; ``NAME*`` stands for all that begin so."""
    begins = tuple(name[:-1] for name in names if name.endswith("*"))
    return {n: v for n, v in os.environ.items() if n in names or (begins and n.startswith(begins))}


class Shim:
    """One run of one attempt.

    Parameters
    ----------
    folder : str
        Run folder with ``spec.json``.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with open(f"{folder}/spec.json", encoding="utf-8") as stream:  # noqa: PTH123
            self.spec: dict[str, Any] = json.load(stream)
        self.identity = {
            "shim_pid": os.getpid(),
            "shim_start": start_time(os.getpid()),
            "boot_id": boot_id(),
        }
        self.nice = int(self.spec.get("nice", 10))
        self.why, self.child = "", 0
        self.status: int | None = None
        self.kill_at: float | None = None
        self.suspended_at: float | None = None
        self.suspended_s = 0.0
        self.began = time.monotonic()
        self.oom_kills = _oom_kills()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.log, self.log_size = -1, 0
        self.log_gap: list[int] = []
        self.tick_s = _SHORT_TICK_S

    def claim(self) -> bool:
        """Take the attempt; False when another run or the service took it first.

        The content appears together with the name, so a reader never finds an empty claim.
        """
        part = f"{self.folder}/claim.{os.getpid()}"
        with open(part, "w", encoding="utf-8") as stream:  # noqa: PTH123
            json.dump(self.identity, stream)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(part, f"{self.folder}/claim")
        except FileExistsError:
            return False
        finally:
            os.unlink(part)  # noqa: PTH108
        os.fsync(self.handle)
        return True

    def run(self) -> int:
        """Run the job to its end and tell its exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if not self.claim():
            return _ALREADY_CLAIMED
        self._reserve_exit()
        self._start()
        while self.status is None:
            self._wait()
        self.suspended_s += self._suspended_now()
        self._hear_late()
        return self._finish(self._reap_leftovers())

    def _reserve_exit(self) -> None:
        """Set aside the blocks of exit.json, so that a full disk cannot hide how the job ended."""
        with open(f"{self.folder}/exit.json.part", "wb") as stream:  # noqa: PTH123
            try:
                os.posix_fallocate(stream.fileno(), 0, _RESERVED_BYTES)
            except OSError:  # no such call on this file system
                stream.write(b" " * _RESERVED_BYTES)
                stream.flush()
                os.fsync(stream.fileno())

    def _start(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.log = os.open(f"{self.folder}/log.txt", flags, 0o600)
        try:
            child = subprocess.Popen(
                self.spec["argv"],
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                cwd=self.spec["cwd"],
                env={**_inherited(self.spec.get("inherit", ())), **self.spec["env"]},
                start_new_session=True,
                preexec_fn=self._in_child,  # noqa: PLW1509
            )
            self.child, child.returncode = child.pid, 0  # we reap it ourselves
        except OSError as error:
            os.write(self.log, f"cannot start: {error}\n".encode())
            self.why = "cannot_start"
            self.status = (126 if isinstance(error, PermissionError) else 127) << 8
        facts = self.identity | {"child_pid": self.child, "started_at": time.time_ns() // 10**6}
        _write_json(self.handle, "run.json", facts, durable=False)

    def _in_child(self) -> None:
        """Undo our signal mask, step back behind interactive work, and offer to die first."""
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.nice(self.nice)
        _stand_back([os.getpid()], self.nice)
        level, number = self.spec.get("ionice", -1), _IOPRIO_SET.get(os.uname().machine)
        if level >= 0 and number is not None:
            self.libc.syscall(number, 1, 0, _BEST_EFFORT | level)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123
            stream.write("500")

    def _wait(self) -> None:
        event = signal.sigtimedwait(_SIGNALS, self._patience())
        self._reap()
        if event is not None and self.status is None:
            self._heed(signal.Signals(event.si_signo))
        if self.status is None:
            self._check_limits()

    def _patience(self) -> float:
        """Seconds until the next thing to look at."""
        now = time.monotonic()
        ends = [self.kill_at] if self.kill_at is not None else []
        if self.spec.get("timeout_s") and self.suspended_at is None and not self.why:
            ends.append(now + self._left())
        self.tick_s = min(2 * self.tick_s, _TICK_S)
        return max(0.0, min([self.tick_s, *(end - now for end in ends)]))

    def _left(self) -> float:
        """Seconds of the time limit that are left; suspended time does not count."""
        used = time.monotonic() - self.began - self.suspended_s - self._suspended_now()
        return float(self.spec["timeout_s"]) - used

    def _suspended_now(self) -> float:
        return 0.0 if self.suspended_at is None else time.monotonic() - self.suspended_at

    def _heed(self, number: signal.Signals) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._end("cancelled")
        elif number == signal.SIGTSTP and self.suspended_at is None and not self.why:
            self._suspend()
        elif number == signal.SIGCONT:
            self._resume()

    def _hear_late(self) -> None:
        """Notice who ended the whole tree at once, as scancel does: it asks us too."""
        code = os.waitstatus_to_exitcode(self.status or 0)
        # A shell whose command was ended by a signal tells so by its code.
        ended = code in (-signal.SIGTERM, 128 + signal.SIGTERM)
        if ended and not self.why and signal.sigtimedwait({signal.SIGTERM}, _LATE_S) is not None:
            self.why = "cancelled"

    def _suspend(self) -> None:
        self.suspended_at = time.monotonic()
        stopped: set[int] = set()
        while new := set(_tree(os.getpid())) - stopped:  # children may be forked meanwhile
            _send(sorted(new), signal.SIGSTOP)
            stopped |= new

    def _resume(self) -> None:
        if self.suspended_at is not None:
            self.suspended_s += self._suspended_now()
            self.suspended_at = None
        _send(_tree(os.getpid()), signal.SIGCONT)

    def _end(self, why: str) -> None:
        """Ask the tree to end; a second request does not wait for the grace."""
        asked = bool(self.why)
        self.why = self.why or why
        _send([pid for pid in _tree(os.getpid()) if not _is_wrapper(pid)], signal.SIGTERM)
        self._resume()
        self.kill_at = time.monotonic() + (0 if asked else float(self.spec.get("grace_s", 10)))

    def _check_limits(self) -> None:
        _stand_back(_tree(os.getpid()), self.nice)
        self._trim_log()
        if self.kill_at is not None:
            if time.monotonic() >= self.kill_at:
                _send(_tree(os.getpid()), signal.SIGKILL)
                self.kill_at = time.monotonic() + 1.0
        elif self.spec.get("timeout_s") and self.suspended_at is None and self._left() <= 0:
            self._end("timeout")
        elif self._over_memory():
            self._end("memory")

    def _trim_log(self) -> None:
        """Give the middle of a long log back to the disk; its begin and its end are kept.

        The file keeps its length, so that those who follow it do not lose their place.
        """
        limit, size = int(self.spec.get("log_limit_bytes") or 0), os.fstat(self.log).st_size
        if size - self.log_size > limit // 8:
            self.tick_s = _SHORT_TICK_S  # it grows fast
        self.log_size = size
        start, end = -(-limit // 2 // _BLOCK) * _BLOCK, (size - limit // 2) // _BLOCK * _BLOCK
        known = self.log_gap[1] if self.log_gap else start
        if not limit or end - known < limit // 4:
            return
        offset, length = ctypes.c_int64(start), ctypes.c_int64(end - start)
        if self.libc.fallocate(self.log, _PUNCH_HOLE, offset, length) == 0:
            self.log_gap = [start, end]
            self._tell_gap()

    def _tell_gap(self) -> None:
        with open(f"{self.folder}/log.gap.part", "w", encoding="ascii") as stream:  # noqa: PTH123
            json.dump(self.log_gap, stream)
        os.rename(f"{self.folder}/log.gap.part", f"{self.folder}/log.gap")  # noqa: PTH104

    def _over_memory(self) -> bool:
        limit = float(self.spec.get("memory_limit_mb") or 0)
        return limit > 0 and _rss_mb(_tree(os.getpid())) > limit

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.child:
                    self.status = status

    def _reap_leftovers(self) -> int:
        """Kill what the job left behind, escaped sessions included, and count it."""
        killed: set[int] = set()
        while pids := _tree(os.getpid()):
            killed |= {pid for pid in pids if start_time(pid) is not None}
            _send(pids, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
        self._reap()
        return len(killed)

    def _finish(self, leftovers: int) -> int:
        self._trim_log()
        code = os.waitstatus_to_exitcode(self.status or 0)
        if self.spec.get("sandboxed") and 128 < code < 160:
            code = 128 - code  # the wrapper tells the signal of the job as a shell does
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.monotonic() - self.began
        _write_json(
            self.handle,
            "exit.json",
            {
                "code": code if code >= 0 else 128 - code,
                "signal": -code if code < 0 else None,
                "why": self.why or self._natural_why(code),
                "wall_s": round(wall, 3),
                "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
                "maxrss_kb": usage.ru_maxrss,
                "suspended_s": round(self.suspended_s, 3),
                "killed_leftovers": leftovers,
                "ended_at": time.time_ns() // 10**6,
            },
        )
        return code if code >= 0 else 128 - code

    def _natural_why(self, code: int) -> str:
        if code == -signal.SIGKILL and _oom_kills() > self.oom_kills:
            return "memory"
        return "signal" if code < 0 else "exit"


def main(argv: list[str]) -> int:
    """Supervise the attempt whose folder is the one argument."""
    return Shim(argv[1]).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
