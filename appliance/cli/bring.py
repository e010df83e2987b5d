"""Bringing data into a project, and waiting until its receipt is closed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli.autoexec import autoexec_arrival, warn_without_rules
from appliance.cli.transport import connect, settings_for
from appliance.core import NotFound

if TYPE_CHECKING:
    from appliance.cli.call import Call
    from appliance.client import Client, Receipt

__all__ = ["follow", "import_line", "import_verb", "source_path"]

_OPEN = frozenset({"receiving", "pending", "working"})
_POLL_S = 0.3
_SHOWN = 20
_OPTIONS = ("patients_id", "studies_id", "pattern", "extrafiles_filter")


def import_verb(options: argparse.Namespace) -> int:
    """Carry out ``nora import PATH``."""
    settings = settings_for(options.data, options.config)
    path = source_path(options.path)
    with connect(settings, create=True, imports=not options.no_wait) as client:
        receipt = client.import_path(options.project or settings.dicom.project, str(path))
        if options.no_wait:
            print(receipt.key)
            return 0
        return follow(client, receipt.key, as_json=options.json)


def import_line(call: Call) -> int:
    """Carry out ``--import PATH``."""
    path = source_path(Path(call.line.words[0]))
    more = {name: call.line.options[name] for name in _OPTIONS if name in call.line.options}
    rules = "autoexec_queue" in call.line.options and warn_without_rules(call)
    receipt = call.client.import_path(call.project, str(path), **more)
    code = follow(call.client, receipt.key, as_json=call.wants("json"))
    if rules:
        code = max(code, autoexec_arrival(call, call.client.receipt(receipt.key).studies))
    if call.wants("handle_job_result"):
        print("DONE")
    return code


def source_path(path: Path) -> Path:
    """Make a path absolute, because the service works elsewhere.

    Raises
    ------
    NotFound
        If nothing is there.
    """
    if not path.exists():
        raise NotFound(f"there is nothing at {path}", hint="Name a folder, a zip or a file.")
    return path.resolve()


def follow(client: Client, key: str, *, as_json: bool = False) -> int:
    """Wait until a receipt is closed, show how it goes, and tell the end.

    Parameters
    ----------
    as_json : bool
        Whether the receipt with its files is printed in place of a sentence.

    Returns
    -------
    int
        0 when everything was taken, else 1.
    """
    receipt = client.receipt(key)
    while receipt.state in _OPEN:
        _progress(f"{receipt.state}: {receipt.n_done} of {receipt.n_files} files")
        time.sleep(_POLL_S)
        receipt = client.receipt(key)
    _progress("")
    print(_as_json(receipt) if as_json else _in_words(receipt))
    if receipt.state == "done":
        return 0
    for item in receipt.items:
        if item.state in ("quarantined", "failed", "waiting"):
            print(f"  {item.state}: {item.name}: {item.reason}", file=sys.stderr)
    reason = receipt.reason or f"{receipt.n_quarantined} files were not taken"
    print(f"error: {reason}", file=sys.stderr)
    if receipt.hint:
        print(f"hint: {receipt.hint}", file=sys.stderr)
    return 1


def _as_json(receipt: Receipt) -> str:
    import msgspec

    return json.dumps(msgspec.to_builtins(receipt), indent=1)


def _in_words(receipt: Receipt) -> str:
    if receipt.kind == "existing":  # may be of any number of studies
        return f"{receipt.state}: {receipt.n_done} of {receipt.n_files} files"
    studies = ", ".join(receipt.studies[:_SHOWN]) or "no study"
    n_more = len(receipt.studies) - _SHOWN
    more = f" and {n_more} more" if n_more > 0 else ""
    return f"{receipt.state}: {receipt.n_files} files -> {studies}{more}"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
