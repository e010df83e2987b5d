"""Runs `nora serve` with a task beside it that notes how late its event loop is, again and again.

Called as ``python _watched.py python -c … serve …``: the first words are what it stands in for.
Each line of the file `lag` in the data folder is a time (monotonic s) and a lateness in ms.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

__all__ = ["EVERY_S"]

EVERY_S = 0.01


async def _note(path: Path) -> None:
    with path.open("w", encoding="ascii", buffering=1) as stream:
        while True:
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            now = time.monotonic()
            stream.write(f"{now:.6f} {1000 * (now - due):.3f}\n")


def main() -> int:
    """Run the service."""
    from appliance.cli import main as nora
    from appliance.web import server

    arguments = sys.argv[4:]
    path = Path(arguments[arguments.index("--data") + 1]) / "lag"
    startup = server._Server.startup

    async def started(self: Any, *args: Any, **more: Any) -> None:
        await startup(self, *args, **more)
        self.watch = asyncio.create_task(_note(path))

    server._Server.startup = started  # type: ignore[method-assign]
    return nora(arguments)


if __name__ == "__main__":
    sys.exit(main())
