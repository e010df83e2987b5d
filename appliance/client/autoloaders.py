"""The part of the client that keeps presets of autoloaders and asks what they mean for cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.client.base import Base

__all__ = ["AutoloaderCalls"]

_Json = dict[str, Any]


class AutoloaderCalls(Base):
    """Presets of autoloaders, the files of a case, and ratings of a cohort."""

    def presets(self, project: str) -> list[_Json]:
        """List the presets of a project that one may load: own ones and shared ones."""
        found: list[_Json] = self._get("/presets", _Json, {"project": project})["items"]
        return found

    def keep_preset(
        self, project: str, name: str, preset: _Json, *, share: str = "private"
    ) -> _Json:
        """Keep a preset, ours or NORA's, under a new name.

        Parameters
        ----------
        share : {"private", "read", "standard", "writable"}
            Who sees it: oneself, all, all as one of the project, and editors change it.

        Raises
        ------
        Invalid
            If it is no preset; the message says which entry is wrong.
        Conflict
            If there is one of this name.
        """
        body = {"name": name, "preset": preset, "share": share}
        return self._ask("POST", "/presets", body, project)

    def change_preset(self, key: str, **changes: Any) -> _Json:
        """Change ``name``, ``share`` or ``preset``; with ``rev`` only if nobody did meanwhile."""
        return self._ask("PUT", f"/presets/{key}", changes)

    def forget_preset(self, key: str) -> int:
        """Remove a preset; gives the id of the operation, which can be undone."""
        return int(self._ask("DELETE", f"/presets/{key}")["operation_id"])

    def load_case(
        self, project: str, case: str, entries: Sequence[_Json], *, level: str = "auto"
    ) -> _Json:
        """Give the files that entries mean for a case (``PID`` or ``PID#SID``)."""
        body = {"case": case, "entries": list(entries), "level": level}
        return self._ask("POST", "/autoloader/case", body, project)

    def ratings(self, project: str, cases: Sequence[str], tags: Sequence[str]) -> list[_Json]:
        """Give which of some tags cases carry."""
        body = {"cases": list(cases), "tags": list(tags)}
        found: list[_Json] = self._ask("POST", "/autoloader/ratings", body, project)["items"]
        return found

    def _ask(self, method: str, path: str, body: _Json | None = None, project: str = "") -> _Json:
        params = {"project": project} if project else None
        return self._transport.ask(method, path, _Json, params=params, body=body)
