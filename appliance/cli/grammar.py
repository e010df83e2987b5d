"""NORA's flag grammar, parsed by hand: flags anywhere, list actions collect bare words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.cli.admintools import TOOLS
from appliance.core import Invalid

__all__ = ["FLAGS", "Line", "parse_line"]

_SHORT = {
    "p": "project",
    "q": "sql",
    "a": "add",
    "d": "del",
    "dp": "del_pat",
    "o": "out",
    "pa": "pathout",
    "s": "select",
    "j": "json",
    "l": "launch",
    "c": "createproject",
}
_LISTS = {"add", "del", "del_pat", "select", "out", "pathout", "createproject", "exportmeta"}
_VALUED_ACTIONS = {"sql", "launch", "launchfile", "launch_autoexec", "import"}
_OPTIONS = {
    "project",
    "addtag",
    "rmtag",
    "keys",
    "shape",
    "patients_id",
    "studies_id",
    "pattern",
    "extrafiles_filter",
    "autoexec_queue",
    "data",
    "config",
}
_SWITCHES = {"json", "csv", "byfilename", "german", "throwerror", "handle_job_result"}
_REST = "admin"
_OPEN_ENDED = {*_LISTS, _REST}
_ACTIONS = {*_LISTS, *_VALUED_ACTIONS, _REST}
FLAGS = {*_ACTIONS, *_OPTIONS, *_SWITCHES}


@dataclass
class Line:
    """One call in NORA's grammar.

    Attributes
    ----------
    action : str
        Long name of what is to be done.
    words : list of str
        Its words.
    options : dict of str to str
        Flags that take one word.
    switches : set of str
        Flags that take none.
    doubts : list of str
        Words that look like a mistyped flag but were taken as a value.
    """

    action: str = ""
    words: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)


def parse_line(argv: Sequence[str]) -> Line:
    """Read a call such as ``-p X -s --json 'META/*.json'``.

    Parameters
    ----------
    argv : sequence of str
        The words; after ``--`` all are values, after ``--admin`` all belong to it. An admin tool
        may also be written as a flag of its own: ``--tagstats``.

    Raises
    ------
    Invalid
        If a flag is unknown, lacks its word, or there is not exactly one action.
    """
    parser = _Parser(list(argv))
    parser.run()
    if not parser.line.action:
        raise Invalid("nothing to do", hint="Name an action such as --select; see 'nora --help'.")
    return parser.line


class _Parser:
    def __init__(self, words: list[str]) -> None:
        self.line = Line()
        self._words = words
        self._at = 0

    def run(self) -> None:
        while self._at < len(self._words):
            word = self._next()
            if word == "--":
                self._take_rest()
            elif _is_flag(word):
                self._flag(word)
            else:
                self._bare(word)

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]

    def _take_rest(self) -> None:
        while self._at < len(self._words):
            self._bare(self._next())

    def _flag(self, word: str) -> None:
        body, has_value, value = word.lstrip("-").partition("=")
        name = body if word.startswith("--") else _SHORT.get(body, "")
        if name not in FLAGS and name not in TOOLS:
            self._unknown(word)
        elif name in _SWITCHES:
            self.line.switches.add(name)
        elif name == _REST:
            self._begin(name)
            self.line.words, self._at = self._words[self._at :], len(self._words)
        elif name in TOOLS:
            self._begin(_REST)
            self.line.words = [name, *([value] if has_value else [])]
        elif name in _LISTS:
            self._begin(name)
            self.line.words += [value] if has_value else []
        else:
            self._valued(name, value if has_value else self._value_of(word))

    def _valued(self, name: str, value: str) -> None:
        if name in _OPTIONS:
            self.line.options[name] = value
        else:
            self._begin(name)
            self.line.words = [value]

    def _value_of(self, flag: str) -> str:
        if self._at >= len(self._words):
            raise Invalid(f"{flag} needs a word after it")
        return self._next()

    def _begin(self, action: str) -> None:
        if self.line.action:
            raise Invalid(
                f"--{self.line.action} and --{action} in one call", hint="One action at a time."
            )
        self.line.action = action

    def _bare(self, word: str) -> None:
        if self.line.action not in _OPEN_ENDED:
            raise Invalid(
                f"{word!r} belongs to no flag",
                hint="Put it after the flag it is meant for; see 'nora --help'.",
            )
        self.line.words.append(word)

    def _unknown(self, word: str) -> None:
        """Take an unknown ``-word`` as a value of an open list, but say so when it is doubtful."""
        if word.startswith("--") or self.line.action not in _OPEN_ENDED:
            raise Invalid(f"unknown flag {word}", hint=_resembling(word))
        if not set(word) & set("*./"):
            self.line.doubts.append(word)
        self.line.words.append(word)


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")


def _resembling(word: str) -> str:
    from difflib import get_close_matches

    known = sorted({*FLAGS, *TOOLS})
    found = get_close_matches(word.lstrip("-").partition("=")[0], known, n=1)
    return f"Did you mean --{found[0]}?" if found else "See 'nora --help'."
