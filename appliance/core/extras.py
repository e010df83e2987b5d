"""How an optional part is installed beside the appliance that runs."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["install_command"]

_NAME = "nora-appliance"


def install_command(extra: str) -> str:
    """Give the command that installs an extra into the environment of this process.

    A clone is named by its folder, as the package of that name may be another version.

    Parameters
    ----------
    extra : str
        Its name in ``pyproject.toml``, such as ``notebooks``.
    """
    clone = _clone()
    what = f"-e '{clone}[{extra}]'" if clone else f"'{_NAME}[{extra}]'"
    return f"{sys.executable} -m pip install {what}"


def _clone() -> Path | None:
    """Give the folder the appliance runs from when it was installed to be edited (PEP 610)."""
    try:
        text = metadata.distribution(_NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    told = json.loads(text or "{}")
    if not told.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(told["url"]).path))
