"""Places where tests let the process die, to prove that nothing is forgotten or done twice."""

from __future__ import annotations

import os

__all__ = ["POINTS", "crash_point"]

POINTS = (
    "starting_committed",
    "run_dir_made",
    "spawned",
    "running_committed",
    "before_finish",
    "finish_committed",
    "before_register",
    "register_committed",
)


def crash_point(name: str) -> None:
    """Die here at once when a test asks for it; nothing otherwise."""
    if os.environ.get("NORA_TEST") == "1" and os.environ.get("NORA_CRASH_AT") == name:
        os._exit(9)
