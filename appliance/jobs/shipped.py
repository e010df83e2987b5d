"""Tools that need no other room: descriptors of the programs this room ships itself."""

from __future__ import annotations

from appliance.jobs.structs import Argument, Resources, Tool

__all__ = ["basic_tools"]


def basic_tools() -> list[Tool]:
    """Give the descriptors of this room's own tools."""
    return [_checksums()]


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
