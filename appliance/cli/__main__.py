"""Runs the command as ``python -m appliance.cli``."""

from __future__ import annotations

import sys

from appliance.cli.entry import main

__all__: list[str] = []

sys.exit(main())
