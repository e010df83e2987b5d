# ruff: noqa: N802 - NORA's names
"""NORA's functions under their old names, for scripts that were written for it.

``from appliance.client import dpx`` and then ``dpx.selectFiles("* t1*")``. They speak to the
service that the surroundings name, about the project that ``NORA_PROJECT`` or ``DPXproject``
names unless one is given. New programs use `Client`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.client.client import connect
from appliance.core import Invalid, NotFound

__all__ = [
    "SQL_query",
    "addFiles",
    "getMeta",
    "getOutputLocation",
    "loadAnnotation",
    "nora",
    "selectFiles",
]


def selectFiles(pattern: str, project: str = "") -> list[str]:
    """Give the absolute paths of the files that ``STUDIES PATTERN`` means."""
    with connect() as client:
        return [file.absolute_path for file in client.select(_project(project), pattern)]


def getMeta(pattern: str, project: str = "") -> list[dict[str, Any]]:
    """Give the content of the JSON files that a pattern means, with ``psid`` and ``path``."""
    with connect() as client:
        found = client.select(_project(project), pattern, json=True)
    return [
        {"psid": file.psid, "path": file.path, "content": file.doc}
        for file in found
        if file.doc is not None
    ]


def loadAnnotation(pattern: str, project: str = "") -> Any:
    """Give the content of the one JSON file that a pattern means.

    Raises
    ------
    NotFound
        If it means none.
    Invalid
        If it means several.
    """
    found = getMeta(pattern, project)
    if not found:
        raise NotFound(f"no JSON file matches {pattern!r}")
    if len(found) > 1:
        raise Invalid(f"{len(found)} files match {pattern!r}", hint="Name one study: PID#SID FILE.")
    return found[0]["content"]


def getOutputLocation(pattern: str, project: str = "") -> str:
    """Tell where a file ``PID#SID PATH`` belongs; in a job ``PATH`` alone is of its study.

    Raises
    ------
    Invalid
        If the study is missing, or several are meant.
    """
    study, blank, path = pattern.strip().partition(" ")
    if not blank:
        study, path = _own_study(), study
    with connect() as client:
        found = client.outputs(_project(project), study, path.strip())
    if len(found) > 1:
        raise Invalid(f"{study!r} means {len(found)} studies", hint="Name one: PID#SID.")
    return found[0].absolute_path


def addFiles(paths: str | Path | Sequence[str | Path], tag: str = "", project: str = "") -> int:
    """Put files below the project's folder into the catalog; `tag` is a list with commas."""
    some = [paths] if isinstance(paths, str | Path) else list(paths)
    tags = [name.strip() for name in tag.split(",") if name.strip()]
    with connect() as client:
        done = client.add_files(
            _project(project), [str(Path(p).absolute()) for p in some], tags=tags
        )
    return done.n


def SQL_query(statement: str) -> list[dict[str, Any]]:
    """Run one SELECT on the catalog, and give each row as a dictionary."""
    with connect() as client:
        return client.query(statement).records()


def nora(*words: str) -> str:
    """Run the command line, and give what it printed.

    Raises
    ------
    Invalid
        If it ends with an error.
    """
    command = [sys.executable, "-m", "appliance.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        text = done.stderr.strip() or f"nora ended with {done.returncode}"
        raise Invalid(text.removeprefix("error: "), code=done.returncode)
    return done.stdout


def _project(named: str) -> str:
    found = named or os.environ.get("NORA_PROJECT") or os.environ.get("DPXproject")  # noqa: SIM112
    if not found:
        raise Invalid("which project?", hint="Give it, or set NORA_PROJECT.")
    return found


def _own_study() -> str:
    pid, sid = os.environ.get("NORA_SUBJECT"), os.environ.get("NORA_STUDY")
    found = f"{pid}#{sid}" if pid and sid else os.environ.get("DPXpsid", "")  # noqa: SIM112
    if not found:
        raise Invalid("of which study?", hint="Write PID#SID before the file's name.")
    return found
