"""The `nora` command: verbs, NORA's flag grammar, and the wiring of the one process.

Every verb speaks to the service through `appliance.client`; none is implemented a second time.
Importing this room is cheap: what a verb needs is imported when it runs.
"""

from __future__ import annotations

from appliance.cli.entry import main

__all__ = ["main"]
