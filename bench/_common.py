"""What the bench scripts share: arguments, the line they print, environments of the peers."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CACHE", "REPOSITORY", "Bench", "peer_python"]

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = REPOSITORY / ".cache"
sys.path.insert(0, str(REPOSITORY))


@dataclass
class Bench:
    """Arguments of a bench script and the figures it prints."""

    small: bool
    as_json: bool
    missed: list[str] = field(default_factory=list)

    @classmethod
    def from_arguments(cls, description: str | None) -> Bench:
        """Read ``[--json] [--small]``."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--small", action="store_true", help="less data, fewer rounds")
        given = parser.parse_args()
        return cls(small=given.small, as_json=given.json)

    def say(self, text: str) -> None:
        """Tell a person what is going on."""
        print(f"   {text}", file=sys.stderr, flush=True)

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        baseline: float | None = None,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Print one figure; the goal judges the ratio if there is a baseline, else the value."""
        ratio = value / baseline if baseline else None
        judged = value if ratio is None else ratio
        goal, met = None, None
        if at_most is not None:
            goal, met = f"<= {at_most:g}", judged <= at_most
        if at_least is not None:
            goal, met = f">= {at_least:g}", judged >= at_least
        if met is False:
            self.missed.append(name)
        line = {
            "name": name,
            "value": _rounded(value),
            "unit": unit,
            "baseline": _rounded(baseline),
            "ratio": _rounded(ratio),
            "goal": goal,
            "met": met,
            "load": round(os.getloadavg()[0], 2),
        }
        print(json.dumps(line) if self.as_json else _sentence(line), flush=True)


def peer_python(name: str, packages: Sequence[str]) -> Path:
    """Python of an environment of its own for a peer; made on first use."""
    folder = CACHE / f"bench-{name}"
    python = folder / "bin" / "python"
    stamp = folder / "packages.txt"
    wanted = "\n".join(packages)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python), *packages]
        subprocess.run(install, check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _rounded(value: float | None) -> float | None:
    """Four significant digits."""
    return None if value is None else float(f"{value:.4g}")


def _sentence(line: dict[str, object]) -> str:
    """One figure as a person reads it."""
    text = f"{line['name']}: {line['value']} {line['unit']}"
    if line["baseline"] is not None:
        text += f", baseline {line['baseline']}, ratio {line['ratio']}"
    if line["goal"] is not None:
        text += f", goal {line['goal']} {'met' if line['met'] else 'MISSED'}"
    return f"{text} (load {line['load']})"
