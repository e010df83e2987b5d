"""Tools that need no other room: our own programs, and descriptors of suites."""

from __future__ import annotations

import json
from pathlib import Path

from appliance.jobs.boutiques import tool_of
from appliance.jobs.structs import Argument, Resources, Tool

__all__ = ["SUITES", "basic_tools", "suite_tools"]

SUITES = Path(__file__).with_name("descriptors")
"""Folder of the descriptors of FSL, FreeSurfer, SPM, ANTs and MRtrix."""


def basic_tools() -> list[Tool]:
    """Give the descriptors of this room's own tools."""
    return [_checksums()]


def suite_tools() -> list[Tool]:
    """Give the tools of other people's suites, whether or not they are installed here."""
    return [tool_of(json.loads(path.read_bytes())) for path in sorted(SUITES.glob("*.json"))]


def _checksums() -> Tool:
    return Tool(
        id="files.checksums",
        menu="Processing/Files/Checksum manifest",
        name="Checksum manifest",
        description="Writes the SHA-256 of files as JSON, to prove later that they are unchanged.",
        command=("{python}", "-m", "appliance.jobs.checksums", "{output}", "{files}"),
        args=(
            Argument(
                id="files",
                kind="FILE",
                label="Files",
                value="*",
                multiple=True,
                help="Pattern of the files; all of the study by default.",
            ),
            Argument(
                id="output",
                kind="OUT",
                label="Manifest",
                value="META/checksums.json TAG(checksums)",
                flag="--output",
            ),
        ),
        resources=Resources(cpus=1, memory_mb=256),
    )
