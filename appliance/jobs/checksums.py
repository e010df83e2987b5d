"""Program of the tool "Checksum manifest": hashes files into a JSON document."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from appliance.core import atomic_write, content_of, sha256_file

__all__ = ["main", "manifest"]


def manifest(paths: list[Path]) -> dict[str, dict[str, object]]:
    """Hash files; names are relative to the folder that holds them all."""
    base = os.path.commonpath([path.parent for path in paths])
    return {
        path.relative_to(base).as_posix(): {
            "sha256": sha256_file(path),
            "size_bytes": content_of(path).size_bytes,
        }
        for path in sorted(paths)
    }


def main(argv: list[str] | None = None) -> int:
    """Write the manifest of the files named on the command line, itself left out."""
    parser = argparse.ArgumentParser(description="Write the SHA-256 of files as JSON.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+")
    args = parser.parse_args(argv)
    found = manifest([path for path in args.files if path != args.output])
    with atomic_write(args.output) as stream:
        stream.write(json.dumps({"files": found}, indent=1).encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
