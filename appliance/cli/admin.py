"""NORA's admin tools: ``--admin TOOL ...``, or each as a flag of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from appliance.cli.admintools import TOOLS
from appliance.cli.call import Call, count
from appliance.core import Invalid

__all__ = [
    "admin",
    "change_id",
    "clear_jobs",
    "maphash",
    "projectlist",
    "rename_tag",
    "tag",
    "tagstats",
    "updateproject",
]

_PROJECT = ("name", "module", "n_subjects", "n_studies", "n_files", "size_bytes", "state")


def admin(call: Call) -> int:
    """Carry out ``--admin TOOL ...``; the function gets the words after the tool's name.

    Raises
    ------
    Invalid
        If there is no such tool, or its words are too few or too many.
    """
    name, *words = _without_switches(call)
    if name not in TOOLS:
        raise Invalid(f"no admin tool {name!r}", hint=_resembling(name))
    _check_words(name, words)
    module, function = TOOLS[name].function.split(":")
    run: Callable[[Call], int] = getattr(import_module(f"appliance.cli.{module}"), function)
    return run(Call(replace(call.line, action=name, words=words), call.client))


def projectlist(call: Call) -> int:
    """List all projects."""
    found = call.client.projects()
    if call.line.switches & {"json", "csv"}:
        call.table(_PROJECT, [[getattr(p, name) for name in _PROJECT] for p in found])
    else:
        call.table((), [_counted(p.name, p.n_subjects, p.n_studies, p.n_files) for p in found])
    return 0


def tagstats(call: Call) -> int:
    """Count the tags of a project on each level."""
    found = call.client.project_tags(call.project)
    rows = [
        (level, tag.name, tag.n)
        for level in ("subject", "study", "file")
        for tag in getattr(found, level)
    ]
    call.table(("level", "tag", "n"), rows)
    return 0


def tag(call: Call) -> int:
    """Put a tag on studies or subjects, or take it off."""
    name, *things = call.line.words
    verb, _, kind = call.line.action.partition("tag_")
    level = "study" if kind == "study" else "subject"
    found = call.client.resolve(call.project, things)
    odd = [one.name for one in found if one.level != level]
    if odd:
        raise Invalid(f"{odd[0]!r} is no {level}", hint="'nora --admin' shows how.")
    changes = {"add" if verb == "add" else "remove": [name]}
    done = call.client.tag(level, [one.id for one in found], **changes)
    call.tell(f"changed {count(done.n, level)}", done)
    return 0


def change_id(call: Call) -> int:
    """Give a subject or a study another name; ``PID#SID`` as the new one may name its subject."""
    old, new = call.line.words
    [found] = call.client.resolve(call.project, [old])
    if found.level == "subject":
        done = call.client.rename_subject(found.id, new)
        call.tell(f"{old} is now {new} (operation {done.operation_id})", done)
        return 0
    pid, _, sid = old.partition("#")
    new_pid, _, new_sid = new.rpartition("#")
    if new_pid not in ("", pid):
        [subject] = call.client.resolve(call.project, [new_pid])
        done = call.client.move_study(found.id, subject.id)
        call.tell(f"{old} belongs to {new_pid} (operation {done.operation_id})", done)
    if new_sid != sid:
        done = call.client.rename_study(found.id, new_sid)
        call.tell(f"{sid} is now {new_sid} (operation {done.operation_id})", done)
    return 0


def rename_tag(call: Call) -> int:
    """Rename a tag on all levels; one that exists takes the other's places, too."""
    old, new = call.line.words
    done = call.client.rename_tags(call.project, [old], new)
    call.tell(f"{old} is now {new}: {count(done.n, 'thing')}", done)
    return 0


def clear_jobs(call: Call) -> int:
    """Take the ended jobs of a project out of the list of jobs, failed ones too."""
    done = call.client.act_on_jobs("dismiss", project=call.project, state="edk")
    call.tell(f"dismissed {count(done.n, 'job')}", done)
    return 0


def maphash(call: Call) -> int:
    """Tell who subjects really are; the service puts on record who asked."""
    rows = []
    for one in call.client.resolve(call.project, call.line.words):
        who = call.client.identity(one.id)
        rows.append((one.name, who.patient_id, who.name, who.birth_date, who.sex))
    call.table(("pid", "patient_id", "name", "birth_date", "sex"), rows)
    return 0


def updateproject(call: Call) -> int:
    """Bring the catalog in line with the folders of all projects."""
    done = call.client.fix("rescan")
    call.tell(done.note, done)
    return 0


def _without_switches(call: Call) -> list[str]:
    """Take -p, --json and --csv out: after ``--admin`` all words belong to the tool."""
    kept: list[str] = []
    words = iter(call.line.words)
    for word in words:
        if word in ("-p", "--project"):
            call.line.options["project"] = next(words, "")
        elif word in ("--json", "--csv"):
            call.line.switches.add(word.removeprefix("--"))
        else:
            kept.append(word)
    return kept or [""]


def _check_words(name: str, words: list[str]) -> None:
    usage = TOOLS[name].usage.split()
    open_ended = "..." in usage
    wanted = len(usage) - open_ended
    if len(words) < wanted or (len(words) > wanted and not open_ended):
        raise Invalid(
            f"--{name} takes {' '.join(usage) or 'no words'}", hint="'nora --admin' shows how."
        )


def _counted(name: str, *numbers: int) -> list[str]:
    nouns = ("subjects", "studies", "files")
    return [name, *(f"{n} {noun}" for n, noun in zip(numbers, nouns, strict=True))]


def _resembling(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, TOOLS, n=1)
    return f"Did you mean {found[0]}?" if found else "'nora --admin' lists them."
