"""A disk on which one write fails, at any place: what was acknowledged stays, the rest says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.needs import needs

SOURCE = Path(__file__).parents[1] / "support" / "failfs.c"
N_CASES = 8


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    base = tmp_path_factory.mktemp("failing")
    library = base / "failfs.so"
    (base / "root").mkdir()
    command = [needs("gcc"), "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True)
    env = {**os.environ, "LD_PRELOAD": str(library), "FAIL_ROOT": str(base / "root")}
    child = [sys.executable, "-m", "tests.exchange.failing_child"]
    done = subprocess.run(
        [*child, str(base), str(library), str(N_CASES)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_without_a_fault_everything_comes_in(cases):
    whole = cases[0]
    assert (whole["failed"], whole["lost"]) == ([], 0)
    assert whole["count"] > 100
    assert [state for state, *_ in whole["receipts"]] == ["done", "partial"]


def test_no_write_that_fails_loses_a_file(cases):
    assert len(cases) == N_CASES + 1
    assert [case for case in cases if case.get("died") or case["lost"]] == []


def test_whatever_did_not_come_in_says_why(cases):
    silent = [
        receipt
        for case in cases
        for receipt in case["receipts"]
        if receipt[0] in ("failed", "partial") and not receipt[3]
    ]
    assert silent == []


def test_an_acknowledged_upload_is_an_arrival_and_a_begun_one_keeps_its_bytes(cases):
    for case in cases[1:]:
        if case.get("uploaded"):
            assert case["receipts"][0][0] in ("done", "partial", "failed"), case
        elif case.get("acknowledged"):
            state = case["receipts"][0][0]
            assert state == "done" or case["part"], case
