"""One call in NORA's grammar with the client that serves it, and how its result is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.cli.grammar import Line
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["Call", "count"]


@dataclass(frozen=True)
class Call:
    """What an action is given."""

    line: Line
    client: Client

    @property
    def project(self) -> str:
        """Project of the call.

        Raises
        ------
        Invalid
            If neither the call nor its surroundings name one.
        """
        from appliance.cli.whichproject import find_project

        return find_project(self.line.options.get("project", ""))

    @property
    def words(self) -> list[str]:
        """Words of the action, of which there must be one.

        Raises
        ------
        Invalid
            If there is none.
        """
        if not self.line.words:
            raise Invalid(f"--{self.line.action} needs a word after it", hint="See 'nora --help'.")
        return self.line.words

    def wants(self, switch: str) -> bool:
        """Tell whether a switch was given."""
        return switch in self.line.switches

    def listed(self, option: str) -> list[str]:
        """Split the value of an option at its commas."""
        parts = self.line.options.get(option, "").split(",")
        return [part.strip() for part in parts if part.strip()]

    def tell(self, text: str, value: Any) -> None:
        """Print the result: as JSON when that was asked for, else in words."""
        if self.wants("json"):
            import msgspec

            print(json.dumps(msgspec.to_builtins(value), indent=1))
        else:
            print(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print rows: as JSON, as CSV, or in columns."""
        from appliance.cli.tables import show

        show(columns, rows, self.line.switches)


def count(n: int, thing: str = "file") -> str:
    """Give a number with its noun."""
    if n == 1:
        return f"{n} {thing}"
    return f"{n} {thing[:-1]}ies" if thing.endswith("y") else f"{n} {thing}s"
