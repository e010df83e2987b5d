"""Find programs that tests need; a missing one skips the test loudly, and fails it in CI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

__all__ = ["PACKAGES", "find", "needs"]

PACKAGES = {
    "storescu": "dcmtk",
    "dcmsend": "dcmtk",
    "echoscu": "dcmtk",
    "dcmqrscp": "dcmtk",
    "movescu": "dcmtk",
    "Orthanc": "orthanc",
    "chromium": "chromium",
    "gcc": "gcc",
    "bwrap": "bubblewrap",
    "systemd-analyze": "systemd",
    "zsh": "zsh",
    "sbatch": "slurm-wlm",
    "squeue": "slurm-wlm",
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "munged": "munge",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "dwi2tensor": "mrtrix3",
    "dwidenoise": "mrtrix3",
    "mrdegibbs": "mrtrix3",
    "tensor2metric": "mrtrix3",
    "octave-cli": "octave",
    "openssl": "openssl",
    "curl": "curl",
    "dciodvfy": "dicom3tools",
}


def find(program: str) -> str | None:
    """Path of a program of the machine; the virtual environment's namesakes are left aside."""
    own = {Path(sys.prefix).resolve() / "bin", Path(sys.executable).parent.absolute()}
    places = [p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) not in own]
    return shutil.which(program, path=os.pathsep.join([*places, "/usr/bin", "/usr/sbin"]))


def needs(program: str) -> str:
    """Path of a program; skips the test when it is missing, or fails it when CI=true."""
    found = find(program)
    if found is not None:
        return found
    package = PACKAGES.get(program, program)
    message = f"{program} is not on this machine: install Debian's package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
