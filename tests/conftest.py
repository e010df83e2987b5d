"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.service import Service

StartService = Callable[..., Service]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are no names: gzip puts the time into them, and workers must agree on all names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI, tests of whole processes get one more try; what the first one met is printed.

    A browser or a service on a busy shared machine may miss a deadline of the test. Elsewhere a
    failure is a failure, so that whoever writes a test sees that it is not steady.
    """
    if os.environ.get("CI") != "true":
        return
    for item in items:
        whole = item.path.parent.name in ("web", "system")
        if whole or item.get_closest_marker("browser") or item.get_closest_marker("system"):
            item.add_marker(pytest.mark.flaky(reruns=1))


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
