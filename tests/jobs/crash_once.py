"""Program of the crash matrix: an appliance that submits once and lives until it is done."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.jobs.kit import Bench, bash, file, out


def main(root: str) -> None:
    bench = Bench(Path(root))
    bench.start()
    if not bench.sql("SELECT 1 FROM batch"):
        bench.study("S-1#V1", "x.txt")
        count = Path(root) / "count"
        first = bash(
            f"echo $NORA_ATTEMPT >> {count}; cp $f1 $o1", file("x.txt"), out("y.txt TAG(t)")
        )
        second = bash("cp $f1 $o1", file("y.txt"), out("z.txt"))
        bench.submit(first, second)
    keys = [key for (key,) in bench.sql("SELECT key FROM job ORDER BY id")]
    bench.wait(keys)
    bench.check()
    bench.close()


if __name__ == "__main__":
    main(sys.argv[1])
