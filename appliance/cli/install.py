"""Placing the systemd unit and the settings file, for the machine or for one user."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.shipped import shipped
from appliance.core import Refused, StorageError, atomic_write

__all__ = ["Installation", "Placed", "plan"]

UNIT = "nora-appliance.service"
_STATE = "/var/lib/nora"


@dataclass(frozen=True)
class Placed:
    """One file to be placed; one that exists and must stay is only told."""

    path: Path
    text: str
    keep: bool

    def place(self) -> str:
        """Write it, unless it is there and must stay; say what was done."""
        if self.keep and self.path.exists():
            return f"kept    {self.path}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as stream:
            stream.write(self.text.encode())
        return f"placed  {self.path}"


@dataclass(frozen=True)
class Installation:
    """What an installation places, and what a person does next."""

    files: list[Placed]
    next_steps: list[str]

    def place(self) -> list[str]:
        """Place all files.

        Raises
        ------
        StorageError
            If a folder cannot be written.
        """
        try:
            return [file.place() for file in self.files]
        except OSError as error:
            raise StorageError(
                f"cannot write {error.filename}: {error.strerror}",
                hint="For --system use sudo; or install with --user.",
            ) from error


def plan(
    *, system: bool, prefix: Path = Path("/"), account: str = "nora", data: Path | None = None
) -> Installation:
    """Render the unit and the settings file.

    Parameters
    ----------
    system : bool
        For the machine, else for the user who calls.
    prefix : Path
        Folder that takes the place of ``/``, for packagers and tests.
    account : str
        Account that a system service runs as.
    data : Path, optional
        Data folder, written into a new settings file.

    Raises
    ------
    Refused
        If the program runs from a place where a unit could not start it.
    """
    home = Path.home()
    config = Path("/etc/nora/appliance.toml") if system else home / ".config/nora/appliance.toml"
    folder = Path("/etc/systemd/system") if system else home / ".config/systemd/user"
    unit = _render_unit(system=system, config=config, account=account, data=data)
    state = data or (Path(_STATE) if system else None)
    files = [
        Placed(_below(prefix, folder / UNIT), unit, keep=False),
        Placed(_below(prefix, config), _render_settings(state), keep=True),
    ]
    return Installation(files, _next_steps(system=system, account=account))


def _render_unit(*, system: bool, config: Path, account: str, data: Path | None) -> str:
    scope = [f"User={account}", f"Group={account}"] if system else []
    if system and data is None:
        scope += ["StateDirectory=nora", "StateDirectoryMode=0700"]
    values = {
        "@EXEC@": _executable(),
        "@SCOPE@": "\n".join(scope) or "# The service runs as the user who installed it.",
        "@CONFIG@": str(config),
        "@TARGET@": "multi-user.target" if system else "default.target",
    }
    text = shipped(f"systemd/{UNIT}").read_text(encoding="utf-8")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _executable() -> str:
    """Name the `nora` of this environment, in the way a unit writes a command."""
    program = Path(sys.prefix) / "bin" / "nora"
    words = [str(program)] if program.is_file() else [sys.executable, "-m", "appliance.cli"]
    if any(character in word for word in words for character in '"\\%$\n'):
        raise Refused(
            f"{words[0]} cannot be written into a unit", hint="Install under a plainer path."
        )
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _render_settings(data: Path | None) -> str:
    text = shipped("conf/appliance.toml").read_text(encoding="utf-8")
    return text if data is None else text.replace('# path = ""', f"path = {_toml(str(data))}", 1)


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _below(prefix: Path, path: Path) -> Path:
    return prefix / path.relative_to("/")


def _next_steps(*, system: bool, account: str) -> list[str]:
    if not system:
        login = os.environ.get("USER") or "$USER"
        return [
            "systemctl --user daemon-reload",
            "systemctl --user enable --now nora-appliance",
            f"loginctl enable-linger {shlex.quote(login)}   # to run without a login",
            "nora login",
        ]
    return [
        f"id {account} || useradd --system --home-dir {_STATE} --shell /usr/sbin/nologin {account}",
        "systemctl daemon-reload",
        "systemctl enable --now nora-appliance",
        f"sudo -u {account} -H nora login",
    ]
