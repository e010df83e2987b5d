"""The predefined jobs of this room."""

from __future__ import annotations

from appliance.jobs import Argument, Resources, Tool

__all__ = ["EXCHANGE_TOOLS"]

EXCHANGE_TOOLS: tuple[Tool, ...] = (
    Tool(
        id="exchange.convert_again",
        menu="Processing/Files/Convert DICOM again",
        name="Convert DICOM again",
        description="Makes the images of a study anew from its kept originals.",
        command=("{python}", "-m", "appliance.exchange.convert_study", "{series}"),
        args=(
            Argument(
                id="series",
                kind="STRING",
                label="Series",
                value="",
                optional=True,
                help="Folder of the series; * and _ are wildcards. All by default.",
            ),
        ),
        resources=Resources(cpus=1, memory_mb=256),
    ),
)
