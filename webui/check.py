"""Check the web UI by hand or from `make check`: types, lint, format and unit tests."""

from __future__ import annotations

from pathlib import Path

from hatch_build import toolchain

__all__ = ["main"]

CHECKS = (
    ("scripts/api-types.mjs",),
    (
        "node_modules/svelte-check/bin/svelte-check",
        "--tsconfig",
        "./tsconfig.json",
        "--fail-on-warnings",
    ),
    ("node_modules/eslint/bin/eslint.js", "."),
    ("node_modules/prettier/bin/prettier.cjs", "--check", "."),
    ("node_modules/vitest/vitest.mjs", "run"),
)


def main() -> int:
    """Run every check and stop at the first that fails."""
    webui = Path(__file__).resolve().parent
    node = toolchain(webui)
    for check in CHECKS:
        node(*check)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
