"""Find programs that tests need; a missing one skips the test loudly, and fails it in CI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["FILES", "PACKAGES", "find", "needs", "needs_file"]

PACKAGES = {
    "storescu": "dcmtk",
    "dcmsend": "dcmtk",
    "echoscu": "dcmtk",
    "dcmcjpeg": "dcmtk",
    "dcmqrscp": "dcmtk",
    "movescu": "dcmtk",
    "findscu": "dcmtk",
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
    "wget": "wget",
    "dciodvfy": "dicom3tools",
}


FILES = {
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"): "fonts-dejavu-core",
    Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"): "orthanc-dicomweb",
}


def find(program: str) -> str | None:
    """Path of a program of the machine; the virtual environment's namesakes are left aside."""
    own = {Path(sys.prefix).resolve() / "bin", Path(sys.executable).parent.absolute()}
    places = [p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) not in own]
    return shutil.which(program, path=os.pathsep.join([*places, "/usr/bin", "/usr/sbin"]))


def needs_file(path: Path) -> None:
    """Ask likewise for a file of a package that is no program."""
    if not path.exists():
        _lack(path.name, FILES[path])


def needs(program: str) -> str:
    """Path of a program; skips the test when it is missing, or fails it when CI=true."""
    found = find(program)
    return found if found is not None else _lack(program, PACKAGES.get(program, program))


def _lack(program: str, package: str) -> NoReturn:
    message = f"{program} is not on this machine: install Debian's package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
