"""Program of the crash test of large batches: submits one piece by piece, and dies at a commit.

``python -m tests.jobs.crash_many ROOT before|after NUMBER``, of the commits of the submission.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.jobs.crash_once import die_at
from tests.jobs.kit import Bench, bash

JOBS, STUDIES = 400, 3  # two pieces, and the commit that accepts them


def main(root: str, when: str, number: str) -> None:
    bench = Bench(Path(root))
    targets = [f"S-{n}#V1" for n in range(STUDIES)]
    for psid in targets:
        bench.study(psid)
    die_at(bench, when, int(number))
    bench.submit(*[bash("true")] * JOBS, targets=targets, mode="parallel")
    bench.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
