"""Writes single settings into the file of those that are changed in the web UI."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.core.errors import SettingsError
from appliance.core.files import atomic_write

__all__ = ["save_setting"]

_HEAD = "# Written by the service; what is changed here by hand counts after its next start.\n"


def save_setting(path: Path, key: str, value: Any) -> None:
    """Put a value under a dotted key such as ``pacs.nodes``; what else is in the file stays.

    Parameters
    ----------
    path : Path
        The file; it may be missing.
    value : Any
        Text, number, truth value, and lists and mappings of those.

    Raises
    ------
    SettingsError
        If the file that is there cannot be read.
    """
    section, _, field = key.partition(".")
    sections = _read(path)
    sections.setdefault(section, {})[field] = value
    lines = [_HEAD]
    for name, fields in sections.items():
        lines.append(f"\n[{name}]\n")
        lines += [f"{one} = {_literal(given)}\n" for one, given in fields.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write("".join(lines).encode())


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}", hint="Mend the file.") from error


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_text(k)} = {_literal(v)}" for k, v in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(one) for one in value)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """Write a basic string, which is one of JSON but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
