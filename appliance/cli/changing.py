"""Actions of NORA's grammar that change the catalog: --add, --del, --del_pat, --createproject."""

from __future__ import annotations

from pathlib import Path

from appliance.cli.call import Call, count
from appliance.core import NotFound

__all__ = ["add", "createproject", "remove", "remove_subjects"]


def add(call: Call) -> int:
    """Put files below the project's folder into the catalog."""
    paths = [_existing(word) for word in call.words]
    done = call.client.add_files(call.project, paths, tags=call.listed("addtag"))
    call.tell(f"added {count(done.n)}", done)
    return 0


def remove(call: Call) -> int:
    """Put files into the trash."""
    words = [w if "#" in w else str(Path(w).absolute()) for w in call.words]
    done = call.client.remove_files(call.project, words)
    call.tell(f"put {count(done.n)} into the trash (operation {done.operation_id})", done)
    return 0


def remove_subjects(call: Call) -> int:
    """Put subjects and studies into the trash."""
    found = call.client.resolve(call.project, call.words)
    studies = [one.id for one in found if one.level == "study"]
    subjects = [one.id for one in found if one.level == "subject"]
    done = call.client.trash(studies=studies, subjects=subjects)
    kinds = ((len(subjects), "subject"), (len(studies), "study"))
    what = " and ".join(count(n, kind) for n, kind in kinds if n)
    call.tell(f"put {what} into the trash (operation {done.operation_id})", done)
    return 0


def createproject(call: Call) -> int:
    """Make a project; a module is a name, or a file with what the project starts with."""
    name, *more = call.words
    module = more[0] if more else ""
    if module.endswith((".toml", ".json")):
        from appliance.cli.projects import read_definition

        project = call.client.create_project(name, "", read_definition(Path(module)))
    else:
        project = call.client.create_project(name, module)
    call.tell(f"made project {project.name}", project)
    return 0


def _existing(word: str) -> str:
    path = Path(word).absolute()
    if not path.exists():
        raise NotFound(f"there is no file {word}")
    return str(path)
