"""The part of the client that brings predefined jobs as descriptors, and takes them away."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

from appliance.client.base import Base, Items

__all__ = ["ToolCalls"]


class ToolCalls(Base):
    """Descriptors of predefined jobs; `tools` lists the jobs themselves."""

    def descriptors(self) -> list[dict[str, Any]]:
        """List the descriptors that people brought, and what is wrong with them; for admins."""
        return self._get("/tools/descriptors", Items[dict[str, Any]]).items

    def add_tool(self, descriptor: str | Path) -> dict[str, Any]:
        """Bring the file of a Boutiques 0.5 descriptor; for administrators.

        Raises
        ------
        ApplianceError
            If it is none; the message says where.
        """
        path = Path(descriptor)
        return self._transport.send_file("/tools/descriptors", path, dict[str, Any], {})

    def convert_again(self, project: str, study: str, series: str = "") -> int:
        """Convert series of a study (``PID#SID``) again from their kept originals.

        Parameters
        ----------
        series : str
            Folder of the series, with ``*`` and ``_``; all by default.

        Returns
        -------
        int
            How many will be converted.
        """
        [named] = self._post(
            f"/projects/{quote(project, safe='')}/names", Items[dict[str, Any]], {"names": [study]}
        ).items
        path = f"/studies/{named['id']}/conversions"
        return int(self._post(path, dict[str, Any], {"series": series})["n_series"])

    def tool_descriptor(self, tool: str) -> bytes:
        """Give a descriptor that was brought, as it was brought."""
        out = io.BytesIO()
        self._transport.fetch(_of(tool), out)
        return out.getvalue()

    def remove_tool(self, tool: str) -> None:
        """Take a tool that was brought off the menu."""
        self._transport.ask("DELETE", _of(tool), type(None))


def _of(tool: str) -> str:
    return f"/tools/descriptors/{quote(tool, safe='')}"
