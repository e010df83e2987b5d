"""Run the real service as a process on a data folder of its own."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from appliance.client import Client
from appliance.core import DataFolder
from tests.support.waiting import wait_until

__all__ = ["PLAIN", "REPOSITORY", "Service", "free_port"]

REPOSITORY = Path(__file__).resolve().parents[2]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For calls without TLS: to load whose certificates count takes longer than the call."""
NORA = "from appliance.cli import main; raise SystemExit(main())"
QUICK = {
    "NORA__WATCH__SETTLE_S": "0.4",
    "NORA__WATCH__RESCAN_S": "0.5",
    "NORA__DICOM__QUIET_S": "0.5",
    "NORA__BACKUP__ENABLED": "false",
    "NORA__DATA__MIN_FREE_BYTES": str(64 << 20),
}


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now.

    It lies below the range from which the kernel takes ports for outgoing connections, so that
    no other test's connection can take it meanwhile.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


class Service:
    """One `nora serve` on `root`; start, kill and start again as often as a test likes.

    `prefix` is a command that the service is started through.
    """

    def __init__(
        self, root: Path, env: Mapping[str, str] | None = None, *, prefix: Sequence[str] = ()
    ) -> None:
        self.prefix = prefix
        self.folder = DataFolder(root)
        self.root = self.folder.root
        self.web_port, self.dicom_port, self.notebook_port = free_port(), free_port(), free_port()
        self.log_path = root.parent / f"{root.name}.log"
        ports = {"NORA__NOTEBOOKS__PORT": str(self.notebook_port)}
        self.env = {**os.environ, **QUICK, **ports, **(env or {})}
        self.env.pop("NORA_CONFIG", None)
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.folder.socket_path), verify=PLAIN),
            base_url="http://localhost/api/v1",
            timeout=30,
        )

    # -- process -----------------------------------------------------------
    def start(self, *, extra_env: Mapping[str, str] | None = None, within_s: float = 90) -> Service:
        """Start the process and wait for its first answer."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-c", NORA, *self.arguments()],
                cwd=REPOSITORY,
                env={**self.env, **(extra_env or {}), "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self.ready, "the service answers", within_s=within_s, show=self.log)
        return self

    def arguments(self) -> list[str]:
        """Command line after `nora`."""
        ports = ["--port", str(self.web_port), "--dicom-port", str(self.dicom_port)]
        return ["serve", "--data", str(self.root), *ports]

    def ready(self) -> bool:
        """Whether the service answers; fails when it has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the service ended with {self.process.returncode}\n{self.log()}")
        try:
            answer = httpx.get(f"{self.url}/api/v1/healthz", timeout=5, verify=PLAIN)
            return answer.status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL, as a crash or a power button would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.http.close()
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def log(self) -> str:
        """End of what the service has printed."""
        return self.log_path.read_text("utf-8", "replace")[-6000:] if self.log_path.exists() else ""

    def nora(self, *arguments: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the command line against this data folder."""
        return subprocess.run(
            [sys.executable, "-c", NORA, *arguments],
            cwd=REPOSITORY,
            env={**self.env, "NORA__DATA__PATH": str(self.root), "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    # -- addresses ----------------------------------------------------------
    @property
    def url(self) -> str:
        """Origin of the web server."""
        return f"http://127.0.0.1:{self.web_port}"

    def printed_link(self) -> str:
        """The login link that the start printed."""
        pattern = rf"http://\S+:{self.web_port}/login#\S+"
        links = wait_until(lambda: re.findall(pattern, self.log()), "a login link", show=self.log)
        return str(links[-1])

    def login_link(self) -> str:
        """A new one-time login link."""
        with Client(socket=self.folder.socket_path) as client:
            return client.login_link()

    # -- API ------------------------------------------------------------------
    def get(self, path: str, **params: Any) -> Any:
        """JSON of a GET."""
        answer = self.http.get(path, params=params)
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        """JSON of a POST."""
        answer = self.http.post(path, json=body)
        assert answer.is_success, f"POST {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a paged list."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.get(path, **params, **({"after": after} if after else {}))
            found += page["items"]
            after = page.get("next")
            if not after:
                return found

    def upload(self, name: str, body: bytes, project: str = "default", **more: str) -> Any:
        """Send a file through the HTTP door; returns its receipt."""
        answer = self.http.post(
            "/uploads", params={"project": project, "filename": name, **more}, content=body
        )
        assert answer.status_code == 202, f"{answer.status_code} {answer.text[:500]}"
        return answer.json()

    def receipts(self, project: str = "default") -> list[dict[str, Any]]:
        """All receipts, newest first."""
        return self.items("/receipts", project=project)

    def receipt(self, key: str) -> dict[str, Any]:
        """One receipt with its items."""
        answer: dict[str, Any] = self.get(f"/receipts/{key}")
        return answer

    def settled(self, n: int = 1, *, within_s: float = 90) -> list[dict[str, Any]]:
        """Wait until there are at least `n` receipts and nothing is being worked on."""
        busy = {"receiving", "pending", "working"}

        def look() -> list[dict[str, Any]] | None:
            found = self.receipts()
            done = len(found) >= n and not any(r["state"] in busy for r in found)
            return found if done else None

        return wait_until(look, f"{n} receipts settled", within_s=within_s, show=self._state)

    def closed(self, key: str, *, within_s: float = 90) -> dict[str, Any]:
        """Wait until one receipt is no longer worked on."""
        busy = {"receiving", "pending", "working"}

        def look() -> dict[str, Any] | None:
            found = self.receipt(key)
            return found if found["state"] not in busy else None

        return wait_until(look, f"receipt {key} closed", within_s=within_s, show=self._state)

    def _state(self) -> str:
        """Receipts and log, for a failed wait."""
        try:
            listed = "\n".join(str(r) for r in self.receipts()[:10])
        except (AssertionError, httpx.HTTPError) as error:
            listed = repr(error)
        return f"{listed}\n{self.log()}"
