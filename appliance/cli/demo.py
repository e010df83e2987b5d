"""The verb `demo`: a service on demo data, filled through the real doors, with a batch run."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from appliance.cli.transport import service_answers, service_ready
from appliance.core import DataFolder, UpkeepError, load_settings

if TYPE_CHECKING:
    from appliance.cli.demo_steps import Check, Say
    from appliance.client import Client

__all__ = ["demo"]

_DEFAULT_DATA = Path("demo-data")
_START_WITHIN_S = 120.0
_STOP_WITHIN_S = 30.0
_QUICK = {
    "NORA__WATCH__SETTLE_S": "1",
    "NORA__WATCH__RESCAN_S": "2",
    "NORA__DICOM__QUIET_S": "1",
}


class Run(Protocol):
    """What a demo does with a running service."""

    client: Client
    folder: DataFolder

    def carry_out(self, say: Say) -> None:
        """Do everything that has not been done yet, and say what."""

    def checks(self) -> list[Check]:
        """Look at everything that the demo promises."""
        ...

    def summary(self) -> str:
        """What was made and where to click, for a person."""
        ...


def demo(options: argparse.Namespace) -> int:
    """Run the appliance on demo data; with ``--headless`` check the main path and end."""
    from appliance.cli.serving import overrides_of
    from appliance.client import Client

    data = (options.data or _DEFAULT_DATA).absolute()
    overrides = overrides_of(options)
    for number in (signal.SIGTERM, signal.SIGHUP):  # of a closed terminal: the service ends, too
        signal.signal(number, signal.default_int_handler)
    settings = load_settings(data, config=options.config, overrides=overrides)
    folder = DataFolder(settings.data_path)
    with _service(folder, options), Client(socket=folder.socket_path) as client:
        run = _run_of(options, client, folder)
        if options.headless:
            return _check(run)
        run.carry_out(_say)
        return _stay(run, open_browser=options.open)


def _run_of(options: argparse.Namespace, client: Client, folder: DataFolder) -> Run:
    from appliance.cli.demo_steps import DemoRun
    from appliance.cli.demo_tomography import TomographyRun

    if options.what == "tomography":
        return TomographyRun(client, folder)
    return DemoRun(client, folder, options.packages)


@contextmanager
def _service(folder: DataFolder, options: argparse.Namespace) -> Iterator[None]:
    """The running service on the data folder; a child of ours is stopped at the end."""
    if service_answers(folder):
        _say(f"a service already runs on {folder.root}")
        yield
        return
    folder.prepare()
    _say(f"starting the service on {folder.root}")
    log_path = folder.logs / "demo.log"
    with log_path.open("wb") as log:
        child = subprocess.Popen(
            _serve_command(folder, options),
            env={**_QUICK, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(folder, child, log_path)
        yield
    finally:
        _stop(child)


def _serve_command(folder: DataFolder, options: argparse.Namespace) -> list[str]:
    """Command line of the child."""
    command = [sys.executable, "-m", "appliance.cli", "serve", "--data", str(folder.root)]
    for flag, value in (
        ("--config", options.config),
        ("--port", options.port),
        ("--dicom-port", options.dicom_port),
    ):
        command += [flag, str(value)] if value is not None else []
    return command


def _wait_for(folder: DataFolder, child: subprocess.Popen[bytes], log_path: Path) -> None:
    """Wait until the service answers; when it ends instead, say why."""
    end = time.monotonic() + _START_WITHIN_S
    while not service_ready(folder):
        if child.poll() is not None:
            raise _not_started(log_path.read_text("utf-8", "replace"))
        if time.monotonic() > end:
            raise UpkeepError(f"the service did not answer in time, see {log_path}")
        time.sleep(0.1)


def _not_started(log: str) -> UpkeepError:
    """The child's own words, when it could not start."""
    told = dict(
        line.split(": ", 1) for line in log.splitlines() if line.startswith(("error: ", "hint: "))
    )
    message = told.get("error") or (log.strip().splitlines() or ["it said nothing"])[-1]
    hint = told.get("hint", "")
    return UpkeepError(f"the service did not start: {message}", hint=hint)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, and see to it."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _check(run: Run) -> int:
    """Carry the demo out and print every check; 0 when all are well."""
    run.carry_out(_say)
    checks = run.checks()
    for check in checks:
        print(f"{'ok    ' if check.ok else 'FAILED'} {check.text}", flush=True)
    failed = sum(not check.ok for check in checks)
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    return int(failed > 0)


def _stay(run: Run, *, open_browser: bool) -> int:
    """Print the summary and, on a terminal, the link; then stay up until Ctrl+C."""
    checks = run.checks()
    print(run.summary(), flush=True)
    if _is_terminal(sys.stdin) and _is_terminal(sys.stdout):
        link = run.client.login_link()
        print(f"\nLog in once with this link:\n\n    {link}\n\nThe demo stays up until Ctrl+C.")
        if open_browser:
            import webbrowser

            webbrowser.open(link)
        _until_interrupted()
    else:
        print(f"\nThis is no terminal: the demo ends. nora serve --data {run.folder.root}")
    return int(not all(check.ok for check in checks))


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nstopping", flush=True)


def _say(text: str) -> None:
    print(f"== {text}", flush=True)
