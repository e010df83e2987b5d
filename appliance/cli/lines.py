"""Carrying out calls in NORA's grammar: each action is a few calls of the client."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.grammar import Line, parse_line
from appliance.cli.transport import connect, settings_for
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import Client, Selected

__all__ = ["run_line"]

NOTHING_FOUND = 1
_CREATES = {"createproject", "import"}


@dataclass(frozen=True)
class _Call:
    """One call with the client that serves it."""

    line: Line
    client: Client

    @property
    def project(self) -> str:
        found = (
            self.line.options.get("project")
            or os.environ.get("NORA_PROJECT")
            or os.environ.get("DPXproject")  # noqa: SIM112 - NORA's name
        )
        if not found:
            raise Invalid("which project?", hint="Add -p PROJECT, or set NORA_PROJECT.")
        return found

    def tags(self, option: str) -> list[str]:
        """Split a list of tags."""
        return [tag.strip() for tag in self.line.options.get(option, "").split(",") if tag.strip()]


def run_line(words: list[str]) -> int:
    """Carry out a call such as ``-p X --select --json 'META/*.json'``."""
    if {"-h", "--help"} & set(words):
        from appliance.cli.words import help_text

        print(help_text(), end="")
        return 0
    line = parse_line(words)
    for word in line.doubts:
        print(f"warning: {word} is no flag; taken as a name", file=sys.stderr)
    if line.action == "admin" and not line.words:
        from appliance.cli.words import ADMIN

        print(ADMIN, end="")
        return 0
    settings = settings_for(_path(line, "data"), _path(line, "config"))
    creates, imports = line.action in _CREATES, line.action == "import"
    with connect(settings, create=creates, imports=imports, jobs=_waits(line)) as client:
        return _ACTIONS[line.action](_Call(line, client))


def _path(line: Line, option: str) -> Path | None:
    return Path(line.options[option]) if option in line.options else None


def _waits(line: Line) -> bool:
    waiting = {"throwerror", "handle_job_result"}
    return line.action in ("launch", "launchfile") and bool(line.switches & waiting)


def _select(call: _Call) -> int:
    found = _find(call)
    add, remove = call.tags("addtag"), call.tags("rmtag")
    if found and (add or remove):
        call.client.tag("file", [file.file_id for file in found], add=add, remove=remove)
    if "json" in call.line.switches:
        print(json.dumps(_as_json(call, found), indent=1))
    else:
        print("".join(f"{file.absolute_path}\n" for file in found), end="")
    return _told(found, call)


def _as_json(call: _Call, found: list[Selected]) -> Any:
    rows = [_facts(file) for file in found]
    if "byfilename" not in call.line.switches:
        return rows
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(Path(row["path"]).name, []).append(row)
    return by_name


def _facts(file: Selected) -> dict[str, Any]:
    facts = {
        "psid": file.psid,
        "path": file.path,
        "tags": file.tags,
        "absolute_path": file.absolute_path,
    }
    return facts if file.doc is None else {**facts, "content": file.doc}


def _find(call: _Call, *, docs: bool = False) -> list[Selected]:
    """Select files by the words ``[STUDIES] PATTERN ...``; an absolute path means itself."""
    *before, last = call.line.words or ["*"]
    studies = [] if not before or before[0] == "*" else [before[0]]
    patterns = [*before[1:], last]
    wanted = {str(Path(word).resolve()) for word in patterns if word.startswith("/")}
    selector = " ".join(f"*{Path(w).name}" if w.startswith("/") else w for w in patterns)
    found = call.client.select(
        call.project, selector, studies=studies, json=docs or "json" in call.line.switches
    )
    if not wanted:
        return found
    return [file for file in found if str(Path(file.absolute_path).resolve()) in wanted]


def _told(found: list[Selected], call: _Call) -> int:
    if found:
        return 0
    what = " ".join(call.line.words) or "*"
    print(f"error: no file of project {call.project} matches {what!r}", file=sys.stderr)
    return NOTHING_FOUND


def _add(call: _Call) -> int:
    paths = [_existing(word) for word in _words(call)]
    done = call.client.add_files(call.project, paths, tags=call.tags("addtag"))
    print(f"added {_count(done.n)}")
    return 0


def _existing(word: str) -> str:
    path = Path(word).absolute()
    if not path.exists():
        raise NotFound(f"there is no file {word}")
    return str(path)


def _del(call: _Call) -> int:
    words = [w if "#" in w else str(Path(w).absolute()) for w in _words(call)]
    done = call.client.remove_files(call.project, words)
    print(f"put {_count(done.n)} into the trash (operation {done.operation_id})")
    return 0


def _del_pat(call: _Call) -> int:
    studies = [_study_id(call, word) for word in _words(call) if "#" in word]
    subjects = [_subject_id(call, word) for word in _words(call) if "#" not in word]
    done = call.client.trash(studies=studies, subjects=subjects)
    print(f"put {_count(done.n)} into the trash (operation {done.operation_id})")
    return 0


def _study_id(call: _Call, psid: str) -> int:
    for row in call.client.all_studies(call.project, name=psid.partition("#")[0]):
        if row.psid == psid:
            return int(row.id)
    raise NotFound(f"no study {psid!r} in project {call.project}")


def _subject_id(call: _Call, pid: str) -> int:
    for row in call.client.all_subjects(call.project, name=pid):
        if row.pid == pid:
            return int(row.id)
    raise NotFound(f"no subject {pid!r} in project {call.project}")


def _out(call: _Call) -> int:
    """Print an absolute path in a study's folder; the study is a word or that of the job."""
    *before, name = _words(call)
    psid = before[0] if before else _own_study()
    files = call.client.select(call.project, "*", studies=[psid])
    roots = {file.absolute_path.removesuffix(f"/{file.path}") for file in files}
    if not roots:
        raise NotFound(f"project {call.project} has no study {psid!r} with files")
    for root in sorted(roots):
        print(f"{root}/{name}")
    return 0


def _own_study() -> str:
    study = os.environ.get("NORA_STUDY") or os.environ.get("DPXpsid")  # noqa: SIM112 - as NORA
    if not study:
        raise Invalid("of which study?", hint="Write PID#SID before the file's name.")
    return study if "#" in study else f"{os.environ.get('NORA_SUBJECT', '')}#{study}"


def _sql(call: _Call) -> int:
    found = call.client.sql(call.line.words[0])
    if "csv" in call.line.switches:
        _write_csv([found.columns, *found.rows])
    else:
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        print(json.dumps(rows, indent=1))
    if found.truncated:
        print("warning: there were more rows; use LIMIT and OFFSET", file=sys.stderr)
    return 0


def _exportmeta(call: _Call) -> int:
    from appliance.cli.exportmeta import meta_table

    found = _find(call, docs=True)
    keys = call.line.options.get("keys", "")
    _write_csv(meta_table(found, [key.strip() for key in keys.split(",") if key.strip()]))
    return _told(found, call)


def _write_csv(rows: Iterable[Iterable[Any]]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)


def _createproject(call: _Call) -> int:
    name, *more = _words(call)
    project = call.client.create_project(name, more[0] if more else "")
    print(f"made project {project.name}")
    return 0


def _import(call: _Call) -> int:
    from appliance.cli.bring import follow, source_path

    asked = ("patients_id", "studies_id", "pattern", "extrafiles_filter")
    path = source_path(Path(call.line.words[0]))
    more = {name: call.line.options[name] for name in asked if name in call.line.options}
    if "autoexec_queue" in call.line.options:
        print("warning: no autoexecution is set up; the import alone runs", file=sys.stderr)
    receipt = call.client.import_path(call.project, str(path), **more)
    code = follow(call.client, receipt.key)
    if "handle_job_result" in call.line.switches:
        print("DONE")
    return code


def _launch(call: _Call) -> int:
    from appliance.cli.launch import launch

    return launch(call.client, call.line, _text_of(call.line), lambda: call.project)


def _text_of(line: Line) -> str:
    if line.action == "launch":
        return line.words[0]
    try:
        return Path(line.words[0]).read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"cannot read {line.words[0]}: {error.strerror}") from error


def _launch_autoexec(call: _Call) -> int:
    raise Invalid(
        f"project {call.project} has no autoexecution pipeline",
        hint="Start a saved batch with --launch.",
    )


def _admin(call: _Call) -> int:
    from appliance.cli.admin import admin

    return admin(call.client, call.line.words, lambda: call.project)


def _count(n: int) -> str:
    return f"{n} file" if n == 1 else f"{n} files"


def _words(call: _Call) -> list[str]:
    if not call.line.words:
        raise Invalid(f"--{call.line.action} needs a word after it", hint="See 'nora --help'.")
    return call.line.words


_ACTIONS: dict[str, Callable[[_Call], int]] = {
    "add": _add,
    "admin": _admin,
    "createproject": _createproject,
    "del": _del,
    "del_pat": _del_pat,
    "exportmeta": _exportmeta,
    "import": _import,
    "launch": _launch,
    "launch_autoexec": _launch_autoexec,
    "launchfile": _launch,
    "out": _out,
    "pathout": _out,
    "select": _select,
    "sql": _sql,
}
