"""Keeps the daemons of a small Slurm as its children; ends them all when its input ends.

Run as ``python slurm_keeper.py DIR``. Reads lines ``start NAME`` and ``kill NAME``; answers each
with ``ok``. The input ends when the tests end, even by SIGKILL, so that
neither a process nor DIR is left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_SET_CHILD_SUBREAPER = 36


def commands(root: Path) -> dict[str, list[str]]:
    munge = ["munged", "--foreground", "--force", "--num-threads=1", f"--key-file={root}/munge/key"]
    munge += [f"--socket={root}/run/munge.sock", f"--pid-file={root}/run/munged.pid"]
    munge += [f"--log-file={root}/log/munged.log", f"--seed-file={root}/munge/seed"]
    return {"munged": munge, "slurmctld": ["slurmctld", "-i", "-D"], "slurmd": ["slurmd", "-D"]}


def descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def main(root: Path) -> None:
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": f"{root}/slurm.conf"}
    children: dict[str, subprocess.Popen[bytes]] = {}
    for line in sys.stdin:
        verb, name = line.split()
        if verb == "start":
            with (root / "log" / f"{name}.out").open("ab") as log:
                children[name] = subprocess.Popen(
                    commands(root)[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env
                )
        else:
            children[name].kill()
            children[name].wait()
        print("ok", flush=True)  # noqa: T201
    while pids := descendants(os.getpid()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
