"""Finds ``$f1``, ``$o1`` … in the code of generic jobs; each makes an argument row."""

from __future__ import annotations

import re

from appliance.jobs.structs import Argument, ArgumentKind, Language

__all__ = ["REFERENCE", "VARARGIN", "find_references", "kind_of_reference"]

VARARGIN = "varargin"
"""Argument that any script may have without naming it: more words for its command line."""

REFERENCE = re.compile(
    r"(?<![\\$\w])\$(?:\{([fopsn][1-9])(?=[^0-9A-Za-z_])|([fopsn][1-9])(?![0-9A-Za-z_]))"
)
_MATLAB = re.compile(r"(?<![\w.])(input|output)([1-9][0-9]?)(?!\w)")
_KINDS: dict[str, ArgumentKind] = {
    "f": "FILE",
    "o": "OUT",
    "p": "PATHOUT",
    "s": "STRING",
    "n": "NUMERIC",
    "input": "FILE",
    "output": "OUT",
}
_ORDER = "fopsn"


def find_references(language: Language, code: str) -> list[Argument]:
    r"""List the arguments that a piece of code refers to, each once.

    Parameters
    ----------
    language : {"bash", "python", "matlab"}
        In bash and Python ``$f1`` and ``${f1...}`` count, ``\$f1``, ``$$f1`` and ``$f12`` do not;
        in MATLAB the variables ``input1`` and ``output1``.
    code : str
        The script.

    Returns
    -------
    list of Argument
        Without values; files first, then outputs, paths, strings and numbers.
    """
    if language == "matlab":
        names = {match[0] for match in _MATLAB.finditer(code)}
        return [_argument(name) for name in sorted(names, key=_matlab_order)]
    names = {match[1] or match[2] for match in REFERENCE.finditer(code)}
    return [_argument(name) for name in sorted(names, key=lambda n: (_ORDER.index(n[0]), n))]


def kind_of_reference(name: str) -> ArgumentKind:
    """Tell the kind of argument behind a name such as ``f1`` or ``output2``."""
    return _KINDS.get(name.rstrip("0123456789"), "STRING")


def _argument(name: str) -> Argument:
    kind = kind_of_reference(name)
    return Argument(id=name, kind=kind, label=f"${name}", multiple=kind == "FILE")


def _matlab_order(name: str) -> tuple[str, int]:
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :])
