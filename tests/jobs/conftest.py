"""Fixtures of the jobs room."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.kit import Bench, MakeBench
from tests.jobs.places import Place, local_place, sge_place, slurm_place
from tests.support.slurm import Slurm, a_slurm


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


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A real Slurm of one node, for all tests."""
    with tempfile.TemporaryDirectory(prefix="nora-slurm-") as root:
        Path(root).chmod(0o755)
        with a_slurm(Path(root)) as found:
            yield found


@pytest.fixture
def own_slurm() -> Iterator[Slurm]:
    """A real Slurm of one node, for a test that harms it."""
    with tempfile.TemporaryDirectory(prefix="nora-slurm-") as root:
        Path(root).chmod(0o755)
        with a_slurm(Path(root)) as found:
            yield found


@pytest.fixture(params=["local", "slurm", "sge"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Every place that jobs run at."""
    if request.param == "slurm":
        return slurm_place(request.getfixturevalue("slurm"))
    return sge_place(tmp_path / "sge") if request.param == "sge" else local_place()
