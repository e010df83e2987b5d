"""Program: ask the service to convert series of the job's study again, from the originals.

The originals hold the names of persons, so a job never sees them; the service does the work.
"""

from __future__ import annotations

import os
import sys

from appliance.client import Client
from appliance.core import ApplianceError

__all__ = ["main"]


def main(words: list[str]) -> int:
    """Ask; 2 when nothing can be converted."""
    project = os.environ["NORA_PROJECT"]
    psid = f"{os.environ['NORA_SUBJECT']}#{os.environ['NORA_STUDY']}"
    try:
        with Client.from_environment() as nora:
            count = nora.convert_again(project, psid, " ".join(words))
    except ApplianceError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return 2
    if not count:
        sys.stderr.write("error: the study has no such series with kept originals\n")
        return 2
    sys.stdout.write(f"{count} series will be converted again; see Arrivals\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
