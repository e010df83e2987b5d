"""Program: unpacks DICOM objects that are named on its input, and tells of each on its output.

Each line names source, target and transfer syntax as a JSON list; the answer is a line with why it
could not be done, which is empty when it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from appliance.core import FormatError
from appliance.formats import unpack_dicom

__all__ = ["main"]


def main() -> int:
    """Unpack until the input ends."""
    for line in sys.stdin:
        source, target, syntax = json.loads(line)
        try:
            unpack_dicom(Path(source), Path(target), syntax)
        except FormatError as error:
            answer = error.message
        else:
            answer = ""
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
