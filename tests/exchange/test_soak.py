"""Killed again and again while series come, and come again, through every door: nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.exchange.soak_child import digest, drop_again


def _soak(make_kit, tmp_path, rounds: int, seed: int) -> None:
    command = [sys.executable, "-m", "tests.exchange.soak_child", str(tmp_path)]
    done = subprocess.run(
        [*command, str(rounds), str(seed)], capture_output=True, text=True, check=False, timeout=800
    )
    ends = done.stdout.splitlines()
    assert len(ends) == rounds, done.stderr
    assert "killed" in ends
    assert set(ends) <= {"killed", "lived 0"}, done.stderr
    kit = make_kit(tmp_path / "data")
    kit.importer.start()
    kit.importer.stop()
    drop_again(kit, tmp_path)
    places = (kit.folder.originals, kit.folder.quarantine)
    kept = [p for place in places for p in place.rglob("*") if p.is_file()]
    acknowledged = set((tmp_path / "acknowledged").read_text().split())
    assert acknowledged <= {digest(path.read_bytes()) for path in kept}
    originals = Counter(digest(path.read_bytes()) for path in kit.originals())
    assert [name for name, count in originals.items() if count > 1] == []
    with kit.catalog.read() as con:
        keys = [row[0] for row in con.execute("SELECT key FROM receipts")]
        left = con.execute("SELECT count(*) FROM receipt_items WHERE from_place IS NOT NULL")
        assert left.fetchone()[0] == 0
    receipts = [kit.importer.receipt(key) for key in keys]
    open_ones = [one for one in receipts if one.state not in {"done", "partial", "failed"}]
    assert all(one.kind == "upload" and one.state == "receiving" for one in open_ones)
    assert not [one for one in receipts if one.state == "failed" and "cut off" not in one.reason]


def test_a_short_soak_of_all_doors_loses_nothing(make_kit, tmp_path) -> None:
    _soak(make_kit, tmp_path, 8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_longer_soak_of_all_doors_loses_nothing(make_kit, tmp_path) -> None:
    _soak(make_kit, tmp_path, 12, seed=2)
