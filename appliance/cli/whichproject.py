"""Which project a call is about: the flag, the environment, or a `.dpx` file on the way up."""

from __future__ import annotations

import json
import os
from pathlib import Path

from appliance.core import Invalid

__all__ = ["find_project"]

_FILE = ".dpx"
_MAX_BYTES = 64 << 10


def find_project(named: str = "") -> str:
    """Give the project of a call.

    Parameters
    ----------
    named : str
        What the call says; then nothing else is looked at.

    Returns
    -------
    str
        From ``NORA_PROJECT``, ``DPXproject``, or the nearest `.dpx` file in the working folder,
        a folder above it, or the home folder. Such a file counts only if it is the caller's or
        root's, because whoever writes it decides which project is changed.

    Raises
    ------
    Invalid
        If nothing names one, or the `.dpx` file cannot be understood.
    """
    found = (
        named
        or os.environ.get("NORA_PROJECT")
        or os.environ.get("DPXproject")  # noqa: SIM112 - NORA's name
        or _from_file()
    )
    if not found:
        raise Invalid(
            "which project?",
            hint="Add -p PROJECT, set NORA_PROJECT, or write its name into a file .dpx.",
        )
    return found


def _from_file() -> str:
    here = Path.cwd()
    for folder in dict.fromkeys([here, *here.parents, Path.home()]):
        path = folder / _FILE
        if _is_ours(path):
            return _read(path)
    return ""


def _is_ours(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_uid in (os.geteuid(), 0)
    except OSError:
        return False


def _read(path: Path) -> str:
    """Read ``{"project": "mri"}``, ``project = mri``, or ``mri``; lines with # are remarks."""
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_MAX_BYTES).strip()
        name = _from_json(text) if text.startswith("{") else _from_lines(text)
    except (OSError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    if not name:
        raise Invalid(f"{path} names no project", hint="Write the project's name into it.")
    return name


def _from_json(text: str) -> str:
    return str(json.loads(text).get("project") or "")


def _from_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        name, mark, value = line.replace(":", "=", 1).partition("=")
        if mark and name.strip().lower() in ("project", "dpxproject"):
            return value.strip().strip("\"'")
    return next((line for line in lines if line and not line.startswith("#")), "")
