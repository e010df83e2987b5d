"""Completion of words: the scripts that a shell loads, and the answers they ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["candidates", "completion"]

_BASH = """\
# bash: save as ~/.local/share/bash-completion/completions/nora
_nora() {
  local IFS=$'\\n'
  COMPREPLY=( $(nora completion bash --at "$COMP_CWORD" --line "${COMP_WORDS[*]}" 2>/dev/null) )
}
complete -o default -F _nora nora
"""
_ZSH = """\
#compdef nora
# zsh: save as _nora in a folder of $fpath
_nora() {
  local -a found
  found=("${(@f)$(nora completion zsh --at $((CURRENT - 1)) --line "${(F)words}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" == "_nora" ]]; then _nora "$@"; else compdef _nora nora; fi
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def completion(options: argparse.Namespace) -> int:
    """Print the script of a shell; with ``--at`` the words that fit at a place of a line."""
    if options.at is None:
        print(_SCRIPTS[options.shell], end="")
    else:
        print(
            "".join(f"{word}\n" for word in candidates(options.line.split("\n"), options.at)),
            end="",
        )
    return 0


def candidates(words: Sequence[str], at: int) -> list[str]:
    """Give what may stand at a place of a line; nothing means the name of a file.

    Parameters
    ----------
    words : sequence of str
        The line; its first word is the command.
    at : int
        Index of the word that is typed; it may be just behind the last.
    """
    line = [*words[1:], ""]
    typed, before = line[at - 1 : at], line[: at - 1]
    start = typed[0] if typed else ""
    return sorted({word for word in _fitting(before, start) if word.startswith(start)})


def _fitting(before: Sequence[str], start: str) -> list[str]:
    from appliance.cli.verbs import VERBS

    last = before[-1] if before else ""
    if last in _ASKED:
        return _ask(_ASKED[last], before)
    if not before:
        return _flags() if start.startswith("-") else [*VERBS, "help"]
    if before[0] == "help":
        from appliance.cli.words import TOPICS

        return [*VERBS, *TOPICS, "admin"]
    if before[0] in VERBS:
        return _options(before[0], start)
    if last == "--admin":
        from appliance.cli.admintools import TOOLS

        return list(TOOLS)
    return _flags() if start.startswith("-") else []


def _flags() -> list[str]:
    from appliance.cli.admintools import TOOLS
    from appliance.cli.grammar import FLAGS

    return [f"--{name}" for name in (*FLAGS, *TOOLS)]


def _options(verb: str, start: str) -> list[str]:
    if verb == "completion":
        return list(_SCRIPTS)
    if not start.startswith("-"):
        return []
    from appliance.cli.verbs import make_parser

    usage = make_parser(verb).format_usage()
    return [word.strip("[]|()") for word in usage.split() if word.strip("[]|()").startswith("--")]


def _projects(client: Client, _: str) -> list[str]:
    return [project.name for project in client.projects()]


def _tags(client: Client, named: str) -> list[str]:
    from appliance.cli.whichproject import find_project

    found = client.project_tags(find_project(named))
    names = [tag.name for level in (found.file, found.study, found.subject) for tag in level]
    return [name for name in names if not set(name) & set(" ,'\"\\$`")]


_ASKED: dict[str, Callable[[Client, str], list[str]]] = {
    "--addtag": _tags,
    "--project": _projects,
    "--rmtag": _tags,
    "-p": _projects,
}


def _ask(question: Callable[[Client, str], list[str]], before: Sequence[str]) -> list[str]:
    """Ask the running service; when none runs, or it refuses, there is nothing to offer."""
    from appliance.cli.transport import connect, service_answers, settings_for
    from appliance.core import ApplianceError, DataFolder

    try:
        named = [before[i + 1] for i, w in enumerate(before[:-1]) if w in ("-p", "--project")]
        settings = settings_for(None)
        if not service_answers(DataFolder(settings.data_path)):
            return []
        with connect(settings) as client:
            return question(client, named[-1] if named else "")
    except ApplianceError as error:
        print(error.message, file=sys.stderr)
        return []
