# ruff: noqa: T201
"""Stands in for qsub, qstat, qdel and qmod: runs jobs as plain processes of this machine.

Run with the name of a command and its arguments, with the folder of its state in ``SGE_STUB``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(os.environ["SGE_STUB"])
_JOB = """<job_list state="{kind}"><JB_job_number>{id}</JB_job_number><JB_name>{short}</JB_name>
<JB_owner>root</JB_owner><state>{state}</state><JAT_start_time>{at}</JAT_start_time>
<queue_name>{queue}</queue_name><slots>1</slots><full_job_name>{name}</full_job_name></job_list>"""


def jobs() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(ROOT.glob("*.json"))]


def save(job: dict) -> None:
    path = ROOT / f"{job['id']}.json"
    path.with_suffix(".part").write_text(json.dumps(job))
    path.with_suffix(".part").rename(path)


def alive(job: dict) -> bool:
    try:
        text = Path(f"/proc/{job['pid']}/stat").read_text()
    except OSError:
        return job["pid"] == 0
    return text.rpartition(")")[2].split()[0] != "Z"


def qsub(args: list[str]) -> None:
    value = {flag: args[i + 1] for i, flag in enumerate(args[:-1]) if flag.startswith("-")}
    if value.get("-q") == "nope":
        sys.exit('Unable to run job: Job was rejected because job requests unknown queue "nope".')
    number = 1
    while True:
        try:
            (ROOT / f"{number}.taken").touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    job = {"id": number, "name": value["-N"], "queue": value.get("-q", "all.q"), "pid": 0}
    job |= {"state": "qw"}
    script = sys.stdin.read()
    if job["queue"] != "closed":
        with open(value["-o"], "ab") as log:  # noqa: PTH123
            child = subprocess.Popen(
                ["/bin/sh", "-c", script],
                cwd=value["-wd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.returncode = 0
        job |= {"pid": child.pid, "state": "r"}
    save(job)
    print(number)


def qstat(args: list[str]) -> None:
    rows = [job for job in jobs() if alive(job)]
    body = "".join(
        _JOB.format(
            id=job["id"],
            short=escape(job["name"][:10]),
            name=escape(job["name"]),
            state=job["state"],
            kind="pending" if job["state"] == "qw" else "running",
            queue=f"{job['queue']}@here",
            at=time.strftime("%Y-%m-%dT%H:%M:%S"),
        )
        for job in rows
    )
    print(f"<?xml version='1.0'?><job_info><queue_info>{body}</queue_info></job_info>")


def find(number: str) -> dict:
    job = next((job for job in jobs() if str(job["id"]) == number and alive(job)), None)
    if job is None:
        sys.exit(f'denied: job "{number}" does not exist')
    return job


def qdel(args: list[str]) -> None:
    for number in args:
        job = find(number)
        if job["pid"]:
            os.kill(job["pid"], signal.SIGUSR2)
        else:
            (ROOT / f"{number}.json").unlink()


def qmod(args: list[str]) -> None:
    job = find(args[1])
    if args[0] == "-sj":
        os.kill(job["pid"], signal.SIGUSR1)
        job["state"] = "s"
    else:
        os.kill(job["pid"], signal.SIGCONT)
        job["state"] = "r"
    save(job)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2:])
