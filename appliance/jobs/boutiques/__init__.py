"""Boutiques 0.5 descriptors: read and checked, rendered into a command line, shown as tools.

The form is used unchanged; what we add stands under ``custom.nora``. Nothing here runs a program.
"""

from __future__ import annotations

from appliance.jobs.boutiques.making import recipe_of, tool_of
from appliance.jobs.boutiques.reading import MAX_BYTES, read_descriptor
from appliance.jobs.boutiques.rendering import Rendered, render
from appliance.jobs.boutiques.running import (
    CONTAINER_NOTE,
    driver_script,
    files_of,
    has_container,
    invocation,
)
from appliance.jobs.boutiques.wishes import complaints

__all__ = [
    "CONTAINER_NOTE",
    "MAX_BYTES",
    "Rendered",
    "complaints",
    "driver_script",
    "files_of",
    "has_container",
    "invocation",
    "read_descriptor",
    "recipe_of",
    "render",
    "tool_of",
]
