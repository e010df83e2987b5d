"""The program of a notebook's job: JupyterLab on a Unix socket in the run folder.

It is called as ``python -m appliance.jobs.notebook_server HOME OPEN IDLE_S`` in the work folder of
an attempt. What the proxy needs to reach it lies in ``notebook.json`` beside that folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from appliance.core import atomic_write, install_command

__all__ = ["FACTS", "NOTEBOOK", "SCOPE", "SOCKET", "base_url", "main"]

NOTEBOOK = "notebook.lab"
"""Function of the jobs that are notebooks."""
SCOPE = "reader editor batch download"
"""Rights of its user that a notebook has, where the user has them."""
FACTS, SOCKET = "notebook.json", "notebook.sock"
_MISSING = 127
_KERNEL_START = """\
# Made for this notebook: `nora` speaks to the appliance, as you and in this project.
from appliance.client import Client

nora = Client.from_environment()
"""
_NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


def base_url(key: str) -> str:
    """Give the address of a notebook behind the proxy."""
    return f"/notebooks/{key}/"


def main(arguments: list[str] | None = None) -> int:  # noqa: RET503 - execv never returns
    """Become JupyterLab."""
    home, opened, idle_s = arguments or sys.argv[1:]
    if importlib.util.find_spec("jupyterlab") is None:
        print(  # noqa: T201 - into the log of the job
            f"JupyterLab is not installed. Install it with: {install_command('notebooks')}"
        )
        return _MISSING
    run = Path.cwd().parent
    token = secrets.token_urlsafe(32)
    _write(run / FACTS, {"token": token, "open": opened})
    os.environ |= _environment(run, token)
    program = [sys.executable, "-m", "jupyterlab", *_options(run, home, idle_s)]
    os.execv(program[0], program)  # noqa: S606 - a list, and never a shell


def _environment(run: Path, token: str) -> dict[str, str]:
    """Keep all that Jupyter writes beside the notebooks in the run folder."""
    folders = {
        name: run / name.lower()
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    for folder in folders.values():
        folder.mkdir(exist_ok=True, mode=0o700)
    _write(folders["JUPYTER_CONFIG_DIR"] / "labconfig" / "page_config.json", _NO_NEWS)
    start = folders["IPYTHONDIR"] / "profile_default" / "startup" / "00-nora.py"
    start.parent.mkdir(parents=True, exist_ok=True)
    start.write_text(_KERNEL_START, encoding="utf-8")
    return {
        **{name: str(folder) for name, folder in folders.items()},
        "JUPYTER_TOKEN": token,
        "JUPYTERLAB_SETTINGS_DIR": str(folders["JUPYTER_CONFIG_DIR"] / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folders["JUPYTER_CONFIG_DIR"] / "workspaces"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def _options(run: Path, home: str, idle_s: str) -> list[str]:
    # Names of sockets are short; by its descriptor the folder has a short name everywhere.
    folder = os.open(run, os.O_PATH | os.O_DIRECTORY)
    os.set_inheritable(folder, True)
    options = {
        "ServerApp.sock": f"/proc/self/fd/{folder}/{SOCKET}",
        "ServerApp.sock_mode": "0600",
        "ServerApp.base_url": base_url(os.environ["NORA_JOB"]),
        "ServerApp.root_dir": home,
        "ServerApp.open_browser": "False",
        "ServerApp.allow_root": "True" if os.getuid() == 0 else "False",
        "ServerApp.quit_button": "False",
        "ServerApp.shutdown_no_activity_timeout": idle_s,
        "MappingKernelManager.cull_idle_timeout": idle_s,
        "MappingKernelManager.cull_interval": str(min(60, max(1, int(idle_s) // 4))),
        "LabApp.extension_manager": "readonly",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [f"--{name}={value}" for name, value in options.items()]


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, mode=0o600) as stream:
        stream.write(json.dumps(data).encode())


if __name__ == "__main__":
    raise SystemExit(main())
