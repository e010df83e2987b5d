"""Actions of NORA's grammar that only ask: --select, --out, --pathout, --sql, --exportmeta."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.call import Call
from appliance.cli.tables import write_csv
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import Selected

__all__ = ["NOTHING_FOUND", "exportmeta", "out", "select", "sql"]

NOTHING_FOUND = 1
_COLUMNS = ("psid", "path", "tags", "absolute_path")
_MAX_LIST_BYTES = 16 << 20


def select(call: Call) -> int:
    """Print the files that a pattern means, and tag them when asked to."""
    found = _find(call, docs=call.wants("json"))
    add, remove = call.listed("addtag"), call.listed("rmtag")
    if found and (add or remove):
        call.client.tag("file", found, add=add, remove=remove)
    if call.wants("byfilename"):
        _print_by_filename(call, found)
    elif call.wants("csv"):
        call.table(_COLUMNS, [[getattr(file, name) for name in _COLUMNS] for file in found])
    elif call.wants("json"):
        print(json.dumps([_facts(file) for file in found], indent=1))
    else:
        print("".join(f"{file.absolute_path}\n" for file in found), end="")
    return _told(found, call)


def out(call: Call) -> int:
    """Print absolute paths in the folders of studies; the study is a word or that of the job."""
    words = call.words if len(call.words) > 1 else _split(call.words[0])
    *before, name = words
    study = before[0] if before else _own_study()
    found = call.client.outputs(call.project, study, name)
    if call.wants("json"):
        call.tell("", found)
    else:
        print("".join(f"{place.absolute_path}\n" for place in found), end="")
    return 0


def sql(call: Call) -> int:
    """Print the answer to a statement, as JSON or as CSV."""
    found = call.client.sql(call.line.words[0], call.line.options.get("project"))
    if call.wants("csv"):
        write_csv([found.columns, *found.rows])
    else:
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        print(json.dumps(rows, indent=1))
    if found.truncated:
        print("warning: there were more rows; use LIMIT and OFFSET", file=sys.stderr)
    return 0


def exportmeta(call: Call) -> int:
    """Print metadata of JSON files as CSV."""
    from appliance.cli.exportmeta import export

    studies, patterns = _parted(call.line.words or ["*"])
    found = export(call, studies, " ".join(_one_word(pattern) for pattern in patterns))
    return _told(found, call)


def _print_by_filename(call: Call, found: list[Selected]) -> None:
    by_name: dict[str, list[Selected]] = {}
    for file in found:
        by_name.setdefault(Path(file.path).name, []).append(file)
    if call.wants("json"):
        rows = {name: [_facts(file) for file in files] for name, files in by_name.items()}
        print(json.dumps(rows, indent=1))
        return
    for name, files in by_name.items():
        print(name, *(f"  {file.absolute_path}" for file in files), sep="\n")


def _facts(file: Selected) -> dict[str, Any]:
    facts = {name: getattr(file, name) for name in _COLUMNS}
    return facts if file.doc is None else {**facts, "content": file.doc}


def _find(call: Call, *, docs: bool) -> list[Selected]:
    """Select files by the words ``[STUDIES] PATTERN ...``."""
    studies, patterns = _parted(call.line.words or ["*"])
    selector = " ".join(_one_word(pattern) for pattern in patterns)
    try:
        return call.client.select(call.project, selector, studies=studies, json=docs)
    except Invalid as error:
        wrong = studies[0] if len(studies) == 1 and not _is_wrong(selector) else selector
        raise _pointed(error, wrong) from error


def _is_wrong(selector: str) -> bool:
    """Tell whether it is the patterns that cannot be read, and not the word for studies."""
    from appliance.catalog import parse_selector

    try:
        parse_selector(selector, in_studies=True)
    except Invalid:
        return True
    return False


def _pointed(error: Invalid, selector: str) -> Invalid:
    """Show the character that does not fit below the selector."""
    place = error.facts.get("position")
    if not isinstance(place, int) or "\n" in selector:
        return error
    shown = f"{error.message}\n  {selector}\n  {' ' * place}^"
    return Invalid(shown, hint=error.hint, **error.facts)


def _parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Part studies from patterns: the first of several words, unless ``&`` joins it to the next."""
    if len(words) < 2 or words[0].endswith("&") or words[1].startswith("&"):
        alone = words[0].startswith("file:") and len(words) == 1
        return (_studies(words[0]), ["*"]) if alone else ([], words)
    return _studies(words[0]), words[1:]


def _one_word(pattern: str) -> str:
    """Quote a path of a file, which may hold blanks; in a pattern they mean *or*."""
    from appliance.catalog import quote_word

    return quote_word(pattern) if pattern.startswith("/") else pattern


def _studies(word: str) -> list[str]:
    """Read the word for studies: ``*`` is all; ``file:PATH`` is a list, read on this machine."""
    if word == "*":
        return []
    if not word.startswith("file:"):
        return [word]
    path = Path(word.removeprefix("file:"))
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise Invalid(f"{path} is too long for a list of studies")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read the list {path}: {error}") from error
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not found:
        raise Invalid(f"{path} lists no study", hint="Write PID or PID#SID, one a line.")
    return found


def _split(word: str) -> list[str]:
    try:
        return shlex.split(word) or [word]
    except ValueError as error:
        raise Invalid(f"{word!r}: {error}", hint="Close the quotes.") from error


def _told(found: object, call: Call) -> int:
    if found:
        return 0
    what = " ".join(call.line.words) or "*"
    print(f"error: no file of project {call.project} matches {what!r}", file=sys.stderr)
    return NOTHING_FOUND


def _own_study() -> str:
    study = os.environ.get("NORA_STUDY") or os.environ.get("DPXpsid")  # noqa: SIM112 - as NORA
    if not study:
        raise Invalid("of which study?", hint="Write PID#SID before the file's name.")
    return study if "#" in study else f"{os.environ.get('NORA_SUBJECT', '')}#{study}"
