# ruff: noqa: T201
"""Install the Debian packages that the tests need, as root only, and start none of their daemons.

Run as ``python -m tests.support.debian``. An ordinary user is told what is missing, no more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.needs import FILES, PACKAGES, find

__all__ = ["main", "missing_packages", "no_daemons"]

POLICY = Path("/usr/sbin/policy-rc.d")


def missing_packages() -> list[str]:
    """Names of the packages whose programs are not on this machine."""
    missing = {package for program, package in PACKAGES.items() if find(program) is None}
    if "gcc" in missing:
        missing.add("libc6-dev")
    missing |= {package for path, package in FILES.items() if not path.exists()}
    return sorted(missing)


@contextmanager
def no_daemons(policy: Path = POLICY) -> Iterator[None]:
    """Forbid packages to start services while they are installed; an existing policy is kept."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def install(packages: list[str]) -> None:
    """Install packages through apt-get, quietly."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["-o", "Dpkg::Use-Pty=0", "-qq"]
    subprocess.run(["apt-get", *quiet, "update"], env=env, check=True)
    command = ["apt-get", *quiet, "install", "-y", "--no-install-recommends", *packages]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Install or name what is missing; 1 when CI lacks something."""
    packages = missing_packages()
    if not packages:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"== Debian packages: {' '.join(packages)}", flush=True)
        with no_daemons():
            install(packages)
        packages = missing_packages()
    if packages:
        print(f"missing Debian packages: {' '.join(packages)}", file=sys.stderr)
        print("hint: the tests that need them are skipped", file=sys.stderr)
    return int(bool(packages) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
