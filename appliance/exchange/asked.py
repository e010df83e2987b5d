"""What an import by path is asked for: checked before anything is done."""

from __future__ import annotations

from pathlib import Path

from appliance.core import DataFolder, Invalid, NotFound, safe_name
from appliance.exchange.collect import compile_name_pattern, pattern_target, walk_files

__all__ = ["check_source", "extensions_in", "safe_target"]


def safe_target(text: str | None) -> str | None:
    """Make a subject or a study from outside a safe folder name."""
    return safe_name(text) if text else None


def extensions_in(text: str | None) -> list[str] | None:
    """Read extensions with commas between."""
    if text is None:
        return None
    return [part.strip().lower().lstrip(".") for part in text.split(",") if part.strip()]


def check_source(folder: DataFolder, source: Path, pattern: str | None) -> None:
    """Refuse a path that cannot be imported, and a pattern that matches nothing there.

    Raises
    ------
    NotFound, Invalid
    """
    if not source.exists():
        raise NotFound(f"there is no {source}", hint="Give a folder, a zip or a file.")
    if source.is_relative_to(folder.root) and not source.is_relative_to(folder.drop):
        raise Invalid("this path lies within the data folder", hint="What is there is in already.")
    if pattern is None:
        return
    compiled = compile_name_pattern(pattern)
    files = walk_files(source, lambda _path, _why: None)
    if not any(pattern_target(compiled, file.path, source) for file in files):
        raise Invalid(
            "the pattern matches no path of this import",
            hint="It is searched in the folder of every file, without the file's name.",
        )
