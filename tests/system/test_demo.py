"""`nora demo` carries out the main path, and does it only once."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.cli.transport import service_answers, service_ready
from appliance.core import DataFolder
from tests.support.bids import errors_of
from tests.support.service import REPOSITORY, Service, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data folder."""
    return tmp_path_factory.mktemp("demo") / "data"


def command(data: Path, *more: str) -> list[str]:
    """Command line of the demo on free ports."""
    ports = ["--port", str(free_port()), "--dicom-port", str(free_port())]
    return [sys.executable, "-m", "appliance.cli", "demo", "--data", str(data), *ports, *more]


def test_the_headless_demo_checks_the_main_path(data: Path) -> None:
    done = subprocess.run(
        command(data, "--headless"),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert len(lines) >= 11
    assert "FAILED" not in done.stdout
    assert "DEMO^" not in done.stdout + (data / "logs" / "demo.log").read_text("utf-8")


def test_on_a_terminal_it_stays_up_until_ctrl_c_and_imports_nothing_again(data: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(data),
        cwd=REPOSITORY,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_terminal,  # noqa: PLW1509 - the child is single-threaded here
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    seen = bytearray()

    def printed(pattern: str) -> bool:
        with contextlib.suppress(BlockingIOError, OSError):
            seen.extend(os.read(ours, 65536))
        return re.search(pattern, seen.decode("utf-8", "replace")) is not None

    wait_until(lambda: printed("until Ctrl"), "the demo is up", within_s=120, show=seen.decode)
    assert re.search(r"http://127\.0\.0\.1:\d+/login#\S+", seen.decode())
    assert "dropped into" not in seen.decode()
    assert process.poll() is None
    os.write(ours, b"\x03")
    wait_until(lambda: printed("stopping"), "it stops", show=seen.decode)
    assert process.wait(60) == 0
    os.close(ours)


def _own_terminal() -> None:
    """Make the pseudo-terminal the controlling one, so that Ctrl+C is a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_ended_or_whose_terminal_is_closed_leaves_no_service(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = subprocess.Popen(
        command(tmp_path, "tomography"),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    folder = DataFolder(tmp_path)
    wait_until(lambda: service_ready(folder), "its service answers", within_s=120)
    demo.send_signal(number)
    _, told = demo.communicate(timeout=120)
    assert demo.returncode == 130, told
    assert told == b"interrupted\n"
    assert not service_answers(folder)


def test_a_taken_port_is_a_clear_error(data: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = command(data, "--headless", "--port", str(taken.getsockname()[1]))
        done = subprocess.run(
            arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode != 0
    assert done.stderr.startswith("error:")
    assert "in use" in done.stderr or "taken" in done.stderr


def test_on_a_running_service_it_asks_where_the_listener_is(
    start_service: Callable[..., Service],
) -> None:
    service = start_service("running")
    done = service.nora("demo", "--data", str(service.root), "--headless", within_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a service already runs" in done.stdout
    assert service.ready()
    check_bids(service, service.root.parent / "dataset")


def check_bids(service: Service, target: Path) -> None:
    """E-08: what the demo made leaves as a dataset that the official validator takes."""
    done = service.nora("bids", "-p", "default", "--to", str(target), "--data", str(service.root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 studies" not in done.stdout
    names = {path.name for path in target.rglob("*") if path.is_file()}
    assert {"sub-S0001_T1w.nii", "sub-S0001_T2w.nii", "participants.json"} <= names
    assert not [name for name in names if "mask" in name or "labels" in name]
    assert {"bval", "bvec", "json"} <= {n.rpartition(".")[2] for n in names if "_dwi" in n} or not (
        any("_dwi" in name for name in names)
    )
    assert errors_of(target) == []
