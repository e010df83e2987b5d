"""The image tools as programs: ``python -m appliance.viewing.tools.NAME``, run by jobs."""

from __future__ import annotations

from appliance.viewing.tools.running import run_tool

__all__ = ["run_tool"]
