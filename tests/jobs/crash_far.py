"""Program of the crash matrix of a cluster: submits once, and lives until all is done.

Run as ``python -m tests.jobs.crash_far ROOT SETTINGS`` with the settings as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.jobs.kit import Bench, bash, file, out
from tests.support.waiting import wait_until


def main(root: str, settings: str) -> None:
    bench = Bench(Path(root), **json.loads(settings))
    bench.start()
    count, go = Path(root) / "count", Path(root) / "go"
    if not bench.sql("SELECT 1 FROM batch"):
        bench.study("S-1#V1", "x.txt")
        code = f"echo $NORA_ATTEMPT >> {count}; while [ ! -e {go} ]; do sleep 0.05; done"
        first = bash(f"{code}; cp $f1 $o1", file("x.txt"), out("y.txt TAG(t)"))
        second = bash(f"echo $NORA_ATTEMPT >> {count}; cp $f1 $o1", file("y.txt"), out("z.txt"))
        carried = "announce" in os.environ.get("NORA_CRASH_AT", "")
        bench.submit(first, second, queue="far", group="subject" if carried else "none")
    ((first_key,), *_) = bench.sql("SELECT key FROM job ORDER BY id")
    wait_until(lambda: bench.row(first_key).letter != "q", "the first job was seen to run")
    go.touch()
    bench.wait([key for (key,) in bench.sql("SELECT key FROM job ORDER BY id")])
    bench.check()
    bench.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
