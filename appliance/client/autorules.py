"""The part of the client that keeps rules of autoexecution, and runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from appliance.client.base import Base, Items

__all__ = ["AutoRuleCalls", "AutoRuleRow", "AutoVerdict"]


class AutoRuleRow(msgspec.Struct, frozen=True):
    """A rule; its batches run with the rights of `owner`."""

    name: str
    owner: str
    rule: dict[str, Any]
    outdated: bool
    problem: str
    counts: dict[str, int]


class AutoVerdict(msgspec.Struct, frozen=True):
    """What a rule does with a study; `action` is run or skip."""

    psid: str
    action: str
    why: str
    rule: str
    batch_key: str | None


class _Tried(msgspec.Struct, frozen=True):
    rows: list[AutoVerdict]


class AutoRuleCalls(Base):
    """Batches that run by themselves on what arrives."""

    def autorules(self, project: str) -> list[AutoRuleRow]:
        """List the rules of a project."""
        return self._get(_rules(project), Items[AutoRuleRow]).items

    def save_autorule(self, project: str, name: str, batch: str, **more: Any) -> AutoRuleRow:
        """Keep a rule that runs a saved batch.

        Parameters
        ----------
        batch : str
            Name of the saved batch.
        **more
            ``queue``, ``level``, ``requires``, ``done``, ``quiet_minutes``, ``min_files``,
            ``chunk``, ``enabled``, ``private``.
        """
        path = f"{_rules(project)}/{quote(name, safe='')}"
        return self._transport.ask("PUT", path, AutoRuleRow, body={"batch": batch, **more})

    def delete_autorule(self, project: str, name: str) -> None:
        """Forget a rule."""
        self._transport.ask("DELETE", f"{_rules(project)}/{quote(name, safe='')}", dict[str, Any])

    def try_autorule(self, project: str, rule: Mapping[str, Any]) -> list[AutoVerdict]:
        """Tell what a rule would do to the studies that are there; nothing starts."""
        body = {"rule": dict(rule), "limit": 1_000_000}
        return self._post(f"{_rules(project)}/try", _Tried, body).rows

    def run_autorules(
        self,
        project: str,
        targets: Sequence[str],
        *,
        names: Sequence[str] = (),
        queue: str = "",
        force: bool = False,
    ) -> list[AutoVerdict]:
        """Run rules on studies now: those named, or all that are switched on."""
        body = {"targets": list(targets), "names": list(names), "queue": queue, "force": force}
        return self._post(f"{_rules(project)}/run", Items[AutoVerdict], body).items


def _rules(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/autorules"
