"""Fixtures of the exchange tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exchange.kit import Kit


@pytest.fixture
def make_kit(tmp_path: Path):
    """Build appliances on data folders below `tmp_path`; all are closed at the end."""
    made: list[Kit] = []

    def make(name: str = "data", **more) -> Kit:
        made.append(Kit(tmp_path / name, **more))  # an absolute name stands for itself
        return made[-1]

    yield make
    for kit in made:
        kit.close()


@pytest.fixture
def kit(make_kit) -> Kit:
    return make_kit()
