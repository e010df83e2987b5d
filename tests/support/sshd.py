"""An ssh server on loopback that lets one key in, as a submit host elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.needs import needs
from tests.support.service import free_port
from tests.support.waiting import wait_until

__all__ = ["an_sshd"]

_SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {root}/host_key
PidFile none
AuthorizedKeysFile {root}/user_key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
"""
_CLIENT = """\
Host submit
  HostName 127.0.0.1
  Port {port}
  IdentityFile {root}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {root}/known
  StrictHostKeyChecking accept-new
"""


@contextmanager
def an_sshd(root: Path) -> Iterator[Path]:
    """Run a server; give the file for ``ssh -F`` in which it is called ``submit``."""
    server = needs("sshd")
    needs("ssh")
    root.mkdir(mode=0o700)
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)], check=True
        )
    port = free_port()
    (root / "server").write_text(_SERVER.format(root=root, port=port), encoding="utf-8")
    (root / "client").write_text(_CLIENT.format(root=root, port=port), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
    with (root / "log").open("ab") as log:
        process = subprocess.Popen(
            [server, "-D", "-e", "-f", str(root / "server")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(
            lambda: b"Server listening" in (root / "log").read_bytes(),
            "sshd listens",
            every_s=0.02,
            show=(root / "log").read_text,
        )
        yield root / "client"
    finally:
        process.kill()
        process.wait()
