"""A browser driver may hold a loop in the thread of the tests: coroutines run beside it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OWN_LOOP = re.compile(r"\basyncio\.run\(")


def test_tests_run_coroutines_on_a_loop_of_their_own():
    found = [
        path.relative_to(TESTS).as_posix()
        for path in sorted(TESTS.rglob("test_*.py"))
        if path != Path(__file__) and OWN_LOOP.search(path.read_text(encoding="utf-8"))
    ]
    assert not found, "use tests.support.loops.run_alone"
