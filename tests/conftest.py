"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.service import REPOSITORY, Service

StartService = Callable[..., Service]

# Machine code is compiled once for all tests and the processes that they start, not for each data
# folder. Set before a test imports a kernel.
os.environ["NUMBA_CACHE_DIR"] = str(REPOSITORY / ".cache" / "numba")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are no names: gzip puts the time into them, and workers must agree on all names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the costly files with the cheap; in CI, tests of whole processes get one more try.

    What the first try met is printed. A browser or a service on a busy shared machine may miss a
    deadline of the test. Elsewhere a failure is a failure, so that whoever writes a test sees that
    it is not steady.
    """
    items[:] = _mixed(items)
    if os.environ.get("CI") != "true":
        return
    for item in items:
        if (
            _is_whole(item)
            or item.get_closest_marker("browser")
            or item.get_closest_marker("system")
        ):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _is_whole(item: pytest.Item) -> bool:
    """Whether a test may take whole processes and a browser, so that others have to wait for it."""
    return item.path.parent.name in ("web", "system")


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """Order by files: some cheap ones after each costly one, and cheap ones only at the end.

    Workers get whole files in this order. So they seldom run browsers at the same time, and no
    worker is left alone with a long file. Within a file the order stays.
    """
    by_file = [list(own) for _, own in groupby(items, key=lambda item: item.path)]
    costly = [own for own in by_file if _is_whole(own[0])]
    cheap = [own for own in by_file if not _is_whole(own[0])]
    share = len(cheap) * 3 // (4 * max(1, len(costly)))
    mixed = []
    for i, own in enumerate(costly):
        mixed += [own, *cheap[i * share : (i + 1) * share]]
    mixed += cheap[len(costly) * share :]
    return [item for own in mixed for item in own]


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Start services on data folders below `tmp_path`; all are stopped at the end."""
    started: list[Service] = []

    def start(name: str = "data", env: Mapping[str, str] | None = None, **more: object) -> Service:
        service = Service(tmp_path / name, env)
        started.append(service)
        return service.start(**more)  # type: ignore[arg-type]

    yield start
    for service in started:
        service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module that leave it usable for the next one."""
    running = Service(tmp_path_factory.mktemp("service") / "data")
    try:
        yield running.start()
    finally:
        running.stop()
