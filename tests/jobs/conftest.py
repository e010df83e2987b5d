"""Fixtures of the jobs room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.kit import Bench, MakeBench


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """Make benches; those not closed by the test are closed at its end."""
    made: list[Bench] = []

    def make(name: str = "data", *, start: bool = True, **overrides: Any) -> Bench:
        bench = Bench(tmp_path / name, **overrides)
        made.append(bench)
        if start:
            bench.start()
        return bench

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    """A running bench with one study."""
    found = make_bench()
    found.study("S-1#V1", "t1/s001.nii", "t1/s002.nii.gz", "notes.txt")
    return found
